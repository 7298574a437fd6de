"""Move calls through their states: claim, send, settle, give back, expire.

Every step is one short transaction that holds the rows by their lease token; no network in any.
What a decision says (`devices.delivery`) and what others learn of it commit together.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from copy import copy
from datetime import timedelta

from django.db import IntegrityError
from django.utils import timezone

from devices.delivery import REPEATABLE_FUNCTIONS, Decision, decide_lapsed
from devices.function_calls import CHANNEL, run_settled_hooks, tell
from devices.models import (
    OPEN_STATES,
    UNDER_WAY_STATES,
    FunctionCall,
    FunctionCallCause,
    FunctionCallState,
)
from portal.lib.wakeups import announce
from portal.live import updates

logger = logging.getLogger(__name__)

# Renewed by the loop every quarter of it: a lease lapses only with its worker.
LEASE_SECONDS = 60.0
BATCH_SIZE = 200
_CONFLICT_TRIES = 5
_CHANGED = (
    "state",
    "is_joinable",
    "last_error",
    "next_attempt_at",
    "return_value",
    "seconds",
    "settled_at",
    "leased_until",
    "lease_token",
)


def claim_calls(*, limit: int) -> list[FunctionCall]:
    """Claim due calls, one per device at most; return them with their devices."""
    try:
        return FunctionCall.objects.next_due().claim(
            limit=limit, lease_seconds=LEASE_SECONDS, claimed=FunctionCallState.CLAIMED
        )
    except IntegrityError:
        # Another worker took a call of one of these devices between our look and our claim.
        logger.info("claiming calls: another worker was quicker")
        return []


def mark_sending(calls: Sequence[FunctionCall]) -> list[FunctionCall]:
    """Commit that these claimed calls are about to be sent; return those that are still ours."""
    now = timezone.now()
    with updates.transaction():
        held = _held(calls, states=[FunctionCallState.CLAIMED])
        FunctionCall.objects.filter(pk__in=[call.pk for call in held]).update(
            state=FunctionCallState.SENDING,
            sent_at=now,
            leased_until=now + timedelta(seconds=LEASE_SECONDS),
        )
        for call in held:
            call.state, call.sent_at = FunctionCallState.SENDING, now
        tell(held)
    return held


def settle(
    decided: Sequence[tuple[FunctionCall, Decision, float | None]], *, with_hooks: bool = True
) -> list[FunctionCall]:
    """Carry out decisions about calls under our lease, with the seconds that their requests took.

    Returns the calls that were still ours; the others are their new holder's. Hooks of
    `function_calls.on_settled` run for those that came to their end.
    """
    for tries_left in reversed(range(_CONFLICT_TRIES)):
        try:
            with updates.transaction():
                held = _held([call for call, _, _ in decided], states=UNDER_WAY_STATES)
                held_pks = {call.pk for call in held}
                # On copies: after a rollback the caller's calls must still carry their lease.
                _apply(
                    [(copy(call), what, s) for call, what, s in decided if call.pk in held_pks],
                    with_hooks=with_hooks,
                )
        except IntegrityError:
            # A like made the device's next dance just when this one came back to wait: look again.
            if not tries_left:
                raise
        else:
            return held
    raise AssertionError  # pragma: no cover -- the last try returns or raises


def release(calls: Sequence[FunctionCall]) -> None:
    """Give claimed calls back, to be made by another worker at once."""
    now = timezone.now()
    again = Decision(FunctionCallState.QUEUED, next_attempt_at=now)
    settle([(call, again, None) for call in calls])


def renew_leases(calls: Iterable[FunctionCall]) -> None:
    """Keep the calls that are out under our lease."""
    tokens_by_pk = {call.pk: call.lease_token for call in calls}
    if tokens_by_pk:
        FunctionCall.objects.filter(
            pk__in=tokens_by_pk.keys(), lease_token__in=set(tokens_by_pk.values())
        ).update(leased_until=timezone.now() + timedelta(seconds=LEASE_SECONDS))


def take_back_lapsed(*, repeatable: frozenset[str] = REPEATABLE_FUNCTIONS) -> int:
    """Decide about the calls of lost workers; return how many there were."""
    if not FunctionCall.objects.lapsed().exists():
        return 0
    now = timezone.now()
    with updates.transaction():
        lapsed = FunctionCall.objects.lapsed().select_related("device").order_by("pk")
        calls = list(
            lapsed.select_for_update(skip_locked=True, no_key=True, of=("self",))[:BATCH_SIZE]
        )
        decided = [
            (
                call,
                decide_lapsed(
                    call.state,
                    attempts=call.attempts,
                    now=now,
                    expires_at=call.expires_at,
                    is_repeatable=call.function in repeatable,
                ),
                None,
            )
            for call in calls
        ]
        _apply(decided, with_hooks=True)
    for call, decision, _ in decided:
        logger.warning("call %s: its lease lapsed, now %s", call.pk, decision.state)
    return len(calls)


def expire_overdue() -> int:
    """End the open calls whose time is over; return how many."""
    overdue = FunctionCall.objects.still_open().filter(expires_at__lte=timezone.now())
    if not overdue.exists():
        return 0
    with updates.transaction():
        calls = list(
            overdue.select_related("device")
            .order_by("pk")
            .select_for_update(skip_locked=True, no_key=True, of=("self",))[:BATCH_SIZE]
        )
        decided = [(call, _expired(call), None) for call in calls]
        _apply(decided, with_hooks=True)
    return len(calls)


def wake_waiting(device_ids: Iterable[int]) -> None:
    """Make the calls that wait for these devices due now; inside the caller's transaction."""
    now = timezone.now()
    waiting = FunctionCall.objects.filter(
        settled_at=None,
        state=FunctionCallState.WAITING,
        device_id__in=list(device_ids),
        next_attempt_at__gt=now,
    )
    if waiting.update(next_attempt_at=now):
        announce(CHANNEL)


