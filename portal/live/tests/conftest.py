"""Fixtures of the live wire: appending from another thread, sockets in this process."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest
from asgiref.sync import SyncToAsync
from channels.testing import WebsocketCommunicator
from django.db import connections

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
