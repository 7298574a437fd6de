"""The pages of the feed, for guests, customers and staff, without JavaScript."""

from __future__ import annotations

import pytest
from django.core.cache import caches
from django.test import Client
from django.urls import reverse

from devices.errors import DanceNotQueued
from devices.models import FunctionCall
from feed import views
from feed.likes import like_picture
from feed.models import Like, Picture
from portal.live import updates

pytestmark = pytest.mark.django_db
HOME = reverse("feed:timeline")
LIKES = reverse("feed:likes")


def test_the_feed_shows_pictures_newest_first_to_everybody(client, published):
    first, second = published(caption="first one"), published(caption="second one")

    response = client.get(HOME)

    assert response.status_code == 200
    text = response.content.decode()
    assert text.index("second one") < text.index("first one")
    assert f'data-picture-id="{first.pk}"' in text
    assert f'data-picture-id="{second.pk}"' in text


@pytest.mark.parametrize("state", ["received", "refused", "held", "hidden"])
def test_what_is_not_published_has_no_page_and_is_not_on_the_feed(client, published, state):
    picture = published(state=state, caption="secret words")

    assert client.get(picture.get_absolute_url()).status_code == 404
    assert "secret words" not in client.get(HOME).content.decode()


def test_the_page_embeds_a_number_that_misses_nothing(client, published):
    with updates.transaction():
        updates.append(type="notice", topics=[updates.FEED], payload={})
    published()

    live = client.get(HOME).context["live"]

    assert live == {**updates.snapshot(), "path": "/ws/feed/"}


def test_a_customers_likes_are_pressed(client, published, ben):
    liked, other = published(), published()
    like_picture(picture_id=liked.pk, customer=ben)
    client.force_login(ben.user)

    response = client.get(HOME)

    assert response.context["liked_ids"] == [liked.pk]
    assert ['aria-pressed="true"' in card for card in response.context["cards"]] == [False, True]
    assert 'aria-pressed="false"' in client.get(other.get_absolute_url()).context["card"]


def test_pages_follow_each_other_without_javascript(client, published):
    for _ in range(25):
        published()

    first = client.get(HOME)
    second = client.get(first.context["next_cursor_url"])

    assert len(first.context["cards"]) == 20
    assert len(second.context["cards"]) == 5
    assert second.context["next_cursor_url"] is None


def test_a_broken_cursor_is_not_found(client, db):
    assert client.get(HOME, {"before": "nonsense"}).status_code == 404


@pytest.mark.parametrize("count", [1, 20])
def test_the_number_of_queries_does_not_depend_on_the_number_of_pictures(
    client, published, ben, count, django_assert_num_queries
):
    for _ in range(count):
        picture = published()
    like_picture(picture_id=picture.pk, customer=ben)
    client.force_login(ben.user)
    client.get(HOME)
    caches["cards"].clear()

    # Session, user, number and epoch, pictures, likes, devices, and the customer in the header.
    with django_assert_num_queries(7):
        client.get(HOME)


def test_a_page_is_for_its_viewer_alone(client, published):
    response = client.get(published().get_absolute_url())

    assert response.status_code == 200
    assert response["Cache-Control"] == "private, no-cache"
    assert "Cookie" in response["Vary"]


def test_the_like_button_works_without_javascript_and_leads_back(client, published, ben):
    picture = published()
    client.force_login(ben.user)
    page = picture.get_absolute_url()

    liked = client.post(
        LIKES, {"like": picture.pk}, headers={"Referer": f"http://testserver{page}"}
    )
    count_after_like = Picture.objects.get().like_count
    taken_back = client.post(LIKES, {"like": picture.pk, "next": page})

    assert liked.url == f"http://testserver{page}"
    assert taken_back.url == page
    assert (count_after_like, Picture.objects.get().like_count) == (1, 0)
    assert FunctionCall.objects.get().state == "expired"


@pytest.mark.parametrize("foreign", ["https://evil.example/", "//evil.example", "javascript:x"])
def test_a_like_leads_to_no_foreign_place(client, published, ben, foreign):
    client.force_login(ben.user)

    response = client.post(LIKES, {"like": published().pk, "next": foreign})

    assert response.url == HOME


def test_a_guest_who_likes_is_asked_to_sign_in_and_comes_back(client, published):
    page = published().get_absolute_url()

    response = client.post(LIKES, {"like": 1, "next": page})

    assert response.url == f"{reverse('account_login')}?next={page}"
    assert not Like.objects.exists()


@pytest.mark.parametrize("value", ["", "x", "999", "9" * 30, "-1", "²"])
def test_a_like_of_nothing_changes_nothing(client, published, ben, value):
    published()
    client.force_login(ben.user)

    assert client.post(LIKES, {"like": value}).status_code == 302
    assert not Like.objects.exists()


def test_a_like_that_must_be_tried_again_says_so(client, published, ben, monkeypatch):
    def refuse(**_):
        raise DanceNotQueued("please try again")

    monkeypatch.setattr(views, "toggle_like", refuse)
    client.force_login(ben.user)

    response = client.post(LIKES, {"like": published().pk}, follow=True)

    assert response.status_code == 200
    assert "please try again" in response.content.decode()


def test_staff_without_a_customer_cannot_like(client, published, staff):
    client.force_login(staff)

    assert client.post(LIKES, {"like": published().pk}).status_code == 302
    assert not Like.objects.exists()


def test_a_like_needs_the_forms_token(published, ben):
    client = Client(enforce_csrf_checks=True)
    client.force_login(ben.user)

    assert client.post(LIKES, {"like": published().pk}).status_code == 403
    assert client.get(LIKES).status_code == 405
