"""Serve published renditions at /media/, round Django: a file needs neither session nor middleware.

Only names that we make are looked at, only WebP that we encoded lies behind them, and the headers
keep a browser from taking it for anything else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from django.conf import settings
from django.core.files.storage import default_storage

from feed.files import RENDITION_NAME

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

_SAFETY: Headers = [
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"sandbox; default-src 'none'"),
    # Shop windows and other portals may show pictures; they learn nothing by it.
    (b"cross-origin-resource-policy", b"cross-origin"),
]
_IMMUTABLE = (b"cache-control", b"public, max-age=31536000, immutable")
_NOT_KEPT = (b"cache-control", b"no-store")


async def media_application(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer GET and HEAD for a rendition's name; 404 for whatever else is asked."""
    method = scope["method"]
    if method not in ("GET", "HEAD"):
        await _answer(send, 405, [(b"allow", b"GET, HEAD"), _NOT_KEPT], b"")
        return
    name = scope["path"].removeprefix(settings.MEDIA_URL)
    if not RENDITION_NAME.fullmatch(name):
        await _answer(send, 404, [_NOT_KEPT], b"")
        return
    body = await asyncio.to_thread(_read, name)
    if body is None:
        await _answer(send, 404, [_NOT_KEPT], b"")
        return
    etag = b'"%s"' % name.removesuffix(".webp").encode("ascii")  # the name holds the content's hash
    if etag in _header(scope, b"if-none-match"):
        await _answer(send, 304, [(b"etag", etag), _IMMUTABLE], None)
        return
    headers = [(b"content-type", b"image/webp"), (b"etag", etag), _IMMUTABLE]
    await _answer(send, 200, headers, body, is_head=method == "HEAD")


def _read(name: str) -> bytes | None:
    try:
        with default_storage.open(name) as file:
            data: bytes = file.read()
    except OSError:  # also a folder, or a file that is not ours to read
        return None
    return data


def _header(scope: Scope, name: bytes) -> bytes:
    return b", ".join(value for key, value in scope["headers"] if key.lower() == name)


async def _answer(
    send: Send, status: int, headers: Headers, body: bytes | None, *, is_head: bool = False
) -> None:
    length = [] if body is None else [(b"content-length", b"%d" % len(body))]
    await send(
        {"type": "http.response.start", "status": status, "headers": [*headers, *length, *_SAFETY]}
    )
    await send({"type": "http.response.body", "body": b"" if is_head else body or b""})
