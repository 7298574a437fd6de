"""Leases: nobody settles what another has reclaimed, and a dead worker's rows come back."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from particle_integration.models import InboxEvent, InboxState, Path
from portal.lib.leases import LeaseLost

pytestmark = pytest.mark.django_db


@pytest.fixture
def rows():
    return [
        InboxEvent.objects.create(
            dedupe_key=bytes([index]) * 32,
            name="picture",
            particle_device_id="e" * 24,
            published_at=timezone.now(),
            first_path=Path.STREAM,
        )
        for index in range(3)
    ]


def claim(limit: int = 10):
    return InboxEvent.objects.next_due().claim(
        limit=limit, lease_seconds=30, claimed=InboxState.CLAIMED
    )


def lapse() -> None:
    InboxEvent.objects.update(leased_until=timezone.now() - timedelta(seconds=1))


def settle(events) -> None:
    InboxEvent.objects.settle(events, state=InboxState.HANDLED, settled_at=timezone.now())


def test_claimed_rows_are_not_due_for_another(rows):
    first = claim(limit=2)

    second = claim()

    assert [row.pk for row in first] == [rows[0].pk, rows[1].pk]
    assert [row.pk for row in second] == [rows[2].pk]


def test_a_lapsed_lease_is_due_again_and_counts_the_attempt(rows):
    claim()
    lapse()

    again = claim()

    assert [row.attempts for row in again] == [2, 2, 2]


def test_who_was_slow_cannot_settle_what_another_reclaimed(rows):
    slow = claim()
    lapse()
    quick = claim()

    with pytest.raises(LeaseLost, match="3 of 3"):
        settle(slow)
    settle(quick)

    assert set(InboxEvent.objects.values_list("state", flat=True)) == {InboxState.HANDLED}


def test_a_look_at_an_empty_queue_opens_no_transaction(django_assert_num_queries):
    with django_assert_num_queries(1):
        claimed = claim()

    assert claimed == []
