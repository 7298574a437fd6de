"""What became of the dances that likes asked for: the picture's card tells its viewers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db.models import Count, F, Min
from django.utils import timezone

from devices.models import FunctionCall, FunctionCallCause, FunctionCallState
from feed.models import Like, Picture, PictureState
from feed.serialisers import danced_json
from portal.live import updates


def tell_dances(calls: Sequence[FunctionCall]) -> None:
    """Note on each picture the likes that its device just danced for, and append `feed.danced`.

    The hook for settled calls: runs inside the settling `updates.transaction()`, once per call.
    """
    answered_at = {
        call.pk: call.settled_at or timezone.now() for call in calls if _has_danced(call)
    }
    if not answered_at:
        return
    # In the order of the pictures: two workers that settle at once lock them in the same order.
    danced = (
        Like.objects.filter(call__in=answered_at.keys())
        .values("picture_id", "call_id")
        .annotate(likes=Count("pk"), asked_at=Min("dance_asked_at"))
        .order_by("picture_id", "call_id")
    )
    for row in danced:
        _note(
            picture_id=row["picture_id"],
            like_count=row["likes"],
            asked_at=row["asked_at"],
            answered_at=answered_at[row["call_id"]],
        )


def _has_danced(call: FunctionCall) -> bool:
    """Tell whether a like's dance was danced: a device that could not answers below 0."""
    return (
        call.cause == FunctionCallCause.LIKE
        and call.state == FunctionCallState.SUCCEEDED
        and call.return_value is not None
        and call.return_value >= 0
    )


def _note(
    *, picture_id: int, like_count: int, asked_at: datetime | None, answered_at: datetime
) -> None:
    seconds = (answered_at - asked_at).total_seconds() if asked_at else 0.0
    Picture.objects.filter(pk=picture_id).update(
        danced_like_count=F("danced_like_count") + like_count,
        danced_seconds=round(max(0.0, seconds), 2),
    )
    # Our own update locks the row until the commit: what is read here stays so.
    picture = Picture.objects.get(pk=picture_id)
    if picture.state == PictureState.PUBLISHED:
        updates.append(
            type="feed.danced",
            topics=[updates.FEED],
            payload={"id": picture_id, **(danced_json(picture) or {})},
        )
