"""Listen to the product's event stream: connect, parse, queue for the inbox, connect again.

One thread reads and parses and does nothing else; the writer behind the queue stores. Nothing that
was read is lost by a stop: the writer stores what is queued before the process leaves.
"""

from __future__ import annotations

import logging
import time
from contextlib import closing
from dataclasses import asdict, dataclass

from particle_integration.client import EventStream, ParticleClient
from particle_integration.client.api import IDLE_TIMEOUT_SECONDS
from particle_integration.errors import CloudError, InvalidEvent
from particle_integration.events import ParticleEvent
from particle_integration.inbox import Unreadable
from particle_integration.intake import Batch, BatchQueue
from particle_integration.reconnecting import next_attempt, reconnect_seconds
from particle_integration.sse import Parser, ServerSentEvent
from particle_integration.stream_account import StreamAccount
from portal.lib.stopping import Stop

logger = logging.getLogger(__name__)

_LOOK_SECONDS = 0.5  # a stop asked for inside the process raises nothing: it is looked for


@dataclass
class ListenerCounters:
    """What the reader did; read by others, written by its thread alone."""

    received: int = 0
    hook_noise: int = 0
    unreadable: int = 0
    dropped: int = 0
    openings: int = 0
    is_open: bool = False

    def as_dict(self) -> dict[str, int | bool]:
        """Return all counters by name."""
        return asdict(self)


@dataclass(frozen=True)
class Ending:
    """How one connection went: `error` is None when the cloud ended it, or we did."""

    was_open: bool
    seconds_open: float = 0.0
    error: CloudError | None = None
    retry_ms: int | None = None


class Listener:
    """Keeps one event stream open. Runs in the main thread, where signals arrive."""

    def __init__(
        self,
        client: ParticleClient,
        queue: BatchQueue,
        stop: Stop,
        *,
        idle_timeout_seconds: float = IDLE_TIMEOUT_SECONDS,
    ) -> None:
        self.counters = ListenerCounters()
        self._client = client
        self._queue = queue
        self._stop = stop
        self._idle_timeout_seconds = idle_timeout_seconds
        self._account = StreamAccount()

    def run(self) -> None:
        """Listen until told to stop, whatever the cloud does."""
        attempt = 0
        try:
            while not self._stop.requested:
                self._wait(self._account.seconds_until_allowed())
                ending = self.run_once()
                if ending.was_open:
                    attempt = next_attempt(attempt, seconds_open=ending.seconds_open)
                seconds = reconnect_seconds(ending.error, attempt=attempt, retry_ms=ending.retry_ms)
                attempt += not ending.was_open
                if not self._stop.requested:
                    logger.info("the stream is opened again in %.1f s", seconds)
                    self._wait(seconds)
        except KeyboardInterrupt:
            logger.info("the listener stops")

    def run_once(self) -> Ending:
        """Open the stream once and read it to its end. KeyboardInterrupt passes through."""
        self._account.ask()
        self.counters.openings += 1
        try:
            with self._stop.interruptible():
                stream = self._client.open_event_stream(
                    idle_timeout_seconds=self._idle_timeout_seconds
                )
        except CloudError as error:
            logger.warning("the event stream could not be opened: %s", error)
            self._account.close(reason=str(error), status=error.status, events=0, dropped=0)
            return Ending(was_open=False, error=error)
        except KeyboardInterrupt:
            self._account.close(reason="told to stop", status=None, events=0, dropped=0)
            raise
        return self._read(stream)

    def _read(self, stream: EventStream) -> Ending:
        logger.info("the event stream is open")
        self._account.open()
        self.counters.is_open = True
        opened = time.monotonic()
        received_before = self.counters.received
        parser = Parser()
        error: CloudError | None = None
        reason = "told to stop"
        try:
            self._take_chunks(stream, parser)
            reason = "told to stop" if self._stop.requested else "the cloud ended it"
        except CloudError as caught:
            error, reason = caught, str(caught)
        finally:
            self.counters.is_open = False
            self.counters.dropped += parser.dropped_event_count
            seconds = time.monotonic() - opened
            logger.info("the event stream ended after %.0f s: %s", seconds, reason)
            self._account.close(
                reason=reason,
                status=200,
                events=self.counters.received - received_before,
                dropped=parser.dropped_event_count,
            )
        return Ending(True, seconds, error, parser.retry_ms)

    def _take_chunks(self, stream: EventStream, parser: Parser) -> None:
        with closing(stream.read_chunks()) as chunks:
            while not self._stop.requested:
                with self._stop.interruptible():
                    chunk = next(chunks, None)
                if chunk is None:
                    return
                frames = parser.feed(chunk)
                if frames:
                    batch = self._validate(frames)
                    batch.size = len(chunk)
                    if not self._queue.put(batch, until=lambda: self._stop.requested):
                        self._queue.put_last(batch)  # read is read: the cloud sends it no more

    def _validate(self, frames: list[ServerSentEvent]) -> Batch:
        batch = Batch()
        self.counters.received += len(frames)
        for frame in frames:
            try:
                event = ParticleEvent.from_stream(frame.event, frame.data)
            except InvalidEvent as refusal:
                raw = f"event: {frame.event}\ndata: {frame.data}".encode("utf-8", "replace")
                batch.unreadable.append(Unreadable(refusal.reason, raw))
                self.counters.unreadable += 1
                continue
            if event.is_hook_noise:
                self.counters.hook_noise += 1
            else:
                batch.events.append(event)
        return batch

    def _wait(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not self._stop.requested and (left := deadline - time.monotonic()) > 0:
            with self._stop.interruptible():
                time.sleep(min(_LOOK_SECONDS, left))
