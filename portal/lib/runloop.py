"""The worker's loops: a registry that apps fill, and the threads that run them.

Each app registers its loop in `ready()`; `listen_events` and `run_worker` run whatever is there,
so they run loops of apps that they do not import. A loop's thread owns one database connection
and resets it only after an operational error (closing it every round made a commit 5 to 13 times
slower, measured).
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from django.db import DatabaseError, InterfaceError, connection, connections

from portal.lib.backoff import full_jitter_seconds
from portal.lib.stopping import Stop
from portal.lib.wakeups import Watcher, watch

logger = logging.getLogger(__name__)


class Loop:
    """One duty of the worker. All methods are called in one thread, one at a time."""

    name = ""
    channels: tuple[str, ...] = ()  # what wakes it, see portal.lib.wakeups
    idle_seconds = 1.0  # the poll behind the wake-ups

    def run_once(self) -> int:
        """Do one batch of what is due; return how many rows it worked on, 0 for none."""
        raise NotImplementedError

    def is_idle(self) -> bool:
        """Tell whether nothing is under way (threads, children) when `run_once` returned 0."""
        return True

    def wait(self, watcher: Watcher, stop: Stop) -> None:
        """Wait until something may be due."""
        watcher.wait(self.idle_seconds, until=lambda: stop.requested)

    def close(self) -> None:
        """Give back or finish what is held, within 8 seconds; called after the last `run_once`."""


@dataclass(frozen=True)
class _Registered:
    name: str
    build: Callable[[], Loop]


_registry: dict[str, _Registered] = {}


def register_loop(name: str, build: Callable[[], Loop]) -> None:
    """Make `build()` one of the worker's loops; a second one of that name is refused."""
    if name in _registry:
        raise ValueError(f"the loop {name!r} is registered already")
    _registry[name] = _Registered(name, build)


def build_loops() -> list[Loop]:
    """Return one new object per registered loop, in the order of registration."""
    return [registered.build() for registered in _registry.values()]


class LoopThreads:
    """Runs each loop in a thread of its own until `stop.requested`."""

    def __init__(self, loops: list[Loop], stop: Stop) -> None:
        self._stop = stop
        self.worked: dict[str, int] = {loop.name: 0 for loop in loops}
        self._threads = [
            # Daemons: a call that is still out at the end must not keep the process (design.md).
            threading.Thread(target=self._run, args=(loop,), name=loop.name, daemon=True)
            for loop in loops
        ]

    def start(self) -> None:
        """Start all threads."""
        for thread in self._threads:
            thread.start()

    def join(self, timeout_seconds: float = 9.0) -> bool:
        """Wait for all threads to end; False when one is still busy after the time."""
        deadline = time.monotonic() + timeout_seconds
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)

    def is_alive(self) -> bool:
        """Tell whether every loop's thread still runs."""
        return all(thread.is_alive() for thread in self._threads)

    def _run(self, loop: Loop) -> None:
        failures = 0
        watcher: Watcher | None = None
        try:
            while not self._stop.requested:
                try:
                    if watcher is None:
                        watcher = watch(loop.channels)
                    worked = loop.run_once()
                    self.worked[loop.name] += worked
                    failures = 0
                    if not worked:
                        loop.wait(watcher, self._stop)
                except Exception:
                    # The one catch-all of this loop: whatever broke a round must not end the duty.
                    logger.exception("loop %s: a round failed", loop.name)
                    reset_broken_connection()
                    self._pause(full_jitter_seconds(failures, base_seconds=0.5, cap_seconds=15))
                    failures += 1
        finally:
            self._close(loop, watcher)

    def _pause(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not self._stop.requested and time.monotonic() < deadline:
            time.sleep(0.05)

    def _close(self, loop: Loop, watcher: Watcher | None) -> None:
        try:
            loop.close()
        except Exception:
            logger.exception("loop %s: closing failed", loop.name)
        if watcher is not None:
            watcher.close()
        connections.close_all()


def reset_broken_connection() -> None:
    """Close this thread's connection if it no longer works or is stuck in a failed transaction."""
    try:
        if connection.in_atomic_block or not connection.is_usable():
            connection.close()
    except (DatabaseError, InterfaceError):
        connection.close()


def run_until_idle(loops: list[Loop], stop: Stop) -> int:
    """Run all loops in this thread until nothing is due or under way; return the rows."""
    total = 0
    while not stop.requested:
        worked = sum(loop.run_once() for loop in loops)
        total += worked
        if worked:
            continue
        if all(loop.is_idle() for loop in loops):
            break
        time.sleep(0.01)
    for loop in loops:
        loop.close()
    return total
