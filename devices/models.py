"""Products, devices, and the outbox of function calls."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from portal.customers.models import Customer
from portal.lib.leases import Leased, LeasedQuerySet

MAX_ARGUMENT_BYTES = 1_024  # Device OS 3 and later; older ones take less (particle-cloud.md, 3)


class Product(models.Model):
    """The fleet definition at the cloud that devices belong to."""

    particle_product_id = models.BigIntegerField(_("product id"), unique=True)
    slug = models.CharField(max_length=100, blank=True, default="")
    name = models.CharField(max_length=100, blank=True, default="")

    def __str__(self) -> str:
        return self.name or self.slug or str(self.particle_product_id)


class Device(models.Model):
    """One unit with a cloud device id."""

    particle_device_id = models.CharField(
        _("device id"),
        max_length=24,
        unique=True,
        validators=[
            RegexValidator(r"^[0-9a-f]{24}\Z", _("24 hexadecimal digits, in small letters."))
        ],
    )
    product = models.ForeignKey(
        Product, on_delete=models.PROTECT, null=True, blank=True, related_name="devices"
    )
    owner = models.ForeignKey(
        Customer, on_delete=models.SET_NULL, null=True, blank=True, related_name="devices"
    )
    name = models.CharField(max_length=100, blank=True, default="")
    is_online = models.BooleanField(default=False, editable=False)
    status_at = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="the moment for which that is known"
    )
    last_heard_at = models.DateTimeField(null=True, blank=True, editable=False)
    functions = models.JSONField(default=list, blank=True, editable=False)
    firmware_version = models.IntegerField(null=True, blank=True, editable=False)
    vitals = models.JSONField(default=dict, blank=True, editable=False)
    described_at = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="when the cloud last told its functions"
    )
    describe_at = models.DateTimeField(
        null=True,
        blank=True,
        default=timezone.now,
        editable=False,
        help_text="when to ask the cloud for name and functions; empty when they are known",
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes = [
            models.Index(fields=["owner", "name"], name="devices_of_owner"),
            models.Index(
                fields=["describe_at"],
                condition=Q(describe_at__isnull=False),
                name="devices_to_describe",
            ),
        ]
        permissions = [("call_device", "Can call a function of a device")]

    def __str__(self) -> str:
        return self.name or self.particle_device_id


class FunctionCallState(models.TextChoices):
    """Where a call stands; design.md, "Function calls", draws the arrows."""

    QUEUED = "queued", _("queued")
    WAITING = "waiting", _("waiting for the device")
    CLAIMED = "claimed", _("claimed")
    SENDING = "sending", _("sending")
    SUCCEEDED = "succeeded", _("succeeded")
    FAILED = "failed", _("failed")
    UNCLEAR = "unclear", _("unclear")
    EXPIRED = "expired", _("expired")


OPEN_STATES = ("queued", "waiting")  # not yet taken: likes may join, an unlike may leave
UNDER_WAY_STATES = ("claimed", "sending")


class FunctionCallCause(models.TextChoices):
    """Why a call was asked for."""

    LIKE = "like", _("like")
    STAFF = "staff", _("staff")


class FunctionCallQuerySet(LeasedQuerySet["FunctionCall"]):
    """Reads of the outbox; the writes are in `devices.function_calls` and `devices.outbox`."""

    def not_settled(self) -> FunctionCallQuerySet:
        """Return what still has to be done or answered."""
        # settled_at is what the partial indexes ask for: SQLite would not see it from the states.
        return self.filter(settled_at=None)

    def still_open(self) -> FunctionCallQuerySet:
        """Return what no worker has taken yet."""
        return self.not_settled().filter(state__in=OPEN_STATES)

    def next_due(self) -> FunctionCallQuerySet:
        """Return the calls to make now, with their devices: per device the oldest, if none is out.

        One snapshot offers at most one call per device, so that workers cannot overtake each other.
        """
        others = FunctionCall.objects.not_settled().filter(device=OuterRef("device"))
        return (
            self.still_open()
            .filter(
                ~Exists(others.filter(state__in=UNDER_WAY_STATES)),
                ~Exists(others.filter(state__in=OPEN_STATES, pk__lt=OuterRef("pk"))),
                next_attempt_at__lte=timezone.now(),
            )
            .select_related("device")
            .order_by("next_attempt_at", "pk")
        )

    def lapsed(self) -> FunctionCallQuerySet:
        """Return the calls whose worker died or lost touch."""
        return self.filter(
            settled_at=None, state__in=UNDER_WAY_STATES, leased_until__lte=timezone.now()
        )

    def newest_of(self, device: Device) -> FunctionCallQuerySet:
        """Return a device's calls with who asked, newest first."""
        return self.filter(device=device).select_related("asked_by").order_by("-pk")


class FunctionCall(Leased):
    """A request to run a named function on a device with one string, answered by an integer."""

    device = models.ForeignKey(
        Device, on_delete=models.CASCADE, related_name="calls", db_index=False
    )
    function = models.CharField(max_length=64)
    argument = models.CharField(max_length=MAX_ARGUMENT_BYTES, blank=True, default="")
    cause = models.CharField(max_length=10, choices=FunctionCallCause.choices)
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="asked_calls",
    )
    dance_count = models.PositiveIntegerField(
        default=0, help_text="likes that this call dances for"
    )
    is_joinable = models.BooleanField(
        default=False, editable=False, help_text="likes join it while it is open"
    )
    state = models.CharField(
        max_length=10, choices=FunctionCallState.choices, default=FunctionCallState.QUEUED
    )
    asked_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True, blank=True, editable=False)
    settled_at = models.DateTimeField(null=True, blank=True, editable=False)
    seconds = models.FloatField(
        null=True, blank=True, editable=False, help_text="from request to answer"
    )
    return_value = models.IntegerField(null=True, blank=True, editable=False)

    objects: ClassVar[FunctionCallQuerySet] = FunctionCallQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        ordering = ["pk"]
        indexes = [
            models.Index(fields=["device", "-id"], name="calls_of_device"),
            models.Index(
                fields=["next_attempt_at", "id"], condition=Q(settled_at=None), name="calls_due"
            ),
            models.Index(
                fields=["device", "id"], condition=Q(settled_at=None), name="calls_not_settled"
            ),
            models.Index(
                fields=["expires_at"], condition=Q(settled_at=None), name="calls_by_expiry"
            ),
            models.Index(
                fields=["leased_until"],
                condition=Q(leased_until__isnull=False),
                name="calls_under_lease",
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["device"],
                condition=Q(state__in=["claimed", "sending"]),
                name="one_call_under_way_per_device",
            ),
            # A dance that comes back from an offline device may find its successor waiting already:
            # then both are open, and likes join the successor.
            models.UniqueConstraint(
                fields=["device"],
                condition=Q(is_joinable=True, state__in=["queued", "waiting"]),
                name="one_joinable_dance_per_device",
            ),
            models.CheckConstraint(
                condition=Q(
                    state__in=["queued", "waiting", "claimed", "sending"], settled_at__isnull=True
                )
                | Q(
                    state__in=["succeeded", "failed", "unclear", "expired"],
                    settled_at__isnull=False,
                ),
                name="calls_are_settled_or_not",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=["claimed", "sending"])
                | Q(lease_token__isnull=False, leased_until__isnull=False),
                name="calls_under_way_have_a_lease",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.function}({self.argument}) on {self.device_id}: {self.state}"

    @property
    def is_settled(self) -> bool:
        """Whether it has come to its end."""
        return self.settled_at is not None
