"""Measure S10: a 16 KB JPEG to its renditions, through the children, against Pillow alone.

Pillow alone does the same decode, resize and encode in this process: the price of the child, its
pipe, the checks, placeholder and colour is what the ratio shows. The two take turns, the order
reversed every other round. Publishing, files and row, is not in it yet.
"""

from __future__ import annotations

import argparse
import io
import os
import statistics
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from PIL import Image, ImageDraw

from feed.decoding import WIDTHS
from feed.rendering import RenderPool

if TYPE_CHECKING:
    from collections.abc import Callable

TARGET_RATIO: Final = 1.4
PICTURE_BYTES: Final = 16_384


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


def main(arguments: list[str] | None = None) -> list[Result]:
    """Print a row per picture and return the results. S10 is the first row."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--repeats", type=int, default=20)
    options = parser.parse_args(arguments)
    pictures = {
        "16 KB, 640 × 480": camera_picture((640, 480)),
        "16 KB, 320 × 240": camera_picture((320, 240)),
        "4 megapixels": camera_picture((2304, 1728), 4_000_000),
    }
    load = os.getloadavg()[0]
    results = []
    with RenderPool() as pool:
        for picture, data in pictures.items():
            results.append(
                measure(picture, data, pool, rounds=options.rounds, repeats=options.repeats)
            )
    print("S10  a JPEG to its renditions: children against Pillow alone (milliseconds a picture)")
    print(f"     {options.rounds} rounds of {options.repeats}; load before: {load:.2f}")
    for result in results:
        verdict = "met" if result.ratio <= TARGET_RATIO else "NOT met"
        print(
            f"     {result.picture:<18} ours {result.ours_ms:7.2f}  Pillow {result.pillow_ms:7.2f}"
            f"  ratio {result.ratio:.2f} ({min(result.ratios):.2f} to {max(result.ratios):.2f})"
            f"  target {TARGET_RATIO}: {verdict}"
        )
    return results


if __name__ == "__main__":
    main()
