"""What tests and benchmarks need: to fill the table, and to talk to a socket."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from channels.testing import WebsocketCommunicator
from django.contrib.auth import get_user_model
from django.test import Client

from portal.live import updates


def append_update(
    *,
    type: str = "notice",  # noqa: A002
    topics: Iterable[str] = (updates.FEED,),
    payload: Mapping[str, Any] | None = None,
) -> int:
    """Append one update in its own transaction and return the newest number after it."""
    with updates.transaction():
        updates.append(type=type, topics=topics, payload=payload or {})
    return updates.newest_number()


async def greeted(communicator: WebsocketCommunicator) -> dict[str, Any]:
    """Open the socket and return its hello."""
    accepted, _ = await communicator.connect()
    assert accepted
    hello: dict[str, Any] = await communicator.receive_json_from(3)
    assert hello["type"] == "hello"
    return hello


async def received(communicator: WebsocketCommunicator, count: int) -> list[dict[str, Any]]:
    """Return the next `count` messages."""
    return [await communicator.receive_json_from(5) for _ in range(count)]


async def close_code(communicator: WebsocketCommunicator) -> int:
    """Return the code with which this end closes, skipping messages."""
    while True:
        output: dict[str, Any] = await communicator.receive_output(3)
        if output["type"] == "websocket.close":
            return int(output["code"])


def signed_in(*, is_staff: bool) -> tuple[bytes, bytes]:
    """Return the header of a browser whose user has signed in."""
    user = get_user_model().objects.create_user("ada@example.com", is_staff=is_staff)
    client = Client()
    client.force_login(user)
    return (b"cookie", f"sessionid={client.cookies['sessionid'].value}".encode())
