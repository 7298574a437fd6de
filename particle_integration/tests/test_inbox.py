"""Stored once, claimed under a lease, settled by its token; on SQLite and PostgreSQL alike."""

from __future__ import annotations

import random
import threading
from datetime import UTC, datetime, timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from particle_integration.events import ParticleEvent
from particle_integration.inbox import (
    MAX_ATTEMPTS,
    MAX_RAW_BYTES,
    StoreResult,
    Unreadable,
    claim_due,
    decide_retry,
    replay,
    settle_handled,
    settle_ignored,
    settle_refused,
    store_events,
    store_quarantined,
)
from particle_integration.models import InboxEvent, InboxState, Path
from portal.lib.leases import LeaseLost

pytestmark = pytest.mark.django_db

DEVICE = "e00fce68aaaabbbbccccdddd"
MOMENT = datetime(2026, 11, 24, 10, 15, 30, 123000, UTC)
NOW = datetime(2026, 11, 24, tzinfo=UTC)


def make_event(data: str = "1", **changes: object) -> ParticleEvent:
    fields: dict[str, object] = {
        "name": "bench",
        "data": data,
        "particle_device_id": DEVICE,
        "published_at": MOMENT,
    }
    return ParticleEvent(**(fields | changes))  # type: ignore[arg-type]


def make_events(count: int) -> list[ParticleEvent]:
    return [make_event(str(number)) for number in range(count)]


# Storing


def test_an_event_is_kept_with_everything_it_says():
    event = make_event("é🌈", user_id="5d44", product_id=8600, firmware_version=3, event_id="a3c1")

    result = store_events([event], Path.STREAM)

    row = InboxEvent.objects.get()
    assert result == StoreResult(new=1, duplicates=0)
    assert bytes(row.dedupe_key) == event.dedupe_key
    assert (row.name, row.data, row.particle_device_id) == ("bench", "é🌈", DEVICE)
    assert (row.particle_user_id, row.particle_product_id, row.firmware_version) == (
        "5d44",
        8600,
        3,
    )
    assert (row.event_id, row.published_at, row.state) == ("a3c1", MOMENT, InboxState.RECEIVED)
    assert (row.first_path, row.other_path_at, row.raw) == (Path.STREAM, None, None)


def test_null_data_is_stored_as_empty():
    store_events([make_event(data=None)], Path.STREAM)  # type: ignore[arg-type]

    assert InboxEvent.objects.get().data == ""


def test_nothing_is_stored_of_an_empty_batch():
    assert store_events([], Path.STREAM) == StoreResult(0, 0)


def test_a_batch_stores_each_event_once():
    events = make_events(1000)
    random.shuffle(events)

    first = store_events(events + events[:10], Path.STREAM)
    second = store_events([*events[500:], make_event("new")], Path.STREAM)

    assert first == StoreResult(new=1000, duplicates=10)
    assert second == StoreResult(new=1, duplicates=500)
    assert InboxEvent.objects.count() == 1001
    assert not InboxEvent.objects.exclude(other_path_at=None).exists()


def test_the_other_path_is_noted_once():
    store_events(make_events(3), Path.STREAM)

    result = store_events(make_events(2), Path.WEBHOOK)
    noted = dict(InboxEvent.objects.values_list("data", "other_path_at"))
    store_events(make_events(2), Path.WEBHOOK)
    store_events(make_events(2), Path.STREAM)

    assert result == StoreResult(new=0, duplicates=2)
    assert [noted[data] is not None for data in "012"] == [True, True, False]
    assert dict(InboxEvent.objects.values_list("data", "other_path_at")) == noted
    assert {row.first_path for row in InboxEvent.objects.all()} == {Path.STREAM}


def test_the_same_event_id_is_the_same_event_whatever_its_text():
    store_events([make_event("1 < 2", event_id="a3c1")], Path.WEBHOOK)

    result = store_events(
        [make_event("1 &lt; 2", event_id="a3c1"), make_event("1 <", event_id="a3c1")], Path.STREAM
    )

    assert result == StoreResult(new=0, duplicates=2)
    assert InboxEvent.objects.get().other_path_at is not None


def test_one_event_id_twice_in_a_batch_is_one_row():
    events = [make_event("1", event_id="x"), make_event("2", event_id="x"), make_event("3")]

    assert store_events(events, Path.WEBHOOK) == StoreResult(new=2, duplicates=1)


def test_what_cannot_be_read_is_quarantined_once_with_its_reason():
    item = Unreadable("not JSON: nonsense", b"event: x\ndata: \x00\xff")

    first = store_quarantined([item, item], Path.STREAM)
    by_the_other = store_quarantined([item], Path.WEBHOOK)

    row = InboxEvent.objects.filter(first_path=Path.STREAM).get()
    assert (first, by_the_other) == (StoreResult(1, 1), StoreResult(1, 0))
    assert (row.state, row.reason) == (InboxState.QUARANTINED, "not JSON: nonsense")
    assert bytes(row.raw or b"") == item.raw
    assert row.settled_at is not None


def test_of_a_giant_only_the_beginning_is_kept():
    giants = [Unreadable("long", b"x" * MAX_RAW_BYTES + tail) for tail in (b"a", b"b")]

    store_quarantined(giants, Path.WEBHOOK)

    assert {len(row.raw or b"") for row in InboxEvent.objects.all()} == {MAX_RAW_BYTES}


# Claiming


