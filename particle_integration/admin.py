"""Staff look at the inbox and at the account of streams; they replay events, they edit none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

from django.contrib import admin, messages
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.functional import cached_property
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from unfold.admin import ModelAdmin
from unfold.decorators import display as untyped_display

from particle_integration.inbox import replay
from particle_integration.models import (
    OPEN_STATES,
    PROBLEM_STATES,
    InboxEvent,
    InboxState,
    StreamSession,
)

M = TypeVar("M", bound=Callable[..., Any])
display = cast("Callable[..., Callable[[M], M]]", untyped_display)

MAX_SHOWN_LENGTH = 2000
MAX_COUNTED_ROWS = 10_000


class BoundedPaginator(Paginator):  # type: ignore[type-arg]  # generic in the stubs only
    """Counts no further than anybody pages, so that a list of ten million rows opens at once."""

    @cached_property
    def count(self) -> int:
        """Return the number of rows, up to a limit."""
        rows = cast("QuerySet[Any]", self.object_list)
        return len(rows.order_by().values_list("pk")[:MAX_COUNTED_ROWS])


class ReadOnlyAdmin(ModelAdmin):  # type: ignore[misc]  # unfold ships no types
    """Rows that only the portal itself writes."""

    paginator = BoundedPaginator
    show_full_result_count = False
    list_per_page = 50

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nobody adds."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody edits."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody deletes: housekeeping does."""
        return False


class OutcomeFilter(admin.SimpleListFilter):
    """Filters on the state, with the two groups that staff look for first."""

    title = _("outcome")
    parameter_name = "outcome"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """List the groups, then the states."""
        groups = [("problems", _("Problems")), ("open", _("Not settled yet"))]
        return [*groups, *[(state.value, state.label) for state in InboxState]]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[InboxEvent]
    ) -> QuerySet[InboxEvent]:
        """Apply the choice."""
        value = self.value()
        if value == "problems":
            return queryset.filter(state__in=PROBLEM_STATES)
        if value == "open":
            return queryset.filter(settled_at=None)
        if value in InboxState.values:
            extra = {"settled_at": None} if value in OPEN_STATES else {}
            return queryset.filter(state=value, **extra)
        return queryset


class PathFilter(admin.SimpleListFilter):
    """Filters on the path that brought an event."""

    title = _("path")
    parameter_name = "path"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """List who missed what."""
        return [
            ("both", _("Both paths")),
            ("stream", _("Stream only: the webhook missed it")),
            ("webhook", _("Webhook only: the stream missed it")),
        ]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[InboxEvent]
    ) -> QuerySet[InboxEvent]:
        """Apply the choice."""
        if self.value() == "both":
            return queryset.exclude(other_path_at=None)
        if self.value() in ("stream", "webhook"):
            return queryset.filter(other_path_at=None, first_path=self.value())
        return queryset


STATE_LABELS = {
    InboxState.RECEIVED: "info",
    InboxState.CLAIMED: "info",
    InboxState.HANDLED: "success",
    InboxState.IGNORED: "",
    InboxState.DEAD: "danger",
    InboxState.QUARANTINED: "warning",
}


@admin.register(InboxEvent)
class InboxEventAdmin(ReadOnlyAdmin):
    """The inbox: what came, by which path, and what became of it."""

    list_display = (
        "received_at", "shown_name", "particle_device_id", "shown_state", "shown_reason", "came_by",
    )  # fmt: skip
    list_display_links = ("received_at", "shown_name")
    list_filter = (OutcomeFilter, PathFilter)
    search_fields = ("=particle_device_id", "=name", "=event_id")
    search_help_text = _("device id, event name or event id, in full")
    actions = ("replay_events",)
    fieldsets = (
        (None, {"fields": ("name", "shown_data", "particle_device_id", "published_at")}),
        (_("Outcome"), {"fields": ("shown_state", "reason", "attempts", "next_attempt_at",
                                   "last_error", "settled_at")}),
        (_("How it came"), {"fields": ("received_at", "came_by", "other_path_at", "is_late",
                                       "event_id", "particle_user_id", "particle_product_id",
                                       "firmware_version", "shown_raw")}),
    )  # fmt: skip
    readonly_fields = (
        "name", "shown_data", "particle_device_id", "published_at", "shown_state", "reason",
        "attempts", "next_attempt_at", "last_error", "settled_at", "received_at", "came_by",
        "other_path_at", "is_late", "event_id", "particle_user_id", "particle_product_id",
        "firmware_version", "shown_raw",
    )  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet[InboxEvent]:
        """Leave the payloads in the database: a list of fifty would carry megabytes."""
        queryset: QuerySet[InboxEvent] = super().get_queryset(request)
        return queryset.defer("data", "raw")

    @display(description=_("event"))
    def shown_name(self, event: InboxEvent) -> str:
        """Show a name even for what has none."""
        return event.name or str(_("unreadable"))

    @display(description=_("state"), label=STATE_LABELS, ordering="state")
    def shown_state(self, event: InboxEvent) -> tuple[str, str]:
        """Show the state in its colour."""
        return event.state, event.get_state_display()

    @display(description=_("reason"))
    def shown_reason(self, event: InboxEvent) -> str:
        """Show why, or what went wrong last."""
        reason = event.reason or event.last_error
        return reason[:100] + ("…" if len(reason) > 100 else "")

    @display(description=_("came by"))
    def came_by(self, event: InboxEvent) -> str:
        """Show the path, or both in their order."""
        other = {"stream": "webhook", "webhook": "stream"}[event.first_path]
        return f"{event.first_path}, {other}" if event.has_come_both_ways else event.first_path

    @display(description=_("late"), boolean=True)
    def is_late(self, event: InboxEvent) -> bool:
        """Show whether it came more than a day after it was published."""
        return event.is_late

    @display(description=_("data"))
    def shown_data(self, event: InboxEvent) -> str:
        """Show the beginning of the data, as text."""
        return _as_text(event.data)

    @display(description=_("what arrived"))
    def shown_raw(self, event: InboxEvent) -> str:
        """Show the beginning of input that could not be read."""
        return _as_text(bytes(event.raw or b"").decode("utf-8", "backslashreplace"))

    def has_replay_permission(self, request: HttpRequest) -> bool:
        """Ask for the permission to change events, although nobody edits them."""
        return bool(request.user.has_perm("particle_integration.change_inboxevent"))

    @admin.action(description=_("Handle the selected events again"), permissions=["replay"])
    def replay_events(self, request: HttpRequest, queryset: QuerySet[InboxEvent]) -> None:
        """Make the selected events due again."""
        count = replay(queryset.values_list("pk", flat=True))
        text = ngettext("%d event is due again.", "%d events are due again.", count) % count
        left = queryset.count() - count
        if left > 0:
            text += " " + str(_("The others cannot be read, or are not settled yet."))
        self.message_user(request, text, messages.SUCCESS if count else messages.WARNING)


@admin.register(StreamSession)
class StreamSessionAdmin(ReadOnlyAdmin):
    """The account of event streams: when we heard the cloud, and why not."""

    list_display = (
        "asked_at", "opened_at", "closed_at", "http_status", "event_count", "dropped_count",
        "host", "pid", "reason",
    )  # fmt: skip
    list_filter = ("http_status",)


def _as_text(text: str) -> str:
    shown = text[:MAX_SHOWN_LENGTH]
    more = _("(%d characters more)") % (len(text) - len(shown)) if len(text) > len(shown) else ""
    return format_html("<pre>{}</pre>{}", shown, more)
