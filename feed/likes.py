"""Like and unlike a picture; a like has the poster's device dance, once and for all.

Like, count and call are one transaction. The row is kept when a like is taken back, so that liking
again dances again only if the first dance was taken out before anybody called the device.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import F
from django.utils import timezone

from devices.function_calls import ask_for_dance, withdraw_dance
from feed.errors import PictureNotPublished
from feed.models import Like, Picture
from portal.customers.models import Customer
from portal.live import updates


@dataclass(frozen=True)
class LikeOutcome:
    """How a picture stands with one customer after a like or unlike."""

    picture_id: int
    like_count: int
    is_liked: bool


def like_picture(*, picture_id: int, customer: Customer) -> LikeOutcome:
    """Have the customer like a published picture; a second like changes nothing.

    Raises PictureNotPublished; devices.errors.DanceNotQueued when it has to be tried again.
    """
    with updates.transaction():
        picture = _locked(picture_id)
        like, is_new = Like.objects.get_or_create(
            picture=picture, customer=customer, defaults={"liked_at": timezone.now()}
        )
        if like.is_active and not is_new:
            return LikeOutcome(picture.pk, picture.like_count, is_liked=True)
        like.is_active = True
        like.liked_at = timezone.now()
        _ask_once(like, picture, customer)
        like.save(update_fields=["is_active", "liked_at", "dance_asked_at", "call"])
        return _count(picture, +1)


def unlike_picture(*, picture_id: int, customer: Customer) -> LikeOutcome:
    """Take the customer's like back; without one nothing changes. Raises PictureNotPublished."""
    with updates.transaction():
        picture = _locked(picture_id)
        like = (
            Like.objects.filter(picture=picture, customer=customer, is_active=True)
            .select_related("call")
            .first()
        )
        if like is None:
            return LikeOutcome(picture.pk, picture.like_count, is_liked=False)
        like.is_active = False
        if like.call is not None and withdraw_dance(call=like.call):
            like.call = None
            like.dance_asked_at = None
        like.save(update_fields=["is_active", "dance_asked_at", "call"])
        return _count(picture, -1)


def toggle_like(*, picture_id: int, customer: Customer) -> LikeOutcome:
    """Like what the customer does not like yet, else take it back. Raises as `like_picture`."""
    with updates.transaction():
        mine = Like.objects.filter(picture=_locked(picture_id), customer=customer, is_active=True)
        change = unlike_picture if mine.exists() else like_picture
        return change(picture_id=picture_id, customer=customer)


def _locked(picture_id: int) -> Picture:
    """Lock the picture until the commit: likes of one picture wait for each other."""
    locked = Picture.objects.published().select_for_update(no_key=True, of=("self",))
    picture = locked.select_related("device").filter(pk=picture_id).first()
    if picture is None:
        raise PictureNotPublished(f"There is no picture {picture_id} on the feed.")
    return picture


def _ask_once(like: Like, picture: Picture, customer: Customer) -> None:
    """Ask for the like's dance, unless it was asked before or the device has a new owner."""
    if like.dance_asked_at is None and picture.device.owner_id == picture.poster_id:
        like.call = ask_for_dance(device=picture.device, asked_by=customer.user)
        like.dance_asked_at = like.liked_at


def _count(picture: Picture, change: int) -> LikeOutcome:
    like_count = picture.like_count + change  # as locked
    Picture.objects.filter(pk=picture.pk).update(like_count=F("like_count") + change)
    updates.append(
        type="feed.likes_changed",
        topics=[updates.FEED],
        payload={"id": picture.pk, "likes": like_count},
    )
    return LikeOutcome(picture.pk, like_count, is_liked=change > 0)
