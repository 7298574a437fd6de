"""The account of event streams opened, kept in the database because all listeners share a limit.

The cloud allows 100 openings in 5 minutes and from one address. While the database is away the
account is silent: the listener must hear the cloud all the same.
"""

from __future__ import annotations

import logging
import os
import socket
from datetime import timedelta

from django.db import DatabaseError, InterfaceError
from django.utils import timezone

from particle_integration.models import StreamSession
from portal.lib.runloop import reset_broken_connection

logger = logging.getLogger(__name__)

MAX_OPENINGS = 90  # of 100: two listeners may look at the same moment
WINDOW = timedelta(minutes=5)


class StreamAccount:
    """Writes down each attempt of this process; one thread uses it."""

    def __init__(self) -> None:
        self._host = socket.gethostname()
        self._session: StreamSession | None = None

    def seconds_until_allowed(self) -> float:
        """Return how long to wait before the next opening, 0 when there is room."""
        since = timezone.now() - WINDOW
        try:
            recent = StreamSession.objects.filter(asked_at__gt=since).order_by("-asked_at")
            limiting = recent.values_list("asked_at", flat=True)[MAX_OPENINGS - 1 : MAX_OPENINGS]
            return max((asked_at - since).total_seconds() for asked_at in limiting)
        except ValueError:
            return 0.0  # fewer than the limit
        except (DatabaseError, InterfaceError) as error:
            self._complain(error)
            return 0.0

    def ask(self) -> None:
        """Note that a stream is about to be opened."""
        self._session = None
        try:
            self._session = StreamSession.objects.create(host=self._host, pid=os.getpid())
        except (DatabaseError, InterfaceError) as error:
            self._complain(error)

    def open(self) -> None:
        """Note that the stream is open."""
        self._save(opened_at=timezone.now(), http_status=200)

    def close(self, *, reason: str, status: int | None, events: int, dropped: int) -> None:
        """Note how the stream, or the attempt, ended."""
        self._save(
            closed_at=timezone.now(),
            reason=reason.replace("\0", "\ufffd")[:1000],
            http_status=status,
            event_count=events,
            dropped_count=dropped,
        )
        self._session = None

    def _save(self, **changes: object) -> None:
        if self._session is None:
            return
        try:
            self._session.save_changes(**changes)
        except (DatabaseError, InterfaceError) as error:
            self._complain(error)

    def _complain(self, error: Exception) -> None:
        logger.warning("the account of streams could not be written: %s", error)
        reset_broken_connection()
