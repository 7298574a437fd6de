"""Loops run in threads, survive their own failures, and stop when asked."""

from __future__ import annotations

import time

import pytest

from portal.lib import runloop
from portal.lib.runloop import Loop, LoopThreads, register_loop, run_until_idle
from portal.lib.stopping import Stop

pytestmark = pytest.mark.django_db(transaction=True)


class Countdown(Loop):
    name = "countdown"
    idle_seconds = 0.01

    def __init__(self, rounds: list[int | Exception]) -> None:
        self.rounds = rounds
        self.closed = 0

    def run_once(self) -> int:
        if not self.rounds:
            return 0
        result = self.rounds.pop(0)
        if isinstance(result, Exception):
            raise result
        return result

    def close(self) -> None:
        self.closed += 1


def _wait_for(condition, seconds: float = 5.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.01)


def test_rounds_are_counted_and_the_loop_is_closed_once():
    loop, stop = Countdown([3, 2]), Stop()
    threads = LoopThreads([loop], stop)

    threads.start()
    _wait_for(lambda: threads.worked["countdown"] == 5)
    stop.request()

    assert threads.join()
    assert loop.closed == 1


def test_a_round_that_fails_is_logged_and_the_next_one_runs(caplog):
    loop, stop = Countdown([RuntimeError("broken round"), 1]), Stop()
    threads = LoopThreads([loop], stop)

    threads.start()
    _wait_for(lambda: threads.worked["countdown"] == 1)
    stop.request()
    threads.join()

    assert "broken round" in caplog.text


def test_until_idle_runs_all_loops_until_none_has_anything_due():
    first, second = Countdown([1, 0, 2]), Countdown([1, 1])

    worked = run_until_idle([first, second], Stop())

    assert worked == 5
    assert (first.closed, second.closed) == (1, 1)


def test_two_loops_of_one_name_are_refused(monkeypatch):
    monkeypatch.setattr(runloop, "_registry", {})
    register_loop("countdown", lambda: Countdown([]))

    with pytest.raises(ValueError, match="registered already"):
        register_loop("countdown", lambda: Countdown([]))
