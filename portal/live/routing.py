"""The live application: doors, sign-in, and one consumer per path."""

from __future__ import annotations

from typing import Any

from channels.auth import AuthMiddlewareStack

from portal.live.asgi_types import Application, Receive, Scope, Send
from portal.live.consumers import FeedConsumer, MeConsumer, StaffConsumer, TopicsForUser
from portal.live.doors import AddressDoor, OriginDoor, deny


def live_application(topics_for_user: TopicsForUser) -> Application:
    """Return the ASGI application for every websocket of the portal.

    `topics_for_user(user)` gives the private topics of a signed-in user, `updates.STAFF` for staff
    only; it runs in a thread and may read the database.
    """
    asks = {"topics_for_user": topics_for_user}
    routes: dict[str, Any] = {
        "/ws/feed/": FeedConsumer.as_asgi(),  # needs no user: no look at the session
        "/ws/me/": AuthMiddlewareStack(MeConsumer.as_asgi(**asks)),
        "/ws/staff/": AuthMiddlewareStack(StaffConsumer.as_asgi(**asks)),
    }

    async def route(scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        await routes.get(path, deny)(scope, receive, send)

    return OriginDoor(AddressDoor(route))
