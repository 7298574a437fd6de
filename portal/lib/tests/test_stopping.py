"""Signals interrupt a wait, and only raise a flag during work."""

from __future__ import annotations

import os
import signal

import pytest

from portal.lib.stopping import Stop


def test_a_signal_during_work_only_raises_the_flag():
    stop = Stop()

    with stop.on_signals():
        os.kill(os.getpid(), signal.SIGTERM)

    assert stop.requested


def test_a_signal_during_a_wait_interrupts_it():
    stop = Stop()

    with stop.on_signals(), pytest.raises(KeyboardInterrupt), stop.interruptible():
        os.kill(os.getpid(), signal.SIGINT)

    assert stop.requested


def test_a_signal_just_before_a_wait_is_not_slept_over():
    stop = Stop()

    with stop.on_signals():
        os.kill(os.getpid(), signal.SIGTERM)

        with pytest.raises(KeyboardInterrupt), stop.interruptible():
            pytest.fail("the wait began although the stop was asked for")


def test_previous_handlers_come_back():
    before = signal.getsignal(signal.SIGTERM)

    with Stop().on_signals():
        pass

    assert signal.getsignal(signal.SIGTERM) is before
