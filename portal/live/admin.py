"""Staff read the updates; nobody writes history by hand."""

from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest
from unfold.admin import ModelAdmin

from portal.live.models import Update


@admin.register(Update)
class UpdateAdmin(ModelAdmin):  # type: ignore[misc]  # unfold ships no types
    """A list, newest first."""

    list_display = ["number", "type", "topics", "appended_at"]
    list_filter = ["type"]
    ordering = ["-number"]
    show_full_result_count = False  # the table is long, and the count says nothing

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Refuse: only use cases append."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Update | None = None) -> bool:
        """Refuse: an update is a fact."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Update | None = None) -> bool:
        """Refuse: a browser would miss it; housekeeping removes the oldest."""
        return False
