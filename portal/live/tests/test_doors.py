"""Tests of the Origin check and of the limit per address."""

from __future__ import annotations

from typing import Any

import pytest

from portal.live.asgi_types import Scope
from portal.live.doors import client_address, is_own_origin
from portal.live.errors import CloseCode


def scope(*headers: tuple[bytes, bytes], client: Any = ("203.0.113.5", 4000)) -> Scope:
    return {"headers": list(headers), "client": client}


@pytest.mark.parametrize(
    ("origin", "is_own"),
    [
        ("https://portal.example", True),
        ("http://portal.example:8000", True),
        ("https://www.portal.example", False),
        ("https://app.partner.example", True),
        ("http://app.partner.example", False),
        ("https://evil.example", False),
        ("https://portal.example.evil.example", False),
        ("https://evil.example/portal.example", False),
        ("null", False),
        ("", False),
        ("file://portal.example", False),
        ("https://[", False),
        ("https://portal.example:port", False),
    ],
)
def test_origin_is_ours_only_if_we_said_so(settings, origin, is_own):
    settings.ALLOWED_HOSTS = ["portal.example"]
    settings.CSRF_TRUSTED_ORIGINS = ["https://app.partner.example"]

    assert is_own_origin(origin, scope((b"host", b"evil.example"))) is is_own


def test_where_every_host_is_allowed_a_page_speaks_with_its_own_host(settings):
    settings.ALLOWED_HOSTS = ["*"]

    assert is_own_origin("https://a.example:8443", scope((b"host", b"a.example:8443")))
    assert not is_own_origin("https://b.example", scope((b"host", b"a.example")))


async def test_foreign_origin_is_refused(connect):
    for headers in (
        [(b"origin", b"https://evil.example")],
        [(b"origin", b"http://localhost"), (b"origin", b"https://evil.example")],
    ):
        socket = connect("/ws/feed/", headers=headers)

        assert (await socket.connect())[0] is False


async def test_unknown_path_is_refused(connect):
    socket = connect("/ws/nowhere/")

    assert (await socket.connect())[0] is False


@pytest.mark.parametrize(
    ("client", "proxies", "forwarded", "expected"),
    [
        ("203.0.113.5", 0, None, "203.0.113.5"),
        ("203.0.113.5", 0, b"198.51.100.1", "203.0.113.5"),
        ("127.0.0.1", 1, b"6.6.6.6, 198.51.100.1", "198.51.100.1"),
        ("127.0.0.1", 2, b"6.6.6.6, 198.51.100.1, 10.0.0.1", "198.51.100.1"),
        ("203.0.113.5", 2, b"198.51.100.1", "203.0.113.5"),
        ("127.0.0.1", 0, None, None),
        ("127.9.9.9", 0, None, None),
        ("::1", 0, None, None),
        ("::ffff:127.0.0.1", 0, None, None),
        ("::ffff:203.0.113.5", 0, None, "203.0.113.5"),
        ("2001:db8:1:2:3:4:5:6", 0, None, "2001:db8:1:2::/64"),
        ("fe80::1%eth0", 0, None, "fe80::/64"),
    ],
)
def test_address_is_taken_after_the_trusted_proxies(settings, client, proxies, forwarded, expected):
    settings.TRUSTED_PROXY_COUNT = proxies
    headers = [(b"x-forwarded-for", forwarded)] if forwarded else []

    assert client_address(scope(*headers, client=(client, 1))) == expected


def test_unix_socket_has_no_address():
    assert client_address(scope(client=None)) is None


@pytest.mark.django_db(transaction=True, reset_sequences=True)
async def test_sockets_of_one_address_are_limited_until_one_leaves(connect, settings):
    settings.LIVE_SOCKETS_PER_ADDRESS = 2
    here, there = ("203.0.113.5", 1), ("203.0.113.6", 1)
    first, second = connect("/ws/feed/", client=here), connect("/ws/feed/", client=here)
    await first.connect()
    await second.connect()

    third = connect("/ws/feed/", client=here)
    await third.connect()
    assert (await third.receive_output())["code"] == CloseCode.TOO_MANY
    elsewhere = connect("/ws/feed/", client=there)
    assert (await elsewhere.connect())[0]
    await first.disconnect()
    again = connect("/ws/feed/", client=here)
    await again.connect()

    assert (await again.receive_json_from(3))["type"] == "hello"
    for socket in (second, third, elsewhere, again):
        await socket.disconnect()


@pytest.mark.django_db(transaction=True, reset_sequences=True)
async def test_loopback_is_not_counted(connect, settings):
    settings.LIVE_SOCKETS_PER_ADDRESS = 1
    opened = [connect("/ws/feed/", client=("::1", 1)) for _ in range(3)]

    for socket in opened:
        await socket.connect()

        assert (await socket.receive_json_from(3))["type"] == "hello"
    for socket in opened:
        await socket.disconnect()
