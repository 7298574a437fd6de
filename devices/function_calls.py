"""Ask for function calls: put them into the outbox, join and withdraw dances, tell who cares.

A row of the outbox is written in the transaction of whoever asks, so that what was asked for is
never lost; `devices.call_loop` makes the call, `devices.outbox` keeps the states.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import CharField, F
from django.db.models.functions import Cast
from django.utils import timezone
from django.utils.translation import gettext as _

from devices.errors import ArgumentTooLong, DanceNotQueued, FunctionNameInvalid
from devices.models import (
    MAX_ARGUMENT_BYTES,
    OPEN_STATES,
    Device,
    FunctionCall,
    FunctionCallCause,
    FunctionCallState,
)
from portal.customers.models import Customer, User
from portal.lib.wakeups import announce
from portal.live import updates

CHANNEL = "calls"  # for portal.lib.wakeups
DANCE = "dance"
WITHDRAWN = "withdrawn: every like was taken back"
# A dance of yesterday surprises more than it pleases; staff wait for an answer in front of a page.
DANCE_EXPIRES_AFTER = timedelta(hours=24)
CALL_EXPIRES_AFTER = timedelta(minutes=10)
_FUNCTION_NAME = re.compile(r"[A-Za-z0-9_\-]{1,64}")  # Device OS 3 and later: up to 64 characters
_JOIN_TRIES = 5

SettledHook = Callable[[Sequence[FunctionCall]], None]
"""Takes calls that came to their end, inside the settling `updates.transaction()`."""

_settled_hooks: dict[str, SettledHook] = {}


def on_settled(name: str, hook: SettledHook) -> None:
    """Call `hook` with every batch of calls that succeeded, failed, expired or stay unclear.

    Its writes commit together with the calls' outcome. A dance that its last like took back is not
    among them: who took it back knows. A second hook of that name is refused.
    """
    if name in _settled_hooks:
        raise ValueError(f"the hook {name!r} for settled calls is registered already")
    _settled_hooks[name] = hook


def run_settled_hooks(calls: Sequence[FunctionCall]) -> None:
    """Tell every hook; the caller holds the settling transaction."""
    for hook in _settled_hooks.values():
        hook(calls)


def ask_for_dance(*, device: Device, asked_by: User | None) -> FunctionCall:
    """Have the device dance for one more like, and return the call that dances for it.

    The like joins the dance that waits, or makes the next one while one is out. Belongs into the
    like's own `updates.transaction()`: like and dance are committed together.
    """
    with updates.transaction():
        for _try in range(_JOIN_TRIES):
            call = _join_dance(device) or _make_dance(device, asked_by)
            if call is not None:
                announce(CHANNEL)
                tell([call])
                return call
        raise DanceNotQueued(_("The dance could not be queued; please try again."))


def _join_dance(device: Device) -> FunctionCall | None:
    joinable = FunctionCall.objects.still_open().filter(device=device, is_joinable=True)
    if not joinable.update(**_dances(+1)):
        return None
    # Our own update locks the row until the commit: what is read here stays so.
    return FunctionCall.objects.still_open().select_related("device").get(
        device=device, is_joinable=True
    )  # fmt: skip


def _make_dance(device: Device, asked_by: User | None) -> FunctionCall | None:
    """Return a new dance, or None when another transaction made one first."""
    try:
        with transaction.atomic():  # a savepoint: PostgreSQL gives up a failed transaction
            return FunctionCall.objects.create(
                device=device,
                function=DANCE,
                argument="1",
                cause=FunctionCallCause.LIKE,
                asked_by=asked_by,
                dance_count=1,
                is_joinable=True,
                expires_at=timezone.now() + DANCE_EXPIRES_AFTER,
            )
    except IntegrityError:
        return None


def withdraw_dance(*, call: FunctionCall) -> bool:
    """Take one like's dance out of its call; False when it is too late, the call is being made."""
    with updates.transaction():
        mine = FunctionCall.objects.still_open().filter(pk=call.pk)
        if not mine.filter(cause=FunctionCallCause.LIKE, dance_count__gt=0).update(**_dances(-1)):
            return False
        mine.filter(dance_count=0).update(
            state=FunctionCallState.EXPIRED,
            settled_at=timezone.now(),
            is_joinable=False,
            last_error=WITHDRAWN,
        )
        announce(CHANNEL)  # what stood behind it may be due now
        tell([FunctionCall.objects.select_related("device").get(pk=call.pk)])
    return True


