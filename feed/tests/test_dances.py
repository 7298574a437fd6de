"""When a dance was danced, each picture whose likes asked for it says so."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.utils import timezone

from devices.models import FunctionCall, FunctionCallState
from feed.dances import tell_dances
from feed.likes import like_picture
from feed.models import Like, Picture
from feed.testing import told
from portal.live import updates

pytestmark = pytest.mark.django_db


def answer(call: FunctionCall, *, state=FunctionCallState.SUCCEEDED, return_value=1) -> None:
    call.state, call.return_value, call.settled_at = state, return_value, timezone.now()
    call.is_joinable = False
    call.save()
    with updates.transaction():
        tell_dances([call])


def dances() -> list[dict[str, object]]:
    return [json.loads(update.payload) for update in told("feed.danced")]


def test_a_dance_is_noted_and_told_with_its_delay(published, ben):
    picture = published()
    like_picture(picture_id=picture.pk, customer=ben)
    Like.objects.update(dance_asked_at=timezone.now() - timedelta(seconds=3))

    answer(FunctionCall.objects.get())

    picture.refresh_from_db()
    assert picture.danced_like_count == 1
    assert picture.danced_seconds == pytest.approx(3, abs=0.5)
    assert dances() == [{"id": picture.pk, "likes": 1, "seconds": picture.danced_seconds}]


def test_one_call_tells_all_pictures_it_danced_for(published, ada, ben):
    first, second = published(), published()
    like_picture(picture_id=first.pk, customer=ada)
    like_picture(picture_id=first.pk, customer=ben)
    like_picture(picture_id=second.pk, customer=ben)

    answer(FunctionCall.objects.get())

    assert [(one["id"], one["likes"]) for one in dances()] == [(first.pk, 2), (second.pk, 1)]


def test_a_later_dance_adds_its_likes(published, ada, ben):
    picture = published()
    like_picture(picture_id=picture.pk, customer=ada)
    answer(FunctionCall.objects.get())
    like_picture(picture_id=picture.pk, customer=ben)

    answer(FunctionCall.objects.get(state="queued"))

    assert [one["likes"] for one in dances()] == [1, 2]


@pytest.mark.parametrize(
    ("state", "return_value"),
    [("failed", None), ("unclear", None), ("expired", None), ("succeeded", -1)],
)
def test_no_dance_is_claimed_that_was_not_danced(published, ben, state, return_value):
    like_picture(picture_id=published().pk, customer=ben)

    answer(FunctionCall.objects.get(), state=state, return_value=return_value)

    assert Picture.objects.get().danced_like_count == 0
    assert dances() == []


def test_a_dance_for_a_hidden_picture_is_kept_but_not_told(published, ben):
    picture = published()
    like_picture(picture_id=picture.pk, customer=ben)
    Picture.objects.update(state="hidden")

    answer(FunctionCall.objects.get())

    assert Picture.objects.get().danced_like_count == 1
    assert dances() == []


def test_calls_that_no_like_asked_for_touch_no_picture(published, device):
    picture = published()
    call = FunctionCall.objects.create(
        device=device, function="dance", cause="staff", expires_at=timezone.now()
    )

    answer(call)

    picture.refresh_from_db()
    assert picture.danced_like_count == 0
