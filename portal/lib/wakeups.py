"""Wake-ups: learn at once that the database changed. Always a hint; the table is the truth.

SQLite: `PRAGMA data_version` on a connection of its own changes with every commit of any other
(5 microseconds a look). PostgreSQL: LISTEN on an unpooled connection of its own.
"""

from __future__ import annotations

import logging
import sqlite3
import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import psycopg
from django.db import connection, connections

logger = logging.getLogger(__name__)

_LOOK_SECONDS = 0.02  # between looks: a press is on the screen within a blink
_PREFIX = "portal_"


def announce(channel: str) -> None:
    """Wake who watches `channel` once this transaction commits; on SQLite the commit does."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_notify(%s, '')", [_PREFIX + channel])


class Watcher(Protocol):
    """Waits for a change. Belongs to one thread."""

    def wait(self, timeout_seconds: float, *, until: Callable[[], bool]) -> bool:
        """Return True once something may have changed; False after the time, or when `until()`."""

    def close(self) -> None:
        """Let go of the connection."""


def watch(channels: Sequence[str]) -> Watcher:
    """Return a watcher for the default database; changes from this call on count."""
    if connection.vendor == "postgresql":
        return PostgresWatcher(channels)
    return SqliteWatcher()


class SqliteWatcher:
    """Looks at `data_version`: sees every commit, whatever the channel."""

    def __init__(self) -> None:
        name = str(connections["default"].settings_dict["NAME"])
        self._connection = sqlite3.connect(name, timeout=1.0, check_same_thread=False)
        self._version = self._look()

    def _look(self) -> int:
        version: int = self._connection.execute("PRAGMA data_version").fetchone()[0]
        return version

    def wait(self, timeout_seconds: float, *, until: Callable[[], bool]) -> bool:
        """Return True once another connection committed."""
        deadline = time.monotonic() + timeout_seconds
        while not until():
            version = self._look()
            if version != self._version:
                self._version = version
                return True
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                return False
            time.sleep(min(_LOOK_SECONDS, remaining))
        return False

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


class PostgresWatcher:
    """LISTENs; when the connection is lost it connects again, and until then polls."""

    def __init__(self, channels: Sequence[str]) -> None:
        self._channels = [_PREFIX + channel for channel in channels]
        self._connection: psycopg.Connection[Any] | None = None
        self._connect()

    def _connect(self) -> None:
        params = dict(connections["default"].get_connection_params())
        params.pop("pool", None)
        params.pop("cursor_factory", None)
        params.pop("context", None)
        self._connection = psycopg.connect(**params, autocommit=True)
        for channel in self._channels:
            self._connection.execute(
                psycopg.sql.SQL("LISTEN {}").format(psycopg.sql.Identifier(channel))
            )

    def wait(self, timeout_seconds: float, *, until: Callable[[], bool]) -> bool:
        """Return True once a notification came, or the connection was made anew."""
        deadline = time.monotonic() + timeout_seconds
        while not until():
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                return False
            try:
                if self._connection is None:
                    self._connect()
                    return True  # what was announced meanwhile is unknown: look
                # Short slices, so that a stop is seen; a notification ends a slice at once.
                slice_seconds = min(0.2, remaining)
                for _ in self._connection.notifies(timeout=slice_seconds, stop_after=1):
                    return True
            except psycopg.Error as error:
                logger.warning("lost the connection that listens for changes: %r", error)
                self.close()
                time.sleep(min(0.2, remaining))
        return False

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
