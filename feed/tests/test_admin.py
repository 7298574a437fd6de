"""Staff see every picture and why it is refused, hide it and bring it back."""

from __future__ import annotations

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.urls import reverse

from feed.models import Like, Picture
from feed.testing import publish_event, told
from portal.customers.models import User

pytestmark = pytest.mark.django_db
LIST = reverse("admin:feed_picture_changelist")


def act(client, action: str, *pictures: Picture):
    return client.post(
        LIST, {"action": action, "_selected_action": [picture.pk for picture in pictures]}
    )


def test_the_list_shows_every_state_and_the_page_its_reason(client, staff, published):
    event = publish_event("{broken")
    published(caption="fine")
    refused = published(
        state="refused", poster=None, published_at=None, reason="It is none.", event=event
    )
    client.force_login(staff)

    listed = client.get(LIST).content.decode()
    page = client.get(reverse("admin:feed_picture_change", args=[refused.pk])).content.decode()

    assert "fine" in listed
    assert "refused" in listed
    assert "It is none." in page


@pytest.mark.parametrize("count", [1, 10])
def test_the_number_of_queries_does_not_depend_on_the_number_of_pictures(
    client, staff, published, count, django_assert_max_num_queries
):
    for _ in range(count):
        published()
    client.force_login(staff)

    with django_assert_max_num_queries(6):
        client.get(LIST)


def test_hiding_takes_the_picture_off_open_browsers_and_says_who_did_it(client, staff, published):
    picture = published()
    client.force_login(staff)

    act(client, "hide", picture)

    assert Picture.objects.get().state == "hidden"
    assert [update.type for update in told()] == ["feed.picture_removed"]
    entry = LogEntry.objects.get()
    assert (entry.user, entry.object_id) == (staff, str(picture.pk))


def test_restoring_has_it_rendered_again(client, staff, published):
    picture = published(state="hidden", original="originals/x")
    client.force_login(staff)

    act(client, "restore", picture)

    assert Picture.objects.get().state == "received"


def test_staff_without_the_permission_may_look_but_not_hide(client, published):
    clerk = User.objects.create_user("clerk@example.com", "rainbow-clerk", is_staff=True)
    clerk.user_permissions.add(Permission.objects.get(codename="view_picture"))
    picture = published()
    client.force_login(clerk)

    looked = client.get(LIST)
    act(client, "hide", picture)

    assert looked.status_code == 200
    assert Picture.objects.get().state == "published"


def test_nothing_is_added_changed_or_deleted_by_hand(client, staff, published, ben):
    picture = published()
    like = Like.objects.create(picture=picture, customer=ben, liked_at=picture.published_at)
    client.force_login(staff)

    for name, pk in (("picture", picture.pk), ("like", like.pk)):
        assert client.get(reverse(f"admin:feed_{name}_changelist")).status_code == 200
        assert client.get(reverse(f"admin:feed_{name}_change", args=[pk])).status_code == 200
        assert client.get(reverse(f"admin:feed_{name}_add")).status_code == 403
        assert client.post(reverse(f"admin:feed_{name}_delete", args=[pk])).status_code == 403
    assert Picture.objects.exists()
