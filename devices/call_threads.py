"""Threads that do HTTP for the call loop, and nothing else: no database, no decisions.

Not an executor: Python joins an executor's threads at exit, and a call that is still out must not
keep a process that was told to leave (design.md, "Function calls").
"""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass
from queue import Empty, SimpleQueue

from devices.models import FunctionCall
from particle_integration.client import ParticleClient
from particle_integration.errors import AnswerLost, CloudError, DeviceTimedOut

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Answer:
    """What became of one request for a call; of a ping, whose outcome is a truth value."""

    call: FunctionCall
    is_ping: bool
    outcome: int | CloudError
    seconds: float


class CallThreads:
    """Up to `size` threads, started when needed; one other thread asks, and takes the answers."""

    def __init__(self, client: ParticleClient, *, size: int) -> None:
        self._client = client
        self._size = size
        self._requests: SimpleQueue[tuple[FunctionCall, bool] | None] = SimpleQueue()
        self._answers: SimpleQueue[Answer] = SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._out_count = 0

    @property
    def free_count(self) -> int:
        """How many more requests would be sent at once."""
        return self._size - self._out_count

    @property
    def has_answer(self) -> bool:
        """Whether an answer can be taken."""
        return not self._answers.empty()

    def ping(self, call: FunctionCall) -> None:
        """Ask the cloud to reach the call's device."""
        self._put(call, is_ping=True)

    def send(self, call: FunctionCall) -> None:
        """Make the call."""
        self._put(call, is_ping=False)

    def take_answers(self) -> list[Answer]:
        """Return the answers that have come, without waiting."""
        answers: list[Answer] = []
        try:
            while True:
                answers.append(self._answers.get_nowait())
        except Empty:
            self._out_count -= len(answers)
            return answers

    def end(self) -> None:
        """Let idle threads end, and busy ones after their request; waits for none."""
        for _thread in self._threads:
            self._requests.put(None)
        if not self._out_count:
            self._client.close()

    def _put(self, call: FunctionCall, *, is_ping: bool) -> None:
        self._out_count += 1
        if len(self._threads) < min(self._out_count, self._size):
            thread = threading.Thread(target=self._work, name="call", daemon=True)
            self._threads.append(thread)
            thread.start()
        self._requests.put((call, is_ping))

    def _work(self) -> None:
        while (request := self._requests.get()) is not None:
            call, is_ping = request
            started = time.monotonic()
            outcome = self._ask(call, is_ping=is_ping)
            seconds = time.monotonic() - started
            if isinstance(outcome, DeviceTimedOut):
                seconds = outcome.seconds  # of the last try alone, where a token had to be renewed
            self._answers.put(Answer(call, is_ping, outcome, seconds))

    def _ask(self, call: FunctionCall, *, is_ping: bool) -> int | CloudError:
        device_id = call.device.particle_device_id
        try:
            if is_ping:
                return self._client.ping_device(device_id)
            return self._client.call_function(device_id, call.function, call.argument)
        except CloudError as error:
            return error
        except Exception as error:
            # A mistake of ours. Whether the request was out is unknown, so it must not be repeated.
            logger.exception("call %s: the request failed in an unforeseen way", call.pk)
            return AnswerLost(f"the portal failed: {type(error).__name__}: {error}")