def _dances(change: int) -> dict[str, Any]:
    count = F("dance_count") + change
    return {
        "dance_count": count,
        "argument": Cast(count, CharField(max_length=MAX_ARGUMENT_BYTES)),
    }


def ask_for_call(
    *,
    device: Device,
    function: str,
    argument: str,
    asked_by: User | None,
    cause: FunctionCallCause | str,
) -> FunctionCall:
    """Put a call of any function into the outbox; raise CallRefused for what no device takes."""
    if not _FUNCTION_NAME.fullmatch(function):
        raise FunctionNameInvalid(_("%(name)r is no name of a function.") % {"name": function[:80]})
    byte_count = len(argument.encode("utf-8", "surrogatepass"))
    if byte_count > MAX_ARGUMENT_BYTES:
        raise ArgumentTooLong(
            _("The argument has %(count)d bytes, more than %(limit)d.")
            % {"count": byte_count, "limit": MAX_ARGUMENT_BYTES}
        )
    now = timezone.now()
    with updates.transaction():
        # Somebody wants an answer now: what waits for the device in front of it looks again, too.
        FunctionCall.objects.filter(
            device=device, settled_at=None, state=FunctionCallState.WAITING, next_attempt_at__gt=now
        ).update(next_attempt_at=now)
        call = FunctionCall.objects.create(
            device=device,
            function=function,
            argument=argument,
            cause=cause,
            asked_by=asked_by,
            expires_at=now + CALL_EXPIRES_AFTER,
        )
        announce(CHANNEL)
        tell([call])
    return call


def tell(calls: Sequence[FunctionCall]) -> None:
    """Append `call.changed` for each call: to the device's owner, to who asked, and to staff.

    The calls come with their devices loaded.
    """
    asker_ids = {call.asked_by_id for call in calls if call.asked_by_id is not None}
    customer_ids = (
        dict(Customer.objects.filter(user_id__in=asker_ids).values_list("user_id", "pk"))
        if asker_ids
        else {}
    )
    for call in calls:
        hearers = (call.device.owner_id, customer_ids.get(call.asked_by_id or 0))
        topics = [updates.customer_topic(pk) for pk in hearers if pk is not None]
        updates.append(
            type="call.changed", topics=[*topics, updates.STAFF], payload={"call": call_json(call)}
        )


def call_json(call: FunctionCall) -> dict[str, Any]:
    """Return a call as sockets and pages show it.

    Owners and likers read it: who asked and the cloud's id of the device are not in it.

    {"id": 7, "device": {"id": 3, "name": "…"}, "function": "dance",
    "argument": "2", "cause": "like" | "staff", "dances": 2, "state": "succeeded", "asked_at": …,
    "sent_at": … | null, "settled_at": … | null, "next_attempt_at": … | null (while open),
    "return_value": 1 | null, "seconds": 0.4 | null, "error": "in words, or empty"}
    """
    return {
        "id": call.pk,
        "device": {
            "id": call.device_id,
            "name": call.device.name,
        },
        "function": call.function,
        "argument": call.argument,
        "cause": str(call.cause),
        "dances": call.dance_count,
        "state": str(call.state),
        "asked_at": call.asked_at,
        "sent_at": call.sent_at,
        "settled_at": call.settled_at,
        "next_attempt_at": call.next_attempt_at if call.state in OPEN_STATES else None,
        "return_value": call.return_value,
        "seconds": None if call.seconds is None else round(call.seconds, 3),
        "error": call.last_error,
    }
