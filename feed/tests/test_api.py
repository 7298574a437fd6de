"""Who may do what over the API, and how it answers."""

from __future__ import annotations

import json

import pytest
from django.test import Client
from django.urls import reverse

from devices.models import FunctionCall
from feed.likes import like_picture
from feed.models import Picture
from feed.testing import told

pytestmark = pytest.mark.django_db
PICTURES = "/api/v1/pictures/"


def like_url(picture_id: int) -> str:
    return reverse("feed_api:like", args=[picture_id])


def test_the_addresses_are_those_that_apps_know(published):
    picture = published()

    assert reverse("feed_api:pictures") == PICTURES
    assert reverse("feed_api:picture", args=[picture.pk]) == f"{PICTURES}{picture.pk}/"
    assert like_url(picture.pk) == f"{PICTURES}{picture.pk}/like/"


def test_pages_follow_each_other(client, published):
    for _ in range(25):
        published()

    first = client.get(PICTURES).json()
    second = client.get(first["next"]).json()

    ids = [picture["id"] for page in (first, second) for picture in page["results"]]
    assert len(ids) == 25
    assert ids == sorted(set(ids), reverse=True)
    assert second["next"] is None


def test_a_picture_reads_the_same_by_push_and_by_api(client, published, ben):
    picture = published()
    like_picture(picture_id=picture.pk, customer=ben)

    alone = client.get(f"{PICTURES}{picture.pk}/").json()
    (listed,) = client.get(PICTURES).json()["results"]

    picture.refresh_from_db()
    assert alone == listed
    assert alone["likes"] == 1
    milliseconds = picture.published_at.isoformat(timespec="milliseconds")
    assert alone["published_at"] == milliseconds.replace("+00:00", "Z")


def test_the_number_of_queries_does_not_depend_on_the_number_of_pictures(
    client, published, django_assert_num_queries
):
    for _ in range(20):
        published()

    with django_assert_num_queries(1):
        client.get(PICTURES)


def test_a_like_is_put_and_deleted_again_and_again(client, published, ben):
    picture = published()
    client.force_login(ben.user)

    answers = [client.put(like_url(picture.pk)).json() for _ in range(2)]
    answers += [client.delete(like_url(picture.pk)).json() for _ in range(2)]

    liked = {"id": picture.pk, "likes": 1, "liked": True}
    not_liked = {"id": picture.pk, "likes": 0, "liked": False}
    assert answers == [liked, liked, not_liked, not_liked]
    assert FunctionCall.objects.count() == 1
    assert [json.loads(update.payload)["likes"] for update in told()] == [1, 0]


@pytest.mark.parametrize("who", ["guest", "ben", "ada", "staff"])
@pytest.mark.parametrize(
    ("method", "path", "status_by_role"),
    [
        ("get", "pictures/", {"guest": 200, "ben": 200, "ada": 200, "staff": 200}),
        ("get", "pictures/{id}/", {"guest": 200, "ben": 200, "ada": 200, "staff": 200}),
        ("get", "pictures/{hidden}/", {"guest": 404, "ben": 404, "ada": 404, "staff": 404}),
        ("put", "pictures/{id}/like/", {"guest": 403, "ben": 200, "ada": 200, "staff": 403}),
        ("delete", "pictures/{id}/like/", {"guest": 403, "ben": 200, "ada": 200, "staff": 403}),
        ("put", "pictures/{hidden}/like/", {"guest": 403, "ben": 404, "ada": 404, "staff": 403}),
        ("get", "pictures/{id}/like/", {"guest": 403, "ben": 405, "ada": 405, "staff": 405}),
        ("post", "pictures/", {"guest": 405, "ben": 405, "ada": 405, "staff": 405}),
        ("delete", "pictures/{id}/", {"guest": 405, "ben": 405, "ada": 405, "staff": 405}),
        ("get", "me/likes/?ids={id}", {"guest": 403, "ben": 200, "ada": 200, "staff": 200}),
    ],
)
def test_who_may_do_what(published, ada, ben, staff, who, method, path, status_by_role):
    picture, hidden = published(), published(state="hidden")
    client = Client()
    users = {"ben": ben.user, "ada": ada.user, "staff": staff}
    if who in users:
        client.force_login(users[who])

    url = "/api/v1/" + path.format(id=picture.pk, hidden=hidden.pk)
    response = getattr(client, method)(url)

    assert response.status_code == status_by_role[who]
    if response.status_code >= 400:
        error = response.json()["error"]
        assert set(error) == {"code", "message"}
        assert error["message"]


def test_a_like_by_session_needs_the_token(published, ben):
    picture = published()
    client = Client(enforce_csrf_checks=True)
    client.force_login(ben.user)

    response = client.put(like_url(picture.pk))

    assert response.status_code == 403
    assert response.json()["error"]["code"] == "permission_denied"
    assert Picture.objects.get().like_count == 0


def test_my_likes_are_mine_and_active(client, published, ada, ben):
    mine, others, taken_back = published(), published(), published()
    like_picture(picture_id=mine.pk, customer=ben)
    like_picture(picture_id=others.pk, customer=ada)
    client.force_login(ben.user)
    client.put(like_url(taken_back.pk))
    client.delete(like_url(taken_back.pk))

    response = client.get(f"/api/v1/me/likes/?ids={mine.pk},{others.pk},{taken_back.pk}")

    assert response.json() == {"ids": [mine.pk]}


@pytest.mark.parametrize("ids", ["x", "1,,x", "-1", "9" * 30, ",".join(["1"] * 101)])
def test_ids_that_are_none_are_refused_in_the_same_shape(client, ben, ids):
    client.force_login(ben.user)

    response = client.get("/api/v1/me/likes/", {"ids": ids})

    assert response.status_code == 400
    assert response.json()["error"]["code"] == "invalid"
    assert "ids" in response.json()["error"]["fields"]


def test_a_broken_cursor_is_refused(client, db):
    response = client.get(PICTURES, {"before": "nonsense"})

    assert response.status_code == 400
    assert "before" in response.json()["error"]["fields"]


@pytest.mark.parametrize("picture_id", ["999", "9" * 30])
def test_a_picture_that_never_was_is_not_found(client, ben, picture_id):
    client.force_login(ben.user)

    assert client.get(f"{PICTURES}{picture_id}/").status_code == 404
    assert client.put(f"{PICTURES}{picture_id}/like/").status_code == 404
