"""Presses and pictures for tests: small real JPEGs, events as the inbox stores them."""

from __future__ import annotations

import base64
import io
from datetime import UTC, datetime, timedelta
from typing import Any

from django.core.files.storage import storages
from PIL import Image, ImageDraw

from particle_integration.models import InboxEvent, Path
from portal.live.models import Update

DEVICE_ID = "e00fce68aaaabbbbccccdddd"
MOMENT = datetime(2026, 11, 24, 10, 15, 30, 123000, UTC)


def jpeg(width: int = 48, height: int = 32, colour: str = "teal") -> bytes:
    """Return a small picture as a camera would send it."""
    image = Image.new("RGB", (width, height), colour)
    ImageDraw.Draw(image).ellipse((4, 4, width - 4, height - 4), fill="orange")
    file = io.BytesIO()
    image.save(file, "JPEG")
    return file.getvalue()


def data_url(data: bytes | None = None) -> str:
    """Return the picture as a device publishes it."""
    return "data:image/jpeg;base64," + base64.b64encode(data or jpeg()).decode()


def publish_event(data: str, **fields: Any) -> InboxEvent:
    """Store an event as the inbox does, ready for its handler."""
    number = InboxEvent.objects.count()
    defaults = {
        "dedupe_key": number.to_bytes(32, "big"),
        "name": "picture",
        "particle_device_id": DEVICE_ID,
        "published_at": MOMENT + timedelta(seconds=number),
        "first_path": Path.STREAM,
    }
    return InboxEvent.objects.create(data=data, **defaults | fields)


def told(type_: str | None = None) -> list[Update]:
    """Return what the browsers were told of the feed, of one type or all."""
    updates = Update.objects.order_by("number")
    return list(updates.filter(type=type_) if type_ else updates.filter(type__startswith="feed."))


def contents(name: str, alias: str = "default") -> bytes:
    """Return what is in a file of a storage."""
    with storages[alias].open(name) as file:
        data: bytes = file.read()
    return data
