"""The inbox, one row per distinct event, and the account of event streams opened."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db import models
from django.db.models import Q
from django.utils import timezone

from particle_integration.events import MAX_ID_LENGTH, MAX_NAME_LENGTH
from portal.lib.leases import Leased, LeasedQuerySet


class Path(models.TextChoices):
    """How an event reached us."""

    STREAM = "stream"
    WEBHOOK = "webhook"


class InboxState(models.TextChoices):
    """received → claimed → handled, ignored or dead; quarantined at once."""

    RECEIVED = "received"
    CLAIMED = "claimed"
    HANDLED = "handled"
    IGNORED = "ignored"
    DEAD = "dead"
    QUARANTINED = "quarantined"


OPEN_STATES = (InboxState.RECEIVED, InboxState.CLAIMED)
PROBLEM_STATES = (InboxState.DEAD, InboxState.QUARANTINED)


class InboxQuerySet(LeasedQuerySet["InboxEvent"]):
    """Reads of the inbox; the writes are in `particle_integration.inbox`."""

    def next_due(self) -> InboxQuerySet:
        """Return the due events, oldest first."""
        # settled_at is what the partial index asks for; the states alone would not be seen by it.
        due = self.filter(settled_at=None).due(
            ready=[InboxState.RECEIVED], claimed=InboxState.CLAIMED
        )
        return due.order_by("pk")

    def problems(self) -> InboxQuerySet:
        """Return the events that nobody could use, newest first."""
        return self.filter(state__in=PROBLEM_STATES).order_by("-pk")


class InboxEvent(Leased):
    """An event as it came in; durable before anything else happens to it."""

    dedupe_key = models.BinaryField(max_length=32, unique=True, editable=False)
    event_id = models.CharField(  # noqa: DJ001 - unique, and most events carry none
        max_length=MAX_ID_LENGTH,
        null=True,
        unique=True,
        editable=False,
        help_text="the cloud's id, which only a webhook template carries",
    )
    name = models.CharField(max_length=MAX_NAME_LENGTH, editable=False)
    data = models.TextField(blank=True, editable=False)
    particle_device_id = models.CharField(max_length=24, editable=False)
    published_at = models.DateTimeField(null=True, editable=False)
    received_at = models.DateTimeField(default=timezone.now, editable=False)
    particle_user_id = models.CharField(max_length=MAX_ID_LENGTH, blank=True, editable=False)
    particle_product_id = models.PositiveIntegerField(null=True, editable=False)
    firmware_version = models.PositiveIntegerField(null=True, editable=False)
    raw = models.BinaryField(
        null=True, editable=False, help_text="what arrived, of an event that could not be read"
    )
    first_path = models.CharField(max_length=7, choices=Path, editable=False)
    other_path_at = models.DateTimeField(
        null=True, editable=False, help_text="when the other path brought it too"
    )
    state = models.CharField(
        max_length=11, choices=InboxState, default=InboxState.RECEIVED, editable=False
    )
    reason = models.TextField(
        blank=True, editable=False, help_text="why it is ignored, dead or quarantined"
    )
    settled_at = models.DateTimeField(null=True, editable=False)

    objects: InboxQuerySet = InboxQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        ordering = ["-pk"]
        indexes = [
            models.Index(fields=["id"], name="inbox_open", condition=Q(settled_at=None)),
            models.Index(
                fields=["id"], name="inbox_problems", condition=Q(state__in=PROBLEM_STATES)
            ),
            models.Index(fields=["particle_device_id", "-id"], name="inbox_by_device"),
            models.Index(fields=["received_at"], name="inbox_by_time"),
        ]
        constraints = [
            models.CheckConstraint(
                name="inbox_state_is_known", condition=Q(state__in=InboxState.values)
            ),
            models.CheckConstraint(
                name="inbox_path_is_known", condition=Q(first_path__in=Path.values)
            ),
            models.CheckConstraint(
                name="inbox_settled_or_open",
                condition=Q(state__in=OPEN_STATES, settled_at=None)
                | (~Q(state__in=OPEN_STATES) & Q(settled_at__isnull=False)),
            ),
            models.CheckConstraint(
                name="inbox_claimed_under_lease",
                condition=~Q(state=InboxState.CLAIMED)
                | Q(leased_until__isnull=False, lease_token__isnull=False),
            ),
            models.CheckConstraint(
                name="inbox_readable_or_quarantined",
                condition=Q(published_at__isnull=False) | Q(state=InboxState.QUARANTINED),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name or 'unreadable event'} from {self.particle_device_id or 'nowhere'}"

    @property
    def has_come_both_ways(self) -> bool:
        """Whether stream and webhook both brought it."""
        return self.other_path_at is not None

    @property
    def is_late(self) -> bool:
        """Whether it came more than a day after it was published, say because it was replayed."""
        published_at = self.published_at
        return published_at is not None and self.received_at - published_at > timedelta(days=1)


class StreamSession(models.Model):
    """One attempt to open the event stream, and what became of it; the gaps lie between them."""

    asked_at = models.DateTimeField(default=timezone.now, editable=False, db_index=True)
    opened_at = models.DateTimeField(null=True, editable=False)
    closed_at = models.DateTimeField(null=True, editable=False)
    host = models.CharField(max_length=255, editable=False)
    pid = models.PositiveIntegerField(editable=False)
    http_status = models.PositiveSmallIntegerField(null=True, editable=False)
    event_count = models.PositiveBigIntegerField(default=0, editable=False)
    dropped_count = models.PositiveBigIntegerField(
        default=0, editable=False, help_text="events beyond the parser's limits"
    )
    reason = models.TextField(blank=True, editable=False, help_text="why it failed or ended")

    class Meta:
        ordering = ["-asked_at"]

    def __str__(self) -> str:
        return f"stream of {self.pid}@{self.host}, asked {self.asked_at:%Y-%m-%d %H:%M:%S}"

    def save_changes(self, **changes: Any) -> None:
        """Write these fields and no other."""
        for field, value in changes.items():
            setattr(self, field, value)
        self.save(update_fields=list(changes))
