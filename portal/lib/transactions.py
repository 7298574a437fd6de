"""The one transaction in which a row's effect and its settling commit together.

Loops below (`particle_integration.dispatch`) open it without knowing what else must ride in it;
`portal.live` fills the seam with its own, which collects updates and numbers them as its last act.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

from django.db import transaction

TransactionFactory = Callable[[], AbstractContextManager[None]]

_factory: TransactionFactory = transaction.atomic


def effect_transaction() -> AbstractContextManager[None]:
    """Return the transaction for an effect: `atomic()`, or what `use_transaction` put there."""
    return _factory()


def use_transaction(factory: TransactionFactory) -> None:
    """Make `effect_transaction()` return `factory()`; called once, from an app's `ready()`."""
    global _factory
    _factory = factory
