"""Append updates inside a transaction; number them as its last act.

The numbers must come out in the order of the commits, or a browser that resumes "after n" would
miss what commits later with a lower number. So the numbers are taken under one lock that is held
until the commit, and the lock is taken last, after every other row lock (taking it first
deadlocks, measured).
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypedDict

from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection, models
from django.db import transaction as db_transaction

from portal.lib.wakeups import announce
from portal.live.errors import AppendedOutsideTransaction, InvalidUpdate
from portal.live.models import Epoch, Update

FEED = "feed"
STAFF = "staff"
CHANNEL = "updates"  # for portal.lib.wakeups
_NUMBERING_LOCK = 7_206_551_001  # any number that no other advisory lock of this database uses
_RESERVED_KEYS = {"number", "type"}  # the message has its own


class Position(TypedDict):
    """Where the history stands; a page embeds it for its script."""

    number: int
    epoch: str


def customer_topic(customer_id: int) -> str:
    """Return the topic that only this customer hears."""
    return f"customer:{customer_id}"


@dataclass(frozen=True)
class _Appended:
    update: Update
    marker: Callable[[], None]  # registered with on_commit: gone once its savepoint rolled back


@dataclass
class _Pending:
    depth: int = 0
    appended: list[_Appended] = field(default_factory=list)


class _Local(threading.local):
    def __init__(self) -> None:
        self.pending = _Pending()


_local = _Local()


@contextmanager
def transaction() -> Iterator[None]:
    """Open `atomic()`, and number what was appended inside as the last act. May be nested."""
    pending = _local.pending
    kept = len(pending.appended)
    pending.depth += 1
    try:
        with db_transaction.atomic():
            yield
            if pending.depth == 1 and pending.appended and not connection.needs_rollback:
                _number(_survivors(pending.appended))
    except BaseException:
        del pending.appended[kept:]  # what was rolled back must not be told
        raise
    finally:
        pending.depth -= 1
        if pending.depth == 0:
            pending.appended.clear()


def append(*, type: str, topics: Iterable[str], payload: Mapping[str, Any]) -> None:  # noqa: A002
    """Add an update of `type` with the JSON object `payload` for the sockets that hear a topic.

    It is told when the transaction commits, and not if it, or a savepoint around this call, rolls
    back. Raises AppendedOutsideTransaction, InvalidUpdate.
    """
    pending = _local.pending
    if pending.depth == 0:
        raise AppendedOutsideTransaction(f"{type!r} was appended outside updates.transaction()")
    update = Update(type=type, topics=_join(type, topics), payload=_encode(type, payload))

    def marker() -> None:
        """Do nothing: only whether Django still remembers it matters."""

    db_transaction.on_commit(marker)
    pending.appended.append(_Appended(update, marker))


def snapshot() -> Position:
    """Return the newest number and the epoch, in one query.

    Call it before the query whose result a page shows: an update that commits in between is then
    in the page and comes again, and none is ever missed.
    """
    newest = Update.objects.order_by("-number").values("number")[:1]
    row = (
        Epoch.objects.filter(pk=Epoch.ONLY_ID)
        .annotate(newest=models.Subquery(newest))
        .values_list("token", "newest")
        .first()
    )
    if row is None:  # before the first update of a new database
        Epoch.objects.get_or_create(pk=Epoch.ONLY_ID)
        return snapshot()
    return {"number": row[1] or 0, "epoch": str(row[0])}


def newest_number() -> int:
    """Return the number of the newest update, 0 before the first."""
    return snapshot()["number"]


def epoch() -> str:
    """Return the name of this history; a browser that knows another one reloads."""
    return snapshot()["epoch"]


def prune(*, before: datetime) -> int:
    """Remove the updates at the beginning that are older than `before`; return how many.

    Only ever a beginning, so that one number says what is gone; never the newest, whose
    number says where the history stands.
    """
    newest = newest_number()  # also makes sure that the row of the epoch is there
    first_kept = Update.objects.filter(appended_at__gte=before).aggregate(
        number=models.Min("number")
    )["number"]
    if first_kept is None:
        first_kept = newest
    with db_transaction.atomic():
        count, _ = Update.objects.filter(number__lt=first_kept).delete()
        if count:
            Epoch.objects.filter(pk=Epoch.ONLY_ID).update(pruned_up_to=first_kept - 1)
    return count


def _join(type_: str, topics: Iterable[str]) -> str:
    unique = list(dict.fromkeys(topics))
    joined = " ".join(unique)
    if not unique or joined.split() != unique:
        raise InvalidUpdate(f"{type_!r} needs topics without blanks, not {unique!r}")
    if len(joined) > Update.MAX_TOPICS_LENGTH:
        raise InvalidUpdate(f"{type_!r} has {len(unique)} topics: too many to store")
    return joined


def _encode(type_: str, payload: Mapping[str, Any]) -> str:
    if reserved := _RESERVED_KEYS & payload.keys():
        raise InvalidUpdate(f"{type_!r} has the reserved key {min(reserved)!r} in its payload")
    try:
        text = _dump(payload, ensure_ascii=False)
        text.encode()
    except UnicodeEncodeError:  # a lone surrogate: no database and no socket takes it as it is
        return _dump(payload, ensure_ascii=True)
    except ValueError as error:
        raise InvalidUpdate(f"{type_!r} has a payload that is no JSON: {error}") from error
    return text


def _dump(payload: Mapping[str, Any], *, ensure_ascii: bool) -> str:
    return json.dumps(
        dict(payload),
        cls=DjangoJSONEncoder,
        ensure_ascii=ensure_ascii,
        allow_nan=False,  # a browser's parser refuses it
        separators=(",", ":"),
    )


def _survivors(appended: Iterable[_Appended]) -> list[Update]:
    """Leave out what a savepoint took back: Django drops its on_commit hooks, our markers too."""
    remembered = {id(entry[1]) for entry in connection.run_on_commit}
    return [one.update for one in appended if id(one.marker) in remembered]


def _number(appended: list[Update]) -> None:
    if not appended:
        return
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            # Deferred foreign keys lock the referenced rows at commit, after the numbering lock,
            # and two transactions then wait for each other (measured): check them now.
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_NUMBERING_LOCK])
    Update.objects.bulk_create(appended)
    announce(CHANNEL)
