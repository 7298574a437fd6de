"""The life of an account: apps above say what they do when a customer comes, asks, or goes.

Each hook only reads and writes rows, inside the transaction of the event itself: a customer whose
hook failed has not been made, and one that is closed leaves nothing half removed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django.db import transaction

from portal.customers.models import Customer

CustomerHook = Callable[[Customer], None]
ExportHook = Callable[[Customer], Mapping[str, Any]]

_registered: dict[str, CustomerHook] = {}
_closing: dict[str, CustomerHook] = {}
_exporting: dict[str, ExportHook] = {}


def on_registered(name: str, hook: CustomerHook) -> None:
    """Call `hook` with every new customer; a second hook of that name is refused."""
    _add(_registered, "registered", name, hook)


def on_closing(name: str, hook: CustomerHook) -> None:
    """Call `hook` with a customer who is about to be deleted, rows still in place."""
    _add(_closing, "closing", name, hook)


def on_exporting(name: str, hook: ExportHook) -> None:
    """Have `hook` return what its app keeps about a customer, as a JSON object."""
    _add(_exporting, "exporting", name, hook)


def run_registered_hooks(customer: Customer) -> None:
    """Tell every hook; the caller holds the transaction that makes the customer."""
    for hook in _registered.values():
        hook(customer)


def close_account(*, customer: Customer) -> None:
    """Delete a customer, the user behind it and what the hooks remove, together or not at all."""
    with transaction.atomic():
        for hook in _closing.values():
            hook(customer)
        customer.user.delete()


def export_account(*, customer: Customer) -> dict[str, Any]:
    """Return everything that is kept about a customer, by the name of the hook that knows it."""
    account = {
        "email": customer.user.email,
        "handle": customer.handle,
        "display_name": customer.display_name,
        "created_at": customer.created_at,
    }
    return {"account": account, **{name: hook(customer) for name, hook in _exporting.items()}}


def hook_names() -> dict[str, list[str]]:
    """Return the names of all hooks, for whoever wants to see what is wired."""
    return {
        "registered": sorted(_registered),
        "closing": sorted(_closing),
        "exporting": sorted(_exporting),
    }


def _add(hooks: dict[str, Any], event: str, name: str, hook: Callable[..., Any]) -> None:
    if name in hooks:
        raise ValueError(f"the hook {name!r} for {event} is registered already")
    hooks[name] = hook
