"""Render a stranger's picture, safely: the bytes are decoded by child processes, never in this one.

`render()` takes any bytes and ends in a `Rendition`, in `InvalidPicture` with a reason for staff,
or in `RenderingFailed` when it is worth asking again. It may be called from any thread, and from a
process with secrets, open sockets and database connections: the children inherit none of them.
"""

from __future__ import annotations

import atexit
import os
import re
import threading
import weakref
from typing import Final, Self

from feed.decoding import MAX_BYTES, WIDTHS, Rendition, RenditionFile
from feed.errors import InvalidPicture, RenderingFailed
from feed.render_process import ChildLost, RenderChild

__all__ = [
    "MAX_BYTES",
    "WIDTHS",
    "InvalidPicture",
    "RenderPool",
    "RenderingFailed",
    "Rendition",
    "RenditionFile",
    "render",
]

# All address space, of which an idle child has 35 MiB: the hungriest picture that the pixel limits
# let through needs about 330 (a CMYK strip, progressive; measured with Pillow 13).
CHILD_MEMORY_BYTES: Final = 400 * 1024 * 1024
# The slowest honest picture found, 25 million pixels as a tall strip, takes 1.8 (measured). The
# kernel counts whole seconds, so a picture gets between 2 and 3.
CHILD_CPU_SECONDS: Final = 3
# Longer than processor time would ever need, for machines that are busy, swap, or were paused.
DEADLINE_SECONDS: Final = 20.0
# Against slow leaks; starting a child takes a quarter of a second, so this costs nothing.
PICTURES_PER_CHILD: Final = 1000
# A child may be killed from outside, by an operator or for want of memory, and the picture be good.
_TRIES: Final = 2

_MIME: Final = re.compile(r"[A-Za-z0-9!#$&^_.+-]{1,64}/[A-Za-z0-9!#$&^_.+-]{1,64}")


class RenderPool:
    """Warm children, started when first needed and used by one thread at a time.

    At least two, so that a monster does not delay its neighbour even on one core. Threads beyond
    the number of children wait for one. Close it, or use it in a `with`.
    """

    def __init__(
        self,
        *,
        children: int | None = None,
        memory_bytes: int = CHILD_MEMORY_BYTES,
        cpu_seconds: int = CHILD_CPU_SECONDS,
        deadline_seconds: float = DEADLINE_SECONDS,
        pictures_per_child: int = PICTURES_PER_CHILD,
    ) -> None:
        self._children = children or max(2, os.cpu_count() or 2)
        self._memory_bytes = memory_bytes
        self._cpu_seconds = cpu_seconds
        self._deadline_seconds = deadline_seconds
        self._pictures_per_child = pictures_per_child
        self._is_closed = False
        self._idle: list[RenderChild] = []
        self._busy: set[RenderChild] = set()
        self._make_locks()
        _pools.add(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def pids(self) -> frozenset[int]:
        """The process ids of the children that are alive, idle or busy."""
        with self._lock:
            return frozenset(child.pid for child in (*self._idle, *self._busy))

    def render(self, data: bytes, declared_mime: str | None) -> Rendition:
        """Render one picture. Raises InvalidPicture and RenderingFailed.

        What the bytes are is for their content to say; the declared type only helps to explain a
        refusal.
        """
        # Also the child's to refuse; here it saves sending them.
        if len(data) > MAX_BYTES:
            raise InvalidPicture(f"The picture has {len(data):,} bytes, more than {MAX_BYTES:,}.")
        try:
            return self._render(data)
        except InvalidPicture as error:
            if declared_mime is None or not _MIME.fullmatch(declared_mime):
                raise
            raise InvalidPicture(f"{error.reason} (Declared as {declared_mime}.)") from error

    def close(self) -> None:
        """End all children. Renderings under way fail, and so do later ones."""
        with self._lock:
            self._is_closed = True
            idle, self._idle = self._idle, []
            busy = tuple(self._busy)
        for child in idle:
            child.end()
        for child in busy:
            child.kill()  # its thread notices, and clears up after it

    def _render(self, data: bytes) -> Rendition:
        for tries_left in reversed(range(_TRIES)):
            with self._places:
                child = self._take()
                try:
                    return child.render(data, deadline_seconds=self._deadline_seconds)
                except ChildLost as error:
                    if self._is_closed or not tries_left:
                        raise RenderingFailed(f"Rendering failed: {error}") from error
                finally:
                    self._give_back(child)
        raise AssertionError  # pragma: no cover -- the last try returns or raises

    def _take(self) -> RenderChild:
        """Return a child that is ready, the warmest first; the caller holds a place."""
        while True:
            with self._lock:
                if self._is_closed:
                    raise RenderingFailed("The render pool is closed.")
                child = self._idle.pop() if self._idle else None
                if child is not None:
                    self._busy.add(child)
            if child is None:
                return self._start()
            if not child.is_spent:
                return child
            self._give_back(child)

    def _start(self) -> RenderChild:
        try:
            child = RenderChild(
                memory_bytes=self._memory_bytes,
                cpu_seconds=self._cpu_seconds,
                pictures=self._pictures_per_child,
            )
        except (OSError, ChildLost) as error:
            raise RenderingFailed(f"A render child could not be started: {error}") from error
        with self._lock:
            self._busy.add(child)
        return child

    def _give_back(self, child: RenderChild) -> None:
        is_spent = child.is_spent
        with self._lock:
            self._busy.discard(child)
            if not is_spent and not self._is_closed:
                self._idle.append(child)
                return
        child.end()

    def _make_locks(self) -> None:
        self._lock = threading.Lock()
        self._places = threading.BoundedSemaphore(self._children)

    def _forget(self) -> None:
        """Begin anew in a forked process: the children are the parent's, and locks may be stuck."""
        self._make_locks()
        for child in (*self._idle, *self._busy):
            child.forget()
        self._idle.clear()
        self._busy.clear()


_pools: weakref.WeakSet[RenderPool] = weakref.WeakSet()


def _close_all() -> None:
    for pool in list(_pools):
        pool.close()


def _forget_inherited() -> None:
    for pool in list(_pools):
        pool._forget()


atexit.register(_close_all)
os.register_at_fork(after_in_child=_forget_inherited)

_default_pool: Final = RenderPool()


def render(data: bytes, declared_mime: str | None) -> Rendition:
    """Render one picture in this process's own pool. Raises InvalidPicture and RenderingFailed."""
    return _default_pool.render(data, declared_mime)
