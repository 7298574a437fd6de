"""A picture as JSON: one shape for pushes, API and cards, the same for whoever looks."""

from __future__ import annotations

from datetime import datetime
from typing import TypedDict

from django.core.files.storage import default_storage
from django.utils.translation import gettext as _

from feed.models import Picture


class PosterJson(TypedDict):
    """Who posted a picture."""

    handle: str
    name: str


class DeviceJson(TypedDict):
    """What took a picture."""

    name: str


class DancedJson(TypedDict):
    """For how many likes the device has danced, and how soon after the first of the last dance."""

    likes: int
    seconds: float


class PictureJson(TypedDict):
    """A published picture. `images` holds URLs by width in pixels, from small to large."""

    id: int
    url: str
    caption: str
    alt: str
    poster: PosterJson
    device: DeviceJson
    published_at: datetime | None
    likes: int
    danced: DancedJson | None
    width: int
    height: int
    colour: str
    placeholder: str
    images: dict[str, str]


def picture_json(picture: Picture) -> PictureJson:
    """Return a picture, loaded `with_people()`, as everybody sees it."""
    poster = picture.poster
    return {
        "id": picture.pk,
        "url": picture.get_absolute_url(),
        "caption": picture.caption,
        "alt": alt_text(picture),
        "poster": {
            "handle": poster.handle if poster else "",
            "name": poster.display_name if poster else "",
        },
        "device": {"name": picture.device.name},
        "published_at": picture.published_at,
        "likes": picture.like_count,
        "danced": danced_json(picture),
        "width": picture.width,
        "height": picture.height,
        "colour": picture.colour,
        "placeholder": picture.placeholder,
        "images": {
            width: default_storage.url(name)
            for width, name in sorted(picture.images.items(), key=lambda one: int(one[0]))
        },
    }


def danced_json(picture: Picture) -> DancedJson | None:
    """Return what the device danced for this picture, None before the first dance."""
    if not picture.danced_like_count:
        return None
    return {"likes": picture.danced_like_count, "seconds": picture.danced_seconds or 0.0}


def alt_text(picture: Picture) -> str:
    """Return what is known of a picture that cannot be seen."""
    if picture.caption:
        return picture.caption
    name = picture.poster.display_name if picture.poster else _("somebody")
    if picture.device.name:
        return _("Picture by %(name)s, taken with %(device)s") % {
            "name": name,
            "device": picture.device.name,
        }
    return _("Picture by %(name)s") % {"name": name}
