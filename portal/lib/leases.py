"""Rows as a queue: claim due rows under a lease, settle them by its token.

A claim writes `leased_until` and a fresh `lease_token`; a lease that lapsed is due again, so a
dead worker's rows come back by themselves. Settling filters on the token: by state alone, a
worker that was slow would settle what another had reclaimed (measured).
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any, Self, TypeVar

from django.db import models, transaction
from django.db.models import Q
from django.utils import timezone


class LeaseLost(Exception):
    """The row was reclaimed by another worker: roll back, its effect is that worker's now."""


class Leased(models.Model):
    """The columns of a row that loops work off; the state's own column is the model's."""

    attempts = models.PositiveIntegerField(default=0, editable=False)
    next_attempt_at = models.DateTimeField(default=timezone.now, editable=False)
    leased_until = models.DateTimeField(null=True, blank=True, editable=False)
    lease_token = models.UUIDField(null=True, blank=True, editable=False)
    last_error = models.TextField(blank=True, default="", editable=False)

    class Meta:
        abstract = True


Row = TypeVar("Row", bound=Leased)


class LeasedQuerySet(models.QuerySet[Row]):
    """Claiming and settling for any model derived from `Leased` with a `state` column."""

    def due(self, *, ready: Sequence[str], claimed: str) -> Self:
        """Return rows that are ready and due, or claimed under a lease that lapsed."""
        now = timezone.now()
        is_due = Q(state=claimed, leased_until__lte=now)
        for state in ready:  # not IN: SQLite would not see that a partial index covers it
            is_due |= Q(state=state, next_attempt_at__lte=now)
        return self.filter(is_due)

    def claim(self, *, limit: int, lease_seconds: float, claimed: str) -> list[Row]:
        """Claim up to `limit` rows of this (ordered) queryset of due rows; never waits for a lock.

        Returns the claimed rows, in order, with `lease_token` and `leased_until` set and `attempts`
        counted up. A look without a transaction goes first: on SQLite a transaction is a writer.
        """
        if not self.exists():
            return []
        token = uuid.uuid4()
        until = timezone.now() + timedelta(seconds=lease_seconds)
        with transaction.atomic():
            rows = list(self.select_for_update(skip_locked=True, no_key=True, of=("self",))[:limit])
            if rows:
                self.model._default_manager.filter(pk__in=[row.pk for row in rows]).update(
                    state=claimed,
                    lease_token=token,
                    leased_until=until,
                    attempts=models.F("attempts") + 1,
                )
        for row in rows:
            row.state = claimed  # type: ignore[attr-defined]  # the model's own column
            row.lease_token = token
            row.leased_until = until
            row.attempts += 1
        return rows

    def settle(self, rows: Iterable[Row], **changes: Any) -> None:
        """Write `changes` to claimed rows and end their lease, inside the effect's transaction.

        Raises LeaseLost unless every row is still held by the token it was claimed with.
        """
        by_token: dict[uuid.UUID | None, list[Any]] = {}
        for row in rows:
            by_token.setdefault(row.lease_token, []).append(row.pk)
        for token, pks in by_token.items():
            settled = self.filter(pk__in=pks, lease_token=token, lease_token__isnull=False).update(
                lease_token=None, leased_until=None, **changes
            )
            if settled != len(pks):
                message = f"{len(pks) - settled} of {len(pks)} rows of {self.model.__name__}"
                raise LeaseLost(f"{message} were reclaimed after their lease lapsed")
