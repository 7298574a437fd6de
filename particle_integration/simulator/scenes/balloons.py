"""A scene of hot-air balloons over the country on a still morning."""

from __future__ import annotations

import math

from PIL import ImageChops

from particle_integration.simulator.scenes.canvas import (
    Canvas,
    Colour,
    Pen,
    mix,
    polygon,
    shade,
    wave,
)

CLOTHS: tuple[tuple[Colour, ...], ...] = (
    ((224, 64, 58), (250, 214, 92), (46, 92, 160)),
    ((240, 232, 216), (216, 78, 70), (240, 232, 216)),
    ((38, 128, 132), (244, 182, 66), (232, 98, 74)),
    ((96, 66, 140), (238, 130, 140), (252, 224, 160)),
    ((60, 120, 72), (242, 236, 212), (226, 142, 58)),
)


def balloons(canvas: Canvas) -> None:
    """Hot-air balloons on a still morning."""
    source, unit = canvas.source, canvas.unit
    top, middle, low, land = source.choice(
        (
            ((66, 128, 190), (164, 204, 226), (255, 230, 196), (86, 116, 84)),
            ((96, 104, 172), (226, 164, 176), (255, 216, 164), (104, 86, 104)),
            ((52, 146, 170), (176, 220, 214), (255, 240, 208), (98, 134, 96)),
        )
    )
    canvas.fill([(0, top), (0.45, middle), (0.8, low), (1, low)])
    canvas.clouds(
        (255, 252, 244), top=0.02, bottom=0.75, cover=source.uniform(0.3, 0.6), opacity=0.6, flat=4
    )
    canvas.glow(
        canvas.width * source.random(), canvas.height * 0.75, unit * 75, (255, 244, 210), 0.7
    )
    for depth in (0.0, 0.4, 0.75, 1.0):
        hill = wave(source, periods=(0.6, 1.6, 3.1), heights=(0.05, 0.025, 0.008))
        base = 0.76 + 0.16 * depth
        outline = [
            (index * canvas.width / 60, (base + hill(index / 60)) * canvas.height)
            for index in range(61)
        ]
        colour = mix(low, land, 0.30 + 0.7 * depth)
        field = canvas.gradient(
            [
                (base - 0.07, shade(colour, 1.12)),
                (base + 0.12, shade(colour, 0.86)),
                (1, shade(colour, 0.7)),
            ]
        )
        canvas.shape(canvas.land(outline), field)
    sizes = sorted(unit * (2.2 + 18 * source.random() ** 2.2) for _ in range(source.randint(5, 8)))
    sizes[-1] = unit * source.uniform(17, 23)
    taken: list[tuple[float, float, float]] = []
    for size in reversed(sizes):
        place = _free_place(canvas, size, taken)
        if place:
            taken.append((*place, size))
    for x, y, size in reversed(taken):
        _balloon(canvas, x, y, size, haze=middle)


def _free_place(
    canvas: Canvas, size: float, taken: list[tuple[float, float, float]]
) -> tuple[float, float] | None:
    for _ in range(40):
        x = canvas.source.uniform(0.08, 0.92) * canvas.width
        y = canvas.source.uniform(0.08, 0.60) * canvas.height + size * 0.3
        if all(
            math.hypot(x - ox, (y - oy) * 0.8) > (size + other) * 1.15 for ox, oy, other in taken
        ):
            return x, y
    return None


def _balloon(canvas: Canvas, x: float, y: float, size: float, *, haze: Colour) -> None:
    source = canvas.source
    cloth = source.choice(CLOTHS)
    far = max(0.0, 0.75 - size / (canvas.unit * 14))
    gores = 9 if size > canvas.unit * 6 else 5

    def envelope(wide: float) -> list[tuple[float, float]]:
        points = []
        for index in range(49):
            angle = math.tau * index / 48
            px, py = math.sin(angle), -math.cos(angle)
            narrow = 1.0 if py < 0 else 1 - 0.55 * py**1.6
            points.append(
                (x + size * px * wide * narrow, y + size * py * (1.05 if py < 0 else 1.28))
            )
        return points

    mask = canvas.mask(lambda pen: pen.polygon(envelope(1.0)))
    for index in range(gores):
        wide = math.cos(math.pi / 2 * index / gores)
        colour = mix(cloth[index % len(cloth)], haze, far)
        canvas.shape(polygon(envelope(wide)), colour)
    if source.random() < 0.6:
        band = canvas.mask(lambda pen: pen.box(x - size, y - size * 0.12, x + size, y + size * 0.2))
        canvas.paint(ImageChops.multiply(band, mask), mix(shade(cloth[-1], 0.9), haze, far), 0.9)
    dark = canvas.mask(
        lambda pen: pen.ellipse(x + size * 0.75, y + size * 0.35, size * 0.75, size * 1.3),
        blur=max(1.0, size * 0.3),
    )
    canvas.paint(ImageChops.multiply(dark, mask), mix((30, 20, 50), haze, far), 0.42)
    bright = canvas.mask(
        lambda pen: pen.ellipse(x - size * 0.42, y - size * 0.42, size * 0.34, size * 0.5),
        blur=max(1.0, size * 0.2),
    )
    canvas.light(ImageChops.multiply(bright, mask), (255, 248, 230), 0.45)
    _basket(canvas, x, y + size * 1.28, size, mix((92, 60, 38), haze, far))


def _basket(canvas: Canvas, x: float, y: float, size: float, colour: Colour) -> None:
    half = size * 0.15
    top = y + size * 0.26

    def draw(pen: Pen) -> None:
        for side in (-1, 1):
            pen.line(
                [(x + side * size * 0.4, y - size * 0.12), (x + side * half, top)],
                max(0.4, size * 0.02),
                200,
            )
        pen.box(x - half, top, x + half, top + size * 0.24, size * 0.04)

    canvas.shape(draw, colour)
