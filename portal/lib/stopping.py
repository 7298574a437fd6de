"""Clean stops: SIGTERM and SIGINT interrupt a wait, and only raise a flag during work.

A handler never calls `threading.Event.set()`: it can block for good on the lock that the
interrupted wait holds (measured); a plain attribute cannot.
"""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

logger = logging.getLogger(__name__)

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Stop:
    """Whether this process was asked to stop. Threads poll `requested`; the main one waits."""

    def __init__(self) -> None:
        self.requested = False
        self._is_interruptible = False

    def request(self) -> None:
        """Ask for the stop from inside the process."""
        self.requested = True

    @contextmanager
    def on_signals(self) -> Iterator[None]:
        """Take SIGTERM and SIGINT as the request while inside; a second one leaves at once."""
        previous = {signum: signal.signal(signum, self._handle) for signum in _SIGNALS}
        try:
            yield
        finally:
            for signum, handler in previous.items():
                signal.signal(signum, handler)

    @contextmanager
    def interruptible(self) -> Iterator[None]:
        """Let a signal raise KeyboardInterrupt inside: around a wait or a read, never work."""
        self._is_interruptible = True
        try:
            if self.requested:  # it came between the caller's last look and this block
                raise KeyboardInterrupt
            yield
        finally:
            self._is_interruptible = False

    def _handle(self, signum: int, frame: FrameType | None) -> None:
        if self.requested:
            signal.signal(signum, signal.SIG_DFL)
            os.kill(os.getpid(), signum)
            return
        self.requested = True
        if self._is_interruptible:
            raise KeyboardInterrupt
