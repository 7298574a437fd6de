"""An ASGI application of nothing but the live wire, for a real server in a process of its own."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.core.asgi import get_asgi_application

django_application = get_asgi_application()  # loads the apps that the import below needs

from portal.live.routing import live_application  # noqa: E402


def topics_of_nobody(user: object) -> Iterable[str]:
    """Give nobody a private topic."""
    return []


_live: Any = live_application(topics_of_nobody)


async def application(scope: Any, receive: Any, send: Any) -> None:
    """Serve websockets, and a page for the browser to stand on."""
    await (_live if scope["type"] == "websocket" else django_application)(scope, receive, send)
