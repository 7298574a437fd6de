"""What people fill in about themselves."""

from __future__ import annotations

import unicodedata
from typing import Any, ClassVar

from allauth.account.forms import SignupForm as AllauthSignupForm
from django import forms
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from portal.customers.errors import EmailTaken
from portal.customers.handles import RESERVED
from portal.customers.models import Customer, User

_MAX_NAME_CHARACTERS = 60
_JOINERS = "\u200c\u200d"  # many scripts and emoji need them


def clean_name(name: str) -> str:
    """Return a name on one line that can be seen and turns no text around it. Raises."""
    name = "".join(one for one in " ".join(name.split()) if not _is_control(one)).strip()
    if not any(one.isprintable() and not one.isspace() for one in name):
        raise ValidationError(_("Tell us a name that can be seen."), code="invisible")
    return name


def _is_control(character: str) -> bool:
    """Tell controls, and marks that would reverse the direction of the page's own words."""
    return unicodedata.category(character) in {"Cc", "Cf", "Cs"} and character not in _JOINERS


class SignupForm(AllauthSignupForm):  # type: ignore[misc]  # allauth ships no types
    """E-mail address, password, and the name to be shown."""

    field_order: ClassVar[list[str]] = ["display_name", "email", "password1"]
    display_name = forms.CharField(
        label=_("Your name"),
        max_length=_MAX_NAME_CHARACTERS,
        help_text=_("Shown beside your pictures. You can change it later."),
        widget=forms.TextInput(attrs={"autocomplete": "nickname"}),
    )

    def clean_display_name(self) -> str:
        """Refuse what nobody could see."""
        return clean_name(self.cleaned_data["display_name"])

    def save(self, request: HttpRequest) -> User:
        """Make user, customer and e-mail address in one transaction. Raises EmailTaken."""
        with transaction.atomic():
            user: User = super().save(request)
        return user

    def try_save(self, request: HttpRequest) -> tuple[User | None, HttpResponse | None]:
        """Save; somebody who was slower than another sign-up by the same address starts anew."""
        try:
            saved: tuple[User | None, HttpResponse | None] = super().try_save(request)
        except EmailTaken:
            # The form, shown again, finds the address taken and answers as its policy says.
            return None, HttpResponseRedirect(reverse("account_signup"))
        return saved


class CustomerForm(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable at run time
    """How a customer is shown to others."""

    class Meta:
        model = Customer
        fields = ("display_name", "handle")
        widgets: ClassVar[dict[str, Any]] = {
            "display_name": forms.TextInput(attrs={"autocomplete": "nickname"}),
            "handle": forms.TextInput(attrs={"autocapitalize": "none", "spellcheck": "false"}),
        }

    def clean_display_name(self) -> str:
        """Refuse what nobody could see."""
        return clean_name(self.cleaned_data["display_name"])

    def clean_handle(self) -> str:
        """Refuse the handles of others, and those that we keep for ourselves."""
        handle: str = self.cleaned_data["handle"]
        others = Customer.objects.filter(handle__iexact=handle).exclude(pk=self.instance.pk)
        is_reserved = handle in RESERVED and handle != self.initial.get("handle")
        if is_reserved or others.exists():
            raise ValidationError(_("This handle is not free."), code="taken")
        return handle
