"""A worker process: every registered loop, a heartbeat, a clean stop."""

from __future__ import annotations

import logging
import time

from django.db import DatabaseError

from portal.lib.processes import Heartbeat
from portal.lib.runloop import LoopThreads, build_loops, reset_broken_connection, run_until_idle
from portal.lib.stopping import Stop

logger = logging.getLogger(__name__)


def run_worker(*, until_idle: bool = False, stop: Stop | None = None) -> None:
    """Run all loops until a signal (or until nothing is due); returns after a clean stop."""
    stop = stop or Stop()
    loops = build_loops()
    with stop.on_signals():
        if until_idle:
            run_until_idle(loops, stop)
            return
        threads = LoopThreads(loops, stop)
        heartbeat = Heartbeat("worker")
        threads.start()
        logger.info("worker started: %s", ", ".join(loop.name for loop in loops))
        try:
            _keep_beating(heartbeat, threads, stop)
        except KeyboardInterrupt:
            logger.info("worker stops")
        stop.request()
        if not threads.join():
            logger.warning(
                "a loop was still busy at the end: its rows come due again by their lease"
            )
        try:
            heartbeat.stop(dict(threads.worked))
        except DatabaseError as error:
            logger.warning("the last heartbeat could not be written: %s", error)


def _keep_beating(heartbeat: Heartbeat, threads: LoopThreads, stop: Stop) -> None:
    while not stop.requested:
        with stop.interruptible():
            time.sleep(0.5)
        try:
            heartbeat.beat(dict(threads.worked))
        except Exception:
            # A database that is away must not end the loops: they wait for it themselves.
            logger.exception("the heartbeat could not be written")
            reset_broken_connection()
