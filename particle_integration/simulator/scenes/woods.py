"""Scenes of woods: northern lights over a forest, birches in autumn; and how conifers stand."""

from __future__ import annotations

import math

from PIL import Image, ImageChops, ImageFilter

from particle_integration.simulator.scenes.canvas import (
    Canvas,
    Colour,
    Pen,
    broken_line,
    mix,
    shade,
    wave,
)


def aurora(canvas: Canvas) -> None:
    """Curtains of northern light over a dark forest and its lake."""
    source = canvas.source
    canvas.fill([(0, (5, 8, 26)), (0.5, (10, 26, 54)), (0.75, (20, 52, 72)), (1, (16, 40, 56))])
    canvas.stars(260, below=0.75)
    low, high = source.choice(
        (
            ((72, 255, 158), (150, 70, 230)),
            ((60, 240, 214), (226, 64, 150)),
            ((140, 255, 120), (40, 150, 220)),
        )
    )
    for index in range(source.randint(2, 3)):
        _curtain(canvas, base=source.uniform(0.38, 0.62) - 0.06 * index, low=low, high=high)
    horizon = source.uniform(0.74, 0.82)
    far = broken_line(source, height=canvas.unit * 7, roughness=0.5)
    step = canvas.width / (len(far) - 1)
    hills = [
        (index * step, horizon * canvas.height - canvas.unit * 8 + y * 0.6)
        for index, y in enumerate(far)
    ]
    canvas.shape(
        canvas.land(hills),
        (10, 24, 40),
    )
    shore = [
        (index * step, horizon * canvas.height - canvas.unit * 2 + y * 0.25)
        for index, y in enumerate(reversed(far))
    ]
    trees = conifers(canvas, shore, canvas.unit * source.uniform(7, 11))
    canvas.shape(
        canvas.land(trees),
        (4, 10, 18),
    )
    canvas.mirror(horizon, tint=(8, 26, 40), dim=0.35, blur=3.0)


def _curtain(canvas: Canvas, *, base: float, low: Colour, high: Colour) -> None:
    """Hang one curtain: a wavy hem, sharp below, rays that fade upwards."""
    source, width, height = canvas.source, canvas.width, canvas.height
    tall = round(height * source.uniform(0.4, 0.6))
    hem = wave(source, periods=(0.6, 1.9, 4.6), heights=(0.08, 0.045, 0.018))
    rays = Image.frombytes("L", (72, 1), source.randbytes(72)).resize(
        (width, 1), Image.Resampling.BICUBIC
    )
    folds = Image.frombytes("L", (7, 1), source.randbytes(7)).resize(
        (width, 1), Image.Resampling.BICUBIC
    )
    profile = [0.0] * tall
    for index in range(tall):
        up = 1 - index / tall
        profile[index] = min(1.0, up * 14) * math.exp(-up * 3.1)
    column = Image.new("L", (1, tall))
    field = Image.new("L", (width, height))
    for x in range(width):
        ray = 0.35 + 0.65 * rays.getpixel((x, 0)) / 255  # type: ignore[operator]
        strength = ray * (0.15 + 0.85 * folds.getpixel((x, 0)) / 255)  # type: ignore[operator]
        column.putdata([round(255 * strength * value) for value in profile])
        field.paste(column, (x, round((base + hem(x / width)) * height) - tall))
    field = field.filter(ImageFilter.GaussianBlur(1.6))
    colours = canvas.gradient(
        [(0, high), (base * 0.45, mix(high, low, 0.35)), (base * 0.85, low), (1, low)]
    )
    canvas.light(field, colours, 0.95)
    canvas.light(field.filter(ImageFilter.GaussianBlur(canvas.unit * 6)), colours, 0.55)


def conifers(
    canvas: Canvas, points: list[tuple[float, float]], size: float
) -> list[tuple[float, float]]:
    """Plant conifers along an outline."""
    source = canvas.source
    wooded: list[tuple[float, float]] = []
    x = -size
    while x < canvas.width + size:
        share = min(max(x / canvas.width, 0), 0.9999) * (len(points) - 1)
        left, right = points[int(share)], points[int(share) + 1]
        ground = left[1] + (right[1] - left[1]) * (share % 1)
        tall = size * source.uniform(0.6, 1.5)
        half = tall * 0.24
        wooded += [(x - half, ground + size * 0.3)]
        for tier in (0.35, 0.68):
            edge = half * (1 - tier)
            wooded += [(x - edge, ground - tall * tier), (x - edge * 0.55, ground - tall * tier)]
        wooded += [(x, ground - tall)]
        for tier in (0.68, 0.35):
            edge = half * (1 - tier)
            wooded += [(x + edge * 0.55, ground - tall * tier), (x + edge, ground - tall * tier)]
        wooded += [(x + half, ground + size * 0.3)]
        x += size * source.uniform(0.3, 0.75)
    return wooded


