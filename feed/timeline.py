"""Pages of the timeline, found by place instead of by count, so that no page gets slower."""

from __future__ import annotations

import base64
import binascii
import struct
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Self

from feed.errors import InvalidCursor
from feed.models import Picture, PictureQuerySet

PAGE_SIZE = 20
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FORMAT = struct.Struct(">qq")


@dataclass(frozen=True)
class Cursor:
    """A place between two pictures of the timeline; as text it means nothing to anybody else."""

    published_at: datetime
    picture_id: int

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Read what `str()` made. Raises InvalidCursor."""
        try:
            packed = base64.urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
            microseconds, picture_id = _FORMAT.unpack(packed)
            return cls(_EPOCH + timedelta(microseconds=microseconds), picture_id)
        except (ValueError, binascii.Error, struct.error, OverflowError) as error:
            raise InvalidCursor(f"{text[:60]!r} is no place in the timeline.") from error

    def __str__(self) -> str:
        microseconds = (self.published_at - _EPOCH) // timedelta(microseconds=1)
        packed = _FORMAT.pack(microseconds, self.picture_id)
        return base64.urlsafe_b64encode(packed).rstrip(b"=").decode("ascii")


@dataclass(frozen=True)
class TimelinePage:
    """Some pictures, loaded for their cards, newest first, and where the next page begins."""

    pictures: list[Picture]
    next_cursor: Cursor | None


def timeline_page(
    pictures: PictureQuerySet, *, before: str = "", size: int = PAGE_SIZE
) -> TimelinePage:
    """Return the page after the place `before`, or the first one. Raises InvalidCursor."""
    if before:
        cursor = Cursor.from_text(before)
        pictures = pictures.older_than(cursor.published_at, cursor.picture_id)
    found = list(pictures.for_cards()[: size + 1])
    shown = found[:size]
    if len(found) <= size or shown[-1].published_at is None:
        return TimelinePage(shown, None)
    return TimelinePage(shown, Cursor(shown[-1].published_at, shown[-1].pk))
