"""Measure S10: a 16 KB JPEG to its renditions, through the children, against Pillow alone.

Pillow alone does the same decode, resize and encode in this process: the price of the child, its
pipe, the checks, placeholder and colour is what the ratio shows. The two take turns, the order
reversed every other round. Publishing, files and row, is not in it yet.
"""

from __future__ import annotations

import io
import statistics
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from PIL import Image, ImageDraw

from benchmarks.report import Row
from feed.decoding import WIDTHS
from feed.rendering import RenderPool

if TYPE_CHECKING:
    from collections.abc import Callable

TARGET_RATIO: Final = 1.4
PICTURE_BYTES: Final = 16_384
ROUNDS: Final = 15
REPEATS: Final = 20


@dataclass(frozen=True, kw_only=True)
class Result:
    """Milliseconds per picture: the median over the rounds, and each round's ratio."""

    picture: str
    ours_ms: float
    pillow_ms: float
    ratios: tuple[float, ...]

    @property
    def ratio(self) -> float:
        return statistics.median(self.ratios)


def camera_picture(size: tuple[int, int], max_bytes: int = PICTURE_BYTES) -> bytes:
    """Return a JPEG of a scene with soft and hard edges, as good as fits into `max_bytes`."""
    sky = Image.linear_gradient("L").resize(size)
    scene = Image.merge("RGB", (sky, sky.point(lambda v: 255 - v), Image.new("L", size, 170)))
    grain = Image.effect_noise((size[0] // 4, size[1] // 4), 40).resize(size).convert("RGB")
    scene = Image.blend(scene, grain, 0.15)
    draw = ImageDraw.Draw(scene)
    for step in range(12):
        x, y = size[0] * step // 12, size[1] * (step * 5 % 12) // 12
        draw.ellipse((x, y, x + size[0] // 5, y + size[1] // 5), (step * 20, 90, 240 - step * 15))
    data = b""
    for quality in range(20, 96, 3):
        buffer = io.BytesIO()
        scene.save(buffer, "JPEG", quality=quality)
        if len(buffer.getvalue()) > max_bytes:
            break
        data = buffer.getvalue()
    return data


def with_pillow_alone(data: bytes) -> None:
    """Decode, resize and encode as a careless view would, with the settings that we use."""
    with Image.open(io.BytesIO(data)) as image:
        image.draft("RGB", (WIDTHS[-1], WIDTHS[-1] * image.height // image.width))
        picture = image.convert("RGB")
        full_width, full_height = image.size
    for width in sorted({min(wanted, full_width) for wanted in WIDTHS}, reverse=True):
        size = (width, max(1, round(full_height * width / full_width)))
        if picture.size != size:
            picture = picture.resize(size, Image.Resampling.LANCZOS)
        picture.save(io.BytesIO(), "WEBP", quality=80, method=2)


def measure(picture: str, data: bytes, pool: RenderPool, *, rounds: int, repeats: int) -> Result:
    """Time both ways in turn, `repeats` pictures each, for so many rounds."""
    ways: list[tuple[str, Callable[[], object]]] = [
        ("ours", lambda: pool.render(data, "image/jpeg")),
        ("pillow", lambda: with_pillow_alone(data)),
    ]
    for _, way in ways:
        way()  # imports, and the child's start, are paid once in a worker's life
    times: dict[str, list[float]] = {"ours": [], "pillow": []}
    for number in range(rounds):
        for name, way in ways if number % 2 else reversed(ways):
            started = time.perf_counter()
            for _ in range(repeats):
                way()
            times[name].append((time.perf_counter() - started) * 1000 / repeats)
    return Result(
        picture=picture,
        ours_ms=statistics.median(times["ours"]),
        pillow_ms=statistics.median(times["pillow"]),
        ratios=tuple(
            ours / pillow for ours, pillow in zip(times["ours"], times["pillow"], strict=True)
        ),
    )


def main() -> list[Row]:
    """Measure all pictures. S10 is the first row; the others show where the price is felt."""
    pictures = {
        "a 16 KB JPEG, 640 × 480, to its renditions": camera_picture((640, 480)),
        "a 16 KB JPEG, 320 × 240, to its renditions": camera_picture((320, 240)),
        "a 4-megapixel JPEG to its renditions": camera_picture((2304, 1728), 4_000_000),
    }
    with RenderPool() as pool:
        results = [
            measure(picture, data, pool, rounds=ROUNDS, repeats=REPEATS)
            for picture, data in pictures.items()
        ]
    return [
        Row(
            part="rendering",
            target="S10",
            what=result.picture,
            ours=f"{result.ours_ms:.2f} ms",
            alternative=f"Pillow alone {result.pillow_ms:.2f} ms",
            ratio=round(result.ratio, 3),
            ratio_range=(round(min(result.ratios), 3), round(max(result.ratios), 3)),
            wanted=f"≤ {TARGET_RATIO}",
            is_met=result.ratio <= TARGET_RATIO,
        )
        for result in results
    ]
