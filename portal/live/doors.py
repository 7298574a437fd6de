"""Who may open a websocket: the Origin check, and the limit per address.

A foreign page must not speak with a visitor's cookies (OWASP ASVS 4.4.2). A missing Origin is no
browser: it is let in, but its cookies are ignored, so it is anonymous.
"""

from __future__ import annotations

import ipaddress
from collections import Counter
from typing import Any, cast
from urllib.parse import ParseResult, urlparse

from channels.security.websocket import OriginValidator, WebsocketDenier
from django.conf import settings

from portal.live.asgi_types import Application, Receive, Scope, Send
from portal.live.errors import CloseCode

MAX_SOCKETS_PER_ADDRESS = 200  # an office behind one address; LIVE_SOCKETS_PER_ADDRESS overrides
_IPV6_NETWORK_BITS = 64  # one customer line has at least that many addresses


class OriginDoor:
    """Refuses a foreign Origin; drops the cookies of a client without one."""

    def __init__(self, application: Application) -> None:
        self._application = application

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the socket in, or deny it."""
        origins = [value for name, value in scope["headers"] if name == b"origin"]
        if not origins:
            headers = [(name, value) for name, value in scope["headers"] if name != b"cookie"]
            await self._application({**scope, "headers": headers}, receive, send)
        elif all(is_own_origin(origin.decode("latin-1"), scope) for origin in origins):
            await self._application(scope, receive, send)
        else:
            await deny(scope, receive, send)


class AddressDoor:
    """Counts the open sockets per address; loopback is not counted."""

    def __init__(self, application: Application) -> None:
        self._application = application
        self._open: Counter[str] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the socket in, or close it with a code that says why."""
        address = client_address(scope)
        if address is None:
            await self._application(scope, receive, send)
            return
        limit = getattr(settings, "LIVE_SOCKETS_PER_ADDRESS", MAX_SOCKETS_PER_ADDRESS)
        if self._open[address] >= limit:
            await refuse(CloseCode.TOO_MANY, "too many sockets from one address", receive, send)
            return
        self._open[address] += 1
        try:
            await self._application(scope, receive, send)
        finally:
            self._open[address] -= 1
            if not self._open[address]:
                del self._open[address]


def is_own_origin(origin: str, scope: Scope) -> bool:
    """Return whether a page of `origin` may speak: an allowed host, or the very host asked for."""
    try:
        parts = urlparse(origin)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            return False  # "null", files, extensions
        _ = parts.port  # raises on what is no port
        return _is_allowed(parts) or _is_host_asked_for(parts, scope)
    except ValueError:  # a broken IPv6 address or port
        return False


def _is_allowed(parts: ParseResult) -> bool:
    hosts = [host for host in settings.ALLOWED_HOSTS if host != "*"]
    # Only its judgement is asked for, so it fronts no application.
    validator = OriginValidator(cast(Any, None), [*hosts, *settings.CSRF_TRUSTED_ORIGINS])
    return bool(validator.valid_origin(parts))


def _is_host_asked_for(parts: ParseResult, scope: Scope) -> bool:
    """Decide where ALLOWED_HOSTS is `*`: there a page may still speak only with its own host."""
    if "*" not in settings.ALLOWED_HOSTS:
        return False
    hosts = [value.decode("latin-1") for name, value in scope["headers"] if name == b"host"]
    return hosts == [parts.netloc]


def client_address(scope: Scope) -> str | None:
    """Return the address to count, after the trusted proxies; None for loopback and for none.

    Each trusted proxy appends the address it saw to X-Forwarded-For; what stands left of those is
    the client's own invention.
    """
    client = scope.get("client")
    address = str(client[0]) if client else ""
    proxies: int = settings.TRUSTED_PROXY_COUNT
    if proxies:
        header = b",".join(v for name, v in scope["headers"] if name == b"x-forwarded-for")
        forwarded = [part.strip() for part in header.decode("latin-1").split(",")]
        if len(forwarded) >= proxies:
            address = forwarded[-proxies]
    return _network(address)


def _network(address: str) -> str | None:
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address or None  # a unix socket has none
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped is None:
            network = ipaddress.ip_network((ip, _IPV6_NETWORK_BITS), strict=False)
            return None if ip.is_loopback else str(network)
        ip = ip.ipv4_mapped
    return None if ip.is_loopback else str(ip)


async def deny(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer the handshake with 403."""
    await WebsocketDenier()(scope, receive, send)  # type: ignore[arg-type]


async def refuse(code: CloseCode, reason: str, receive: Receive, send: Send) -> None:
    """Open the socket only to close it: a refused handshake could not say why."""
    if (await receive())["type"] != "websocket.connect":
        return
    await send({"type": "websocket.accept"})
    await send({"type": "websocket.close", "code": int(code), "reason": reason})
    while (await receive())["type"] != "websocket.disconnect":
        pass  # whatever it still says