def test_due_events_are_claimed_in_order_with_one_token():
    store_events([make_event("1")], Path.STREAM)
    store_events([make_event("0")], Path.STREAM)
    store_events([make_event("2")], Path.STREAM)

    claimed = claim_due(limit=2)

    assert [event.data for event in claimed] == ["1", "0"]
    assert len({event.lease_token for event in claimed}) == 1
    assert {event.attempts for event in claimed} == {1}
    assert [event.data for event in claim_due(limit=9)] == ["2"]
    assert claim_due(limit=9) == []


def test_a_lapsed_lease_is_due_again_and_its_old_token_settles_nothing():
    store_events([make_event()], Path.STREAM)
    (slow,) = claim_due(limit=1, lease_seconds=-1)
    (quick,) = claim_due(limit=1)

    with pytest.raises(LeaseLost):
        settle_handled([slow])
    settle_handled([quick])

    row = InboxEvent.objects.get()
    assert (row.state, row.attempts, row.lease_token) == (InboxState.HANDLED, 2, None)


def test_settling_rolls_back_unless_it_hits_every_row():
    store_events(make_events(2), Path.STREAM)
    events = claim_due(limit=2)
    InboxEvent.objects.filter(pk=events[0].pk).update(lease_token="0" * 32)

    with pytest.raises(LeaseLost), transaction.atomic():
        settle_ignored(events)

    assert set(InboxEvent.objects.values_list("state", flat=True)) == {InboxState.CLAIMED}


def test_quarantined_and_settled_events_are_never_due():
    store_quarantined([Unreadable("no", b"x")], Path.STREAM)
    store_events(make_events(2), Path.STREAM)
    settle_ignored(claim_due(limit=2))

    assert claim_due(limit=9) == []


# Settling


def test_a_refused_event_comes_due_again_later_and_is_dead_after_the_last():
    store_events([make_event()], Path.STREAM)

    for attempt in range(1, MAX_ATTEMPTS + 1):
        (event,) = claim_due(limit=1)
        settle_refused(event, reason=f"try {attempt}", is_permanent=False)
        assert claim_due(limit=1) == []
        InboxEvent.objects.update(next_attempt_at=timezone.now() - timedelta(seconds=1))

    row = InboxEvent.objects.get()
    assert (row.state, row.reason, row.attempts) == (InboxState.DEAD, "try 12", MAX_ATTEMPTS)


def test_a_permanent_refusal_is_dead_at_once_with_its_reason():
    store_events([make_event()], Path.STREAM)
    (event,) = claim_due(limit=1)

    settle_refused(event, reason="no\0good", is_permanent=True)

    row = InboxEvent.objects.get()
    assert (row.state, row.reason) == (InboxState.DEAD, "no\ufffdgood")


@pytest.mark.parametrize(
    ("attempts", "is_permanent", "seconds"),
    [
        (1, False, 1),
        (2, False, 2),
        (5, False, 16),
        (MAX_ATTEMPTS - 1, False, 1024),
        (MAX_ATTEMPTS, False, None),
        (MAX_ATTEMPTS + 1, False, None),
        (1, True, None),
    ],
)
def test_the_next_attempt_is_decided_from_the_attempts(attempts, is_permanent, seconds):
    retry = decide_retry(attempts=attempts, is_permanent=is_permanent, now=NOW)

    expected = None if seconds is None else NOW + timedelta(seconds=seconds)
    assert retry.next_attempt_at == expected


def test_a_replayed_event_is_due_as_if_it_had_just_come():
    store_events(make_events(2), Path.STREAM)
    store_quarantined([Unreadable("no", b"x")], Path.STREAM)
    settle_ignored(claim_due(limit=1))

    count = replay(InboxEvent.objects.values_list("pk", flat=True))

    assert count == 1
    assert [event.attempts for event in claim_due(limit=9)] == [1, 1]


# Invariants


@pytest.mark.parametrize(
    "changes",
    [
        {"state": "handled"},
        {"settled_at": NOW},
        {"state": "claimed"},
        {"published_at": None},
        {"state": "gone", "settled_at": NOW},
        {"first_path": "post"},
    ],
)
def test_the_database_refuses_rows_that_cannot_be(changes):
    store_events([make_event()], Path.STREAM)

    with pytest.raises(IntegrityError), transaction.atomic():
        InboxEvent.objects.update(**changes)


@pytest.mark.django_db(transaction=True)
def test_two_writers_and_two_paths_store_everything_once():
    events = make_events(600)
    results: list[StoreResult] = []

    def write(path: Path, seed: int) -> None:
        shuffled = random.Random(seed).sample(events, len(events))
        try:
            for start in range(0, len(shuffled), 50):
                results.append(store_events(shuffled[start : start + 50], path))
        finally:
            connection.close()

    threads = [
        threading.Thread(target=write, args=(path, seed))
        for seed, path in enumerate([Path.STREAM, Path.STREAM, Path.WEBHOOK])
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sum(result.new for result in results) == 600
    assert sum(result.duplicates for result in results) == 1200
    assert InboxEvent.objects.count() == 600
    assert not InboxEvent.objects.filter(other_path_at=None).exists()


def test_claiming_uses_the_partial_index():
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET enable_seqscan = off")
        query, params = InboxEvent.objects.next_due()[:10].query.sql_with_params()
        explain = "EXPLAIN QUERY PLAN " if connection.vendor == "sqlite" else "EXPLAIN "
        cursor.execute(explain + query, params)
        plan = " ".join(str(row) for row in cursor.fetchall())

    assert "inbox_open" in plan
