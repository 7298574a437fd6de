"""The heartbeat of a process: a row it keeps fresh, so that others see whether it lives."""

from __future__ import annotations

import os
import socket
import time
from typing import Any

from django.utils import timezone

from portal.lib.models import Process

HEARTBEAT_SECONDS = 5.0


class Heartbeat:
    """Writes this process's row at most every HEARTBEAT_SECONDS; one thread calls `beat`."""

    def __init__(self, kind: str) -> None:
        self._process = Process.objects.create(
            kind=kind,
            host=socket.gethostname(),
            pid=os.getpid(),
            heartbeat_at=timezone.now(),
        )
        self._last = time.monotonic()

    def beat(self, counters: dict[str, Any]) -> None:
        """Freshen the row if it is due."""
        if time.monotonic() - self._last < HEARTBEAT_SECONDS:
            return
        self._last = time.monotonic()
        Process.objects.filter(pk=self._process.pk).update(
            heartbeat_at=timezone.now(), counters=counters
        )

    def stop(self, counters: dict[str, Any]) -> None:
        """Say that the process left by itself."""
        now = timezone.now()
        Process.objects.filter(pk=self._process.pk).update(
            heartbeat_at=now, stopped_at=now, counters=counters
        )
