"""Store events once, claim what is due, settle it.

A batch is one transaction. Its rows are sorted by key, because unsorted batches of two writers
deadlock on PostgreSQL (measured). What is there already is only marked as having come by the other
path as well.
"""

from __future__ import annotations

import hashlib
import logging
import random
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

from django.db import OperationalError, connection, transaction
from django.utils import timezone

from particle_integration.events import ParticleEvent
from particle_integration.models import InboxEvent, InboxState, Path
from portal.lib.backoff import exponential_seconds
from portal.lib.wakeups import announce

logger = logging.getLogger(__name__)

CHANNEL = "inbox"  # for portal.lib.wakeups
LEASE_SECONDS = 60.0
MAX_ATTEMPTS = 12  # with the waits between them a little more than an hour
MAX_RAW_BYTES = 64 * 1024
MAX_REASON_LENGTH = 500
_MAX_CONFLICT_RETRIES = 5
_RETRIED_SQLSTATES = frozenset({"40P01", "40001"})  # deadlock detected, serialisation failure

T = TypeVar("T")


@dataclass(frozen=True)
class StoreResult:
    """How many rows a batch made, and how many of its events were there already."""

    new: int
    duplicates: int


@dataclass(frozen=True)
class Unreadable:
    """Input that claims to be an event and is none; `raw` is kept, up to a limit."""

    reason: str
    raw: bytes


# The columns of an insert with their types on PostgreSQL, in the order of `_Row`.
_COLUMNS = {
    "dedupe_key": "bytea",
    "event_id": "text",
    "name": "text",
    "data": "text",
    "particle_device_id": "text",
    "published_at": "timestamptz",
    "received_at": "timestamptz",
    "particle_user_id": "text",
    "particle_product_id": "integer",
    "firmware_version": "integer",
    "raw": "bytea",
    "first_path": "text",
    "state": "text",
    "reason": "text",
    "settled_at": "timestamptz",
    "next_attempt_at": "timestamptz",
    "attempts": "integer",
    "last_error": "text",
}
_Row = tuple[Any, ...]
_TABLE = InboxEvent._meta.db_table
_NAMES = ", ".join(_COLUMNS)


def store_events(events: Iterable[ParticleEvent], path: Path) -> StoreResult:
    """Store a batch; committed when this returns, unless the caller holds a transaction."""
    now = timezone.now()
    return _store([_event_row(event, path, now) for event in events], path)


def store_quarantined(items: Iterable[Unreadable], path: Path) -> StoreResult:
    """Store input that could not be read, with its reason, for staff to look at."""
    now = timezone.now()
    return _store([_unreadable_row(item, path, now) for item in items], path)


def _event_row(event: ParticleEvent, path: Path, now: datetime) -> _Row:
    return (
        event.dedupe_key,
        event.event_id,
        event.name,
        event.data or "",
        event.particle_device_id,
        event.published_at,
        now,
        event.user_id,
        event.product_id,
        event.firmware_version,
        None,
        path.value,
        InboxState.RECEIVED.value,
        "",
        None,
        now,
        0,
        "",
    )


def _unreadable_row(item: Unreadable, path: Path, now: datetime) -> _Row:
    key = hashlib.sha256(f"unreadable by {path.value}:".encode() + item.raw).digest()
    raw, reason = item.raw[:MAX_RAW_BYTES], item.reason[:MAX_REASON_LENGTH]
    state = InboxState.QUARANTINED.value
    event_columns = (None, "", "", "", None, now, "", None, None)
    return (key, *event_columns, raw, path.value, state, reason, now, now, 0, "")


def _store(rows: list[_Row], path: Path) -> StoreResult:
    distinct = _distinct(rows)
    if not distinct:
        return StoreResult(0, 0)
    insert = _insert_postgresql if connection.vendor == "postgresql" else _insert_sqlite

    def store() -> int:
        with transaction.atomic():
            new_keys = insert(distinct)
            if len(new_keys) < len(distinct):
                _note_other_path([row for row in distinct if row[0] not in new_keys], path)
            if new_keys:
                announce(CHANNEL)
        return len(new_keys)

    new = _retrying(store)
    return StoreResult(new, len(rows) - new)


def _distinct(rows: list[_Row]) -> list[_Row]:
    """Return the rows sorted by key, the first of each key and of each event id."""
    by_key = {row[0]: row for row in reversed(rows)}
    distinct = []
    seen_ids: set[str | None] = set()
    for _, row in sorted(by_key.items()):
        event_id = row[1]
        if event_id is not None and event_id in seen_ids:
            continue
        seen_ids.add(event_id)
        distinct.append(row)
    return distinct


def _retrying(store: Callable[[], T]) -> T:
    """Run a transaction again that lost against another writer; inside a caller's it may not."""
    for attempt in range(_MAX_CONFLICT_RETRIES):
        try:
            return store()
        except OperationalError as error:
            sqlstate = getattr(error.__cause__, "sqlstate", None)
            if sqlstate not in _RETRIED_SQLSTATES or connection.in_atomic_block:
                raise
            logger.info("storing a batch again after a conflict (%s)", sqlstate)
            time.sleep(random.uniform(0, 0.01 * 2**attempt))  # noqa: S311 - spreads, hides nothing
    return store()


def _insert_postgresql(rows: list[_Row]) -> set[bytes]:
    """Insert what is new; one statement, whatever the size of the batch."""
    arrays = ", ".join(f"%s::{kind}[]" for kind in _COLUMNS.values())
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {_TABLE} ({_NAMES}) SELECT * FROM unnest({arrays})"  # noqa: S608 - constants
            " ON CONFLICT DO NOTHING RETURNING dedupe_key",
            [list(column) for column in zip(*rows, strict=True)],
        )
        return {bytes(key) for (key,) in cursor.fetchall()}


