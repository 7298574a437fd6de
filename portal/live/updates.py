"""Append updates inside a transaction; number them as its last act.

The numbers must come out in the order of the commits, or a browser that resumes "after n" would
miss what commits later with a lower number. So the numbers are taken under one lock that is held
until the commit, and the lock is taken last, after every other row lock (taking it first
deadlocks, measured).
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection, models
from django.db import transaction as db_transaction

from portal.lib.wakeups import announce
from portal.live.models import Epoch, Update

FEED = "feed"
STAFF = "staff"
CHANNEL = "updates"  # for portal.lib.wakeups
_NUMBERING_LOCK = 7_206_551_001  # any number that no other advisory lock of this database uses


class AppendedOutsideTransaction(Exception):
    """`append` was called without `updates.transaction()` around it."""


def customer_topic(customer_id: int) -> str:
    """Return the topic that only this customer hears."""
    return f"customer:{customer_id}"


@dataclass
class _Pending:
    depth: int = 0
    updates: list[Update] = field(default_factory=list)


class _Local(threading.local):
    def __init__(self) -> None:
        self.pending = _Pending()


_local = _Local()


@contextmanager
def transaction() -> Iterator[None]:
    """Open `atomic()`, and number what was appended inside as the last act. May be nested."""
    pending = _local.pending
    kept = len(pending.updates)
    pending.depth += 1
    try:
        with db_transaction.atomic():
            yield
            if pending.depth == 1 and pending.updates:
                _number(pending.updates)
    except BaseException:
        del pending.updates[kept:]  # what was rolled back must not be told
        raise
    finally:
        pending.depth -= 1
        if pending.depth == 0:
            pending.updates.clear()


def append(*, type: str, topics: Iterable[str], payload: Mapping[str, Any]) -> None:  # noqa: A002
    """Add an update of `type` with the JSON object `payload` for the sockets that hear a topic.

    Raises AppendedOutsideTransaction.
    """
    pending = _local.pending
    if pending.depth == 0:
        raise AppendedOutsideTransaction(f"{type!r} was appended outside updates.transaction()")
    encoded = json.dumps(payload, cls=DjangoJSONEncoder, ensure_ascii=False, separators=(",", ":"))
    pending.updates.append(
        Update(type=type, topics=" ".join(dict.fromkeys(topics)), payload=encoded)
    )


def _number(updates: list[Update]) -> None:
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            # Deferred foreign keys lock the referenced rows at commit, after the numbering lock,
            # and two transactions then wait for each other (measured): check them now.
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_NUMBERING_LOCK])
    Update.objects.bulk_create(updates)
    announce(CHANNEL)


def newest_number() -> int:
    """Return the number of the newest update, 0 before the first."""
    newest: int | None = Update.objects.aggregate(newest=models.Max("number"))["newest"]
    return newest or 0


def epoch() -> str:
    """Return the name of this history; a browser that knows another one reloads."""
    row, _ = Epoch.objects.get_or_create(id=Epoch.ONLY_ID)
    return str(row.token)
