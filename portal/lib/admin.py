"""The running processes in the admin: who listens, who works, and since when."""

from __future__ import annotations

from datetime import timedelta

from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin
from unfold.decorators import display

from portal.lib.models import Process
from portal.lib.processes import HEARTBEAT_SECONDS

_LOST_AFTER = timedelta(seconds=HEARTBEAT_SECONDS * 4)


@admin.register(Process)
class ProcessAdmin(ModelAdmin):  # type: ignore[misc]  # unfold ships no types
    """To look at only: a process writes its own row."""

    list_display = ("kind", "host", "pid", "condition", "started_at", "heartbeat_at")
    list_filter = ("kind",)
    readonly_fields = (
        "kind",
        "host",
        "pid",
        "started_at",
        "heartbeat_at",
        "stopped_at",
        "counters",
    )

    @display(  # type: ignore[untyped-decorator]  # unfold ships no types
        description=_("condition"),
        label={"running": "success", "stopped": "info", "lost": "danger"},
    )
    def condition(self, process: Process) -> str:
        """Tell whether it runs, left by itself, or went silent."""
        if process.stopped_at is not None:
            return "stopped"
        return "lost" if process.heartbeat_at < timezone.now() - _LOST_AFTER else "running"

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nobody adds a process here."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Process | None = None) -> bool:
        """Nobody changes one."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Process | None = None) -> bool:
        """Nobody deletes one."""
        return False
