"""Event streams: who listens, what each wants to hear, and the exact bytes that go out.

A frame is encoded and chunked once per event and written straight to each transport. What a
listener has not read yet waits in its transport's buffer, which is bounded: one that falls too far
behind is cut off, as the real cloud promises no more than its best effort.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from dataclasses import dataclass

from particle_integration.simulator.faults import Faults
from particle_integration.simulator.wire import (
    KEEP_ALIVE,
    CloudEvent,
    http_chunk,
    split_inside_character,
)

# A picture is at most about 30 kB on the wire: some 500 of them, several seconds of any load.
MAX_UNREAD_BYTES = 16 * 1024 * 1024
MAX_PACED_CHUNKS = 200_000
LOOK_SECONDS = 0.5


@dataclass(frozen=True, kw_only=True)
class Interest:
    """What one listener asked for by the path that it opened."""

    prefix: str = ""
    is_product: bool = False
    owner_id: str = ""
    device_id: str = ""

    def covers(self, event: CloudEvent) -> bool:
        """Say whether the event belongs on this stream."""
        if not event.name.startswith(self.prefix):
            return False
        if self.device_id and event.coreid != self.device_id:
            return False
        if self.is_product:
            return event.is_for_product
        return bool(event.owner_id) and event.owner_id == self.owner_id


class Subscriber:
    """One open stream: writes chunks to a transport, keeps it alive, applies the faults."""

    def __init__(self, *, transport: asyncio.Transport, interest: Interest, faults: Faults) -> None:
        self.interest = interest
        self.is_closed = False
        self.was_too_slow = False
        self._transport = transport
        self._faults = faults
        self._wake = asyncio.Event()
        self._paced_chunks: deque[bytes] = deque()
        self._last_write = time.monotonic()
        self._sent_count = 0

    def offer(self, frame: bytes, chunk: bytes) -> None:
        """Send one event, given as frame and ready chunk, in the way that the faults demand."""
        if self._is_gone() or self._faults.stream_stalled:
            return
        for _ in range(1 + self._faults.stream_duplicates):
            self._send(frame, chunk)
        self._sent_count += 1
        limit = self._faults.stream_closes_after_events
        if limit and self._sent_count >= limit:
            self.close()

    def offer_half(self, chunk: bytes) -> None:
        """Send the first half of a chunk, then reset the connection."""
        self._transport.write(chunk[: len(chunk) // 2])
        self.reset()

    def close(self) -> None:
        """End the stream properly: the handler returns and the last chunk follows."""
        self.is_closed = True
        self._wake.set()

    def reset(self) -> None:
        """Cut the connection without a last chunk."""
        self.is_closed = True
        self._transport.abort()
        self._wake.set()

    async def run(self) -> None:
        """Keep the stream alive until it is closed from either side."""
        while not self._is_gone():
            if self._paced_chunks:
                await asyncio.sleep(self._faults.stream_trickle_seconds)
                self._write(self._paced_chunks.popleft())
                continue
            self._wake.clear()
            silent_seconds = time.monotonic() - self._last_write
            remaining_seconds = self._faults.stream_keep_alive_seconds - silent_seconds
            if remaining_seconds <= 0:
                self._keep_alive()
                continue
            try:
                async with asyncio.timeout(min(remaining_seconds, LOOK_SECONDS)):
                    await self._wake.wait()
            except TimeoutError:
                continue

    def _keep_alive(self) -> None:
        if self._faults.stream_stalled:
            self._last_write = time.monotonic()
        else:
            self._write(http_chunk(KEEP_ALIVE))

    def _send(self, frame: bytes, chunk: bytes) -> None:
        chunks = self._cut(frame) or [chunk]
        if self._faults.stream_trickle_seconds or self._paced_chunks:
            self._paced_chunks.extend(chunks)
            self._wake.set()
            if len(self._paced_chunks) > MAX_PACED_CHUNKS:
                self._cut_off()
            return
        for piece in chunks:
            self._write(piece)

    def _cut(self, frame: bytes) -> list[bytes]:
        if self._faults.stream_every_byte_a_chunk:
            chunks = [http_chunk(bytes([byte])) for byte in frame]
            return chunks if self._faults.stream_trickle_seconds else [b"".join(chunks)]
        if self._faults.stream_split_inside_character:
            return [http_chunk(piece) for piece in split_inside_character(frame)]
        return []

    def _write(self, chunk: bytes) -> None:
        self._transport.write(chunk)
        self._last_write = time.monotonic()
        if self._transport.get_write_buffer_size() > MAX_UNREAD_BYTES:
            self._cut_off()

    def _cut_off(self) -> None:
        self.was_too_slow = True
        self.reset()

    def _is_gone(self) -> bool:
        return self.is_closed or self._transport.is_closing()


class Broker:
    """Passes each event to every stream that asked for it."""

    def __init__(self, faults: Faults) -> None:
        self.event_count = 0
        self.opened_count = 0
        self.too_slow_count = 0
        self.is_closing = False
        self._faults = faults
        self._subscribers: set[Subscriber] = set()

    @property
    def stream_count(self) -> int:
        """How many streams are open now."""
        return len(self._subscribers)

    async def serve(self, *, transport: asyncio.Transport, interest: Interest) -> None:
        """Run one stream to its end. The caller has sent the headers and the opening."""
        subscriber = Subscriber(transport=transport, interest=interest, faults=self._faults)
        self._subscribers.add(subscriber)
        self.opened_count += 1
        try:
            if not self.is_closing:
                await subscriber.run()
        finally:
            self._subscribers.discard(subscriber)
            self.too_slow_count += subscriber.was_too_slow

    async def withhold(self, transport: asyncio.Transport) -> None:
        """Hold a connection without an answer while the switch is on, then cut it."""
        while not (self.is_closing or transport.is_closing()):
            if not self._faults.stream_headers_withheld:
                break
            await asyncio.sleep(LOOK_SECONDS / 10)
        transport.abort()

    def publish(self, event: CloudEvent) -> None:
        """Write the event to every stream that it belongs on. Never waits."""
        self.event_count += 1
        product_chunk = account_chunk = b""
        is_cut = False
        for subscriber in tuple(self._subscribers):
            if not subscriber.interest.covers(event):
                continue
            if subscriber.interest.is_product:
                frame = event.product_frame()
                chunk = product_chunk = product_chunk or http_chunk(frame)
            else:
                frame = event.account_frame()
                chunk = account_chunk = account_chunk or http_chunk(frame)
            if self._faults.reset_inside_event:
                subscriber.offer_half(chunk)
                is_cut = True
            else:
                subscriber.offer(frame, chunk)
        if is_cut:
            self._faults.reset_inside_event = False

    def publish_raw(self, frame: bytes) -> None:
        """Write bytes as they are to every product stream, well-formed or not."""
        chunk = http_chunk(frame)
        for subscriber in tuple(self._subscribers):
            if subscriber.interest.is_product:
                subscriber.offer(frame, chunk)

    def close_streams(self) -> None:
        """End every open stream properly."""
        for subscriber in tuple(self._subscribers):
            subscriber.close()

    def reset_streams(self) -> None:
        """Reset the connection of every open stream."""
        for subscriber in tuple(self._subscribers):
            subscriber.reset()

    def shut_down(self) -> None:
        """End every stream, also those still being opened: the server stops."""
        self.is_closing = True
        self.close_streams()
