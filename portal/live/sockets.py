"""One browser's socket: hello, what it missed, then what comes, never more than it can take.

Bytes that were sent and not acknowledged are bounded, because a server without back-pressure
(daphne) would keep them all in memory for a reader that never reads (200 to 360 MiB, measured).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

from django.db import Error as DatabaseError

from portal.live.errors import CloseCode, SocketClosed
from portal.live.history import look_up_resume, merge, page_after, recent_counts
from portal.live.hub import Hub
from portal.live.messages import EncodedUpdate, encode_hello, encode_reset

MAX_UNACKNOWLEDGED_BYTES = 256 * 1024
# A refill stops here and waits, so that there is room for what comes when it goes live.
REFILL_WINDOW_BYTES = MAX_UNACKNOWLEDGED_BYTES // 2
ACKNOWLEDGE_WITHIN_SECONDS = 60.0
BEGIN_WITHIN_SECONDS = 10.0

SendText = Callable[[str], Awaitable[None]]


class LiveSocket:
    """Sends one browser what its topics say, in order, from `after` on, or from now."""

    def __init__(
        self, hub: Hub, *, topics: frozenset[str], after: int | None, send_text: SendText
    ) -> None:
        self.topics = topics
        self.live_after = 0
        self.unacknowledged_bytes = 0
        self._hub = hub
        self._after = after
        self._send_text = send_text
        self._outbox: deque[str] = deque()
        self._unacknowledged: deque[EncodedUpdate] = deque()  # shared objects, not copies
        self._has_output = asyncio.Event()
        self._has_room = asyncio.Event()
        self._reset_reason: str | None = None

    async def run(self) -> None:
        """Serve the browser until cancelled. Raises SocketClosed when this end must close."""
        await self._wait_for_hub()
        try:
            if self._after is None:
                self._greet_live()
            else:
                await self._refill(self._after)
            await self._write_on()
        except DatabaseError as error:
            raise SocketClosed(CloseCode.UNAVAILABLE, "the database is away") from error
        finally:
            self._hub.drop(self)

    def acknowledge(self, number: int) -> None:
        """Take note that the browser handled everything up to `number`."""
        while self._unacknowledged and self._unacknowledged[0].number <= number:
            self.unacknowledged_bytes -= self._unacknowledged.popleft().byte_count
        if self.unacknowledged_bytes < REFILL_WINDOW_BYTES:
            self._has_room.set()

    # --- The hub's calls ------------------------------------------------------------------------

    def push(self, update: EncodedUpdate) -> None:
        """Queue an update, or give up on a browser that is too slow."""
        if self._reset_reason is not None:
            return
        self._note(update)
        if self.unacknowledged_bytes > MAX_UNACKNOWLEDGED_BYTES:
            self._give_up("slow")
        else:
            self.say(update.text)

    def say(self, text: str) -> None:
        """Queue a message that nobody acknowledges."""
        self._outbox.append(text)
        self._has_output.set()

    def lose_history(self) -> None:
        """Tell the browser to reload."""
        self._give_up("history")

    # --- Inside ---------------------------------------------------------------------------------

    async def _wait_for_hub(self) -> None:
        try:
            async with asyncio.timeout(BEGIN_WITHIN_SECONDS):
                await self._hub.wait_until_begun()
        except TimeoutError as error:
            raise SocketClosed(CloseCode.UNAVAILABLE, "the database is away") from error

    def _greet_live(self) -> None:
        self.say(encode_hello(self._hub.number, self._hub.epoch))
        self._go_live(self._hub.number)

    def _go_live(self, position: int) -> None:
        self.live_after = position
        self._hub.go_live(self)

    async def _refill(self, after: int) -> None:
        history_count = self._hub.history_count
        resume = await self._hub.read(look_up_resume, after)
        await self._send_text(encode_hello(resume.newest, resume.epoch))
        if resume.reset_reason is not None:
            await self._reset(resume.reset_reason)
        await self._send_paced(await self._hub.read(recent_counts, after))
        position = after
        while position < self._hub.number:
            page = await self._hub.read(page_after, position)
            if not page:  # the rows are gone, with a history that was lost
                await self._reset("history")
            await self._send_paced(merge(page))
            position = page[-1].number
        if self._hub.history_count != history_count:
            await self._reset("history")
        # No await between the look at `number` and this: else an update would fall between.
        self._go_live(position)

    async def _send_paced(self, updates: list[EncodedUpdate]) -> None:
        for update in updates:
            if self.topics.isdisjoint(update.topics):
                continue
            await self._wait_for_room()
            self._note(update)
            await self._send_text(update.text)

    async def _wait_for_room(self) -> None:
        if self.unacknowledged_bytes < REFILL_WINDOW_BYTES:
            return
        self._has_room.clear()
        try:
            async with asyncio.timeout(ACKNOWLEDGE_WITHIN_SECONDS):
                await self._has_room.wait()
        except TimeoutError as error:
            raise SocketClosed(CloseCode.NOT_ACKNOWLEDGED, "acknowledge updates") from error

    async def _write_on(self) -> None:
        while True:
            await self._has_output.wait()
            self._has_output.clear()
            while self._outbox:
                await self._send_text(self._outbox.popleft())
            if self._reset_reason is not None:
                await self._reset(self._reset_reason)

    async def _reset(self, reason: str) -> None:
        await self._send_text(encode_reset(reason))
        raise SocketClosed(CloseCode.RESET, f"load anew: {reason}")

    def _note(self, update: EncodedUpdate) -> None:
        self._unacknowledged.append(update)
        self.unacknowledged_bytes += update.byte_count

    def _give_up(self, reason: str) -> None:
        self._reset_reason = reason
        self._hub.drop(self)
        self._outbox.clear()
        self._unacknowledged.clear()
        self._has_output.set()
