"""Receive, publish, refuse, hide and restore pictures: what may happen to a picture, and who hears.

The functions that settle are called inside `updates.transaction()`, by a worker that holds the
picture's lease; they touch no file.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from django.utils import timezone

from feed.decoding import Rendition
from feed.files import remove_renditions
from feed.models import Picture, PictureState
from feed.serialisers import picture_json
from portal.lib.wakeups import announce
from portal.live import updates

CHANNEL = "pictures"  # for portal.lib.wakeups
_SWEEP_LIMIT = 100  # pictures in one round of looking after hidden ones
_HIDEABLE = (PictureState.RECEIVED, PictureState.CLAIMED, PictureState.HELD)


def receive_pictures(*, pictures: Iterable[Picture]) -> None:
    """Insert pictures, but none whose event or press has one already."""
    # Sorted, because two writers whose batches conflict in different order deadlock (measured).
    rows = sorted(
        pictures, key=lambda one: (one.device_id, one.press_token or "", one.event_id or 0)
    )
    Picture.objects.bulk_create(rows, ignore_conflicts=True)
    announce(CHANNEL)


def publish_picture(
    *, picture: Picture, rendition: Rendition, images: Mapping[str, str], original: str
) -> None:
    """Show a claimed picture, whose files are written, to everybody; hold one that nobody owns.

    Raises LeaseLost when the picture is another worker's by now, or was hidden or deleted.
    """
    changes: dict[str, Any] = {
        "state": PictureState.HELD,
        "width": rendition.width,
        "height": rendition.height,
        "colour": rendition.dominant_colour,
        "placeholder": rendition.placeholder,
        "images": dict(images),
        "original": original,
        "last_error": "",
    }
    if picture.poster_id is not None:
        changes["state"] = PictureState.PUBLISHED
        # One that was hidden goes back to its place.
        changes["published_at"] = picture.published_at or timezone.now()
    _settle(picture, changes)
    if picture.state == PictureState.PUBLISHED:
        updates.append(
            type="feed.picture_added",
            topics=[updates.FEED],
            payload={"picture": picture_json(picture)},
        )


def refuse_picture(*, picture: Picture, reason: str, original: str = "") -> None:
    """Give up a claimed picture for a reason that staff read. Raises LeaseLost."""
    _settle(
        picture,
        {
            "state": PictureState.REFUSED,
            "reason": reason,
            "last_error": "",
            "original": original or picture.original,
        },
    )


def postpone_picture(*, picture: Picture, error: str, delay_seconds: float) -> None:
    """Give a claimed picture back, to be rendered after a delay. Raises LeaseLost."""
    _settle(
        picture,
        {
            "state": PictureState.RECEIVED,
            "last_error": error,
            "next_attempt_at": timezone.now() + timedelta(seconds=delay_seconds),
        },
    )


def hide_picture(*, picture: Picture) -> bool:
    """Take a picture off the feed and off open browsers; False when it is not there to be hidden.

    First the row, then the files: a page that is loaded meanwhile no longer names them.
    """
    mine = Picture.objects.filter(pk=picture.pk)
    with updates.transaction():
        was_published = bool(
            mine.filter(state=PictureState.PUBLISHED).update(state=PictureState.HIDDEN)
        )
        if was_published:
            updates.append(
                type="feed.picture_removed", topics=[updates.FEED], payload={"id": picture.pk}
            )
        # From a worker that is rendering it, it is taken away: that worker loses its lease.
        elif not mine.filter(state__in=_HIDEABLE).update(
            state=PictureState.HIDDEN, lease_token=None, leased_until=None
        ):
            return False
    remove_files_of_hidden(picture=picture)
    return True


def remove_files_of_hidden(*, picture: Picture) -> None:
    """Remove a hidden picture's public files, and note that; may be done again after a kill."""
    hidden = Picture.objects.filter(pk=picture.pk, state=PictureState.HIDDEN)
    images: dict[str, str] | None = hidden.values_list("images", flat=True).first()
    if images:
        remove_renditions(images.values())
        hidden.filter(images=images).update(images={})


def remove_files_left_behind() -> int:
    """Remove the public files of hidden pictures whose hiding was cut short; return how many."""
    hidden = Picture.objects.filter(state=PictureState.HIDDEN).exclude(images={})
    pictures = list(hidden.only("pk")[:_SWEEP_LIMIT])
    for picture in pictures:
        remove_files_of_hidden(picture=picture)
    return len(pictures)


def restore_picture(*, picture: Picture) -> bool:
    """Have a hidden or refused picture rendered anew from its original, which publishes it again.

    False when it is neither, or what the device sent is no longer there.
    """
    with updates.transaction():
        restored = (
            Picture.objects.filter(
                pk=picture.pk, state__in=[PictureState.HIDDEN, PictureState.REFUSED]
            )
            .exclude(original="", event=None)
            .update(
                state=PictureState.RECEIVED, attempts=0, next_attempt_at=timezone.now(), reason=""
            )
        )
        if restored:
            announce(CHANNEL)
    return bool(restored)


def _settle(picture: Picture, changes: dict[str, Any]) -> None:
    Picture.objects.settle([picture], **changes)
    for field, value in changes.items():
        setattr(picture, field, value)
