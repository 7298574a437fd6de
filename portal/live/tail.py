"""The one reader of the updates in a web process: a thread with its own database connection.

It is woken by `portal.lib.wakeups`, looks every second in any case, survives the loss of the
database, and encodes each update once. What it read goes to the event loop in batches.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from django.db import connection

from portal.lib.backoff import full_jitter_seconds
from portal.lib.wakeups import watch
from portal.live import history, updates
from portal.live.messages import EncodedUpdate

logger = logging.getLogger(__name__)

POLL_SECONDS = 1.0  # behind the wake-ups, which are only hints
_STOP_LOOK_SECONDS = 0.05
_MAX_BATCHES_AHEAD = 8  # the event loop has not come round to them yet: do not read on


class Listener(Protocol):
    """Who hears the tail; all calls happen in the event loop."""

    batches_taken: int

    def begin(self, number: int, epoch: str) -> None:
        """Start at `number`: at first, and again whenever the history was lost."""

    def take(self, batch: Sequence[EncodedUpdate]) -> None:
        """Take the next updates."""


class Tail(threading.Thread):
    """Follows the table until `stop()`; a daemon, so that no server waits for it."""

    def __init__(self, listener: Listener, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(name="live-tail", daemon=True)
        self._listener = listener
        self._loop = loop
        self._is_stopped = False  # a plain attribute: nothing waits for it
        self._number: int | None = None
        self._epoch = ""
        self._batches_sent = 0
        self._failures_in_a_row = 0

    def stop(self) -> None:
        """Ask for the end; returns at once."""
        self._is_stopped = True

    def run(self) -> None:
        """Follow the table; on any error let go of the connection, wait and go on."""
        while not self._is_stopped:
            try:
                self._follow()
            except Exception as error:  # the outermost frame: without its tail a process is deaf
                pause_seconds = full_jitter_seconds(
                    self._failures_in_a_row, base_seconds=0.1, cap_seconds=5.0
                )
                self._failures_in_a_row += 1
                if not self._is_stopped:
                    logger.exception(
                        "the tail of the updates failed (%s), again in %.1f s",
                        type(error).__name__,
                        pause_seconds,
                    )
                _close_connection()
                self._pause(pause_seconds)
        _close_connection()

    def _follow(self) -> None:
        watcher = watch((updates.CHANNEL,))  # before the first look: nothing falls between
        try:
            self._find_place()
            while not self._is_stopped:
                self._read_on()
                self._failures_in_a_row = 0
                if not watcher.wait(POLL_SECONDS, until=self._stopped):
                    self._find_place()  # a database restored under us says nothing by itself
        finally:
            watcher.close()

    def _stopped(self) -> bool:
        return self._is_stopped

    def _find_place(self) -> None:
        """Begin at the newest number; go on from the last one if it is the same history."""
        position = updates.snapshot()
        is_same = self._epoch == position["epoch"] and (self._number or 0) <= position["number"]
        if self._number is not None and is_same:
            return
        self._number, self._epoch = position["number"], position["epoch"]
        self._post(self._listener.begin, self._number, self._epoch)

    def _read_on(self) -> None:
        while not self._is_stopped and self._number is not None:
            batch = history.page_after(self._number)
            if not batch:
                return
            self._number = batch[-1].number
            self._post(self._listener.take, batch)
            self._batches_sent += 1
            while self._batches_sent - self._listener.batches_taken > _MAX_BATCHES_AHEAD:
                if self._stopped():
                    return
                time.sleep(_STOP_LOOK_SECONDS)

    def _post(self, callback: Callable[..., None], *arguments: Any) -> None:
        if self._is_stopped:
            return
        try:
            self._loop.call_soon_threadsafe(callback, *arguments)
        except RuntimeError:  # the loop is closed: the server has left, and so do we
            self._is_stopped = True

    def _pause(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while not self._is_stopped and time.monotonic() < until:
            time.sleep(_STOP_LOOK_SECONDS)


def _close_connection() -> None:
    try:
        connection.close()
    except Exception:
        logger.exception("could not close the connection of the tail")
