"""The call loop: claims due calls, has threads make them, settles the answers in batches.

The loop's thread does all database work and the threads all HTTP. `sending` is committed just
before a request goes out, so that a call whose worker dies is known to be unclear.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence

from django.db import InterfaceError, OperationalError
from django.utils import timezone

from devices import outbox, presence
from devices.call_threads import Answer, CallThreads
from devices.delivery import REPEATABLE_FUNCTIONS, Decision, decide, decide_ping, needs_ping
from devices.function_calls import CHANNEL
from devices.models import FunctionCall
from particle_integration.client import ParticleClient, build_session, client_from_settings
from portal.lib.runloop import Loop
from portal.lib.stopping import Stop
from portal.lib.wakeups import Watcher

logger = logging.getLogger(__name__)

CALLS_IN_FLIGHT = 32  # at most, in one process; a silent device holds one for 30 seconds
CLOSE_SECONDS = 8.0  # of the 10 that supervisors give between SIGTERM and SIGKILL
_SWEEP_SECONDS = 1.0
_RENEW_SECONDS = outbox.LEASE_SECONDS / 4
_ANSWER_LOOK_SECONDS = 0.02  # as often as a SQLite watcher looks

Decided = tuple[FunctionCall, Decision, float | None]


class CallLoop(Loop):
    """Delivers the outbox to the cloud."""

    name = "call"
    channels = (CHANNEL,)
    idle_seconds = 1.0

    def __init__(
        self,
        client: ParticleClient | None = None,
        *,
        in_flight: int = CALLS_IN_FLIGHT,
        repeatable: frozenset[str] = REPEATABLE_FUNCTIONS,
        close_seconds: float = CLOSE_SECONDS,
    ) -> None:
        self._threads = CallThreads(
            client or client_from_settings(build_session(connection_count=in_flight)),
            size=in_flight,
        )
        self._repeatable = repeatable
        self._close_seconds = close_seconds
        self._out: dict[int, FunctionCall] = {}  # with a request under way, by primary key
        self._unsettled: list[Answer] = []  # kept while the database is away
        self._sweep_at = self._renew_at = 0.0

    def run_once(self) -> int:
        """Settle what was answered, take what is due; return how many calls moved."""
        self._renew()
        settled_count, reached = self._settle_answers()
        swept_count = self._sweep()
        claimed: list[FunctionCall] = []
        free_count = self._threads.free_count - len(reached)
        if free_count > 0:
            claimed = outbox.claim_calls(limit=free_count)
        self._start(claimed, reached)
        return settled_count + swept_count + len(claimed)

    def is_idle(self) -> bool:
        """Tell whether no request is out and no answer is left to settle."""
        return not self._out and not self._unsettled

    def wait(self, watcher: Watcher, stop: Stop) -> None:
        """Wait for a change of the database, an answer, or the next sweep."""

        def is_over() -> bool:
            return stop.requested or self._threads.has_answer

        if not self._out:
            watcher.wait(self.idle_seconds, until=is_over)
            return
        # A watcher of PostgreSQL sleeps in its socket, where no answer wakes it: in short slices.
        deadline = time.monotonic() + self.idle_seconds
        while not is_over() and time.monotonic() < deadline:
            if watcher.wait(_ANSWER_LOOK_SECONDS, until=is_over):
                return

    def close(self) -> None:
        """Take nothing new, settle what is answered in time; the rest stays `sending`."""
        deadline = time.monotonic() + self._close_seconds
        try:
            while True:
                _, reached = self._settle_answers()
                self._give_back(reached)
                if self.is_idle() or time.monotonic() >= deadline:
                    break
                time.sleep(_ANSWER_LOOK_SECONDS)
        finally:
            self._threads.end()
        if self._out:
            logger.warning("%d calls were still out at the end", len(self._out))

    def _start(self, claimed: Sequence[FunctionCall], reached: Sequence[FunctionCall]) -> None:
        """Ping the devices not heard of lately; call the others, once `sending` is committed."""
        now = timezone.now()
        to_send = list(reached)
        for call in claimed:
            device = call.device
            if needs_ping(is_online=device.is_online, last_heard_at=device.last_heard_at, now=now):
                self._out[call.pk] = call
                self._threads.ping(call)
            else:
                to_send.append(call)
        for call in outbox.mark_sending(to_send) if to_send else ():
            self._out[call.pk] = call
            self._threads.send(call)

    def _settle_answers(self) -> tuple[int, list[FunctionCall]]:
        """Settle what was answered; return how many, and the calls whose device a ping reached."""
        answers = [*self._unsettled, *self._threads.take_answers()]
        self._unsettled = answers  # until they are
        if not answers:
            return 0, []
        reached: list[FunctionCall] = []
        decided: list[Decided] = []
        for answer in answers:
            decision = self._decide(answer)
            if decision is None:
                reached.append(answer.call)
            else:
                seconds = None if answer.is_ping else answer.seconds
                decided.append((answer.call, decision, seconds))
        presence.note_answers(
            heard_device_ids={one.call.device_id for one in answers if _was_heard(one)},
            offline_device_ids={one.call.device_id for one in answers if one.outcome is False},
        )
        if decided:
            self._settle(decided)
        self._unsettled = []
        for answer in answers:
            self._out.pop(answer.call.pk, None)
        return len(answers), reached

    def _decide(self, answer: Answer) -> Decision | None:
        call, now = answer.call, timezone.now()
        outcome = answer.outcome
        if answer.is_ping:
            is_there = bool(outcome) if isinstance(outcome, int) else outcome
            return decide_ping(
                is_there, attempts=call.attempts, now=now, expires_at=call.expires_at
            )
        return decide(
            outcome,
            seconds=answer.seconds,
            attempts=call.attempts,
            now=now,
            expires_at=call.expires_at,
            is_repeatable=call.function in self._repeatable,
        )

    def _settle(self, decided: Sequence[Decided]) -> None:
        """Settle all together; one by one when something fails, so that a bad one stands alone."""
        try:
            outbox.settle(decided)
        except (OperationalError, InterfaceError):
            raise  # the database is away: the answers are kept, and settled when it is back
        except Exception:
            if len(decided) > 1:
                logger.warning("settling %d calls failed; each alone", len(decided), exc_info=True)
                for one in decided:
                    self._settle([one])
                return
            # A hook cannot take it. What the device did is kept all the same.
            logger.exception("call %s: a hook failed; it is settled without", decided[0][0].pk)
            outbox.settle(decided, with_hooks=False)

    def _give_back(self, calls: Sequence[FunctionCall]) -> None:
        if calls:
            outbox.release(calls)

    def _sweep(self) -> int:
        if time.monotonic() < self._sweep_at:
            return 0
        count = outbox.take_back_lapsed(repeatable=self._repeatable) + outbox.expire_overdue()
        if not count:
            self._sweep_at = time.monotonic() + _SWEEP_SECONDS
        return count

    def _renew(self) -> None:
        if time.monotonic() >= self._renew_at:
            outbox.renew_leases(self._out.values())
            self._renew_at = time.monotonic() + _RENEW_SECONDS


def _was_heard(answer: Answer) -> bool:
    """Tell whether the device itself answered."""
    return answer.outcome is True or (not answer.is_ping and isinstance(answer.outcome, int))
