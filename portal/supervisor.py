"""Run several of the portal's processes together, and stop all when one ends or a signal comes.

For a laptop: `manage.py demo` and `make run`. In production each process has its own supervisor.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from portal.lib.stopping import Stop

_STOP_SECONDS = 10.0  # every process promises to be gone by then (targets.md, R8)


@dataclass(frozen=True)
class ProcessSpec:
    """What to start, and what to call it."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]


def manage(*arguments: str) -> list[str]:
    """Return the command line of one of our management commands."""
    return [sys.executable, "manage.py", *arguments]


def web(host: str, port: int) -> list[str]:
    """Return the command line of the web process; no browser of ours sends more than 4 KiB."""
    limits = ["--websocket-max-message-size", "4096", "--websocket-max-frame-size", "4096"]
    address = ["-b", host, "-p", str(port)]
    return [sys.executable, "-m", "daphne", "-v", "0", *address, *limits, "portal.asgi:application"]


class Supervisor:
    """Starts children in sessions of their own: a Ctrl-C reaches them once, from here."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._children: list[tuple[ProcessSpec, subprocess.Popen[bytes]]] = []

    def start(self, spec: ProcessSpec) -> None:
        """Start one process."""
        child = subprocess.Popen(  # noqa: S603 - our own command lines
            list(spec.command),
            env={**os.environ, **spec.environment},
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        self._children.append((spec, child))

    def ended(self) -> tuple[str, int] | None:
        """Return name and exit status of a child that ended, if one has."""
        for spec, child in self._children:
            status = child.poll()
            if status is not None:
                return spec.name, status
        return None

    def run(self, stop: Stop) -> int:
        """Wait for a signal or the end of a child, then stop all; return the exit status."""
        status = 0
        try:
            while not stop.requested:
                ended = self.ended()
                if ended is not None:
                    self._say(f"{ended[0]} ended with status {ended[1]}: stopping everything.")
                    status = 1
                    break
                with stop.interruptible():
                    time.sleep(0.2)
        except KeyboardInterrupt:
            self._say("Stopping ...")
        self.stop()
        return status

    def stop(self) -> None:
        """Ask all children to stop, the first started last; kill who has not left in time."""
        for _, child in reversed(self._children):
            if child.poll() is None:
                child.terminate()
        deadline = time.monotonic() + _STOP_SECONDS
        for spec, child in reversed(self._children):
            try:
                child.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                self._say(f"{spec.name} did not stop within {_STOP_SECONDS:.0f} seconds: killed.")
                child.kill()
                child.wait()


def main() -> int:
    """Run web and listener, for `make run`."""
    port = int(os.environ.get("PORT", "8000"))
    supervisor = Supervisor(lambda text: print(text, flush=True))  # noqa: T201 - a terminal program
    stop = Stop()
    with stop.on_signals():
        supervisor.start(ProcessSpec("web", web("127.0.0.1", port), {}))
        supervisor.start(ProcessSpec("listener", manage("listen_events"), {}))
        print(f"The portal is at http://127.0.0.1:{port}/ (Ctrl-C stops it).", flush=True)  # noqa: T201
        return supervisor.run(stop)


if __name__ == "__main__":
    sys.exit(main())
