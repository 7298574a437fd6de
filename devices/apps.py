"""The app of devices and function calls."""

from __future__ import annotations

from django.apps import AppConfig


class DevicesConfig(AppConfig):
    """Devices, their presence, and the outbox of function calls."""

    name = "devices"

    def ready(self) -> None:
        """Register the call loop."""
        from devices.delivery import CallLoop
        from portal.lib.runloop import register_loop

        register_loop("call", CallLoop)
