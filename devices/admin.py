"""Staff see products, devices and calls; who may, calls a device and sees the answer come in."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.forms import ModelForm
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseNotAllowed,
    HttpResponseRedirect,
    JsonResponse,
)
from django.urls import URLPattern, path, reverse
from django.utils.timesince import timesince
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.admin import ModelAdmin
from unfold.decorators import display

from devices import presence
from devices.errors import CallRefused
from devices.forms import StaffCallForm
from devices.function_calls import ask_for_call, call_json
from devices.models import Device, FunctionCall, FunctionCallCause, FunctionCallState, Product
from portal.live import updates

SHOWN_CALLS = 20
STATE_LABELS = {
    FunctionCallState.QUEUED: "info",
    FunctionCallState.WAITING: "warning",
    FunctionCallState.CLAIMED: "info",
    FunctionCallState.SENDING: "primary",
    FunctionCallState.SUCCEEDED: "success",
    FunctionCallState.FAILED: "danger",
    FunctionCallState.UNCLEAR: "warning",
    FunctionCallState.EXPIRED: "",
}


@admin.register(Product)
class ProductAdmin(ModelAdmin):  # type: ignore[misc]  # unfold ships no types
    """The fleets at the cloud."""

    list_display = ["__str__", "particle_product_id", "slug"]
    search_fields = ["name", "slug", "particle_product_id"]


@admin.register(Device)
class DeviceAdmin(ModelAdmin):  # type: ignore[misc]  # unfold ships no types
    """Devices with their presence; on a device's page, its calls."""

    list_display = ["__str__", "particle_device_id", "online", "last_heard", "owner", "product"]
    list_filter = ["is_online", ("owner", admin.EmptyFieldListFilter), "product"]
    list_select_related = ["owner", "product"]
    search_fields = [
        "name",
        "particle_device_id",
        "owner__handle",
        "owner__display_name",
        "owner__user__email",
    ]
    search_help_text = gettext_lazy("Name, device id, or the owner's handle, name or e-mail")
    ordering = ["-last_heard_at", "-pk"]
    autocomplete_fields = ["owner", "product"]
    fields = [
        "particle_device_id",
        "name",
        "owner",
        "product",
        ("is_online", "last_heard_at"),
        ("firmware_version", "described_at"),
    ]
    # Name, firmware and functions are the cloud's to tell: what was typed here would not stay.
    readonly_fields = ["name", "is_online", "last_heard_at", "firmware_version", "described_at"]
    change_form_template = "admin/devices/device/change_form.html"

    @display(  # type: ignore[untyped-decorator]  # unfold ships no types
        description=gettext_lazy("online"),
        ordering="is_online",
        label={"online": "success", "offline": ""},
    )
    def online(self, device: Device) -> tuple[str, str]:
        """Show presence as a label."""
        return ("online", _("online")) if device.is_online else ("offline", _("offline"))

    @display(description=gettext_lazy("last heard"), ordering="last_heard_at")  # type: ignore[untyped-decorator]
    def last_heard(self, device: Device) -> str:
        """Show how long ago the device was heard."""
        if device.last_heard_at is None:
            return _("never")
        return _("%(time)s ago") % {"time": timesince(device.last_heard_at, depth=1)}

    def get_readonly_fields(self, request: HttpRequest, obj: Device | None = None) -> list[str]:
        """Keep a device's id for good: it is what the cloud knows it by."""
        fixed = [] if obj is None else ["particle_device_id"]
        return [*super().get_readonly_fields(request, obj), *fixed]

    def save_model(
        self, request: HttpRequest, obj: Device, form: ModelForm[Device], change: bool
    ) -> None:
        """Write only what was changed, as events may move presence meanwhile; tell who cares."""
        with updates.transaction():
            if change:
                obj.save(update_fields=form.changed_data)
            else:
                obj.save()
            presence.tell(obj)

    def get_urls(self) -> list[URLPattern]:
        """Add the address that a call is posted to."""
        call = path(
            "<int:device_id>/call/",
            self.admin_site.admin_view(self.call_view),
            name="devices_device_call",
        )
        return [call, *super().get_urls()]

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show the device with its calls, and the form to call it to those who may."""
        # Before the page's own queries: the socket brings what they do not see yet.
        live = {"after": updates.newest_number(), "epoch": updates.epoch()}
        device = self.get_object(request, object_id)
        if device is not None and self.has_view_permission(request, device):
            extra_context = {
                **(extra_context or {}),
                "live": live,
                "call_form": StaffCallForm(device=device) if _may_call(request) else None,
                "calls": FunctionCall.objects.newest_of(device)[:SHOWN_CALLS],
                "shown_calls": SHOWN_CALLS,
                "call_labels": _call_labels(),
                "call_causes": dict(FunctionCallCause.choices),
            }
        response: HttpResponse = super().change_view(request, object_id, form_url, extra_context)
        return response

    def call_view(self, request: HttpRequest, device_id: int) -> HttpResponse:
        """Call a function of the device; answer with the call, or with its page."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        device = self.get_object(request, str(device_id))
        if not _may_call(request) or not self.has_view_permission(request, device):
            raise PermissionDenied
        if device is None:
            raise Http404(f"no device {device_id}")
        wants_json = request.get_preferred_type(["text/html", "application/json"]) == (
            "application/json"
        )
        call, problem = self._call(request, device)
        if wants_json and call is not None:
            shown = {**call_json(call), "asked_by": str(request.user)}
            return JsonResponse({"call": shown}, status=201)
        if wants_json:
            return JsonResponse({"error": problem}, status=400)
        if call is None:
            messages.error(request, problem)
        page = reverse("admin:devices_device_change", args=[device_id])
        return HttpResponseRedirect(f"{page}#calls")

    def _call(self, request: HttpRequest, device: Device) -> tuple[FunctionCall | None, str]:
        form = StaffCallForm(request.POST, device=device)
        if not form.is_valid():
            return None, " ".join(str(one) for errors in form.errors.values() for one in errors)
        function, argument = form.cleaned_data["function"], form.cleaned_data["argument"]
        try:
            with updates.transaction():  # a call without its line in the audit log must not be
                call = ask_for_call(
                    device=device,
                    function=function,
                    argument=argument,
                    asked_by=request.user,  # type: ignore[arg-type]  # the admin lets in users only
                    cause=FunctionCallCause.STAFF,
                )
                self.log_change(
                    request, device, f"Called {function} with {argument!r}: call {call.pk}."
                )
        except CallRefused as refusal:
            return None, str(refusal)
        return call, ""


