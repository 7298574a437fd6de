"""Errors of the feed.

FeedError
├── InvalidCursor         what should say where a page of the timeline begins says nothing
├── InvalidPicture        the picture, or what an event says of it, will never do: permanent
├── PictureNotPublished   nobody may see it (any more), so nobody may like it
└── RenderingFailed       no verdict was reached (children died, the machine stood still): try again

No Django here: the child process that decodes pictures imports this module.
"""

from __future__ import annotations

from typing import ClassVar


class FeedError(Exception):
    """Anything the feed refuses or fails at. `reason` is a sentence that staff read."""

    is_permanent: ClassVar[bool] = True

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class InvalidCursor(FeedError):
    """A link to a page of the timeline is broken."""


class InvalidPicture(FeedError):
    """These bytes, or this event's data, can never become a picture."""


class PictureNotPublished(FeedError):
    """It is not on the feed: never was, or was hidden or deleted."""


class RenderingFailed(FeedError):
    """The picture may well be good: ask again later, a bounded number of times."""

    is_permanent = False
