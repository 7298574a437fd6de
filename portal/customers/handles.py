"""Handles: a customer's short address, made from the name that they want to be called."""

from __future__ import annotations

import re
import secrets
import unicodedata
from collections.abc import Iterator

MAX_HANDLE_CHARACTERS = 30
# Addresses of ours below /people/, and names that would be taken for the company's own voice.
RESERVED = frozenset(
    {"admin", "help", "moderator", "portal", "rainbow", "root", "settings", "staff", "support"}
)
_FALLBACK = "friend"  # for names without a Latin letter; never the e-mail address, which is private
_SUFFIXES = (10, 1_000, 1_000_000, 10**12)  # the first free one is short, the last is always free


def handle_from(name: str) -> str:
    """Return `name` in small letters, digits and underscores; not necessarily a free handle."""
    latin = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    handle = re.sub(r"[^a-z0-9]+", "_", latin)[:MAX_HANDLE_CHARACTERS].strip("_")
    return handle or _FALLBACK


def handle_candidates(name: str) -> Iterator[str]:
    """Yield handles to try, the nicest first."""
    stem = handle_from(name)
    if stem not in RESERVED:
        yield stem
    for bound in _SUFFIXES:
        number = str(secrets.randbelow(bound - 2) + 2)
        yield f"{stem[: MAX_HANDLE_CHARACTERS - len(number)].rstrip('_')}{number}"
