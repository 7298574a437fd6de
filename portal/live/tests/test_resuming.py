"""Tests of resuming by number, and of readers that do not keep up."""

from __future__ import annotations

import asyncio
import json
import threading
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from portal.live import history, sockets, updates
from portal.live.errors import CloseCode
from portal.live.models import Epoch, Update
from portal.live.testing import append_update, close_code, greeted, received

pytestmark = pytest.mark.django_db(transaction=True, reset_sequences=True)


# --- Resuming -----------------------------------------------------------------------------------


async def test_resume_sends_what_was_missed_and_goes_live(connect, append):
    numbers = [await append(payload={"index": index}) for index in range(4)]
    socket = connect(f"/ws/feed/?after={numbers[1]}")
    hello = await greeted(socket)

    missed = await received(socket, 2)
    live = await append(payload={"index": 4})

    assert hello["number"] == numbers[3]
    assert [message["number"] for message in missed] == numbers[2:]
    assert (await socket.receive_json_from())["number"] == live
    await socket.disconnect()


async def test_resume_from_an_empty_history_goes_live(connect, append):
    socket = connect("/ws/feed/?after=0")
    await greeted(socket)

    number = await append()

    assert (await socket.receive_json_from())["number"] == number
    await socket.disconnect()


async def test_resume_while_writers_run_has_neither_gap_nor_double(connect, in_thread):
    first = await in_thread(append_update)
    total = 150

    def write() -> None:
        for _ in range(total // 3):
            append_update()

    writers = [asyncio.create_task(in_thread(write)) for _ in range(3)]
    readers = []
    for _ in range(10):  # each comes at another moment
        socket = connect(f"/ws/feed/?after={first}")
        await greeted(socket)
        readers.append(socket)
        await asyncio.sleep(0.02)
    await asyncio.gather(*writers)

    expected = await in_thread(lambda: [u.number for u in Update.objects.filter(number__gt=first)])
    for socket in readers:
        messages = await received(socket, total)
        assert [message["number"] for message in messages] == sorted(expected)
        await socket.disconnect()


async def test_after_in_the_future_resets(connect, append):
    number = await append()
    socket = connect(f"/ws/feed/?after={number + 1}")
    await greeted(socket)

    assert await socket.receive_json_from() == {"type": "reset", "reason": "future"}
    assert await close_code(socket) == CloseCode.RESET
    await socket.disconnect()


async def test_pruned_after_resets_and_the_oldest_kept_one_does_not(connect, append, in_thread):
    numbers = [await append() for _ in range(4)]
    await in_thread(
        Update.objects.filter(number__lte=numbers[2]).update,
        appended_at=timezone.now() - timedelta(days=8),
    )
    await in_thread(updates.prune, before=timezone.now() - timedelta(days=7))
    too_old = connect(f"/ws/feed/?after={numbers[1]}")
    just_in = connect(f"/ws/feed/?after={numbers[2]}")
    await greeted(too_old)
    await greeted(just_in)

    assert (await too_old.receive_json_from())["reason"] == "pruned"
    assert (await just_in.receive_json_from())["number"] == numbers[3]
    await too_old.disconnect()
    await just_in.disconnect()


async def test_more_than_ten_thousand_behind_resets(connect, in_thread):
    def fill(count: int) -> None:
        Update.objects.bulk_create(
            [Update(type="notice", topics="staff", payload="{}") for _ in range(count)]
        )

    await in_thread(fill, 10_001)
    newest = await in_thread(updates.newest_number)
    too_far = connect(f"/ws/feed/?after={newest - 10_001}")
    in_reach = connect(f"/ws/feed/?after={newest - 10_000}")
    await greeted(too_far)
    await greeted(in_reach)

    assert (await too_far.receive_json_from())["reason"] == "behind"
    assert await in_reach.receive_nothing()
    await too_far.disconnect()
    await in_reach.disconnect()


def test_recent_counts_are_found_without_a_walk_through_history():
    number = append_update(type="feed.likes_changed", payload={"id": 1, "likes": 1})
    with transaction.atomic(), connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET LOCAL enable_seqscan = off")
        with CaptureQueriesContext(connection) as queries:
            found = history.recent_counts(number)
        explain = "EXPLAIN QUERY PLAN " if connection.vendor == "sqlite" else "EXPLAIN "
        cursor.execute(explain + queries[-1]["sql"])
        plan = str(cursor.fetchall())

    assert [update.number for update in found] == [number]
    assert "rowid<" not in plan  # PostgreSQL decides by statistics, and decides well


async def test_resume_sends_the_counts_of_the_last_seconds_again(connect, append, in_thread):
    old = await append(type="feed.likes_changed", payload={"id": 1, "likes": 1})
    await in_thread(
        Update.objects.filter(number=old).update, appended_at=timezone.now() - timedelta(seconds=9)
    )
    await append(type="feed.likes_changed", payload={"id": 2, "likes": 1})
    again = await append(type="feed.likes_changed", payload={"id": 2, "likes": 2})
    after = await append()
    socket = connect(f"/ws/feed/?after={after}")
    await greeted(socket)

    assert await socket.receive_json_from() == {
        "number": again,
        "type": "feed.likes_changed",
        "id": 2,
        "likes": 2,
    }
    assert await socket.receive_nothing()
    await socket.disconnect()


async def test_a_storm_of_likes_is_merged_and_ends_with_the_last_count(connect, in_thread):
    socket = connect("/ws/feed/")
    await greeted(socket)

    def storm() -> None:
        for likes in range(1, 31):
            append_update(type="feed.likes_changed", payload={"id": 1, "likes": likes})

    await in_thread(storm)
    counts: list[int] = []
    while not counts or counts[-1] != 30:
        counts.append((await socket.receive_json_from())["likes"])

    assert counts == sorted(counts)
    assert len(counts) < 15
    await socket.disconnect()


async def test_another_epoch_resets_live_sockets_after_the_database_came_back(
    connect, in_thread, monkeypatch
):
    socket = connect("/ws/feed/")
    await greeted(socket)

    failed = threading.Event()

    def fail(number: int) -> None:
        failed.set()
        raise OSError("the database is away")

    await in_thread(Epoch.objects.all().delete)
    with monkeypatch.context() as patched:
        patched.setattr(history, "page_after", fail)
        await asyncio.to_thread(failed.wait, 5)

    assert await socket.receive_json_from(5) == {"type": "reset", "reason": "history"}
    assert await close_code(socket) == CloseCode.RESET
    await socket.disconnect()


async def test_tail_goes_on_where_it_was_after_a_failure(connect, append, monkeypatch):
    socket = connect("/ws/feed/")
    await greeted(socket)

    failed = threading.Event()

    def fail(number: int) -> None:
        failed.set()
        raise OSError("the database is away")

    with monkeypatch.context() as patched:
        patched.setattr(history, "page_after", fail)
        number = await append()
        await asyncio.to_thread(failed.wait, 5)

    assert (await socket.receive_json_from(5))["number"] == number
    await socket.disconnect()


@pytest.mark.postgres
async def test_killed_connections_of_the_database_lose_no_update(connect, append, in_thread):
    socket = connect("/ws/feed/")
    await greeted(socket)

    def kill_all() -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                " AND (query LIKE 'LISTEN%%' OR query LIKE '%%live_%%')",
                [],
            )

    sent = []
    for _ in range(3):
        await in_thread(kill_all)
        sent.append(await append())

    assert [message["number"] for message in await received(socket, 3)] == sent
    await socket.disconnect()


