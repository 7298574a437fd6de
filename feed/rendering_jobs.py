"""One picture's way from bytes to files: rendering and writing, for a thread without a database."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from feed.errors import InvalidPicture, RenderingFailed
from feed.files import (
    images_by_width,
    read_original,
    rendition_files,
    write_original,
    write_renditions,
)
from feed.models import Picture
from feed.rendering import Rendition, render
from feed.sources import PictureBytes, read_source

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Job:
    """A claimed picture, and its event's data while the event is kept."""

    picture: Picture
    event_data: str | None


@dataclass(frozen=True)
class Rendered:
    """The files are written; `images` names them by width."""

    rendition: Rendition
    images: dict[str, str]
    original: str


@dataclass(frozen=True)
class Refused:
    """These bytes will never be a picture."""

    reason: str
    original: str


@dataclass(frozen=True)
class Postponed:
    """No verdict: a full disk, a child killed from outside, a worker that stops.

    The tries are counted only where the picture itself may be the cause.
    """

    error: str
    is_about_picture: bool = False
    delay_seconds: float | None = None


Outcome = Rendered | Refused | Postponed


def run_job(job: Job) -> Outcome:
    """Render and write the files. Never raises; what is written may be written again."""
    try:
        return _render(job)
    except RenderingFailed as error:
        return Postponed(error.reason, is_about_picture=True)
    except OSError as error:
        return Postponed(f"{type(error).__name__}: {error}")
    except Exception as error:
        # The outermost frame of this thread: an unknown failure must come back to the loop. Most
        # likely the storage's own, so it is no reason to give up the picture.
        logger.exception("picture %s failed", job.picture.pk)
        return Postponed(f"{type(error).__name__}: {error}")


def _render(job: Job) -> Outcome:
    key, original = job.picture.key, job.picture.original
    try:
        data, declared_mime = _received_bytes(job)
    except InvalidPicture as error:
        return Refused(error.reason, original)
    if not original:
        original = write_original(key, data)
    try:
        rendition = render(data, declared_mime)
    except InvalidPicture as error:
        return Refused(error.reason, original)
    files = rendition_files(key, rendition)
    write_renditions(files)
    return Rendered(rendition, images_by_width(files), original)


def _received_bytes(job: Job) -> tuple[bytes, str | None]:
    if job.picture.original:
        return read_original(job.picture.original), None
    if job.event_data is None:
        raise InvalidPicture("What the device sent is no longer kept.")
    image = read_source(job.event_data).image
    if not isinstance(image, PictureBytes):
        raise InvalidPicture("The event brings no picture; this portal cannot get or draw one yet.")
    return image.data, image.declared_mime
