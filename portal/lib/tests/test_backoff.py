"""Delays are pure: a table says all."""

from __future__ import annotations

import pytest

from portal.lib.backoff import exponential_seconds, full_jitter_seconds


@pytest.mark.parametrize(
    ("attempt", "chance", "expected"),
    [
        (0, 1.0, 1),
        (1, 1.0, 2),
        (5, 1.0, 32),
        (6, 1.0, 60),
        (10_000, 1.0, 60),
        (3, 0.5, 4),
        (3, 0.0, 0),
    ],
)
def test_full_jitter_draws_below_a_doubling_capped_bound(attempt, chance, expected):
    assert full_jitter_seconds(attempt, chance=lambda: chance) == expected


@pytest.mark.parametrize(
    ("attempt", "expected"), [(-1, 1), (0, 1), (4, 16), (12, 3600), (99_999, 3600)]
)
def test_rows_wait_twice_as_long_each_time_up_to_the_cap(attempt, expected):
    assert exponential_seconds(attempt) == expected
