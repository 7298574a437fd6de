"""Tests of messages that no browser of ours sends: a close code that says why."""

from __future__ import annotations

import pytest

from portal.live import hub as hub_module
from portal.live.errors import CloseCode
from portal.live.testing import close_code, greeted

pytestmark = pytest.mark.django_db(transaction=True, reset_sequences=True)


# --- Hostile messages ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ({"text": "not JSON"}, CloseCode.MALFORMED),
        ({"text": ""}, CloseCode.MALFORMED),
        ({"text": "[]"}, CloseCode.MALFORMED),
        ({"text": "null"}, CloseCode.MALFORMED),
        ({"text": "{}"}, CloseCode.MALFORMED),
        ({"text": "[" * 4000}, CloseCode.MALFORMED),
        ({"text": '{"ack":' * 500}, CloseCode.MALFORMED),
        ({"text": '{"ack":%s}' % ("9" * 4000)}, CloseCode.MALFORMED),
        ({"text": '{"ack":%s}' % ("9" * 5000)}, CloseCode.TOO_BIG),
        ({"text": '{"ack":-1}'}, CloseCode.MALFORMED),
        ({"text": '{"ack":true}'}, CloseCode.MALFORMED),
        ({"text": '{"ack":1.5}'}, CloseCode.MALFORMED),
        ({"text": '{"ack":NaN}'}, CloseCode.MALFORMED),
        ({"text": '{"ack":"1"}'}, CloseCode.MALFORMED),
        ({"text": '{"ack":1,"beat":true}'}, CloseCode.MALFORMED),
        ({"text": '{"beat":1}'}, CloseCode.MALFORMED),
        ({"text": '"\\ud800"'}, CloseCode.MALFORMED),
        ({"text": "é" * 2100}, CloseCode.TOO_BIG),
        ({"text": "x" * 10_000_000}, CloseCode.TOO_BIG),
        ({"text": '{"token":"abc"}'}, CloseCode.SIGN_IN),
        ({"bytes": b"\x00\xff"}, CloseCode.BINARY),
        ({"bytes": b""}, CloseCode.BINARY),
    ],
    ids=lambda value: str(value)[:30],
)
async def test_hostile_message_closes_with_a_code_that_says_why(connect, frame, code, caplog):
    socket = connect("/ws/feed/")
    await greeted(socket)

    await socket.send_input({"type": "websocket.receive", **frame})

    assert await close_code(socket) == code
    assert not caplog.records
    await socket.disconnect()


@pytest.mark.parametrize("after", ["", "x", "-1", "1.5", "١", "9" * 5000, "0x10"])
async def test_hostile_after_closes_with_a_code_that_says_why(connect, after):
    socket = connect(f"/ws/feed/?after={after}")
    await socket.connect()

    assert await close_code(socket) == CloseCode.MALFORMED
    await socket.disconnect()


async def test_beats_and_acknowledgements_are_welcome(connect, append):
    socket = connect("/ws/feed/")
    hello = await greeted(socket)

    await socket.send_json_to({"beat": True})
    await socket.send_json_to({"ack": hello["number"]})
    await socket.send_json_to({"ack": 2**63 - 1})
    number = await append()

    assert (await socket.receive_json_from())["number"] == number
    await socket.disconnect()


async def test_hub_beats(connect, monkeypatch):
    monkeypatch.setattr(hub_module, "BEAT_SECONDS", 1)
    socket = connect("/ws/feed/")
    await greeted(socket)

    assert await socket.receive_json_from(3) == {"type": "beat"}
    await socket.disconnect()
