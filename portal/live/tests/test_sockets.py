"""Tests of hello, topics and people, through the whole live application in one process."""

from __future__ import annotations

import asyncio

import pytest

from portal.live import history, updates
from portal.live import hub as hub_module
from portal.live.errors import CloseCode
from portal.live.testing import close_code, greeted, received, signed_in

pytestmark = pytest.mark.django_db(transaction=True, reset_sequences=True)
ORIGIN = (b"origin", b"http://localhost")


# --- Hello and live -----------------------------------------------------------------------------


async def test_hello_tells_number_and_epoch(connect, append, in_thread):
    number = await append()
    socket = connect("/ws/feed/")

    hello = await greeted(socket)

    assert hello == {"type": "hello", "number": number, "epoch": await in_thread(updates.epoch)}
    await socket.disconnect()


async def test_socket_without_after_hears_only_what_comes(connect, append):
    await append(type="feed.danced", payload={"id": 1})
    socket = connect("/ws/feed/")
    await greeted(socket)

    number = await append(type="feed.danced", payload={"id": 2, "likes": 3, "seconds": 4})

    assert await socket.receive_json_from() == {
        "number": number,
        "type": "feed.danced",
        "id": 2,
        "likes": 3,
        "seconds": 4,
    }
    assert await socket.receive_nothing()
    await socket.disconnect()


async def test_update_arrives_within_a_blink(connect, append):
    socket = connect("/ws/feed/")
    await greeted(socket)
    delays = []

    for _ in range(5):
        await append()
        committed_at = asyncio.get_running_loop().time()
        await socket.receive_json_from()
        delays.append(asyncio.get_running_loop().time() - committed_at)

    assert min(delays) < 0.15
    await socket.disconnect()


async def test_each_update_is_encoded_once_for_all_sockets(connect, append, monkeypatch):
    connected = [connect("/ws/feed/") for _ in range(5)]
    for socket in connected:
        await greeted(socket)
    encoded = []
    real = history.page_after

    def counting(number):
        page = real(number)
        encoded.extend(page)
        return page

    monkeypatch.setattr(history, "page_after", counting)
    for index in range(3):
        await append(payload={"index": index})

    for socket in connected:
        assert [m["index"] for m in await received(socket, 3)] == [0, 1, 2]
        await socket.disconnect()
    assert len(encoded) == 3


async def test_one_tail_serves_all_sockets_and_ends_with_the_last(connect):
    first, second = connect("/ws/feed/"), connect("/ws/feed/")
    await greeted(first)
    await greeted(second)

    assert len(hub_module._hubs) == 1
    await first.disconnect()
    assert len(hub_module._hubs) == 1
    await second.disconnect()
    assert not hub_module._hubs


# --- Topics and people --------------------------------------------------------------------------


async def test_feed_hears_nothing_private(connect, append):
    socket = connect("/ws/feed/")
    await greeted(socket)

    await append(topics=[updates.customer_topic(7)])
    await append(topics=[updates.STAFF])
    await append(topics=[updates.FEED, updates.STAFF], payload={"is_public": True})

    assert (await socket.receive_json_from())["is_public"]
    assert await socket.receive_nothing()
    await socket.disconnect()


async def test_me_hears_the_feed_and_its_own(connect, append, in_thread):
    cookie = await in_thread(signed_in, is_staff=True)
    socket = connect("/ws/me/", headers=[cookie, ORIGIN])
    await greeted(socket)

    await append(payload={"to": "staff"}, topics=[updates.STAFF])
    await append(payload={"to": "other"}, topics=[updates.customer_topic(8)])
    await append(payload={"to": "me"}, topics=[updates.customer_topic(7), updates.STAFF])
    await append(payload={"to": "all"})

    assert [message["to"] for message in await received(socket, 2)] == ["me", "all"]
    await socket.disconnect()


async def test_staff_hears_an_update_for_two_of_its_topics_once(connect, append, in_thread):
    cookie = await in_thread(signed_in, is_staff=True)
    socket = connect("/ws/staff/", headers=[cookie, ORIGIN])
    await greeted(socket)

    await append(topics=[updates.FEED, updates.STAFF])

    assert (await socket.receive_json_from())["type"] == "notice"
    assert await socket.receive_nothing()
    await socket.disconnect()


async def test_staff_socket_is_closed_to_customers(connect, in_thread):
    cookie = await in_thread(signed_in, is_staff=False)
    socket = connect("/ws/staff/", headers=[cookie, ORIGIN])
    await socket.connect()

    assert await close_code(socket) == CloseCode.FORBIDDEN
    await socket.disconnect()


@pytest.mark.parametrize("path", ["/ws/me/", "/ws/staff/"])
async def test_nobody_in_particular_is_asked_to_sign_in(connect, path):
    socket = connect(path, headers=[ORIGIN])
    await socket.connect()

    assert await close_code(socket) == CloseCode.SIGN_IN
    await socket.disconnect()


async def test_cookies_without_an_origin_are_ignored(connect, in_thread):
    cookie = await in_thread(signed_in, is_staff=True)
    socket = connect("/ws/me/", headers=[cookie])
    await socket.connect()

    assert await close_code(socket) == CloseCode.SIGN_IN
    await socket.disconnect()
