"""The bounded queue and the writer behind it."""

from __future__ import annotations

import logging
import threading
import time
from datetime import UTC, datetime

import pytest
from django.db import connection

from particle_integration import inbox, intake
from particle_integration.events import ParticleEvent
from particle_integration.inbox import Unreadable
from particle_integration.intake import Batch, BatchQueue, InboxWriter
from particle_integration.models import InboxEvent, InboxState, Path

DEVICE = "e00fce68aaaabbbbccccdddd"
MOMENT = datetime(2026, 11, 24, 10, 15, 30, 123000, UTC)


def make_batch(*numbers: int, size: int = 100) -> Batch:
    events = [
        ParticleEvent(name="n", data=str(n), particle_device_id=DEVICE, published_at=MOMENT)
        for n in numbers
    ]
    return Batch(events=events, size=size)


def wait_until(condition, timeout_seconds: float = 5.0) -> None:
    deadline = time.monotonic() + timeout_seconds
    while not condition():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.01)


def test_everything_queued_is_taken_at_once():
    queue = BatchQueue()
    queue.put(make_batch(1, 2), until=lambda: False)
    queue.put(make_batch(3), until=lambda: False)

    taken = queue.take(0)

    assert [event.data for event in taken.events] == ["1", "2", "3"]
    assert (taken.size, len(queue), len(queue.take(0))) == (200, 0, 0)


@pytest.mark.parametrize("limits", [{"max_events": 2}, {"max_bytes": 150}])
def test_a_full_queue_holds_the_reader_until_there_is_room(limits):
    queue = BatchQueue(**limits)
    queue.put(make_batch(1), until=lambda: False)
    queue.put(make_batch(2), until=lambda: False)
    reader = threading.Thread(
        target=lambda: queue.put(make_batch(3), until=lambda: False), daemon=True
    )

    reader.start()
    time.sleep(0.05)
    held = reader.is_alive()
    queue.take(0)
    reader.join(2)

    assert held
    assert len(queue) == 1


def test_a_reader_that_is_told_to_stop_gives_up_waiting():
    queue = BatchQueue(max_events=1)
    queue.put(make_batch(1), until=lambda: False)

    assert queue.put(make_batch(2), until=lambda: True) is False
    assert len(queue) == 1


@pytest.mark.django_db(transaction=True)
def test_the_writer_stores_events_and_what_is_none():
    queue = BatchQueue()
    writer = InboxWriter(Path.STREAM, queue)
    batch = make_batch(1, 2)
    batch.unreadable.append(Unreadable("not JSON", b"raw"))
    writer.start()

    queue.put(batch, until=lambda: False)
    queue.put(make_batch(2), until=lambda: False)
    is_all_stored = writer.close()

    assert is_all_stored
    assert (writer.counters.stored, writer.counters.duplicates) == (2, 1)
    assert writer.counters.quarantined == 1
    assert InboxEvent.objects.filter(state=InboxState.QUARANTINED).count() == 1


@pytest.mark.django_db(transaction=True)
def test_the_writer_stores_what_is_queued_before_it_ends():
    queue = BatchQueue()
    writer = InboxWriter(Path.STREAM, queue)
    for number in range(500):
        queue.put(make_batch(number), until=lambda: False)

    writer.start()
    is_all_stored = writer.close()

    assert is_all_stored
    assert InboxEvent.objects.count() == 500
    assert writer.counters.commits < 500


@pytest.mark.django_db(transaction=True)
def test_an_event_that_the_database_refuses_hurts_no_other(caplog):
    queue = BatchQueue()
    writer = InboxWriter(Path.STREAM, queue)
    batch = make_batch(1, 2, 3)
    # No validated event is refused; should one slip through, the listener must not choke on it.
    batch.events[1] = ParticleEvent(
        name="n", data="x", particle_device_id=DEVICE, published_at=MOMENT, product_id=-5
    )

    with caplog.at_level(logging.CRITICAL):
        writer.start()
        queue.put(batch, until=lambda: False)
        is_all_stored = writer.close()

    assert is_all_stored
    stored = dict(InboxEvent.objects.values_list("data", "state"))
    assert stored == {"1": "received", "3": "received", "": "quarantined"}


@pytest.mark.django_db(transaction=True)
def test_a_locked_database_holds_events_and_loses_none(caplog):
    queue = BatchQueue(max_events=50)
    writer = InboxWriter(Path.STREAM, queue)
    table = InboxEvent._meta.db_table
    writer.start()

    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("BEGIN EXCLUSIVE")
        else:
            cursor.execute("BEGIN")
            cursor.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
        queue.put(make_batch(*range(40)), until=lambda: False)
        time.sleep(0.3)
        stored_while_locked = writer.counters.stored
        cursor.execute("ROLLBACK")
    is_all_stored = writer.close()

    assert stored_while_locked == 0
    assert is_all_stored
    assert InboxEvent.objects.count() == 40


@pytest.mark.django_db(transaction=True)
def test_no_unforeseen_failure_ends_the_writer(monkeypatch, caplog):
    failures = iter([OSError(24, "Too many open files"), RuntimeError("odd")])
    store_events = inbox.store_events

    def store_later(*args):
        for failure in failures:
            raise failure
        return store_events(*args)

    monkeypatch.setattr(intake, "store_events", store_later)
    queue = BatchQueue()
    writer = InboxWriter(Path.STREAM, queue)
    queue.put(make_batch(1), until=lambda: False)

    with caplog.at_level(logging.CRITICAL):
        writer.start()
        wait_until(lambda: writer.counters.stored == 1)
        is_all_stored = writer.close()

    assert is_all_stored
    assert InboxEvent.objects.get().data == "1"


@pytest.mark.django_db(transaction=True)
def test_the_writer_gives_up_at_the_end_when_the_database_stays_away(caplog):
    queue = BatchQueue()
    writer = InboxWriter(Path.STREAM, queue)
    table = InboxEvent._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {table} RENAME TO away")
    try:
        with caplog.at_level(logging.CRITICAL):
            queue.put(make_batch(1), until=lambda: False)
            writer.start()
            is_all_stored = writer.close(timeout_seconds=0.5)
    finally:
        with connection.cursor() as cursor:
            cursor.execute(f"ALTER TABLE away RENAME TO {table}")

    assert not is_all_stored
    assert InboxEvent.objects.count() == 0
