"""Tests of numbering: only inside a transaction, only what commits, in the order of commits."""

from __future__ import annotations

import threading
from contextlib import AbstractContextManager, suppress
from datetime import timedelta

import pytest
from django.db import connections, transaction
from django.utils import timezone

from portal.live import updates
from portal.live.errors import AppendedOutsideTransaction, InvalidUpdate
from portal.live.models import Epoch, Update
from portal.live.testing import append_update

pytestmark = pytest.mark.django_db(transaction=True, reset_sequences=True)


def told() -> list[str]:
    return list(Update.objects.order_by("number").values_list("type", flat=True))


def tell(type_: str) -> None:
    updates.append(type=type_, topics=[updates.FEED], payload={})


def tell_and_fail(type_: str, block: AbstractContextManager[None]) -> None:
    with suppress(ZeroDivisionError), block:
        tell(type_)
        raise ZeroDivisionError


def test_append_outside_a_transaction_is_refused():
    with pytest.raises(AppendedOutsideTransaction, match=r"feed\.danced"):
        updates.append(type="feed.danced", topics=[updates.FEED], payload={})


def test_append_inside_a_plain_atomic_is_refused():
    with transaction.atomic(), pytest.raises(AppendedOutsideTransaction):
        tell("a")


def test_commit_tells_in_the_order_of_appending():
    with updates.transaction():
        tell("a")
        tell("b")
        assert told() == []

    assert told() == ["a", "b"]


def test_rollback_tells_nothing():
    tell_and_fail("a", updates.transaction())

    assert told() == []


def test_after_a_rollback_the_next_transaction_tells_only_its_own():
    tell_and_fail("a", updates.transaction())

    with updates.transaction():
        tell("b")

    assert told() == ["b"]


def test_nested_transaction_is_numbered_with_the_outermost():
    with updates.transaction():
        tell("outer")
        with updates.transaction():
            tell("inner")
        assert told() == []
        tell("last")

    assert told() == ["outer", "inner", "last"]


def test_nested_rollback_takes_back_only_its_own():
    with updates.transaction():
        tell("kept")
        tell_and_fail("lost", updates.transaction())
        tell("kept too")

    assert told() == ["kept", "kept too"]


def test_rolled_back_savepoint_of_a_plain_atomic_takes_its_updates_back():
    with updates.transaction():
        tell("kept")
        tell_and_fail("lost", transaction.atomic())
        with transaction.atomic():
            tell("kept too")

    assert told() == ["kept", "kept too"]


def test_set_rollback_tells_nothing():
    with updates.transaction():
        tell("a")
        transaction.set_rollback(True)

    assert told() == []


@pytest.mark.parametrize("key", ["number", "type"])
def test_payload_with_a_key_of_the_message_is_refused(key):
    with updates.transaction(), pytest.raises(InvalidUpdate, match=key):
        updates.append(type="a", topics=[updates.FEED], payload={key: 1})


@pytest.mark.parametrize("topics", [[], ["two words"], [""], ["x" * 201]])
def test_topics_that_cannot_be_stored_are_refused(topics):
    with updates.transaction(), pytest.raises(InvalidUpdate, match="topics"):
        updates.append(type="a", topics=topics, payload={})


def test_payload_that_a_browser_cannot_parse_is_refused():
    with updates.transaction(), pytest.raises(InvalidUpdate, match="no JSON"):
        updates.append(type="a", topics=[updates.FEED], payload={"ratio": float("nan")})


def test_payload_with_a_lone_surrogate_and_nul_is_stored():
    append_update(payload={"caption": "\ud83c\x00é"})

    assert Update.objects.get().payload == '{"caption":"\\ud83c\\u0000\\u00e9"}'


def test_snapshot_names_the_newest_number_and_the_epoch_in_one_query(
    django_assert_num_queries,
):
    assert updates.snapshot()["number"] == 0
    number = append_update()

    with django_assert_num_queries(1):
        position = updates.snapshot()

    assert position == {"number": number, "epoch": str(Epoch.objects.get().token)}


def test_epoch_stays():
    assert updates.epoch() == updates.epoch()


def test_prune_removes_a_beginning_and_never_the_newest():
    numbers = [append_update() for _ in range(4)]
    Update.objects.filter(number__lte=numbers[1]).update(
        appended_at=timezone.now() - timedelta(days=8)
    )

    removed = updates.prune(before=timezone.now() - timedelta(days=7))
    removed_later = updates.prune(before=timezone.now() + timedelta(days=1))

    assert (removed, removed_later) == (2, 1)
    assert updates.newest_number() == numbers[3]


def test_an_old_row_behind_a_young_one_is_kept_when_pruning():
    numbers = [append_update() for _ in range(3)]
    Update.objects.filter(number=numbers[1]).update(appended_at=timezone.now() - timedelta(days=8))

    assert updates.prune(before=timezone.now() - timedelta(days=7)) == 0


def test_order_of_numbers_is_the_order_of_commits_with_concurrent_writers():
    """A reader that only ever looks after its last number sees everything."""
    writer_count, each = 4, 25
    start = threading.Barrier(writer_count)

    def write(writer: int) -> None:
        start.wait()
        for index in range(each):
            with updates.transaction():
                updates.append(
                    type="a", topics=[updates.FEED], payload={"writer": writer, "index": index}
                )
        connections.close_all()

    writers = [threading.Thread(target=write, args=(number,)) for number in range(writer_count)]
    for thread in writers:
        thread.start()
    seen: list[str] = []
    last = 0
    while any(thread.is_alive() for thread in writers) or last < updates.newest_number():
        for number, payload in (
            Update.objects.filter(number__gt=last)
            .order_by("number")
            .values_list("number", "payload")
        ):
            last = number
            seen.append(payload)
    for thread in writers:
        thread.join()

    assert len(seen) == len(set(seen)) == writer_count * each
    for writer in range(writer_count):
        assert [s for s in seen if f'"writer":{writer},' in s] == [
            f'{{"writer":{writer},"index":{index}}}' for index in range(each)
        ]


@pytest.mark.postgres
def test_a_slow_transaction_holds_nobody_up_until_it_numbers():
    inside, go_on = threading.Event(), threading.Event()

    def slow() -> None:
        with updates.transaction():
            tell("slow")
            inside.set()
            go_on.wait(5)
        connections.close_all()

    thread = threading.Thread(target=slow)
    thread.start()
    inside.wait(5)
    append_update(type="quick")
    go_on.set()
    thread.join()

    assert told() == ["quick", "slow"]
