"""The app of devices and function calls."""

from __future__ import annotations

from django.apps import AppConfig


class DevicesConfig(AppConfig):
    """Devices, their presence, and the outbox of function calls."""

    name = "devices"

    def ready(self) -> None:
        """Register the loops that call devices and ask the cloud about them."""
        from devices.call_loop import CallLoop
        from devices.describe import DescribeLoop
        from portal.lib.runloop import register_loop

        register_loop(CallLoop.name, CallLoop)
        register_loop(DescribeLoop.name, DescribeLoop)
