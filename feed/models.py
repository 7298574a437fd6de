"""Pictures, and the likes on them."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from datetime import datetime
from typing import ClassVar

from django.db import models
from django.db.models import F, Q
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from devices.models import Device, FunctionCall
from particle_integration.models import InboxEvent
from portal.customers.models import Customer
from portal.lib.leases import Leased, LeasedQuerySet

MAX_CAPTION_CHARACTERS = 280


def new_picture_key() -> str:
    """Return a random name for a picture's files; its number would let strangers count."""
    return secrets.token_hex(12)


class PictureState(models.TextChoices):
    """Where a picture stands."""

    RECEIVED = "received", _("received")
    CLAIMED = "claimed", _("claimed")
    PUBLISHED = "published", _("published")
    HELD = "held", _("held: nobody owns the device")
    REFUSED = "refused", _("refused")
    HIDDEN = "hidden", _("hidden")


class PictureQuerySet(LeasedQuerySet["Picture"]):
    """Reads of the timeline."""

    def published(self) -> PictureQuerySet:
        """Return what everybody may see, newest first."""
        return self.filter(state=PictureState.PUBLISHED).order_by("-published_at", "-id")

    def with_people(self) -> PictureQuerySet:
        """Load poster and device along, for rendering."""
        return self.select_related("poster", "device")

    def for_cards(self) -> PictureQuerySet:
        """Load what a card shows and no more: half of a page's time goes into making objects."""
        return self.with_people().only(
            *("caption", "published_at", "like_count", "danced_like_count", "danced_seconds"),
            *("width", "height", "colour", "placeholder", "images", "poster", "device"),
            *("poster__handle", "poster__display_name", "device__name"),
        )

    def older_than(self, published_at: datetime, picture_id: int) -> PictureQuerySet:
        """Return what comes after this place of the timeline, which may be empty meanwhile."""
        # Not one OR over both columns: in this form the index finds the place at once.
        return self.filter(published_at__lte=published_at).filter(
            Q(published_at__lt=published_at) | Q(id__lt=picture_id)
        )

    def next_due(self) -> PictureQuerySet:
        """Return the pictures to render now with their people, the longest due first."""
        due = self.due(ready=[PictureState.RECEIVED], claimed=PictureState.CLAIMED)
        return due.with_people().order_by("next_attempt_at", "pk")


class Picture(Leased):
    """An image posted from an event."""

    key = models.CharField(max_length=24, unique=True, default=new_picture_key, editable=False)
    device = models.ForeignKey(Device, on_delete=models.PROTECT, related_name="pictures")
    poster = models.ForeignKey(
        Customer, on_delete=models.CASCADE, null=True, blank=True, related_name="pictures"
    )
    event = models.OneToOneField(
        InboxEvent, on_delete=models.SET_NULL, null=True, editable=False, related_name="picture"
    )
    press_token = models.CharField(max_length=64, null=True, blank=True, editable=False)  # noqa: DJ001 - null takes no part in "one picture per press"
    caption = models.CharField(max_length=MAX_CAPTION_CHARACTERS, blank=True, default="")
    state = models.CharField(
        max_length=10, choices=PictureState.choices, default=PictureState.RECEIVED
    )
    reason = models.TextField(
        blank=True, default="", editable=False, help_text="why it is refused, in words for staff"
    )
    pressed_at = models.DateTimeField(help_text="when the cloud published the event")
    received_at = models.DateTimeField(auto_now_add=True)
    published_at = models.DateTimeField(null=True, blank=True, editable=False)
    original = models.CharField(max_length=120, blank=True, default="", editable=False)
    width = models.PositiveIntegerField(default=0, editable=False)
    height = models.PositiveIntegerField(default=0, editable=False)
    colour = models.CharField(max_length=7, blank=True, default="", editable=False)
    placeholder = models.TextField(blank=True, default="", editable=False)
    images = models.JSONField(
        default=dict, editable=False, help_text="file name in public storage by width in pixels"
    )
    like_count = models.PositiveIntegerField(default=0, editable=False)
    danced_like_count = models.PositiveIntegerField(default=0, editable=False)
    danced_seconds = models.FloatField(null=True, blank=True, editable=False)

    objects: ClassVar[PictureQuerySet] = PictureQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        indexes = [
            models.Index(
                F("published_at").desc(),
                F("id").desc(),
                condition=Q(state="published"),
                name="pictures_timeline",
            ),
            models.Index(
                fields=["next_attempt_at", "id"], condition=Q(state="received"), name="pictures_due"
            ),
            models.Index(
                fields=["leased_until"], condition=Q(state="claimed"), name="pictures_under_lease"
            ),
            models.Index(fields=["id"], condition=Q(state="hidden"), name="pictures_hidden"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["device", "press_token"], name="one_picture_per_press"),
            models.CheckConstraint(
                condition=~Q(state="published")
                | Q(poster__isnull=False, published_at__isnull=False),
                name="published_pictures_have_a_poster",
            ),
            models.CheckConstraint(
                condition=Q(state__in=PictureState.values), name="picture_state_is_known"
            ),
            models.CheckConstraint(
                condition=~Q(state="claimed")
                | Q(leased_until__isnull=False, lease_token__isnull=False),
                name="pictures_claimed_have_a_lease",
            ),
        ]

        permissions = [("hide_picture", "Can hide and restore a picture")]

    def __str__(self) -> str:
        return self.caption or f"picture {self.pk}"

    def get_absolute_url(self) -> str:
        """Return the address of its own page."""
        return reverse("feed:picture", args=[self.pk])


class LikeQuerySet(models.QuerySet["Like"]):
    """Reads of likes."""

    def picture_ids_liked_by(self, user_id: int, picture_ids: Iterable[int]) -> set[int]:
        """Return which of these pictures the user likes, in one query."""
        active = self.filter(is_active=True, customer__user_id=user_id)
        return set(active.filter(picture_id__in=picture_ids).values_list("picture_id", flat=True))


class Like(models.Model):
    """One customer's mark on one picture; taken back, the row stays, so it dances once."""

    picture = models.ForeignKey(Picture, on_delete=models.CASCADE, related_name="likes")
    customer = models.ForeignKey(Customer, on_delete=models.CASCADE, related_name="likes")
    is_active = models.BooleanField(default=True)
    liked_at = models.DateTimeField()
    dance_asked_at = models.DateTimeField(
        null=True,
        blank=True,
        editable=False,
        help_text="when its one dance was asked for; outlives the call's row",
    )
    call = models.ForeignKey(
        FunctionCall,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="likes",
        help_text="the one call that dances for this like",
    )

    objects: ClassVar[LikeQuerySet] = LikeQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["picture", "customer"], name="like_once_per_customer"),
        ]

    def __str__(self) -> str:
        return f"{self.customer_id} likes {self.picture_id}"
