"""Delays between tries, as pure functions: no clock, no sleep, chance passed in."""

from __future__ import annotations

import random
from collections.abc import Callable


def full_jitter_seconds(
    attempt: int,
    *,
    base_seconds: float = 1.0,
    cap_seconds: float = 60.0,
    chance: Callable[[], float] = random.random,
) -> float:
    """Return a delay drawn evenly from 0 to `base * 2**attempt`, capped; `attempt` counts from 0.

    Full jitter spreads a crowd that failed together better than any other scheme
    (AWS Architecture Blog, "Exponential Backoff And Jitter", 2015).
    """
    exponent = min(max(attempt, 0), 32)  # beyond it every base reaches every sensible cap
    return float(min(cap_seconds, base_seconds * 2**exponent) * chance())


def exponential_seconds(
    attempt: int, *, base_seconds: float = 1.0, cap_seconds: float = 3600.0
) -> float:
    """Return `base * 2**attempt`, capped: for rows, whose due times chance has spread already."""
    return float(min(cap_seconds, base_seconds * 2 ** min(max(attempt, 0), 32)))
