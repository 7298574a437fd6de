"""Between the reader and the database: a bounded queue and the thread that writes it to the inbox.

Group commit by back-pressure: the writer takes everything that has queued up since its last commit
and stores it in one transaction. At low load an event is committed at once; under load the batches
grow by themselves. A slow database fills the queue, a full queue stops the reader, and the socket
slows the cloud: memory is bounded throughout.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field

from django.db import (
    DataError,
    IntegrityError,
    connections,
    transaction,
)

from particle_integration.events import ParticleEvent
from particle_integration.inbox import StoreResult, Unreadable, store_events, store_quarantined
from particle_integration.models import Path
from portal.lib.backoff import full_jitter_seconds
from portal.lib.runloop import reset_broken_connection

logger = logging.getLogger(__name__)

MAX_QUEUED_EVENTS = 10_000
MAX_QUEUED_BYTES = 64 * 1024 * 1024  # an event may be as large as 64 KiB
_LOOK_SECONDS = 0.1
_MAX_PAUSE_SECONDS = 5.0


@dataclass
class Batch:
    """Events to store, and input that is none; `size` is how many bytes they came in."""

    events: list[ParticleEvent] = field(default_factory=list)
    unreadable: list[Unreadable] = field(default_factory=list)
    size: int = 0

    def __len__(self) -> int:
        return len(self.events) + len(self.unreadable)

    def add(self, other: Batch) -> None:
        """Append another batch."""
        self.events += other.events
        self.unreadable += other.unreadable
        self.size += other.size


class BatchQueue:
    """Joins one or more readers and one writer; bounded in events and bytes."""

    def __init__(
        self, *, max_events: int = MAX_QUEUED_EVENTS, max_bytes: int = MAX_QUEUED_BYTES
    ) -> None:
        self._max_events = max_events
        self._max_bytes = max_bytes
        self._queued = Batch()
        self._changed = threading.Condition()

    def __len__(self) -> int:
        return len(self._queued)

    def put(self, batch: Batch, *, until: Callable[[], bool]) -> bool:
        """Queue a batch, waiting while the queue is full; False when `until()` ended the wait."""
        with self._changed:
            while self._is_full():
                if until():
                    return False
                self._changed.wait(_LOOK_SECONDS)
            self._queued.add(batch)
            self._changed.notify_all()
        return True

    def put_last(self, batch: Batch) -> None:
        """Queue what a reader that stops has already read, be the queue full or not."""
        with self._changed:
            self._queued.add(batch)
            self._changed.notify_all()

    def take(self, timeout_seconds: float) -> Batch:
        """Return everything queued; an empty batch when nothing came for so long."""
        with self._changed:
            if not self._queued:
                self._changed.wait(timeout_seconds)
            taken, self._queued = self._queued, Batch()
            self._changed.notify_all()
        return taken

    def wake(self) -> None:
        """End the waits, so that who waits looks again at whether to go on."""
        with self._changed:
            self._changed.notify_all()

    def _is_full(self) -> bool:
        return len(self._queued) >= self._max_events or self._queued.size >= self._max_bytes


@dataclass
class IntakeCounters:
    """What the writer did; read by others, written by its thread alone."""

    stored: int = 0
    duplicates: int = 0
    quarantined: int = 0
    commits: int = 0
    is_database_away: bool = False

    def as_dict(self) -> dict[str, int | bool]:
        """Return all counters by name."""
        return asdict(self)


class InboxWriter:
    """Writes a queue to the inbox in a thread of its own, which owns its connection."""

    def __init__(
        self, path: Path, queue: BatchQueue, *, on_round: Callable[[], None] | None = None
    ) -> None:
        self.counters = IntakeCounters()
        self._path = path
        self._queue = queue
        self._on_round = on_round
        self._is_closing = False
        self._is_all_stored = False
        self._give_up_at: float | None = None
        self._thread = threading.Thread(target=self._run, name=f"{path} writer", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def close(self, timeout_seconds: float = 8.0) -> bool:
        """Store what is queued and end the thread; False when something could not be stored."""
        self._give_up_at = time.monotonic() + timeout_seconds
        self._is_closing = True
        self._queue.wake()
        self._thread.join(timeout_seconds + 1.0)
        return self._is_all_stored and not self._queue

    def _run(self) -> None:
        try:
            while True:
                # Looked at before the queue: what was queued before the order to close is stored.
                is_last = self._is_closing
                batch = self._queue.take(0.0 if is_last else 1.0)
                if batch and not self._store(batch):
                    logger.error("%d events could not be stored before the end", len(batch))
                    return
                if self._on_round is not None:
                    self._on_round()
                if is_last and not batch:
                    self._is_all_stored = True
                    return
        except Exception:
            logger.exception("the %s writer ended", self._path)
        finally:
            connections.close_all()

    def _store(self, batch: Batch) -> bool:
        """Store a batch, however long the database is away; False when closing took too long."""
        attempt = 0
        while True:
            try:
                with transaction.atomic():
                    result = store_events(batch.events, self._path)
                    unreadable = store_quarantined(batch.unreadable, self._path)
            except (DataError, IntegrityError, ValueError, TypeError, OverflowError):
                logger.exception("a batch of %d was refused: each event alone", len(batch))
                return self._store_alone(batch)
            except Exception as error:  # noqa: BLE001 - told below; the events are kept
                # Away, locked, of another version while a release is rolled out, no descriptor left
                # for the lock's file: all pass. A writer that ended would leave the process deaf.
                if not self._wait_for_database(error, attempt):
                    return False
                attempt += 1
            else:
                self._count(result, unreadable)
                return True

    def _store_alone(self, batch: Batch) -> bool:
        """Store the events of a batch that the database refuses, one by one; quarantine the bad."""
        if len(batch.events) + len(batch.unreadable) > 1:
            parts = [Batch(events=[event]) for event in batch.events]
            parts += [Batch(unreadable=[item]) for item in batch.unreadable]
            return [self._store(part) for part in parts].count(False) == 0
        if batch.events:
            event = batch.events[0]
            raw = f"event: {event.name}\ndata: {event.data}".encode("utf-8", "replace")
            return self._store(Batch(unreadable=[Unreadable("the database refuses it", raw)]))
        logger.error("input could not even be quarantined: %s", batch.unreadable[0].reason)
        return True

    def _count(self, result: StoreResult, unreadable: StoreResult) -> None:
        counters = self.counters
        if counters.is_database_away:
            logger.info("the database is back")
        counters.is_database_away = False
        counters.commits += 1
        counters.stored += result.new
        counters.duplicates += result.duplicates + unreadable.duplicates
        counters.quarantined += unreadable.new

    def _wait_for_database(self, error: Exception, attempt: int) -> bool:
        if not self.counters.is_database_away:
            logger.warning("the database is away; %d events wait: %r", len(self._queue), error)
        self.counters.is_database_away = True
        reset_broken_connection()
        pause = full_jitter_seconds(attempt, base_seconds=0.2, cap_seconds=_MAX_PAUSE_SECONDS)
        deadline = time.monotonic() + pause
        while (now := time.monotonic()) < deadline:
            if self._give_up_at is not None and now > self._give_up_at:
                return False
            time.sleep(min(_LOOK_SECONDS, deadline - now))
        return True
