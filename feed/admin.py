"""Pictures and likes for staff: see everything, hide and restore; nothing else is changed here."""

from __future__ import annotations

from collections.abc import Callable

from django.contrib import admin, messages
from django.core.files.storage import default_storage
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from unfold.admin import ModelAdmin
from unfold.decorators import display
from unfold.paginator import InfinitePaginator

from feed.models import Like, Picture, PictureState
from feed.pictures import hide_picture, restore_picture

_STATE_LABELS = {
    PictureState.RECEIVED: "info",
    PictureState.CLAIMED: "info",
    PictureState.PUBLISHED: "success",
    PictureState.HELD: "warning",
    PictureState.REFUSED: "danger",
    PictureState.HIDDEN: "warning",
}


class ReadOnlyAdmin(ModelAdmin):  # type: ignore[misc]  # unfold ships no types
    """Shows rows; they are made and changed by the portal itself."""

    paginator = InfinitePaginator  # counting a million rows for a page number takes a second
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Deny: a row comes from an event or a customer."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: object | None = None) -> bool:
        """Deny: the actions do what staff may do."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: object | None = None) -> bool:
        """Deny: a picture goes with its files, which only a use case removes."""
        return False


@admin.register(Picture)
class PictureAdmin(ReadOnlyAdmin):
    """Every picture ever pressed, refused ones with their reason."""

    list_display = [
        "thumbnail",
        "show_state",
        "caption",
        "device",
        "poster",
        "like_count",
        "pressed_at",
    ]
    list_display_links = ["thumbnail", "caption"]
    list_filter = ["state", "pressed_at"]
    list_select_related = ["device", "poster"]
    list_per_page = 50
    search_fields = ["caption", "device__name", "device__particle_device_id", "poster__handle"]
    ordering = ["-pk"]
    actions = ["hide", "restore"]
    fields = [
        "large_image",
        "state",
        "reason",
        "caption",
        "device",
        "poster",
        "event_link",
        "pressed_at",
        "received_at",
        "published_at",
        "like_count",
        "danced_like_count",
        "danced_seconds",
        "width",
        "height",
        "press_token",
        "attempts",
        "next_attempt_at",
        "last_error",
        "key",
        "original",
    ]
    readonly_fields = fields

    def has_hide_permission(self, request: HttpRequest) -> bool:
        """Tell whether this member of staff may moderate."""
        return request.user.has_perm("feed.hide_picture")

    @admin.display(description=_("picture"))
    def thumbnail(self, picture: Picture) -> SafeString | str:
        """Show the smallest rendition, if there is one."""
        return _image(picture, height=64, is_large=False)

    @admin.display(description=_("picture"))
    def large_image(self, picture: Picture) -> SafeString | str:
        """Show the largest rendition, if there is one."""
        return _image(picture, height=360, is_large=True)

    @display(description=_("state"), ordering="state", label=_STATE_LABELS)  # type: ignore[untyped-decorator]
    def show_state(self, picture: Picture) -> tuple[str, str]:
        """Show the state with its colour."""
        return picture.state, picture.get_state_display()

    @admin.display(description=_("event"))
    def event_link(self, picture: Picture) -> SafeString | str:
        """Lead to the event in the inbox, while it is kept."""
        if picture.event_id is None:
            return "–"
        try:
            url = reverse("admin:particle_integration_inboxevent_change", args=[picture.event_id])
        except NoReverseMatch:  # the inbox has no admin in this composition
            return str(picture.event_id)
        return format_html('<a href="{}">{} {}</a>', url, _("event"), picture.event_id)

    @admin.action(
        description=_("Hide: take off the feed and off open browsers"), permissions=["hide"]
    )
    def hide(self, request: HttpRequest, queryset: QuerySet[Picture]) -> None:
        """Hide the chosen pictures."""
        self._do(request, queryset, lambda picture: hide_picture(picture=picture), "hidden")

    @admin.action(description=_("Restore: render anew and publish"), permissions=["hide"])
    def restore(self, request: HttpRequest, queryset: QuerySet[Picture]) -> None:
        """Restore the chosen pictures; refused ones are tried again."""
        self._do(request, queryset, lambda picture: restore_picture(picture=picture), "restored")

    def _do(
        self,
        request: HttpRequest,
        queryset: QuerySet[Picture],
        change: Callable[[Picture], bool],
        done: str,
    ) -> None:
        changed = [picture for picture in queryset if change(picture)]
        for picture in changed:
            self.log_change(request, picture, done)
        message = ngettext(
            "%(count)d picture was %(done)s.", "%(count)d pictures were %(done)s.", len(changed)
        )
        self.message_user(
            request,
            message % {"count": len(changed), "done": done},
            messages.SUCCESS if changed else messages.WARNING,
        )


@admin.register(Like)
class LikeAdmin(ReadOnlyAdmin):
    """Who likes what, and the call that danced for it."""

    list_display = ["picture", "customer", "is_active", "liked_at", "call"]
    list_filter = ["is_active", "liked_at"]
    list_select_related = ["picture", "customer", "call"]
    list_per_page = 50
    ordering = ["-pk"]
    fields = ["picture", "customer", "is_active", "liked_at", "dance_asked_at", "call"]
    readonly_fields = fields


def _image(picture: Picture, *, height: int, is_large: bool) -> SafeString | str:
    if not picture.images:
        return "–"
    pick = max if is_large else min
    name = picture.images[pick(picture.images, key=int)]
    return format_html(
        '<img src="{}" alt="" height="{}" loading="lazy">', default_storage.url(name), height
    )
