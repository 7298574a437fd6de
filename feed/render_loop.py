"""The render loop: claims received pictures, has threads render them, publishes them in one commit.

Threads render and write files, and have no database connection; the loop's own thread claims and
settles. A picture that takes long, or whose child dies, holds up no other.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from django.db import InterfaceError, OperationalError

from feed.files import remove_renditions
from feed.models import Picture, PictureState
from feed.pictures import (
    CHANNEL,
    postpone_picture,
    publish_picture,
    refuse_picture,
    remove_files_left_behind,
)
from feed.rendering_jobs import Job, Outcome, Postponed, Refused, Rendered, run_job
from particle_integration.models import InboxEvent
from portal.lib.backoff import exponential_seconds
from portal.lib.leases import LeaseLost
from portal.lib.runloop import Loop
from portal.lib.stopping import Stop
from portal.lib.wakeups import Watcher
from portal.live import updates

logger = logging.getLogger(__name__)

# A picture takes a fraction of a second, a monster 3 before its child is killed. What takes longer,
# because the machine stands still, may be rendered twice and is published once.
LEASE_SECONDS = 20.0
# How often a picture that kills its children is tried.
MAX_TRIES = 8
_LOOK_SECONDS = 0.02  # for pictures that arrive while others are being rendered
_SWEEP_SECONDS = 60.0
_CLOSE_SECONDS = 6.0  # of the 8 that a loop has
_STOPPED = Postponed("the worker stopped", delay_seconds=0.0)


@dataclass(frozen=True)
class _Finished:
    picture: Picture
    outcome: Outcome


class RenderLoop(Loop):
    """Renders what is received, as many at once as there are render children, and one waiting."""

    name = "render"
    channels = (CHANNEL,)

    def __init__(
        self, run: Callable[[Job], Outcome] = run_job, *, slots: int | None = None
    ) -> None:
        self._run = run
        self._slots = slots or max(2, os.cpu_count() or 2) + 1
        self._threads = ThreadPoolExecutor(self._slots, thread_name_prefix="render")
        self._under_way: dict[Future[Outcome], Picture] = {}
        self._finished: list[_Finished] = []
        self._any_done = threading.Event()
        self._sweep_at = 0.0

    def run_once(self) -> int:
        """Publish what is rendered, and start on what is due; return how many of both."""
        settled = self._settle_finished()
        return settled + self._start() + self._sweep()

    def is_idle(self) -> bool:
        """Tell whether nothing is being rendered."""
        return not self._under_way and not self._finished

    def wait(self, watcher: Watcher, stop: Stop) -> None:
        """Wait for a rendering to end, or for news."""
        if self._under_way:
            self._any_done.wait(_LOOK_SECONDS)
        else:
            super().wait(watcher, stop)

    def close(self) -> None:
        """Finish what is being rendered, as far as the time goes, and give back the rest."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        deadline = time.monotonic() + _CLOSE_SECONDS
        while any(not one.done() for one in self._under_way) and time.monotonic() < deadline:
            self._any_done.wait(_LOOK_SECONDS)
            self._any_done.clear()
        self._settle_finished()
        for picture in self._under_way.values():
            self._settle_alone(_Finished(picture, _STOPPED))
        self._under_way.clear()

    def _sweep(self) -> int:
        """Finish what a killed process left of hiding a picture."""
        if time.monotonic() < self._sweep_at:
            return 0
        self._sweep_at = time.monotonic() + _SWEEP_SECONDS
        return remove_files_left_behind()

    def _start(self) -> int:
        free = self._slots - len(self._under_way)
        if free <= 0:
            return 0
        pictures = Picture.objects.next_due().claim(
            limit=free, lease_seconds=LEASE_SECONDS, claimed=PictureState.CLAIMED
        )
        for job in _jobs(pictures):
            future = self._threads.submit(self._run, job)
            self._under_way[future] = job.picture
            future.add_done_callback(lambda _: self._any_done.set())
        return len(pictures)

    def _settle_finished(self) -> int:
        self._any_done.clear()
        for future in [one for one in self._under_way if one.done()]:
            picture = self._under_way.pop(future)
            if future.cancelled():
                self._finished.append(_Finished(picture, _STOPPED))
            else:
                self._finished.append(_Finished(picture, future.result()))
        # They stay in the list until they are settled: a database that is away loses none.
        count = len(self._finished)
        try:
            self._settle_together(self._finished)
        except (OperationalError, InterfaceError):
            raise
        except Exception as error:  # noqa: BLE001 - each is tried alone, and tells its own trouble
            logger.info("settling %d pictures failed (%r); each alone", count, error)
            while self._finished:
                self._settle_alone(self._finished[0])
                del self._finished[0]
        self._finished.clear()
        return count

    def _settle_together(self, finished: Sequence[_Finished]) -> None:
        if not finished:
            return
        with updates.transaction():
            for one in finished:
                _settle(one)
        for one in finished:
            _log(one)

    def _settle_alone(self, one: _Finished) -> None:
        try:
            with updates.transaction():
                _settle(one)
        except LeaseLost as error:
            logger.warning("picture %s: %s", one.picture.pk, error)
            _abandon(one)
        except (OperationalError, InterfaceError):
            raise
        except Exception as error:
            # Whatever the database does not take: the other pictures must not wait behind it.
            logger.exception("picture %s: what came of it could not be stored", one.picture.pk)
            self._put_off(one, error)
        else:
            _log(one)

    def _put_off(self, one: _Finished, error: Exception) -> None:
        name = type(error).__name__
        trouble = Postponed(f"What came of it could not be stored ({name}).", is_about_picture=True)
        try:
            with updates.transaction():
                _settle(_Finished(one.picture, trouble))
        except LeaseLost as lost:
            logger.warning("picture %s: %s", one.picture.pk, lost)


