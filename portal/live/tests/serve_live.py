"""The live wire, and a page with its module, for a real server in a process of its own."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import django

django.setup()  # loads the apps that the import below needs

from portal.live.routing import live_application  # noqa: E402


def topics_of_nobody(user: object) -> Iterable[str]:
    """Give nobody a private topic."""
    return []


_FILES = {
    "/page": (b"text/html", Path(__file__).parent / "live_page.html"),
    "/live.js": (b"text/javascript", Path(__file__).parent.parent / "static" / "live" / "live.js"),
}
_live: Any = live_application(topics_of_nobody)


async def application(scope: Any, receive: Any, send: Any) -> None:
    """Serve websockets and the two files."""
    if scope["type"] == "websocket":
        await _live(scope, receive, send)
        return
    content_type, path = _FILES.get(scope["path"], (b"text/plain", Path(os.devnull)))
    headers = [(b"content-type", content_type)]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": path.read_bytes()})
