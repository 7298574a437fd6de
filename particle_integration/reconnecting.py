"""When to open the event stream again, decided from how it ended. Pure."""

from __future__ import annotations

import random
from collections.abc import Callable

from particle_integration.errors import CloudError, RateLimited, TokenRefused
from portal.lib.backoff import full_jitter_seconds

BASE_SECONDS = 1.0
CAP_SECONDS = 60.0
GOOD_SECONDS = 60.0  # a stream open for so long was a good one: the next failure is a first one
RATE_LIMITED_SECONDS = 10.0
ALARM_AFTER_REFUSALS = 5
ALARM_SECONDS = 600.0  # ten refusals in a row lock our address out: a dead token is tried rarely


def reconnect_seconds(
    error: CloudError | None,
    *,
    attempt: int,
    retry_ms: int | None = None,
    chance: Callable[[], float] = random.random,
) -> float:
    """Return how long to wait after a stream ended (`error` is None) or could not be opened.

    `attempt` counts the failures in a row from 0; `retry_ms` is what the stream itself asked for.
    """
    seconds = full_jitter_seconds(
        attempt, base_seconds=BASE_SECONDS, cap_seconds=CAP_SECONDS, chance=chance
    )
    if retry_ms is not None:
        seconds = max(seconds, min(max(retry_ms / 1000, BASE_SECONDS), CAP_SECONDS))
    if isinstance(error, RateLimited):
        seconds = max(seconds, RATE_LIMITED_SECONDS)
    if isinstance(error, TokenRefused) and attempt + 1 >= ALARM_AFTER_REFUSALS:
        seconds = max(seconds, ALARM_SECONDS)
    if error is not None and error.retry_after_seconds is not None:
        seconds = max(seconds, error.retry_after_seconds)
    return seconds


def next_attempt(attempt: int, *, seconds_open: float) -> int:
    """Return the count of failures in a row after one more."""
    return 0 if seconds_open >= GOOD_SECONDS else attempt + 1
