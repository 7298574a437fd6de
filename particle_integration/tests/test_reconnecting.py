"""How long the listener waits, for each way a stream can end."""

from __future__ import annotations

import pytest

from particle_integration.errors import (
    AnswerLost,
    AnswerTimedOut,
    CloudBroken,
    NotOurs,
    NotSent,
    RateLimited,
    TokenRefused,
)
from particle_integration.reconnecting import next_attempt, reconnect_seconds


@pytest.mark.parametrize(
    ("error", "attempt", "retry_ms", "seconds"),
    [
        (None, 0, None, 1),
        (None, 1, None, 2),
        (None, 5, None, 32),
        (None, 6, None, 60),
        (None, 10_000, None, 60),
        (NotSent("dns"), 0, None, 1),
        (AnswerLost("reset"), 2, None, 4),
        (AnswerTimedOut("silence"), 0, None, 1),
        (NotOurs("403"), 3, None, 8),
        (CloudBroken("503"), 0, None, 1),
        (CloudBroken("503", retry_after_seconds=120), 0, None, 120),
        (CloudBroken("503", retry_after_seconds=0), 4, None, 16),
        (RateLimited("429"), 0, None, 10),
        (RateLimited("529"), 5, None, 32),
        (RateLimited("429", retry_after_seconds=45), 0, None, 45),
        (RateLimited("429", retry_after_seconds=3), 0, None, 10),
        (TokenRefused("401"), 0, None, 1),
        (TokenRefused("401"), 3, None, 8),
        (TokenRefused("401"), 4, None, 600),
        (TokenRefused("401"), 9, None, 600),
        (TokenRefused("asked lately", retry_after_seconds=55), 0, None, 55),
        (None, 0, 1, 1),
        (None, 0, 5000, 5),
        (None, 0, 10**12, 60),
        (None, 5, 1, 32),
    ],
)
def test_the_longest_wait_is_decided_by_the_ending(error, attempt, retry_ms, seconds):
    waited = reconnect_seconds(error, attempt=attempt, retry_ms=retry_ms, chance=lambda: 1.0)

    assert waited == seconds


def test_the_wait_is_spread_from_nothing():
    assert reconnect_seconds(None, attempt=5, chance=lambda: 0.0) == 0
    assert reconnect_seconds(None, attempt=5, chance=lambda: 0.5) == 16


@pytest.mark.parametrize(
    ("attempt", "seconds_open", "following"), [(7, 60.0, 0), (7, 59.9, 8), (0, 0.0, 1)]
)
def test_a_minute_of_good_stream_starts_the_count_anew(attempt, seconds_open, following):
    assert next_attempt(attempt, seconds_open=seconds_open) == following