# --- Slow readers -------------------------------------------------------------------------------


async def test_reader_that_never_acknowledges_is_reset_within_its_bound(connect, in_thread):
    socket = connect("/ws/feed/")
    await greeted(socket)

    def flood() -> None:
        for _ in range(20):
            append_update(payload={"text": "x" * 20_000})

    await in_thread(flood)
    byte_count = 0
    while (output := await socket.receive_output(3))["type"] != "websocket.close":
        byte_count += len(output["text"])
        last = json.loads(output["text"])

    assert output["code"] == CloseCode.RESET
    assert last == {"type": "reset", "reason": "slow"}
    assert byte_count <= sockets.MAX_UNACKNOWLEDGED_BYTES + 100
    await socket.disconnect()


async def test_refill_waits_for_acknowledgements_and_is_not_cut_off(connect, in_thread):
    def fill() -> int:
        first = append_update()
        for index in range(20):
            append_update(payload={"index": index, "text": "x" * 20_000})
        return first

    first = await in_thread(fill)
    socket = connect(f"/ws/feed/?after={first}")
    await greeted(socket)
    before = await received(socket, 7)  # 7 × 20 kB reach over the window
    assert await socket.receive_nothing()

    indexes = [message["index"] for message in before]
    number = before[-1]["number"]
    while len(indexes) < 20:
        await socket.send_json_to({"ack": number})
        message = await socket.receive_json_from(3)
        indexes.append(message["index"])
        number = message["number"]

    assert indexes == list(range(20))
    await socket.disconnect()


async def test_refill_that_is_never_acknowledged_is_given_up(connect, in_thread, monkeypatch):
    monkeypatch.setattr(sockets, "ACKNOWLEDGE_WITHIN_SECONDS", 0.1)

    def fill() -> int:
        first = append_update()
        for _ in range(10):
            append_update(payload={"text": "x" * 20_000})
        return first

    socket = connect(f"/ws/feed/?after={await in_thread(fill)}")
    await greeted(socket)

    assert await close_code(socket) == CloseCode.NOT_ACKNOWLEDGED
    await socket.disconnect()
