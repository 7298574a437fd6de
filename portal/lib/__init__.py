"""What has no domain: run loop, leases, wake-ups, back-off, database backend."""

from __future__ import annotations
