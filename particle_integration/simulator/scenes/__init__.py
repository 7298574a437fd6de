"""The pictures of the virtual devices: generated scenes, no two alike."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from PIL import Image

from particle_integration.simulator.scenes import balloons, hills, sea, shelf, town, woods
from particle_integration.simulator.scenes.canvas import Canvas

SCENES: dict[str, Callable[[Canvas], None]] = {
    "mountains": hills.mountains,
    "dunes": hills.dunes,
    "sea": sea.sea,
    "aurora": woods.aurora,
    "birches": woods.birches,
    "skyline": town.skyline,
    "rain": town.rain,
    "lanterns": town.lanterns,
    "shelf": shelf.shelf,
    "balloons": balloons.balloons,
}
# A little camera: mostly held level, sometimes upright, sometimes square.
SIZES = ((640, 480), (640, 480), (640, 480), (640, 400), (480, 640), (520, 520))
# Below the last of these a smaller picture looks better than a coarser one.
QUALITIES = (86, 80, 74, 68, 62, 56, 50, 45, 40, 36)


@dataclass(frozen=True)
class Picture:
    """A taken picture: what it shows, and its JPEG."""

    scene: str
    jpeg: bytes
    width: int
    height: int


def take_picture(source: Random, *, max_bytes: int, scene: str = "") -> Picture:
    """Draw a scene, any or the one named, and encode it within so many bytes."""
    name = scene or source.choice(tuple(SCENES))
    canvas = Canvas(*source.choice(SIZES), source)
    SCENES[name](canvas)
    canvas.vignette()
    image, jpeg = canvas.image, _encode(canvas.image, max_bytes)
    while not jpeg:
        image = image.resize((image.width * 7 // 8, image.height * 7 // 8))
        jpeg = _encode(image, max_bytes)
    return Picture(name, jpeg, image.width, image.height)


def _encode(image: Image.Image, max_bytes: int) -> bytes:
    """Return the best JPEG of the ladder of qualities that fits, by bisection; empty if none."""
    first, last = 0, len(QUALITIES) - 1
    best = b""
    while first <= last:
        middle = (first + last) // 2
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=QUALITIES[middle], optimize=True, progressive=True)
        if buffer.tell() <= max_bytes:
            best, last = buffer.getvalue(), middle - 1
        else:
            first = middle + 1
    return best