@admin.register(FunctionCall)
class FunctionCallAdmin(ModelAdmin):  # type: ignore[misc]  # unfold ships no types
    """The history of calls: who asked for what, when, and what became of it. Nobody edits it."""

    list_display = [
        "asked_at",
        "device",
        "what",
        "cause",
        "asked_by",
        "state_label",
        "return_value",
        "last_error",
    ]
    list_filter = ["state", "cause"]
    list_select_related = ["device", "asked_by"]
    search_fields = ["function", "device__name", "device__particle_device_id", "asked_by__email"]
    search_help_text = gettext_lazy("Function, device's name or id, or e-mail of who asked")
    ordering = ["-pk"]
    show_full_result_count = False  # the table is long, and the count says nothing
    fields = [
        "device",
        ("function", "argument"),
        ("cause", "asked_by", "dance_count"),
        ("state", "return_value", "seconds"),
        "last_error",
        ("asked_at", "sent_at", "settled_at"),
        ("attempts", "next_attempt_at", "expires_at"),
    ]

    @display(description=gettext_lazy("call"), ordering="function")  # type: ignore[untyped-decorator]
    def what(self, call: FunctionCall) -> str:
        """Show function and argument as they are written in code."""
        argument = call.argument if len(call.argument) <= 40 else call.argument[:39] + "…"
        return f"{call.function}({argument})"

    @display(description=gettext_lazy("state"), ordering="state", label=STATE_LABELS)  # type: ignore[untyped-decorator]
    def state_label(self, call: FunctionCall) -> tuple[str, str]:
        """Show the state as a label."""
        return call.state, call.get_state_display()

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Refuse: a device is called from its own page."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: FunctionCall | None = None) -> bool:
        """Refuse: it is history."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: FunctionCall | None = None) -> bool:
        """Refuse: it is history."""
        return False


def _may_call(request: HttpRequest) -> bool:
    return request.user.has_perm("devices.call_device")


def _call_labels() -> list[dict[str, str]]:
    """Return how each state is shown; the page holds one blank label for each."""
    return [
        {"state": state.value, "text": str(state.label), "variant": STATE_LABELS[state]}
        for state in FunctionCallState
    ]
