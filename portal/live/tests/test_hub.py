"""What the hub does when the history of numbers is lost, say because a database was restored."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from portal.live.hub import Hub
from portal.live.messages import EncodedUpdate, encode_update


def batch(*numbers: int) -> list[EncodedUpdate]:
    return [encode_update(number, "notice", "feed", "{}") for number in numbers]


class Reader:
    """A socket on the feed that notes what it gets."""

    topics = frozenset({"feed"})
    live_after = 0

    def __init__(self, on_push: Any = None) -> None:
        self.numbers: list[int] = []
        self.has_lost_history = False
        self._on_push = on_push

    def push(self, update: EncodedUpdate) -> None:
        self.numbers.append(update.number)
        if self._on_push is not None:
            self._on_push()

    def say(self, text: str) -> None:
        """Take a beat."""

    def lose_history(self) -> None:
        self.has_lost_history = True


@pytest.fixture
async def hub() -> AsyncIterator[Hub]:
    """A hub without its tail."""
    hub = Hub(asyncio.get_running_loop())
    hub.begin(100, "one")
    task = asyncio.create_task(hub._fan_out())
    yield hub
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    hub._reader.shutdown()


async def test_batches_of_a_lost_history_count_as_taken_or_the_tail_waits_for_good(hub):
    for number in range(101, 110):
        hub.take(batch(number))

    hub.begin(0, "two")

    assert hub.batches_taken == 9


async def test_rest_of_a_batch_is_dropped_when_its_history_is_lost(hub):
    late = Reader()

    def lose() -> None:
        hub.begin(0, "two")
        hub.go_live(late)

    early = Reader(on_push=lambda: asyncio.get_running_loop().call_soon(lose))
    hub.go_live(early)

    hub.take(batch(101, 102, 103))
    await asyncio.sleep(0.05)

    assert (early.numbers, early.has_lost_history) == ([101], True)
    assert late.numbers == []
    assert (hub.number, hub.batches_taken) == (0, 1)