def _insert_sqlite(rows: list[_Row]) -> set[bytes]:
    """Insert what is new: the writer lock is held, so a look before is exact."""
    adapt = connection.ops.adapt_datetimefield_value
    keys = {row[0] for row in rows} - _known("dedupe_key", [row[0] for row in rows])
    known_ids = _known("event_id", [row[1] for row in rows if row[1] is not None])
    new = [row for row in rows if row[0] in keys and row[1] not in known_ids]
    marks = ", ".join(["%s"] * len(_COLUMNS))
    with connection.cursor() as cursor:
        cursor.executemany(
            f"INSERT INTO {_TABLE} ({_NAMES}) VALUES ({marks})",  # noqa: S608 - constants
            [
                tuple(adapt(value) if isinstance(value, datetime) else value for value in row)
                for row in new
            ],
        )
    return {row[0] for row in new}


def _known(column: str, values: Sequence[Any], chunk_size: int = 900) -> set[Any]:
    """Return which of the values are in the column; SQLite of old takes 999 parameters."""
    known: set[Any] = set()
    with connection.cursor() as cursor:
        for start in range(0, len(values), chunk_size):
            chunk = list(values[start : start + chunk_size])
            marks = ", ".join(["%s"] * len(chunk))
            query = f"SELECT {column} FROM {_TABLE} WHERE {column} IN ({marks})"  # noqa: S608 - constants
            cursor.execute(query, chunk)
            known.update(value for (value,) in cursor.fetchall())
    return known


def _note_other_path(rows: list[_Row], path: Path) -> None:
    """Mark rows that came by the other path before; in the order of keys, as they are locked."""
    now = timezone.now()
    missing = InboxEvent.objects.filter(other_path_at=None).exclude(first_path=path.value)
    for start in range(0, len(rows), 400):
        chunk = rows[start : start + 400]
        ids = [row[1] for row in chunk if row[1] is not None]
        keys = [row[0] for row in chunk]
        pks = sorted(
            {
                *missing.filter(dedupe_key__in=keys).values_list("pk", flat=True),
                *(missing.filter(event_id__in=ids).values_list("pk", flat=True) if ids else ()),
            }
        )
        if pks:
            list(
                InboxEvent.objects.filter(pk__in=pks).order_by("pk")
                .select_for_update(no_key=True).values_list("pk", flat=True)
            )  # fmt: skip
            InboxEvent.objects.filter(pk__in=pks).update(other_path_at=now)


def claim_due(*, limit: int, lease_seconds: float = LEASE_SECONDS) -> list[InboxEvent]:
    """Claim the oldest due events under a fresh lease token."""
    due = InboxEvent.objects.next_due()
    return due.claim(limit=limit, lease_seconds=lease_seconds, claimed=InboxState.CLAIMED)


def settle_handled(events: Sequence[InboxEvent]) -> None:
    """Mark events as handled, inside the transaction of their effect. Raises LeaseLost."""
    _settle(events, state=InboxState.HANDLED, reason="", settled_at=timezone.now())


def settle_ignored(events: Sequence[InboxEvent]) -> None:
    """Mark events that nobody claims. Raises LeaseLost."""
    reason = "no handler claims this event name"
    _settle(events, state=InboxState.IGNORED, reason=reason, settled_at=timezone.now())


@dataclass(frozen=True)
class Retry:
    """What becomes of an event that was not handled: due again then, or dead when None."""

    next_attempt_at: datetime | None


def decide_retry(*, attempts: int, is_permanent: bool, now: datetime) -> Retry:
    """Decide from how often it was tried; pure."""
    if is_permanent or attempts >= MAX_ATTEMPTS:
        return Retry(None)
    return Retry(now + timedelta(seconds=exponential_seconds(attempts - 1)))


def settle_refused(event: InboxEvent, *, reason: str, is_permanent: bool) -> None:
    """Give an event back for a later attempt, or bury it with its reason. Raises LeaseLost."""
    now = timezone.now()
    reason = reason.replace("\0", "\ufffd")[:MAX_REASON_LENGTH]
    retry = decide_retry(attempts=event.attempts, is_permanent=is_permanent, now=now)
    if retry.next_attempt_at is None:
        _settle([event], state=InboxState.DEAD, reason=reason, last_error=reason, settled_at=now)
        logger.warning("event %s (%r) is dead: %r", event.pk, event.name, reason)
        return
    _settle(
        [event],
        state=InboxState.RECEIVED,
        last_error=reason,
        next_attempt_at=retry.next_attempt_at,
    )


def _settle(events: Sequence[InboxEvent], **changes: Any) -> None:
    InboxEvent.objects.settle(events, **changes)


def replay(events: Iterable[int]) -> int:
    """Make settled events due again as if they had just come; return how many.

    Quarantined ones stay: there is nothing in them that a handler could read.
    """
    now = timezone.now()
    settled = (InboxState.HANDLED, InboxState.IGNORED, InboxState.DEAD)
    with transaction.atomic():
        count = InboxEvent.objects.filter(pk__in=list(events), state__in=settled).update(
            state=InboxState.RECEIVED,
            reason="",
            last_error="",
            settled_at=None,
            attempts=0,
            next_attempt_at=now,
        )
        announce(CHANNEL)
    return count
