"""What can go wrong with accounts.

CustomersError
├── EmailTaken      somebody has signed up with this address meanwhile
└── NoFreeHandle    every handle that was tried is taken
"""

from __future__ import annotations


class CustomersError(Exception):
    """The root of this app's errors."""


class EmailTaken(CustomersError):
    """Somebody has signed up with this address, perhaps a moment ago."""


class NoFreeHandle(CustomersError):
    """Every handle that was tried is taken."""
