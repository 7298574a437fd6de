"""Errors of the feed.

FeedError
├── InvalidPicture    the picture, or what an event says of it, will never do: permanent
└── RenderingFailed   no verdict was reached (children died, the machine stood still): try again

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


class InvalidPicture(FeedError):
    """These bytes, or this event's data, can never become a picture."""


class RenderingFailed(FeedError):
    """The picture may well be good: ask again later, a bounded number of times."""

    is_permanent = False
