"""The hub of a web process: one tail, each update encoded once, a loop over the sockets.

It lives in the event loop, from the first socket that joins to the last that leaves. A socket that
joins reads what it missed from the table by itself, and goes live in the very step of the loop in
which it has caught up with `number`; so there is neither a gap nor a double between the two.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, Protocol, TypeVar

from django.db import Error as DatabaseError
from django.db import connection

from portal.live.merging import Merger
from portal.live.messages import BEAT, EncodedUpdate
from portal.live.tail import Tail

logger = logging.getLogger(__name__)

BEAT_SECONDS = 20  # a browser gives a socket up after 45 silent seconds
_READ_TRIES = 3
_READ_PAUSE_SECONDS = 0.3
P = ParamSpec("P")
T = TypeVar("T")


class Subscriber(Protocol):
    """A socket that is live: it takes what the hub hands it, and never blocks or raises."""

    topics: frozenset[str]
    live_after: int

    def push(self, update: EncodedUpdate) -> None:
        """Take an update."""

    def say(self, text: str) -> None:
        """Take a message that has no number."""

    def lose_history(self) -> None:
        """Be told that the numbers start anew."""


class Hub:
    """Hands what the tail read to the sockets that hear it."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.number = 0  # of the update that is going out now, or went out last
        self.epoch = ""
        self.history_count = 0  # of histories begun: another one than before means reload
        self.batches_taken = 0
        self.member_count = 0
        self._loop = loop
        self._has_begun = asyncio.Event()
        self._has_work = asyncio.Event()
        self._batches: deque[Sequence[EncodedUpdate]] = deque()
        self._merger = Merger()
        self._live: dict[str, set[Subscriber]] = {}
        self._beat_slots: list[set[Subscriber]] = [set() for _ in range(BEAT_SECONDS)]
        self._beat_slot = 0  # whose turn is next, one a second
        self._joined_count = 0
        self._reader = ThreadPoolExecutor(1, thread_name_prefix="live-reader")
        self._tail = Tail(self, loop)
        self._tasks: list[asyncio.Task[None]] = []

    # --- Life -----------------------------------------------------------------------------------

    def start(self) -> None:
        """Start the tail and the two loops."""
        self._tail.start()
        self._tasks = [
            self._loop.create_task(self._fan_out(), name="live-fan-out"),
            self._loop.create_task(self._beat(), name="live-beat"),
        ]

    def stop(self) -> None:
        """Let go of threads and loops; returns at once."""
        self._tail.stop()
        for task in self._tasks:
            task.cancel()
        self._reader.submit(close_connection)
        self._reader.shutdown(wait=False)

    async def wait_until_begun(self) -> None:
        """Return once the tail knows where it stands."""
        await self._has_begun.wait()

    # --- Sockets --------------------------------------------------------------------------------

    def go_live(self, socket: Subscriber) -> None:
        """Send `socket` every update with a number above its `live_after` from now on."""
        for topic in socket.topics:
            self._live.setdefault(topic, set()).add(socket)
        self._joined_count += 1
        # Its first beat comes late in the period that begins, and a crowd that joins at once is
        # spread over half of it: all beats at once would hold up the updates.
        slot_count = len(self._beat_slots)
        spread = self._joined_count % max(1, slot_count // 2)
        self._beat_slots[(self._beat_slot - 1 - spread) % slot_count].add(socket)

    def drop(self, socket: Subscriber) -> None:
        """Send `socket` nothing more; it may have left before."""
        for topic in socket.topics:
            sockets = self._live.get(topic)
            if sockets is not None:
                sockets.discard(socket)
                if not sockets:
                    del self._live[topic]
        for slot in self._beat_slots:
            slot.discard(socket)

    async def read(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a read of the database in the hub's reading thread, which keeps its connection."""

        def run() -> T:
            try:
                return function(*args, **kwargs)
            except DatabaseError:
                connection.close()  # the next try gets a new one
                raise

        for _ in range(_READ_TRIES - 1):
            try:
                return await self._loop.run_in_executor(self._reader, run)
            except DatabaseError as error:
                logger.warning("could not read updates for a socket: %r", error)
                await asyncio.sleep(_READ_PAUSE_SECONDS)
        return await self._loop.run_in_executor(self._reader, run)

    # --- The tail's calls -----------------------------------------------------------------------

    def begin(self, number: int, epoch: str) -> None:
        """Start at `number`; when it is not the first time, the history was lost."""
        if self._has_begun.is_set():
            logger.warning("updates start anew at %d: every browser must reload", number)
            self.batches_taken += len(self._batches)  # the tail waits for what it handed over
            self._batches.clear()
            self._merger = Merger()
            for socket in self._everybody():
                socket.lose_history()
        self.number, self.epoch = number, epoch
        self.history_count += 1
        self._has_begun.set()

    def take(self, batch: Sequence[EncodedUpdate]) -> None:
        """Queue a batch; the tail reads only a few ahead."""
        self._batches.append(batch)
        self._has_work.set()

    # --- Loops ----------------------------------------------------------------------------------

    async def _fan_out(self) -> None:
        while True:
            self._has_work.clear()
            while self._batches:
                await self._send_batch(self._batches.popleft())
                self.batches_taken += 1
            await self._send_due()
            if not self._batches:
                await self._wait_for_work()

    async def _wait_for_work(self) -> None:
        try:
            async with asyncio.timeout(self._merger.seconds_until_due(self._loop.time())):
                await self._has_work.wait()
        except TimeoutError:
            return  # a count that waited is due

    async def _send_batch(self, batch: Sequence[EncodedUpdate]) -> None:
        history_count = self.history_count
        for update in batch:
            if self.history_count != history_count:
                return  # its numbers are of a history that was lost meanwhile
            self.number = update.number  # whoever catches up from here on has it, or reads it
            if self._merger.admit(update, self._loop.time()):
                await self._send(update)
            await self._send_due()

    async def _send_due(self) -> None:
        for update in self._merger.take_due(self._loop.time()):
            await self._send(update)

    async def _send(self, update: EncodedUpdate) -> None:
        sockets = self._hearing(update.topics)
        for socket in sockets:
            if update.number > socket.live_after:
                socket.push(update)
        if sockets:
            await asyncio.sleep(0)  # let them write, and let acknowledgements in

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(1)
            for socket in tuple(self._beat_slots[self._beat_slot]):
                socket.say(BEAT)
            self._beat_slot = (self._beat_slot + 1) % len(self._beat_slots)

    def _hearing(self, topics: Iterable[str]) -> tuple[Subscriber, ...]:
        groups = [self._live[topic] for topic in topics if topic in self._live]
        if len(groups) == 1:
            return tuple(groups[0])
        return tuple(set().union(*groups))

    def _everybody(self) -> tuple[Subscriber, ...]:
        return self._hearing(tuple(self._live))


def close_connection() -> None:
    """Close this thread's connection (`connection.close` alone would be the caller's)."""
    connection.close()


_hubs: dict[asyncio.AbstractEventLoop, Hub] = {}


def join_hub() -> Hub:
    """Return the hub of the running loop for one more socket; the first one starts it."""
    loop = asyncio.get_running_loop()
    hub = _hubs.get(loop)
    if hub is None:
        hub = _hubs[loop] = Hub(loop)
        hub.start()
    hub.member_count += 1
    return hub


def leave_hub(hub: Hub) -> None:
    """Undo one `join_hub()`; the last one stops it."""
    hub.member_count -= 1
    if hub.member_count == 0:
        _hubs.pop(asyncio.get_running_loop(), None)
        hub.stop()
