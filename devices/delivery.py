"""What to do with each outcome of a call. Pure: no clock, no database, no network.

`decide` and `decide_ping` are the only places where it is written; each branch is a line of a
table in the tests.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from devices.models import FunctionCallState
from particle_integration.errors import (
    AnswerLost,
    CloudBroken,
    CloudError,
    DeviceTimedOut,
    FunctionNotFound,
    NotOurs,
    NotSent,
    RateLimited,
    RequestRefused,
    TokenRefused,
)
from portal.lib.backoff import exponential_seconds

# The cloud says "timed out" at once for a device that it knows to be offline, and after 30 seconds
# for one that does not answer: that one may have run the function (particle-cloud.md, 6).
OFFLINE_WITHIN_SECONDS = 5.0
# Longer than any hiccup of Wi-Fi, short enough that a ping is rare for a device in use.
PING_AFTER = timedelta(seconds=60)
# Functions that may run twice without harm: the only ones repeated when an outcome is unknown.
# `dance` is not among them: nobody should wonder why the thing on the shelf dances again.
REPEATABLE_FUNCTIONS: frozenset[str] = frozenset()

_RETRY_BASE_SECONDS, _RETRY_CAP_SECONDS = 1.0, 60.0
_OFFLINE_BASE_SECONDS, _OFFLINE_CAP_SECONDS = 15.0, 600.0  # its `online` event wakes it sooner
_RATE_LIMIT_SECONDS = 10.0
_MAX_INT32 = 2**31 - 1  # what a function returns on the device, and what our column holds
_LAPSED = "the worker that made this call was lost before the answer came"


@dataclass(frozen=True)
class Decision:
    """The state that a call goes to; `next_attempt_at` when that is `queued` or `waiting`."""

    state: FunctionCallState
    error: str = ""
    next_attempt_at: datetime | None = None
    return_value: int | None = None


Outcome = int | CloudError
"""What a function returned, or what became of the request."""


def decide(
    outcome: Outcome,
    *,
    seconds: float,
    attempts: int,
    now: datetime,
    expires_at: datetime,
    is_repeatable: bool = False,
) -> Decision:
    """Return what a call becomes after an outcome that took `seconds`; `attempts` counts from 1."""
    if isinstance(outcome, int):
        return _answered(outcome)
    if isinstance(outcome, DeviceTimedOut) and seconds < OFFLINE_WITHIN_SECONDS:
        return _wait_for_device(attempts=attempts, now=now, expires_at=expires_at)
    if isinstance(outcome, FunctionNotFound):
        return _failed("the device does not offer this function")
    if isinstance(outcome, NotOurs):
        return _failed("the cloud does not know this device as one of ours")
    if isinstance(outcome, RequestRefused):
        return _failed(f"the cloud refused the call: {outcome}")
    if is_repeatable or was_not_carried_out(outcome):
        return _again(outcome, attempts=attempts, now=now, expires_at=expires_at)
    return Decision(FunctionCallState.UNCLEAR, _unclear_words(outcome, seconds))


def decide_ping(
    outcome: bool | CloudError, *, attempts: int, now: datetime, expires_at: datetime
) -> Decision | None:
    """Return what a call becomes after the ping before it; None: the device is there, go on.

    Nothing has been sent to the device's function, so that anything may be tried again.
    """
    if outcome is True:
        return None
    if outcome is False or isinstance(outcome, DeviceTimedOut):
        return _wait_for_device(attempts=attempts, now=now, expires_at=expires_at)
    if isinstance(outcome, NotOurs):
        return _failed("the cloud does not know this device as one of ours")
    return _again(outcome, attempts=attempts, now=now, expires_at=expires_at)


def decide_lapsed(
    state: str, *, attempts: int, now: datetime, expires_at: datetime, is_repeatable: bool = False
) -> Decision:
    """Return what a call becomes whose worker died: due again, unless the request may be out."""
    if state == FunctionCallState.CLAIMED:
        return Decision(FunctionCallState.QUEUED, next_attempt_at=now)
    if is_repeatable:
        lost = AnswerLost(_LAPSED)
        return _again(lost, attempts=attempts, now=now, expires_at=expires_at)
    return Decision(FunctionCallState.UNCLEAR, f"{_LAPSED}; it may have run")


def was_not_carried_out(error: CloudError) -> bool:
    """Tell whether the error proves that the device's function did not run."""
    if isinstance(error, NotSent | TokenRefused | RateLimited):
        return True
    # A redirect, or a page from something in between: the API never saw it. A 5xx proves nothing.
    return isinstance(error, CloudBroken) and error.status is not None and 300 <= error.status < 500


def needs_ping(*, is_online: bool, last_heard_at: datetime | None, now: datetime) -> bool:
    """Tell whether to ask first if the device is there: a ping answers sooner than a time-out."""
    return not is_online or last_heard_at is None or now - last_heard_at > PING_AFTER


def _answered(value: int) -> Decision:
    if abs(value) > _MAX_INT32:
        return Decision(
            FunctionCallState.UNCLEAR, f"the cloud answered {value}, which no device can return"
        )
    if value < 0:
        return Decision(
            FunctionCallState.FAILED, f"the device answered {value}: it could not", None, value
        )
    return Decision(FunctionCallState.SUCCEEDED, return_value=value)


def _failed(error: str) -> Decision:
    return Decision(FunctionCallState.FAILED, error)


def _wait_for_device(*, attempts: int, now: datetime, expires_at: datetime) -> Decision:
    seconds = exponential_seconds(
        attempts - 1, base_seconds=_OFFLINE_BASE_SECONDS, cap_seconds=_OFFLINE_CAP_SECONDS
    )
    return Decision(
        FunctionCallState.WAITING,
        "the device is offline",
        min(now + timedelta(seconds=seconds), expires_at),
    )


def _again(error: CloudError, *, attempts: int, now: datetime, expires_at: datetime) -> Decision:
    seconds = exponential_seconds(
        attempts - 1, base_seconds=_RETRY_BASE_SECONDS, cap_seconds=_RETRY_CAP_SECONDS
    )
    if isinstance(error, RateLimited):
        seconds = max(seconds, _RATE_LIMIT_SECONDS)
    if error.retry_after_seconds is not None:
        seconds = max(error.retry_after_seconds, _RETRY_BASE_SECONDS)
    return Decision(
        FunctionCallState.QUEUED,
        f"not made yet, to be tried again: {error}",
        min(now + timedelta(seconds=seconds), expires_at),
    )


def _unclear_words(error: CloudError, seconds: float) -> str:
    if isinstance(error, DeviceTimedOut):
        return f"the device did not answer within {seconds:.0f} seconds; it may have run the call"
    return f"it may have run: {error}"
