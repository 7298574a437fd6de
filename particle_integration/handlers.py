"""Who handles which event: one function per name or prefix, from apps' `event_handlers.py`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from particle_integration.models import InboxEvent


@dataclass(frozen=True)
class Refusal:
    """Why a handler does not take an event; one that is not permanent is tried again."""

    reason: str
    is_permanent: bool


EventHandler = Callable[[Sequence[InboxEvent]], Mapping[int, Refusal]]
"""Takes a batch inside the transaction that settles it; returns the refused ones by primary key.

It does no network, decoding or file work, does not depend on the order of events, and may see one
again whose transaction was rolled back.
"""

H = TypeVar("H", bound=EventHandler)


class DuplicateHandler(Exception):
    """Two functions claim one event name: refused at start."""


@dataclass(frozen=True)
class Handler:
    """A function and the event names that it owns."""

    pattern: str
    is_prefix: bool
    handle: EventHandler

    def __str__(self) -> str:
        function = f"{self.handle.__module__}.{getattr(self.handle, '__qualname__', 'handle')}"
        return f"{self.pattern}{'*' if self.is_prefix else ''} → {function}"


class HandlerRegistry:
    """Finds the one handler of an event name: exact before prefix, the longest prefix first."""

    def __init__(self) -> None:
        self._exact: dict[str, Handler] = {}
        self._prefixes: list[Handler] = []

    def handles(self, pattern: str, *, prefix: bool = False) -> Callable[[H], H]:
        """Declare the decorated function the owner of an event name, or of all that begin so."""

        def register(function: H) -> H:
            self._add(Handler(pattern, prefix, function))
            return function

        return register

    def find(self, name: str) -> Handler | None:
        """Return the owner of an event name, None when nobody claims it."""
        exact = self._exact.get(name)
        if exact is not None:
            return exact
        return next((one for one in self._prefixes if name.startswith(one.pattern)), None)

    def all(self) -> list[Handler]:
        """Return all handlers, by pattern."""
        handlers = [*self._exact.values(), *self._prefixes]
        return sorted(handlers, key=lambda one: (one.pattern, one.is_prefix))

    def _add(self, handler: Handler) -> None:
        taken = [*self._prefixes] if handler.is_prefix else [*self._exact.values()]
        for other in taken:
            if other.pattern == handler.pattern:
                raise DuplicateHandler(f"{handler} and {other} claim the same events")
        if handler.is_prefix:
            self._prefixes.append(handler)
            self._prefixes.sort(key=lambda one: len(one.pattern), reverse=True)
        else:
            self._exact[handler.pattern] = handler


registry = HandlerRegistry()
handles = registry.handles
