"""What staff type to call a device."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from devices.models import Device


class StaffCallForm(forms.Form):
    """One of the functions that the device reports, and an argument."""

    function = forms.ChoiceField(
        label=_("Function"),
        widget=UnfoldAdminSelectWidget(),
        error_messages={"invalid_choice": _("The device does not report a function %(value)s.")},
    )
    argument = forms.CharField(
        label=_("Argument"),
        required=False,
        strip=False,  # blanks may mean something to a device
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off", "spellcheck": "false"}),
        help_text=_("As text, 1,024 bytes at most; empty for none."),
    )

    def __init__(self, *args: Any, device: Device, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        function = self.fields["function"]
        assert isinstance(function, forms.ChoiceField)  # noqa: S101 - for the type checker
        function.choices = [(name, name) for name in device.functions]