def _jobs(pictures: Sequence[Picture]) -> list[Job]:
    """Load what the devices sent, apart from the claim: its transaction stays short."""
    event_ids = [one.event_id for one in pictures if not one.original and one.event_id]
    data = (
        dict(InboxEvent.objects.filter(pk__in=event_ids).values_list("pk", "data"))
        if event_ids
        else {}
    )
    return [Job(one, data.get(one.event_id or 0)) for one in pictures]


def _settle(one: _Finished) -> None:
    picture, outcome = one.picture, one.outcome
    if isinstance(outcome, Rendered):
        publish_picture(
            picture=picture,
            rendition=outcome.rendition,
            images=outcome.images,
            original=outcome.original,
        )
    elif isinstance(outcome, Refused):
        refuse_picture(picture=picture, reason=outcome.reason, original=outcome.original)
    elif outcome.is_about_picture and picture.attempts >= MAX_TRIES:
        reason = f"It could not be rendered in {picture.attempts} tries. {outcome.error}"
        refuse_picture(picture=picture, reason=reason)
    else:
        delay_seconds = outcome.delay_seconds
        if delay_seconds is None:
            delay_seconds = exponential_seconds(picture.attempts - 1, cap_seconds=300)
        postpone_picture(picture=picture, error=outcome.error, delay_seconds=delay_seconds)


def _log(one: _Finished) -> None:
    picture, outcome = one.picture, one.outcome
    if isinstance(outcome, Postponed):
        logger.warning("picture %s is put off: %s", picture.pk, outcome.error)
    else:
        logger.info("picture %s is %s", picture.pk, picture.state)


def _abandon(one: _Finished) -> None:
    """Remove the files of a picture that was hidden or deleted while it was rendered.

    Another worker's renderings of it have the same names, so those of any other state stay.
    """
    if not isinstance(one.outcome, Rendered):
        return
    wanted = Picture.objects.filter(pk=one.picture.pk).exclude(state=PictureState.HIDDEN)
    if not wanted.exists():
        remove_renditions(one.outcome.images.values())
