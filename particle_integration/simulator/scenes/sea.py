"""A scene of the sea: a low sun, its path of light, an island, a boat."""

from __future__ import annotations

import math

from particle_integration.simulator.scenes.canvas import (
    Canvas,
    Colour,
    Pen,
    broken_line,
    mix,
    shade,
)
from particle_integration.simulator.scenes.daylight import DAYTIMES


def sea(canvas: Canvas) -> None:
    """A low sun over the water, its path of light, and somebody sailing."""
    source, unit = canvas.source, canvas.unit
    (top, middle, low), haze, near, sun = source.choice(DAYTIMES)
    horizon = source.uniform(0.46, 0.62)
    line = horizon * canvas.height
    canvas.fill([(0, top), (horizon * 0.55, middle), (horizon, low), (1, low)])
    x = canvas.width * source.uniform(0.25, 0.75)
    y = line - unit * source.uniform(3, 16)
    canvas.clouds(
        mix(middle, near, 0.35),
        top=0.0,
        bottom=horizon * 0.8,
        cover=source.uniform(0.3, 0.8),
        opacity=0.55,
        flat=7,
    )
    canvas.clouds(mix(low, sun, 0.6), top=0.05, bottom=horizon, cover=0.4, opacity=0.6, flat=9)
    canvas.glow(x, y, unit * 70, sun, 0.8)
    radius = unit * source.uniform(4.5, 7.5)
    canvas.shape(lambda pen: pen.ellipse(x, y, radius, radius), shade(sun, 1.55), blur=0.7)
    water = canvas.gradient(
        [
            (horizon, mix(low, near, 0.3)),
            (horizon + 0.12, mix(middle, near, 0.5)),
            (1, mix(top, near, 0.65)),
        ]
    )
    canvas.shape(lambda pen: pen.box(0, line, canvas.width, canvas.height), water)
    if source.random() < 0.6:
        _island(canvas, line, mix(haze, near, 0.45))
    _swell(canvas, line, near, low)
    _glitter(canvas, x, line, sun)
    if source.random() < 0.75:
        _boat(
            canvas,
            canvas.width * source.uniform(0.12, 0.88),
            line + unit * source.uniform(2, 9),
            near,
        )


def _island(canvas: Canvas, line: float, colour: Colour) -> None:
    left = canvas.width * canvas.source.uniform(-0.2, 0.6)
    outline = broken_line(canvas.source, height=canvas.unit * 5, roughness=0.5, steps=5)
    span = canvas.width * 0.5
    points = [
        (
            left + span * index / 32,
            line - max(0.0, (y + canvas.unit * 7) * math.sin(math.pi * index / 32)),
        )
        for index, y in enumerate(outline)
    ]
    canvas.shape(lambda pen: pen.polygon([(left, line), *points, (left + span, line)]), colour)


def _swell(canvas: Canvas, line: float, dark: Colour, bright: Colour) -> None:
    source = canvas.source

    def draw(pen: Pen) -> None:
        for _ in range(420):
            near = source.random() ** 1.6
            x, y = source.uniform(-0.1, 1.1) * canvas.width, line + near * (canvas.height - line)
            pen.ellipse(
                x,
                y,
                canvas.unit * (1.5 + 15 * near),
                canvas.unit * (0.12 + 0.62 * near),
                source.randint(60, 200),
            )

    canvas.shape(draw, dark, opacity=0.34)
    canvas.light(canvas.mask(draw, blur=0.5), bright, 0.26)


def _glitter(canvas: Canvas, x: float, line: float, sun: Colour) -> None:
    source = canvas.source

    def draw(pen: Pen) -> None:
        for _ in range(520):
            near = source.random() ** 1.35
            spread = canvas.unit * (3.5 + 17 * near)
            size = canvas.unit * (0.5 + 3.6 * near)
            y = line + canvas.unit * 0.3 + near * (canvas.height - line)
            pen.ellipse(
                source.gauss(x, spread * 0.6), y, size, size * 0.14 + 0.25, source.randint(120, 255)
            )

    canvas.light(canvas.mask(draw, blur=4.0), sun, 0.8)
    canvas.light(canvas.mask(draw), shade(sun, 1.4), 0.95)


def _boat(canvas: Canvas, x: float, y: float, colour: Colour) -> None:
    size = canvas.unit * canvas.source.uniform(4, 9)

    def draw(pen: Pen) -> None:
        pen.polygon(
            [
                (x - size * 0.55, y - size * 0.16),
                (x + size * 0.6, y - size * 0.16),
                (x + size * 0.4, y),
                (x - size * 0.4, y),
            ]
        )
        pen.polygon(
            [
                (x + size * 0.02, y - size * 1.5),
                (x + size * 0.5, y - size * 0.24),
                (x + size * 0.02, y - size * 0.24),
            ]
        )
        pen.polygon(
            [
                (x - size * 0.05, y - size * 1.35),
                (x - size * 0.05, y - size * 0.24),
                (x - size * 0.45, y - size * 0.24),
            ]
        )

    canvas.shape(
        lambda pen: pen.ellipse(x, y + size * 0.25, size * 0.6, size * 0.2),
        colour,
        opacity=0.5,
        blur=1.5,
    )
    canvas.shape(draw, shade(colour, 0.8))
