"""Every error of this app.

DevicesError
└── CallRefused              the call is not put into the outbox
    ├── FunctionNameInvalid  nothing a device could expose
    ├── ArgumentTooLong      more bytes than any device takes
    └── DanceNotQueued       other likes were always quicker; ask again
"""

from __future__ import annotations


class DevicesError(Exception):
    """Anything that goes wrong about devices and calls."""


class CallRefused(DevicesError):
    """The call is not put into the outbox; the message is fit for the person who asked."""


class FunctionNameInvalid(CallRefused):
    """The name is nothing that a device could expose."""


class ArgumentTooLong(CallRefused):
    """The argument has more bytes than a device takes."""


class DanceNotQueued(CallRefused):
    """Neither joining nor making the device's dance succeeded in several tries."""