def _expired(call: FunctionCall) -> Decision:
    reason = call.last_error or "other calls of the device came first"
    return Decision(FunctionCallState.EXPIRED, f"not made in time: {reason}")


def _held(calls: Sequence[FunctionCall], *, states: Sequence[str]) -> list[FunctionCall]:
    """Lock the rows; return the calls among these that still carry our lease token."""
    rows = (
        FunctionCall.objects.filter(pk__in=[call.pk for call in calls], state__in=states)
        .order_by("pk")
        .select_for_update(no_key=True)
        .values_list("pk", "lease_token")
    )
    tokens = dict(rows)
    held = [call for call in calls if tokens.get(call.pk, "gone") == call.lease_token]
    if len(held) < len(calls):
        logger.warning("%d of %d calls have a new holder", len(calls) - len(held), len(calls))
    return held


def _apply(
    decided: Sequence[tuple[FunctionCall, Decision, float | None]], *, with_hooks: bool
) -> None:
    """Write decisions to rows that this transaction holds, and tell who cares."""
    if not decided:
        return
    now = timezone.now()
    taken = _devices_with_joinable_dance([call for call, _, _ in decided])
    for call, decision, seconds in decided:
        is_open = decision.state in OPEN_STATES
        call.state = decision.state
        # It may quote what the other end sent; databases refuse NUL.
        call.last_error = decision.error.replace("\0", "\ufffd")
        call.return_value = decision.return_value
        call.seconds = seconds
        call.next_attempt_at = decision.next_attempt_at or call.next_attempt_at
        call.settled_at = None if is_open else now
        call.is_joinable = (
            is_open and call.cause == FunctionCallCause.LIKE and call.device_id not in taken
        )
        call.leased_until = call.lease_token = None
    calls = [call for call, _, _ in decided]
    FunctionCall.objects.bulk_update(calls, _CHANGED)
    settled = [call for call in calls if call.is_settled]
    if settled and with_hooks:
        run_settled_hooks(settled)
    if len(settled) < len(calls):
        announce(CHANNEL)
    tell(calls)


def _devices_with_joinable_dance(calls: Sequence[FunctionCall]) -> set[int]:
    """Return the devices of these calls that have another open dance which likes join."""
    others = FunctionCall.objects.still_open().filter(
        device_id__in={call.device_id for call in calls}, is_joinable=True
    )
    return set(
        others.exclude(pk__in=[call.pk for call in calls]).values_list("device_id", flat=True)
    )
