"""The live application under the real servers, spoken to by a websocket client that is not ours."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import Any

import pytest
from websockets.asyncio.client import connect as connect_websocket
from websockets.exceptions import ConnectionClosed, InvalidStatus

from portal.live.errors import CloseCode
from portal.live.testing import append_update

pytestmark = [pytest.mark.django_db(transaction=True, reset_sequences=True), pytest.mark.slow]


@pytest.fixture(params=["daphne", "uvicorn"], scope="module")
def server(request, start_server):
    """Start a real server; return its address."""
    with start_server(request.param) as address:
        yield address


def opened(address: str, query: str = "", **options: Any) -> connect_websocket:
    return connect_websocket(f"ws://{address}/ws/feed/{query}", **options)


async def heard(websocket: Any) -> dict[str, Any]:
    """Return the next message."""
    message: dict[str, Any] = json.loads(await asyncio.wait_for(websocket.recv(), 5))
    return message


async def test_commits_of_another_process_arrive_in_order_and_resume_without_gap(server, append):
    async with opened(server) as websocket:
        hello = await heard(websocket)
        sent = [await append(payload={"index": index}) for index in range(5)]
        live = [(await heard(websocket))["number"] for _ in range(5)]
        await websocket.send(json.dumps({"ack": live[-1]}))

    sent.append(await append(payload={"index": 5}))
    async with opened(server, f"?after={live[2]}") as websocket:
        again = await heard(websocket)
        resumed = [(await heard(websocket))["number"] for _ in range(3)]

    assert live == sent[:5]
    assert resumed == sent[3:]
    assert again["epoch"] == hello["epoch"]


async def test_foreign_origin_is_refused_and_ours_is_not(server):
    async with opened(server, origin=f"http://{server}") as websocket:
        assert (await heard(websocket))["type"] == "hello"

    with pytest.raises(InvalidStatus, match="403"):
        async with opened(server, origin="https://evil.example"):
            pass


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ("[" * 4000, CloseCode.MALFORMED),
        ('{"ack":' + "9" * 4000 + "}", CloseCode.MALFORMED),
        (b"\x00", CloseCode.BINARY),
        ("x" * 5000, CloseCode.TOO_BIG),
    ],
)
async def test_hostile_frame_is_answered_with_its_code(server, frame, code):
    async with opened(server) as websocket:
        await heard(websocket)

        await websocket.send(frame)

        with pytest.raises(ConnectionClosed) as closed:
            await heard(websocket)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == code


async def test_reader_that_never_acknowledges_is_let_go_and_others_are_not(server, in_thread):
    def flood() -> None:
        for _ in range(40):
            append_update(payload={"text": "x" * 20_000})

    async with opened(server) as silent, opened(server) as well_behaved:
        await heard(silent)
        await heard(well_behaved)
        flooding = asyncio.create_task(in_thread(flood))
        for _ in range(40):
            number = (await heard(well_behaved))["number"]
            await well_behaved.send(json.dumps({"ack": number}))
        await flooding

        last: str | bytes = ""
        with contextlib.suppress(ConnectionClosed):
            async for message in silent:
                last = message
        assert json.loads(last) == {"type": "reset", "reason": "slow"}
        assert silent.close_code == CloseCode.RESET
