"""Real processes for journeys: a simulated cloud, web, listener, and a database of their own."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
import requests

from particle_integration.simulator.testing import running_simulator

ROOT = Path(__file__).resolve().parents[3]
DEVICES = 4
# A real process must not believe that it is a test, nor be allowed what only tests may do.
_TESTS_ONLY = ("PYTEST_VERSION", "DJANGO_ALLOW_ASYNC_UNSAFE")


def wait_for(condition: Callable[[], object], what: str, seconds: float = 30.0) -> None:
    """Poll until the condition holds; a journey crosses processes, which take their time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"it never happened: {what}"
        time.sleep(0.05)


def free_port() -> int:
    """Return a port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class RunningPortal:
    """The portal's processes beside a simulated cloud; each can be killed and started again."""

    def __init__(self, cloud, environment: dict[str, str], folder: Path) -> None:
        self.cloud = cloud
        self.url = f"http://127.0.0.1:{free_port()}"
        self.environment = environment
        self.folder = folder
        self._children: dict[str, subprocess.Popen[bytes]] = {}

    def manage(self, *arguments: str) -> str:
        """Run a management command to its end."""
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def shell(self, code: str) -> str:
        """Run Python beside the portal's database; returns what it printed."""
        return self.manage("shell", "--no-imports", "-c", code).strip()

    def start_web(self) -> None:
        """Serve, and wait until ready."""
        port = self.url.rsplit(":", 1)[1]
        arguments = ["-m", "daphne", "-v", "0", "-b", "127.0.0.1", "-p", port]
        self._start("web", [*arguments, "portal.asgi:application"])
        wait_for(self._is_ready, "web is ready", seconds=60)

    def start_listener(self, *options: str) -> None:
        """Listen, and wait until the cloud sees the stream."""
        self._start("listener", ["manage.py", "listen_events", *options])
        self.cloud.wait_for_streams(1, timeout_seconds=60)

    def start_worker(self) -> None:
        """Work, beside a listener or without one."""
        self._start("worker", ["manage.py", "run_worker"])
        wait_for(lambda: "worker started" in self.log("worker"), "the worker starts", seconds=60)

    def kill(self, name: str) -> None:
        """SIGKILL: nothing is said goodbye to."""
        child = self._children.pop(name)
        child.kill()
        child.wait()
        if name == "listener":
            self.cloud.wait_for_streams(0, timeout_seconds=60)

    def stop(self, name: str) -> int:
        """SIGTERM, and the exit status."""
        child = self._children.pop(name)
        child.send_signal(signal.SIGTERM)
        return child.wait(timeout=15)

    def close(self) -> None:
        """End what still runs."""
        for child in self._children.values():
            child.kill()
            child.wait()

    def log(self, name: str) -> str:
        """Return what a process wrote."""
        return (self.folder / f"{name}.log").read_text()

    def _start(self, name: str, arguments: list[str]) -> None:
        with (self.folder / f"{name}.log").open("ab") as log:
            self._children[name] = subprocess.Popen(
                [sys.executable, *arguments],
                cwd=ROOT,
                env=self.environment,
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
            )

    def _is_ready(self) -> bool:
        try:
            return requests.get(f"{self.url}/readyz", timeout=5).ok
        except requests.ConnectionError:
            return False


@pytest.fixture
def journey_database(tmp_path) -> Iterator[str]:
    """The URL of an empty database: a file, or a new one on the server that DATABASE_URL names."""
    url = os.environ.get("DATABASE_URL", "")
    if not url.startswith("postgres"):
        yield f"sqlite:///{tmp_path / 'journey.sqlite3'}"
        return
    name = f"journey_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(url, autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name}")
        yield urlunsplit(urlsplit(url)._replace(path=f"/{name}"))
        server.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def portal(tmp_path, journey_database) -> Iterator[RunningPortal]:
    """A seeded portal beside a quiet simulated cloud; nothing is started yet."""
    options = {"devices": DEVICES, "presses_per_minute": 0, "seed": 1, "drops_per_hour": 0}
    with running_simulator(**options, answer_seconds=(0.05, 0.1), vitals_per_minute=0) as cloud:
        environment = {
            **{name: value for name, value in os.environ.items() if name not in _TESTS_ONLY},
            "DEBUG": "1",
            "SECRET_KEY": "journey" * 8,
            "DATABASE_URL": journey_database,
            "MEDIA_STORAGE_URL": f"file://{tmp_path / 'files'}",
            "PARTICLE_API_URL": cloud.url,
            "PARTICLE_PRODUCT": cloud.product_slug,
            "PARTICLE_ACCESS_TOKEN": cloud.access_token,
        }
        running = RunningPortal(cloud, environment, tmp_path)
        running.manage("demo", "--seed-only", "--devices", str(DEVICES), "--seed", "1")
        try:
            yield running
        finally:
            running.close()


@pytest.fixture
def new_page():
    """Build pages of a real Chromium, each in a context of its own, at one size."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium",
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )

        def build(**options):
            page = browser.new_context(**options).new_page()
            page.set_default_timeout(20_000)
            return page

        yield build
        browser.close()
