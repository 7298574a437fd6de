"""Tests of holding like counts back, on a clock of our own."""

from __future__ import annotations

from portal.live.merging import Merger
from portal.live.messages import EncodedUpdate, encode_update


def count(number: int, picture_id: int = 1) -> EncodedUpdate:
    return encode_update(
        number, "feed.likes_changed", "feed", f'{{"id":{picture_id},"likes":{number}}}'
    )


def numbers(updates: list[EncodedUpdate]) -> list[int]:
    return [update.number for update in updates]


def test_other_types_never_wait():
    merger = Merger()
    danced = encode_update(1, "feed.danced", "feed", '{"id":1}')

    assert merger.admit(danced, 0.0)
    assert merger.admit(danced, 0.0)
    assert merger.seconds_until_due(0.0) is None


def test_first_count_goes_out_and_the_last_of_the_interval_follows():
    merger = Merger(interval_seconds=0.25)

    assert merger.admit(count(1), 0.0)
    assert not merger.admit(count(2), 0.1)
    assert not merger.admit(count(3), 0.2)
    assert merger.take_due(0.2) == []
    assert merger.seconds_until_due(0.2) == 0.25 - 0.2
    assert numbers(merger.take_due(0.25)) == [3]
    assert merger.take_due(0.3) == []


def test_at_most_four_a_second():
    merger = Merger(interval_seconds=0.25)
    sent = 0

    for step in range(1000):
        now = step / 100
        sent += len(merger.take_due(now)) + merger.admit(count(step + 1), now)

    assert sent <= 4 * 10 + 1


def test_pictures_wait_apart_and_come_out_in_order():
    merger = Merger(interval_seconds=0.25)
    for number, picture_id in ((1, 1), (2, 2)):
        assert merger.admit(count(number, picture_id), 0.0)
    for number, picture_id in ((3, 2), (4, 1), (5, 2)):
        assert not merger.admit(count(number, picture_id), 0.1)

    assert numbers(merger.take_due(1.0)) == [4, 5]


def test_a_picture_that_has_gone_silent_is_forgotten():
    merger = Merger()
    merger.admit(count(1), 0.0)

    merger.take_due(1.0)

    assert merger._due_at == {}
    assert merger.admit(count(2), 1.0)
