"""The app of what has no domain."""

from __future__ import annotations

from django.apps import AppConfig


class LibConfig(AppConfig):
    """Holds the table of running processes."""

    name = "portal.lib"
    label = "lib"
    verbose_name = "processes"
