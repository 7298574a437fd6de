"""One like, one count, one dance: however often, and from however many threads."""

from __future__ import annotations

import json
import threading

import pytest
from django.db import connection
from django.utils import timezone

from devices.models import FunctionCall
from feed.errors import PictureNotPublished
from feed.likes import like_picture, toggle_like, unlike_picture
from feed.models import Like, Picture
from feed.testing import told

pytestmark = pytest.mark.django_db


def counts() -> list[int]:
    return [json.loads(update.payload)["likes"] for update in told("feed.likes_changed")]


def test_a_like_is_counted_told_and_asks_for_a_dance(published, ben, device):
    picture = published()

    outcome = like_picture(picture_id=picture.pk, customer=ben)

    call = FunctionCall.objects.get()
    picture.refresh_from_db()
    assert (outcome.like_count, outcome.is_liked, picture.like_count) == (1, True, 1)
    assert (call.device, call.function, call.argument, call.asked_by) == (
        device, "dance", "1", ben.user,
    )  # fmt: skip
    assert Like.objects.get().call == call
    assert counts() == [1]


def test_a_second_like_changes_nothing(published, ben):
    picture = published()
    like_picture(picture_id=picture.pk, customer=ben)

    outcome = like_picture(picture_id=picture.pk, customer=ben)

    assert (outcome.like_count, outcome.is_liked) == (1, True)
    assert FunctionCall.objects.get().dance_count == 1
    assert counts() == [1]


def test_likes_of_two_people_join_in_one_dance(published, ada, ben):
    picture = published()

    like_picture(picture_id=picture.pk, customer=ada)
    like_picture(picture_id=picture.pk, customer=ben)

    assert FunctionCall.objects.get().argument == "2"
    assert counts() == [1, 2]


def test_an_unlike_in_time_takes_the_dance_out_and_liking_again_asks_anew(published, ben):
    picture = published()
    like_picture(picture_id=picture.pk, customer=ben)

    unlike_picture(picture_id=picture.pk, customer=ben)
    taken_out = FunctionCall.objects.get()
    like_picture(picture_id=picture.pk, customer=ben)

    assert (taken_out.state, taken_out.dance_count) == ("expired", 0)
    assert FunctionCall.objects.filter(state="queued", dance_count=1).count() == 1
    assert counts() == [1, 0, 1]


@pytest.mark.parametrize("state", ["claimed", "sending", "succeeded", "failed", "unclear"])
def test_liking_again_after_the_call_was_taken_dances_no_second_time(published, ben, state):
    picture = published()
    like_picture(picture_id=picture.pk, customer=ben)
    is_open = state in ("claimed", "sending")
    FunctionCall.objects.update(
        state=state,
        is_joinable=False,
        settled_at=None if is_open else timezone.now(),
        lease_token="0" * 32 if is_open else None,
        leased_until=timezone.now() if is_open else None,
    )

    unlike_picture(picture_id=picture.pk, customer=ben)
    like_picture(picture_id=picture.pk, customer=ben)

    assert FunctionCall.objects.get().state == state
    assert Picture.objects.get().like_count == 1


def test_liking_again_dances_no_second_time_when_the_calls_row_is_pruned(published, ben):
    picture = published()
    like_picture(picture_id=picture.pk, customer=ben)
    FunctionCall.objects.all().delete()

    unlike_picture(picture_id=picture.pk, customer=ben)
    like_picture(picture_id=picture.pk, customer=ben)

    assert not FunctionCall.objects.exists()


def test_a_device_with_a_new_owner_does_not_dance_for_old_pictures(published, ben, device):
    picture = published()
    device.owner = ben
    device.save()

    outcome = like_picture(picture_id=picture.pk, customer=ben)

    assert outcome.like_count == 1
    assert not FunctionCall.objects.exists()


def test_an_unlike_without_a_like_changes_nothing(published, ben):
    outcome = unlike_picture(picture_id=published().pk, customer=ben)

    assert (outcome.like_count, outcome.is_liked) == (0, False)
    assert told() == []


def test_toggling_likes_and_takes_back(published, ben):
    picture = published()

    first = toggle_like(picture_id=picture.pk, customer=ben)
    second = toggle_like(picture_id=picture.pk, customer=ben)

    assert (first.is_liked, second.is_liked) == (True, False)


@pytest.mark.parametrize("state", ["received", "held", "refused", "hidden"])
@pytest.mark.parametrize("change", [like_picture, unlike_picture, toggle_like])
def test_what_is_not_on_the_feed_cannot_be_liked(published, ben, state, change):
    picture = published(state=state)

    with pytest.raises(PictureNotPublished):
        change(picture_id=picture.pk, customer=ben)
    assert not Like.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_two_equal_likes_at_once_are_one_like_and_one_dance(published, ben):
    picture = published()

    in_threads(lambda: like_picture(picture_id=picture.pk, customer=ben), times=2)

    assert Like.objects.count() == 1
    assert Picture.objects.get().like_count == 1
    assert FunctionCall.objects.get().dance_count == 1
    assert counts() == [1]


@pytest.mark.django_db(transaction=True)
def test_likes_of_many_pictures_at_once_are_all_danced_for(published, ben):
    pictures = [published() for _ in range(8)]
    left = [picture.pk for picture in pictures]

    in_threads(lambda: like_picture(picture_id=left.pop(), customer=ben), times=8)

    assert sum(FunctionCall.objects.values_list("dance_count", flat=True)) == 8
    assert set(Picture.objects.values_list("like_count", flat=True)) == {1}


def in_threads(work, *, times: int) -> None:
    errors = []
    barrier = threading.Barrier(times)

    def run() -> None:
        try:
            barrier.wait(10)
            work()
        except Exception as error:  # noqa: BLE001 - shown by the assertion below
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(times)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert errors == []
