"""The app that holds the whole together."""

from __future__ import annotations

from django.apps import AppConfig


class PortalConfig(AppConfig):
    """Registers the system checks and gives the portal's commands a home."""

    name = "portal"
    label = "portal"

    def ready(self) -> None:
        """Register the checks."""
        from portal import checks  # noqa: F401 - importing registers