def birches(canvas: Canvas) -> None:
    """White trunks in autumn, the light between them."""
    source, unit = canvas.source, canvas.unit
    glow, leaf, ground = source.choice(
        (
            ((255, 232, 176), (228, 152, 40), (120, 74, 40)),
            ((232, 240, 214), (150, 176, 74), (74, 92, 56)),
            ((250, 222, 214), (212, 84, 60), (96, 52, 52)),
        )
    )
    canvas.fill(
        [
            (0, mix(leaf, glow, 0.45)),
            (0.55, glow),
            (0.74, mix(glow, ground, 0.35)),
            (1, shade(ground, 0.75)),
        ]
    )
    _leaves(canvas, leaf, count=150, size=7.0, blur=unit * 2.2, opacity=0.5)
    canvas.glow(canvas.width * source.uniform(0.3, 0.7), canvas.height * 0.48, unit * 70, glow, 0.8)
    for depth in (0.2, 0.5, 1.0):
        for _ in range(round(11 - 7 * depth)):
            _trunk(canvas, depth=depth, haze=glow)
        _leaves(
            canvas,
            shade(leaf, 1.3 - 0.4 * depth),
            count=54,
            size=1.0 + 1.6 * depth,
            blur=0.6 + 2.4 * (1 - depth),
            opacity=0.85,
        )
    _fallen(canvas, leaf)


def _trunk(canvas: Canvas, *, depth: float, haze: Colour) -> None:
    source = canvas.source
    x = source.uniform(-0.02, 1.02) * canvas.width
    half = canvas.unit * (0.7 + 2.6 * depth) * source.uniform(0.75, 1.25)
    lean = source.uniform(-0.05, 0.05) * canvas.width
    foot = canvas.height * (0.70 + 0.24 * depth)
    bend = wave(source, periods=(0.8,), heights=(canvas.unit * 1.2,))
    rows = [index / 16 for index in range(17)]
    centre = [(x + lean * (1 - row) + bend(row), foot * row) for row in rows]
    left = [(cx - half * (0.7 + 0.3 * row), y) for (cx, y), row in zip(centre, rows, strict=True)]
    right = [(cx + half * (0.7 + 0.3 * row), y) for (cx, y), row in zip(centre, rows, strict=True)]
    bark = mix(haze, (246, 244, 238), depth)
    soft = 2.2 * (1 - depth)  # the near ones are in focus
    mask = canvas.shape(lambda pen: pen.polygon([*left, *reversed(right)]), bark, blur=soft)

    def shadow(pen: Pen) -> None:
        pen.polygon([*((cx + half * 0.25, y) for cx, y in centre), *reversed(right)])

    def marks(pen: Pen) -> None:
        for _ in range(round(4 + 11 * depth)):
            row = source.random()
            cx, y = centre[round(row * 16)]
            side = source.choice((-1, 1))
            pen.ellipse(
                cx + side * half * source.uniform(0.4, 1),
                y + source.uniform(-9, 9),
                half * source.uniform(0.2, 0.75),
                half * source.uniform(0.05, 0.2),
            )

    for draw, colour, opacity in ((shadow, (96, 92, 110), 0.5), (marks, (38, 34, 40), 0.85)):
        part = ImageChops.multiply(
            canvas.mask(draw, blur=soft + (half * 0.3 if draw is shadow else 0.3)), mask
        )
        canvas.paint(part, mix(haze, colour, 0.25 + 0.75 * depth), opacity)


def _leaves(
    canvas: Canvas, colour: Colour, *, count: int, size: float, blur: float, opacity: float
) -> None:
    source = canvas.source
    for factor in (0.8, 1.0, 1.2):

        def draw(pen: Pen) -> None:
            for _ in range(count // 3):
                x, y = source.random() * canvas.width, abs(source.gauss(0, 0.24)) * canvas.height
                radius = canvas.unit * size * source.uniform(0.4, 1)
                pen.ellipse(x, y, radius, radius * source.uniform(0.5, 1), source.randint(120, 255))

        canvas.shape(draw, shade(colour, factor), opacity=opacity, blur=blur)


def _fallen(canvas: Canvas, colour: Colour) -> None:
    source = canvas.source
    for factor in (0.7, 1.0, 1.3):

        def draw(pen: Pen) -> None:
            for _ in range(16):
                near = source.random() ** 0.8
                x, y = source.random() * canvas.width, canvas.height * (0.78 + 0.24 * near)
                pen.ellipse(
                    x,
                    y,
                    canvas.unit * (0.4 + 0.9 * near),
                    canvas.unit * (0.15 + 0.4 * near),
                    source.randint(120, 240),
                )

        canvas.shape(draw, shade(colour, factor), opacity=0.7)
