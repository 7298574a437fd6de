"""The listener's process: reader, writer, heartbeat and, unless told otherwise, worker loops."""

from __future__ import annotations

import logging
import time

from django.db import DatabaseError, InterfaceError

from particle_integration.client import ParticleClient
from particle_integration.intake import BatchQueue, InboxWriter
from particle_integration.listener import Listener
from particle_integration.models import Path
from portal.lib.processes import Heartbeat
from portal.lib.runloop import LoopThreads, build_loops, reset_broken_connection, run_until_idle
from portal.lib.stopping import Stop

logger = logging.getLogger(__name__)

STOP_SECONDS = 9.0  # a supervisor kills after ten


class ListenerProcess:
    """Runs one listener until a signal, or one connection with `once`."""

    def __init__(
        self, client: ParticleClient, *, with_worker: bool, stop: Stop | None = None
    ) -> None:
        self._stop = stop or Stop()
        self._worker_stop = Stop()  # the loops go on while the writer stores the last events
        self._with_worker = with_worker
        self._threads = LoopThreads(build_loops() if with_worker else [], self._worker_stop)
        queue = BatchQueue()
        self._writer = InboxWriter(Path.STREAM, queue, on_round=self._beat)
        self._listener = Listener(client, queue, self._stop)
        self._heartbeat: Heartbeat | None = None
        self._is_heartbeat_failing = False

    def run(self, *, once: bool = False) -> bool:
        """Listen; return whether the stream was ever open, which only `once` needs to know."""
        with self._stop.on_signals():
            self._writer.start()
            self._threads.start()
            try:
                was_open = self._run_once() if once else self._run()
            finally:
                self._end()
            if once and self._with_worker and not self._stop.requested:
                run_until_idle(build_loops(), self._stop)
        return was_open

    def _run(self) -> bool:
        self._listener.run()
        return True

    def _run_once(self) -> bool:
        try:
            return self._listener.run_once().was_open
        except KeyboardInterrupt:
            logger.info("the listener stops")
            return True

    def _end(self) -> None:
        started = time.monotonic()
        self._worker_stop.request()
        if not self._writer.close(STOP_SECONDS - 1.0):
            logger.error("events that were read could not be stored: the database is away")
        if not self._threads.join(max(0.0, STOP_SECONDS - (time.monotonic() - started))):
            logger.warning("a loop was still busy: its rows come due again by their lease")
        if self._heartbeat is not None:
            try:
                self._heartbeat.stop(self._counters())
            except (DatabaseError, InterfaceError) as error:
                logger.warning("the last heartbeat could not be written: %s", error)

    def _beat(self) -> None:
        """Write the heartbeat; in the writer's thread, at most once a second."""
        try:
            if self._heartbeat is None:
                self._heartbeat = Heartbeat("listener")
            self._heartbeat.beat(self._counters())
            self._is_heartbeat_failing = False
        except Exception as error:  # noqa: BLE001 - no heartbeat is worth the writer's thread
            if not self._is_heartbeat_failing:  # once, not every second of an outage
                logger.warning("the heartbeat could not be written: %s", error)
            self._is_heartbeat_failing = True
            reset_broken_connection()

    def _counters(self) -> dict[str, object]:
        loops = {f"{name}_rows": rows for name, rows in self._threads.worked.items()}
        return {**self._listener.counters.as_dict(), **self._writer.counters.as_dict(), **loops}
