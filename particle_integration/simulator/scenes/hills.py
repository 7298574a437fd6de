"""Scenes of open land: misty mountains, desert dunes."""

from __future__ import annotations

import math

from PIL import ImageChops

from particle_integration.simulator.scenes.canvas import (
    Canvas,
    Colour,
    broken_line,
    jitter,
    mix,
    shade,
    wave,
)
from particle_integration.simulator.scenes.daylight import DAYTIMES
from particle_integration.simulator.scenes.woods import conifers


def mountains(canvas: Canvas) -> None:
    """Ridge behind ridge in the mist, the nearest one wooded."""
    source = canvas.source
    sky, haze, near, sun = source.choice(DAYTIMES)
    haze, near = jitter(haze, source, 12), jitter(near, source, 8)
    canvas.fill([(0, sky[0]), (0.34, sky[1]), (0.62, sky[2]), (1, haze)])
    x, y = canvas.width * source.uniform(0.2, 0.8), canvas.height * source.uniform(0.2, 0.38)
    canvas.clouds(
        mix(sky[2], sun, 0.5), top=0.02, bottom=0.45, cover=source.uniform(0.2, 0.7), opacity=0.5
    )
    canvas.glow(x, y, canvas.unit * 62, sun, 0.75)
    radius = canvas.unit * source.uniform(3.2, 5.5)
    canvas.shape(lambda pen: pen.ellipse(x, y, radius, radius), shade(sun, 1.5), blur=0.6)
    count = source.randint(5, 7)
    for index in range(count):
        depth = index / (count - 1)
        colour = mix(mix(haze, near, 0.16), near, depth**1.25)
        _ridge(canvas, base=0.40 + 0.48 * depth, depth=depth, colour=colour, haze=haze)


def _ridge(canvas: Canvas, *, base: float, depth: float, colour: Colour, haze: Colour) -> None:
    height = canvas.height * (0.17 - 0.09 * depth)
    line = broken_line(canvas.source, height=height, roughness=0.5)
    step = canvas.width / (len(line) - 1)
    points = [(index * step, base * canvas.height + y * 0.75) for index, y in enumerate(line)]
    if depth > 0.6:
        points = conifers(canvas, points, canvas.unit * (1.5 + 5.5 * (depth - 0.6)))
    foot = min(1.0, base + 0.24)
    mist = mix(colour, haze, 0.75 - 0.55 * depth)
    field = canvas.gradient([(base - 0.16, colour), (foot, mist), (1, mist)])
    canvas.shape(canvas.land(points), field)
    veil = canvas.noise(3, 8, 3).point([max(0, value - 100) for value in range(256)])
    veil = ImageChops.multiply(veil, canvas.between(base - 0.01, base + 0.2, 0.5))
    canvas.paint(veil, mix(haze, (255, 255, 255), 0.2), 0.75 * (1 - depth))


def dunes(canvas: Canvas) -> None:
    """Sand in long curves: a lit flank, a shaded flank, and a sharp crest between."""
    source = canvas.source
    top, horizon, lit, dark = source.choice(
        (
            ((66, 116, 170), (236, 214, 184), (238, 174, 104), (128, 66, 52)),
            ((52, 40, 92), (250, 160, 118), (240, 138, 84), (92, 36, 60)),
            ((92, 158, 190), (246, 232, 206), (246, 206, 148), (168, 108, 80)),
            ((30, 34, 74), (146, 116, 160), (170, 122, 138), (48, 34, 72)),
        )
    )
    canvas.fill([(0, top), (0.5, horizon), (1, horizon)])
    x = canvas.width * source.uniform(0.15, 0.85)
    canvas.glow(x, canvas.height * 0.3, canvas.unit * 55, shade(horizon, 1.4), 0.8)
    radius = canvas.unit * 3.4
    canvas.shape(
        lambda pen: pen.ellipse(x, canvas.height * 0.26, radius, radius), (255, 248, 226), blur=0.5
    )
    count = 5
    for index in range(count):
        depth = (index + 1) / count
        haze = 0.72 * (1 - depth) ** 1.2
        _dune(
            canvas,
            base=0.40 + 0.13 * index,
            depth=depth,
            lit=mix(lit, horizon, haze),
            dark=mix(dark, horizon, haze),
        )


def _dune(canvas: Canvas, *, base: float, depth: float, lit: Colour, dark: Colour) -> None:
    source, width, height = canvas.source, canvas.width, canvas.height
    rise = wave(source, periods=(0.7, 1.5), heights=(0.06 * depth + 0.02, 0.018))
    peak = source.uniform(0.15, 0.85)
    lift = source.uniform(0.05, 0.13) * (0.5 + depth)

    def crest(share: float) -> float:
        return (base + rise(share) - lift * math.exp(-abs(share - peak) * 5.5)) * height

    outline = [(index * width / 80, crest(index / 80)) for index in range(81)]
    body = canvas.mask(canvas.land(outline))
    canvas.paint(
        body,
        canvas.gradient(
            [(base - 0.15, shade(lit, 1.18)), (base + 0.3, lit), (1, shade(lit, 0.82))]
        ),
    )
    sway, lean = source.uniform(0.04, 0.10), source.choice((-1, 1)) * source.uniform(0.12, 0.34)
    spine = []
    for index in range(41):
        down = index / 40
        x = peak + lean * down + sway * math.sin(down * 5.2) * (0.25 + down)
        spine.append((x * width, crest(peak) + (height * 1.05 - crest(peak)) * down))
    side = width if lean < 0 or peak < 0.4 else 0
    flank = canvas.mask(
        lambda pen: pen.polygon(
            [
                (side, crest(peak) - height),
                (peak * width, crest(peak) - height),
                *spine,
                (side, height * 1.05),
            ]
        )
    )
    flank = ImageChops.multiply(flank, body)
    field = canvas.gradient(
        [(base - 0.12, dark), (min(1.0, base + 0.4), mix(dark, lit, 0.4)), (1, dark)]
    )
    canvas.paint(flank, field, 0.86)
    ripples = canvas.noise(4, 70, 2).point([max(0, value - 128) for value in range(256)])
    canvas.paint(ImageChops.multiply(ripples, body), shade(dark, 0.8), 0.32 * depth)
