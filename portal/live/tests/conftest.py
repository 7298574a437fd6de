"""Fixtures of the live wire: appending from another thread, sockets in this process."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import SyncToAsync
from channels.testing import WebsocketCommunicator
from django.conf import settings
from django.db import connection, connections

from portal.live import updates
from portal.live.routing import live_application
from portal.live.testing import append_update


@pytest.fixture(autouse=True)
def _no_thread_outlives_its_test():
    yield
    # Channels reads sessions in asgiref's one thread, which keeps its connection.
    SyncToAsync.single_thread_executor.submit(connections.close_all).result()
    for thread in threading.enumerate():
        if thread.name.startswith("live-"):
            thread.join(5)
            assert not thread.is_alive()


@pytest.fixture
def in_thread():
    """Run a function of the database in a thread that leaves no connection behind."""

    async def run(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        def call() -> Any:
            try:
                return function(*args, **kwargs)
            finally:
                connections.close_all()

        return await asyncio.to_thread(call)

    return run


@pytest.fixture
def append(in_thread):
    """Append and commit one update in another thread; return its number."""

    async def run(**kwargs: Any) -> int:
        number: int = await in_thread(append_update, **kwargs)
        return number

    return run


def topics_by_name(user: Any) -> list[str]:
    """Stand in for the portal's function: customer 7 for everybody, staff for staff."""
    return [updates.customer_topic(7), *([updates.STAFF] if user.is_staff else [])]


@pytest.fixture
def connect():
    """Open a socket on the live application; closes what is still open at the end."""
    application: Any = live_application(topics_by_name)

    def run(path: str, headers: Any = (), client: Any = ("127.0.0.1", 5)) -> WebsocketCommunicator:
        communicator = WebsocketCommunicator(application, path, headers=list(headers))
        communicator.scope["client"] = client
        return communicator

    return run


SERVERS = {
    "daphne": ["-m", "daphne", "-b", "127.0.0.1", "-p", "{port}"],
    "uvicorn": ["-m", "uvicorn", "--host", "127.0.0.1", "--port", "{port}", "--lifespan", "off"],
}


def free_port() -> int:
    """Return a port that nobody uses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def environment() -> dict[str, str]:
    """Point a server's process at the database of this test."""
    database = settings.DATABASES["default"]
    if connection.vendor == "sqlite":
        url = f"sqlite:///{database['NAME']}"
    else:
        user = f"{database['USER']}:{database['PASSWORD']}"
        url = f"postgres://{user}@{database['HOST']}:{database['PORT'] or 5432}/{database['NAME']}"
    path = os.pathsep.join([str(Path(__file__).parent), *sys.path])
    inherited = {**os.environ}
    inherited.pop("DJANGO_ALLOW_ASYNC_UNSAFE", None)  # what only tests may do, see conftest.py
    return {**inherited, "DATABASE_URL": url, "DEBUG": "1", "PYTHONPATH": path}


def wait_until_listening(port: int) -> None:
    """Return once somebody answers on `port`."""
    for _ in range(300):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(0.1)
    raise AssertionError(f"no server on port {port} after 30 s")


@pytest.fixture(scope="session")
def start_server(django_db_setup):
    """Run the live application under a real server; nothing of it may end in a traceback."""

    @contextlib.contextmanager
    def start(kind: str, port: int | None = None) -> Iterator[str]:
        port = port or free_port()
        command = [part.format(port=port) for part in SERVERS[kind]]
        process = subprocess.Popen(
            [sys.executable, *command, "serve_live:application"],
            env=environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            wait_until_listening(port)
            yield f"127.0.0.1:{port}"
        finally:
            process.terminate()
            errors = process.communicate(timeout=20)[1]
        assert "Traceback" not in errors, errors

    return start
