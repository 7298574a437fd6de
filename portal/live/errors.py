"""What can go wrong on the live wire.

LiveError
├── AppendedOutsideTransaction   a use case appended without `updates.transaction()`
├── InvalidUpdate                an update that no browser could read
├── HostileMessage               a browser said what nobody should; carries the close code
└── SocketClosed                 this end decided to close a socket; carries the close code
"""

from __future__ import annotations

from enum import IntEnum


class CloseCode(IntEnum):
    """Why this end closed a socket: the last three digits mean what they mean in HTTP."""

    MALFORMED = 4400  # not JSON, not an object, or not one of the messages in docs/live-updates.md
    SIGN_IN = 4401
    FORBIDDEN = 4403
    NOT_ACKNOWLEDGED = 4408  # a refill waited for an acknowledgement in vain
    RESET = 4409  # behind a `reset`: load the page anew
    TOO_BIG = 4413
    BINARY = 4415
    TOO_MANY = 4429
    UNAVAILABLE = 4503  # the database is away: come again


class LiveError(Exception):
    """The root of this app's errors."""


class AppendedOutsideTransaction(LiveError):
    """`append` was called without `updates.transaction()` around it."""


class InvalidUpdate(LiveError, ValueError):
    """The type, the topics or the payload of an update cannot be sent as they are."""


class SocketClosed(LiveError):
    """The socket must be closed with `code`."""

    def __init__(self, code: CloseCode, reason: str) -> None:
        super().__init__(f"{code}: {reason}")
        self.code = code
        self.reason = reason


class HostileMessage(SocketClosed):
    """A message from a browser that breaks the rules."""
