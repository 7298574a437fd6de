"""The tables: each line is one outcome and one decision."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from devices.delivery import (
    Decision,
    decide,
    decide_lapsed,
    decide_ping,
    needs_ping,
)
from devices.models import FunctionCallState
from particle_integration.errors import (
    AnswerLost,
    AnswerTimedOut,
    CloudBroken,
    DeviceTimedOut,
    FunctionNotFound,
    NotOurs,
    NotSent,
    RateLimited,
    RequestRefused,
    TokenRefused,
)

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
TOMORROW = NOW + timedelta(days=1)

SUCCEEDED = FunctionCallState.SUCCEEDED
FAILED = FunctionCallState.FAILED
UNCLEAR = FunctionCallState.UNCLEAR
WAITING = FunctionCallState.WAITING
QUEUED = FunctionCallState.QUEUED


def timed_out(seconds: float) -> DeviceTimedOut:
    return DeviceTimedOut("408", seconds=seconds, status=408)


# outcome, seconds, attempts, state, seconds until the next attempt, what the words hold
OUTCOMES = [
    (1, 0.4, 1, SUCCEEDED, None, ""),
    (0, 0.4, 1, SUCCEEDED, None, ""),
    (2**31 - 1, 0.4, 1, SUCCEEDED, None, ""),
    (-1, 0.4, 1, FAILED, None, "answered -1: it could not"),
    (2**31, 0.4, 1, UNCLEAR, None, "no device can return"),
    (-(2**40), 0.4, 1, UNCLEAR, None, "no device can return"),
    (timed_out(0.1), 0.1, 1, WAITING, 15, "offline"),
    (timed_out(4.9), 4.9, 2, WAITING, 30, "offline"),
    (timed_out(0.1), 0.1, 40, WAITING, 600, "offline"),
    (timed_out(5.0), 5.0, 1, UNCLEAR, None, "did not answer within 5 seconds; it may have run"),
    (timed_out(30.2), 30.2, 1, UNCLEAR, None, "did not answer within 30 seconds"),
    (AnswerTimedOut("silence"), 35.0, 1, UNCLEAR, None, "it may have run: silence"),
    (AnswerLost("reset"), 0.2, 1, UNCLEAR, None, "it may have run: reset"),
    (CloudBroken("503", status=503), 0.2, 1, UNCLEAR, None, "it may have run: 503"),
    (CloudBroken("no JSON", status=200), 0.2, 1, UNCLEAR, None, "it may have run: no JSON"),
    (CloudBroken("no status"), 0.2, 1, UNCLEAR, None, "it may have run"),
    (CloudBroken("redirect", status=302), 0.2, 1, QUEUED, 1, "not made yet"),
    (CloudBroken("a page", status=404), 0.2, 3, QUEUED, 4, "not made yet"),
    (NotSent("refused"), 0.0, 1, QUEUED, 1, "not made yet, to be tried again: refused"),
    (NotSent("refused"), 0.0, 4, QUEUED, 8, "refused"),
    (NotSent("refused"), 0.0, 40, QUEUED, 60, "refused"),
    (TokenRefused("401", status=401), 0.1, 1, QUEUED, 1, "401"),
    (TokenRefused("none", retry_after_seconds=55), 0.1, 1, QUEUED, 55, "none"),
    (RateLimited("429", status=429), 0.1, 1, QUEUED, 10, "429"),
    (RateLimited("429", status=429, retry_after_seconds=7), 0.1, 1, QUEUED, 7, "429"),
    (RateLimited("429", status=429, retry_after_seconds=0), 0.1, 1, QUEUED, 1, "429"),
    (FunctionNotFound("404", status=404), 0.1, 1, FAILED, None, "does not offer this function"),
    (NotOurs("403", status=403), 0.1, 1, FAILED, None, "does not know this device"),
    (RequestRefused("400", status=400), 0.1, 1, FAILED, None, "refused the call: 400"),
]


@pytest.mark.parametrize(("outcome", "seconds", "attempts", "state", "wait", "words"), OUTCOMES)
def test_each_outcome_has_one_decision(outcome, seconds, attempts, state, wait, words):
    decision = decide(outcome, seconds=seconds, attempts=attempts, now=NOW, expires_at=TOMORROW)

    assert decision.state == state
    assert decision.next_attempt_at == (None if wait is None else NOW + timedelta(seconds=wait))
    assert words in decision.error
    is_answer = isinstance(outcome, int) and state != UNCLEAR
    assert decision.return_value == (outcome if is_answer else None)


@pytest.mark.parametrize(
    "outcome",
    [timed_out(30.0), AnswerLost("reset"), AnswerTimedOut("x"), CloudBroken("500", status=500)],
)
def test_what_is_safe_to_repeat_is_repeated_when_unclear(outcome):
    decision = decide(
        outcome, seconds=30.0, attempts=1, now=NOW, expires_at=TOMORROW, is_repeatable=True
    )

    assert decision.state == QUEUED
    assert decision.next_attempt_at == NOW + timedelta(seconds=1)


@pytest.mark.parametrize("outcome", [timed_out(0.1), NotSent("refused"), RateLimited("429")])
def test_no_attempt_is_planned_beyond_the_expiry(outcome):
    soon = NOW + timedelta(seconds=0.5)

    decision = decide(outcome, seconds=0.1, attempts=5, now=NOW, expires_at=soon)

    assert decision.next_attempt_at == soon


PINGS = [
    (False, WAITING, 15),
    (timed_out(30.0), WAITING, 15),
    (NotOurs("403"), FAILED, None),
    (NotSent("refused"), QUEUED, 1),
    (AnswerLost("reset"), QUEUED, 1),
    (AnswerTimedOut("silence"), QUEUED, 1),
    (CloudBroken("502", status=502), QUEUED, 1),
    (RateLimited("429", retry_after_seconds=20), QUEUED, 20),
    (TokenRefused("401"), QUEUED, 1),
]


@pytest.mark.parametrize(("outcome", "state", "wait"), PINGS)
def test_each_ping_has_one_decision(outcome, state, wait):
    decision = decide_ping(outcome, attempts=1, now=NOW, expires_at=TOMORROW)

    assert decision is not None
    assert decision.state == state
    assert decision.next_attempt_at == (None if wait is None else NOW + timedelta(seconds=wait))


def test_call_goes_on_when_the_ping_reached_the_device():
    assert decide_ping(True, attempts=1, now=NOW, expires_at=TOMORROW) is None


@pytest.mark.parametrize(
    ("state", "is_repeatable", "expected"),
    [
        ("claimed", False, Decision(QUEUED, next_attempt_at=NOW)),
        ("claimed", True, Decision(QUEUED, next_attempt_at=NOW)),
        ("sending", False, UNCLEAR),
        ("sending", True, QUEUED),
    ],
)
def test_each_lapsed_lease_has_one_decision(state, is_repeatable, expected):
    decision = decide_lapsed(
        state, attempts=1, now=NOW, expires_at=TOMORROW, is_repeatable=is_repeatable
    )

    assert expected in (decision, decision.state)


@pytest.mark.parametrize(
    ("is_online", "heard_seconds_ago", "expected"),
    [
        (True, 59, False),
        (True, 61, True),
        (True, None, True),
        (False, 1, True),
        (False, None, True),
    ],
)
def test_device_not_heard_of_lately_is_pinged_first(is_online, heard_seconds_ago, expected):
    heard = None if heard_seconds_ago is None else NOW - timedelta(seconds=heard_seconds_ago)

    assert needs_ping(is_online=is_online, last_heard_at=heard, now=NOW) is expected
