"""The three websockets: who hears which topics, and what the browser says back.

`channel_layer_alias` is None: a channel per browser would cost more than the hub itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import parse_qs

from channels.consumer import get_handler_name
from channels.db import database_sync_to_async
from channels.exceptions import StopConsumer
from channels.generic.websocket import AsyncWebsocketConsumer
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db import Error as DatabaseError

from portal.live import updates
from portal.live.errors import CloseCode, SocketClosed
from portal.live.hub import Hub, join_hub, leave_hub
from portal.live.messages import Acknowledgement, Token, parse_after, parse_message
from portal.live.sockets import LiveSocket

logger = logging.getLogger(__name__)

TopicsForUser = Callable[[AbstractBaseUser | AnonymousUser], Iterable[str]]
CLOSE_WITHIN_SECONDS = 5.0  # a peer that reads nothing lets no close through (uvicorn)


class FeedConsumer(AsyncWebsocketConsumer):
    """`/ws/feed/`: what everybody may see. Also the base of the other two."""

    channel_layer_alias = None  # type: ignore[assignment]  # no channel per browser
    _hub: Hub | None = None
    _socket: LiveSocket | None = None
    _serving: asyncio.Task[None] | None = None
    _is_closing = False

    async def find_topics(self) -> frozenset[str]:
        """Return the topics that this socket hears. Raises SocketClosed."""
        return frozenset({updates.FEED})

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve one browser; leave the hub however it ends."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            await self._stop_serving()
            if self._hub is not None:
                leave_hub(self._hub)

    async def dispatch(self, message: Any) -> None:
        """Call the method for the message, without Channels' round trip to the database thread."""
        await getattr(self, get_handler_name(message))(message)

    async def websocket_connect(self, message: Any) -> None:
        """Accept, then greet, refill and go live in a task of its own."""
        await self.accept()
        try:
            after = parse_after(_query_value(self.scope["query_string"], "after"))
            topics = await self.find_topics()
        except SocketClosed as closed:
            await self._close(closed)
            return
        except DatabaseError as error:
            logger.warning("could not tell what a socket hears: %r", error)
            await self._close(SocketClosed(CloseCode.UNAVAILABLE, "the database is away"))
            return
        self._hub = join_hub()
        self._socket = LiveSocket(self._hub, topics=topics, after=after, send_text=self._send_text)
        self._serving = asyncio.create_task(self._serve(self._socket), name="live-socket")

    async def websocket_receive(self, message: Any) -> None:
        """Take an acknowledgement or a beat; close on anything else."""
        if self._is_closing or self._socket is None:
            return
        try:
            said = parse_message(message.get("text"))
            if isinstance(said, Token):
                raise SocketClosed(CloseCode.SIGN_IN, "sign in by session")  # noqa: TRY301
        except SocketClosed as closed:
            await self._stop_serving()
            await self._close(closed)
            return
        if isinstance(said, Acknowledgement):
            self._socket.acknowledge(said.number)

    async def websocket_disconnect(self, message: Any) -> None:
        """End; no round trip to the database thread for each of thousands that leave at once."""
        raise StopConsumer

    async def _serve(self, socket: LiveSocket) -> None:
        try:
            await socket.run()
        except SocketClosed as closed:
            await self._close(closed)
        except OSError:
            logger.debug("a browser left while something was sent to it")  # disconnect follows
        except Exception:  # the outermost frame of this socket's task
            logger.exception("serving a live socket failed")
            await self._close(SocketClosed(CloseCode.UNAVAILABLE, "come again"))

    async def _stop_serving(self) -> None:
        task, self._serving = self._serving, None
        if task is not None:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _send_text(self, text: str) -> None:
        event: Any = {"type": "websocket.send", "text": text}
        await self.base_send(event)

    async def _close(self, closed: SocketClosed) -> None:
        self._is_closing = True
        # OSError: the browser has left already; RuntimeError: uvicorn's word for "closed twice".
        with contextlib.suppress(TimeoutError, OSError, RuntimeError):
            async with asyncio.timeout(CLOSE_WITHIN_SECONDS):
                await self.close(int(closed.code), closed.reason)


class MeConsumer(FeedConsumer):
    """`/ws/me/`: the feed, and what only this user may see."""

    def __init__(self, *, topics_for_user: TopicsForUser) -> None:
        super().__init__()
        self._topics_for_user = topics_for_user

    async def find_topics(self) -> frozenset[str]:
        """Return the feed's topic and the user's own, those of staff aside."""
        return (await self._private_topics() - {updates.STAFF}) | {updates.FEED}

    async def _private_topics(self) -> frozenset[str]:
        user: Any = self.scope["user"]
        if not user.is_authenticated:
            raise SocketClosed(CloseCode.SIGN_IN, "sign in first")
        return frozenset(await database_sync_to_async(_collect)(self._topics_for_user, user))


class StaffConsumer(MeConsumer):
    """`/ws/staff/`: the feed, and what staff may see."""

    async def find_topics(self) -> frozenset[str]:
        """Return the topics of feed and staff."""
        if updates.STAFF not in await self._private_topics():
            raise SocketClosed(CloseCode.FORBIDDEN, "for staff only")
        return frozenset({updates.FEED, updates.STAFF})


def _collect(topics_for_user: TopicsForUser, user: AbstractBaseUser) -> list[str]:
    return list(topics_for_user(user))  # in the thread: it may be a lazy query


def _query_value(query_string: bytes, name: str) -> str | None:
    values = parse_qs(query_string.decode("latin-1"), keep_blank_values=True).get(name)
    return values[-1] if values else None
