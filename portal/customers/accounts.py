"""Signing up: a user and its customer are made together, whichever door somebody came through."""

from __future__ import annotations

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from django.db import IntegrityError, transaction
from django.http import HttpRequest

from portal.customers.errors import EmailTaken, NoFreeHandle
from portal.customers.handles import handle_candidates
from portal.customers.lifecycle import run_registered_hooks
from portal.customers.models import Customer, User


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth ships no types
    """Gives every sign-up a customer, by form and by API alike."""

    def save_user(self, request: HttpRequest, user: User, form: Any, commit: bool = True) -> User:
        """Fill `user` from the form; unless told otherwise, save it with its customer."""
        super().save_user(request, user, form, commit=False)
        if commit:
            register(user=user, display_name=form.cleaned_data.get("display_name") or "")
        return user


def register(*, user: User, display_name: str) -> Customer:
    """Save a new user and make its customer, all or nothing.

    Raises EmailTaken when another sign-up was faster, NoFreeHandle.
    """
    with transaction.atomic():
        try:
            with transaction.atomic():
                user.save()
        except IntegrityError as error:
            raise EmailTaken(f"somebody has signed up as {user.email!r} meanwhile") from error
        return make_customer(user=user, display_name=display_name)


def make_customer(*, user: User, display_name: str = "") -> Customer:
    """Make the customer of an existing user, with a handle derived from the name."""
    with transaction.atomic():
        customer = _insert(user, display_name.strip())
        run_registered_hooks(customer)
    return customer


def rename_customer(*, customer: Customer, display_name: str, handle: str) -> bool:
    """Change how a customer is shown; False when somebody else has just taken the handle."""
    try:
        with transaction.atomic():
            changed = Customer.objects.filter(pk=customer.pk).update(
                display_name=display_name, handle=handle
            )
    except IntegrityError:
        return False
    return changed == 1


def _insert(user: User, display_name: str) -> Customer:
    for handle in handle_candidates(display_name):
        if Customer.objects.filter(handle__iexact=handle).exists():
            continue
        try:
            with transaction.atomic():
                return Customer.objects.create(
                    user=user, handle=handle, display_name=display_name or handle
                )
        except IntegrityError:  # taken between the look and the insert
            continue
    raise NoFreeHandle(f"no handle is free for {display_name!r}")
