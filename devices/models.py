"""Products, devices, and the outbox of function calls."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q
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
        validators=[RegexValidator(r"^[0-9a-f]{24}\Z", _("24 hexadecimal digits, in small letters."))],
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
        null=True, blank=True, editable=False, help_text="when the cloud published that status"
    )
    last_heard_at = models.DateTimeField(null=True, blank=True, editable=False)
    functions = models.JSONField(default=list, blank=True, editable=False)
    firmware_version = models.IntegerField(null=True, blank=True, editable=False)
    vitals = models.JSONField(default=dict, blank=True, editable=False)
    described_at = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="when the cloud last told its functions"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes = [models.Index(fields=["owner", "name"], name="devices_of_owner")]
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
    """Reads of the outbox."""


class FunctionCall(Leased):
    """A request to run a named function on a device with one string, answered by an integer."""

    device = models.ForeignKey(Device, on_delete=models.CASCADE, related_name="calls")
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
    dance_count = models.PositiveIntegerField(default=0, help_text="likes that this call dances for")
    state = models.CharField(
        max_length=10, choices=FunctionCallState.choices, default=FunctionCallState.QUEUED
    )
    asked_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True, blank=True, editable=False)
    settled_at = models.DateTimeField(null=True, blank=True, editable=False)
    seconds = models.FloatField(null=True, blank=True, editable=False, help_text="from request to answer")
    return_value = models.IntegerField(null=True, blank=True, editable=False)

    objects: ClassVar[FunctionCallQuerySet] = FunctionCallQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        ordering = ["pk"]
        indexes = [
            models.Index(
                fields=["next_attempt_at", "id"],
                condition=Q(state__in=["queued", "waiting"]),
                name="calls_due",
            ),
            models.Index(
                fields=["leased_until"],
                condition=Q(state__in=["claimed", "sending"]),
                name="calls_under_lease",
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["device"],
                condition=Q(state__in=["claimed", "sending"]),
                name="one_call_under_way_per_device",
            ),
            models.UniqueConstraint(
                fields=["device"],
                condition=Q(cause="like", state__in=["queued", "waiting"]),
                name="one_open_dance_per_device",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.function}({self.argument}) on {self.device_id}: {self.state}"
