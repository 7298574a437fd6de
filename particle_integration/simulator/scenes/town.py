"""Scenes where people live: a skyline at night, umbrellas in the rain, a festival of lanterns."""

from __future__ import annotations

import math

from PIL import ImageChops

from particle_integration.simulator.scenes.canvas import (
    Canvas,
    Colour,
    Pen,
    broken_line,
    jitter,
    line,
    mix,
    polygon,
    shade,
)

WINDOW_LIGHTS: tuple[Colour, ...] = (
    (255, 214, 140),
    (255, 190, 104),
    (255, 236, 190),
    (190, 220, 255),
)
UMBRELLAS: tuple[Colour, ...] = (
    (226, 62, 54),
    (246, 176, 44),
    (28, 138, 142),
    (238, 110, 132),
    (58, 88, 168),
    (240, 232, 214),
    (122, 74, 142),
    (92, 164, 82),
)


def skyline(canvas: Canvas) -> None:
    """A city at nightfall, its windows lit, mirrored in the river."""
    source = canvas.source
    top, middle, low = source.choice(
        (
            ((12, 16, 48), (58, 46, 106), (222, 118, 112)),
            ((8, 20, 44), (24, 66, 104), (232, 168, 122)),
            ((18, 12, 40), (84, 40, 96), (250, 140, 96)),
            ((6, 12, 30), (16, 36, 72), (84, 116, 150)),
        )
    )
    horizon = source.uniform(0.66, 0.76)
    canvas.fill([(0, top), (0.36, middle), (horizon, low), (1, low)])
    canvas.stars(70, below=0.36)
    x, y = canvas.width * source.uniform(0.15, 0.85), canvas.height * source.uniform(0.12, 0.24)
    radius = canvas.unit * source.uniform(3, 5)
    canvas.glow(x, y, radius * 5, (255, 236, 204), 0.5)
    canvas.shape(lambda pen: pen.ellipse(x, y, radius, radius), (255, 244, 222))
    canvas.clouds(mix(middle, low, 0.5), top=0.15, bottom=horizon, cover=0.4, opacity=0.4, flat=8)
    for depth in (0.0, 0.45, 1.0):
        _houses(
            canvas,
            depth=depth,
            horizon=horizon,
            colour=mix(mix(middle, low, 0.55), shade(top, 0.55), 0.25 + 0.75 * depth),
        )
    canvas.glow(canvas.width * source.random(), canvas.height * horizon, canvas.unit * 60, low, 0.3)
    canvas.mirror(horizon, tint=shade(top, 0.8), dim=0.28, blur=4.0)
    canvas.shape(
        lambda pen: pen.box(
            0,
            horizon * canvas.height - canvas.unit * 0.6,
            canvas.width,
            horizon * canvas.height + canvas.unit * 0.3,
        ),
        shade(top, 0.4),
    )


def _houses(canvas: Canvas, *, depth: float, horizon: float, colour: Colour) -> None:
    source, unit = canvas.source, canvas.unit
    line = horizon * canvas.height
    houses: list[tuple[float, float, float]] = []
    x = -unit * 4
    while x < canvas.width:
        wide = unit * source.uniform(6, 13) * (0.6 + 0.5 * depth)
        bell = math.exp(-(((x / canvas.width) - source.uniform(0.35, 0.65)) ** 2) * 6)
        tall = canvas.height * (
            0.10 + source.random() * (0.40 - 0.18 * depth) * (0.45 + 0.55 * bell)
        )
        houses.append((x, line - tall, x + wide))
        x += wide * source.uniform(0.85, 1.25)

    canvas.shape(
        lambda pen: _walls(canvas, pen, houses, line),
        canvas.gradient(
            [(0.2, colour), (horizon, mix(colour, (255, 200, 160), 0.10)), (1, colour)]
        ),
    )
    for light in WINDOW_LIGHTS:
        windows = canvas.mask(lambda pen: _windows(canvas, pen, houses, depth))
        canvas.paint(windows, light, 0.35 + 0.6 * depth)
        canvas.light(
            canvas.mask(lambda pen: _windows(canvas, pen, houses[::2], depth), blur=unit * 1.2),
            light,
            0.2 * depth,
        )


def _walls(canvas: Canvas, pen: Pen, houses: list[tuple[float, float, float]], line: float) -> None:
    source, unit = canvas.source, canvas.unit
    for left, top, right in houses:
        pen.box(left, top, right, line)
        if source.random() < 0.3:
            inset = (right - left) * 0.22
            pen.box(left + inset, top - unit * source.uniform(1.5, 4), right - inset, top)
        if source.random() < 0.25:
            middle = (left + right) / 2
            pen.box(
                middle - unit * 0.14,
                top - unit * source.uniform(4, 9),
                middle + unit * 0.14,
                top,
            )
        if right - left < unit * 8 and source.random() < 0.25:
            pen.polygon(
                [
                    (left, top + 1),
                    ((left + right) / 2, top - (right - left) * 0.5),
                    (right, top + 1),
                ]
            )


def _windows(
    canvas: Canvas, pen: Pen, houses: list[tuple[float, float, float]], depth: float
) -> None:
    source = canvas.source
    step = canvas.unit * (1.3 + 1.1 * depth)
    size = step * 0.5
    for left, top, right in houses:
        waking = source.choice((0.05, 0.12, 0.2))
        columns = int((right - left - step) / step)
        margin = (right - left - columns * step + step - size) / 2
        for column in range(columns):
            y = top + step
            while y < canvas.height * 0.75:
                if source.random() < waking:
                    x = left + margin + column * step
                    pen.box(x, y, x + size, y + size * 1.25, fill=source.randint(130, 255))
                y += step * 1.35


def rain(canvas: Canvas) -> None:
    """A wet square from above: umbrellas, their shadows and their colours on the stones."""
    source, unit = canvas.source, canvas.unit
    wet = source.choice(((44, 56, 74), (58, 56, 66), (36, 62, 66)))
    canvas.fill([(0, shade(wet, 1.22)), (0.5, wet), (1, shade(wet, 0.7))])
    canvas.paint(canvas.noise(5, 4, 3), shade(wet, 0.55), 0.6)
    _stones(canvas, wet)
    for _ in range(3):
        x, y = source.random() * canvas.width, source.random() * canvas.height
        canvas.glow(
            x,
            y,
            unit * source.uniform(24, 46),
            source.choice(((255, 206, 140), (168, 206, 236))),
            0.34,
        )
    places: list[tuple[float, float, float]] = []
    for _ in range(400):
        radius = unit * source.uniform(9.0, 13.5)
        x, y = (
            source.uniform(-0.02, 1.02) * canvas.width,
            source.uniform(-0.02, 1.02) * canvas.height,
        )
        if all(math.hypot(x - ox, y - oy) > (radius + other) * 0.97 for ox, oy, other in places):
            places.append((x, y, radius))
        if len(places) == 15:
            break
    colours = source.sample(UMBRELLAS, k=source.randint(3, 6))
    for x, y, radius in places:
        _umbrella(canvas, x, y, radius, jitter(source.choice(colours), source, 10))
    _drops(canvas)


def _stones(canvas: Canvas, wet: Colour) -> None:
    step = canvas.unit * 5.2

    def draw(pen: Pen) -> None:
        for row in range(int(canvas.height / step) + 2):
            pen.line([(0, row * step), (canvas.width, row * step)], 1.0, 190)
            for column in range(int(canvas.width / step / 1.5) + 2):
                x = (column + 0.5 * (row % 2)) * step * 1.5
                pen.line([(x, row * step), (x, (row + 1) * step)], 1.0, 190)

    canvas.shape(draw, shade(wet, 0.55), opacity=0.55, blur=0.7)


def _umbrella(canvas: Canvas, x: float, y: float, radius: float, colour: Colour) -> None:
    source = canvas.source
    turn, ribs = source.random(), 8
    tips = [
        (
            x + radius * math.cos(math.tau * (index + turn) / ribs),
            y + radius * math.sin(math.tau * (index + turn) / ribs),
        )
        for index in range(ribs)
    ]
    top = (x - radius * 0.06, y - radius * 0.08)
    canvas.shape(
        lambda pen: pen.ellipse(x + radius * 0.35, y + radius * 0.5, radius, radius * 0.95),
        (8, 10, 18),
        opacity=0.5,
        blur=radius * 0.22,
    )
    canvas.light(
        canvas.mask(
            lambda pen: pen.ellipse(
                x + radius * 0.2, y + radius * 1.15, radius * 0.8, radius * 0.5
            ),
            blur=radius * 0.2,
        ),
        colour,
        0.3,
    )
    for index in range(ribs):
        first, second = tips[index], tips[(index + 1) % ribs]
        middle = ((first[0] + second[0]) / 2, (first[1] + second[1]) / 2)
        dip = (middle[0] + (x - middle[0]) * 0.10, middle[1] + (y - middle[1]) * 0.10)
        facing = math.cos(math.tau * (index + 0.5 + turn) / ribs + math.tau * 0.36)
        canvas.shape(polygon([top, first, dip, second]), shade(colour, 0.9 + 0.3 * facing))
    for tip in tips:
        canvas.shape(line([top, tip], 0.7), shade(colour, 0.5), opacity=0.5)
    canvas.shape(lambda pen: pen.ellipse(*top, radius * 0.05, radius * 0.05), shade(colour, 0.4))
    canvas.light(
        canvas.mask(
            lambda pen: pen.ellipse(
                x - radius * 0.3, y - radius * 0.36, radius * 0.3, radius * 0.2
            ),
            blur=radius * 0.16,
        ),
        (255, 255, 255),
        0.3,
    )


def _drops(canvas: Canvas) -> None:
    source = canvas.source

    def draw(pen: Pen) -> None:
        for _ in range(110):
            x, y = source.random() * canvas.width, source.random() * canvas.height
            length = canvas.unit * source.uniform(2, 6)
            pen.line([(x, y), (x - length * 0.22, y + length)], 0.5, source.randint(60, 170))

    canvas.light(canvas.mask(draw), (226, 236, 250), 0.6)


def lanterns(canvas: Canvas) -> None:
    """Paper lanterns rising over a lake at night."""
    source, unit = canvas.source, canvas.unit
    top, low = source.choice(
        (((10, 12, 38), (74, 48, 96)), ((6, 18, 36), (26, 76, 96)), ((20, 10, 30), (112, 50, 72)))
    )
    horizon = source.uniform(0.70, 0.80)
    canvas.fill([(0, top), (horizon, low), (1, low)])
    canvas.stars(120, below=0.6)
    for index, darkness in enumerate((0.45, 0.75)):
        line = broken_line(source, height=unit * (12 - 4 * index), roughness=0.48)
        step = canvas.width / (len(line) - 1)
        base = horizon * canvas.height - unit * (9 - 6 * index)
        points = [
            (place * step, min(base + y * 0.6, horizon * canvas.height))
            for place, y in enumerate(line)
        ]
        canvas.shape(canvas.land(points), mix(low, shade(top, 0.6), darkness))
    sizes = sorted(
        unit * (0.9 + 7.5 * source.random() ** 3.2) for _ in range(source.randint(26, 44))
    )
    for size in sizes:
        x = source.uniform(0.03, 0.97) * canvas.width
        y = canvas.height * horizon * source.uniform(0.04, 0.93)
        _lantern(canvas, x, y, size, jitter((255, 158, 62), source, 16))
    canvas.mirror(horizon, tint=shade(low, 0.5), dim=0.30, blur=3.5)


def _lantern(canvas: Canvas, x: float, y: float, size: float, colour: Colour) -> None:
    canvas.glow(x, y, size * 3.4, colour, 0.6)
    half = size * 0.62

    def paper(pen: Pen) -> None:
        pen.polygon(
            [
                (x - half, y - size * 0.7),
                (x + half, y - size * 0.7),
                (x + half * 0.72, y + size * 0.8),
                (x - half * 0.72, y + size * 0.8),
            ]
        )
        pen.ellipse(x, y - size * 0.7, half, size * 0.26)

    mask = canvas.mask(paper)
    share = y / canvas.height
    reach = size / canvas.height
    canvas.paint(
        mask,
        canvas.gradient(
            [
                (share - reach, shade(colour, 0.78)),
                (share + reach * 0.3, shade(colour, 1.25)),
                (share + reach, (255, 246, 206)),
            ]
        ),
    )
    flame = canvas.mask(
        lambda pen: pen.ellipse(x, y + size * 0.5, half * 0.5, size * 0.4), blur=size * 0.16
    )
    canvas.light(ImageChops.multiply(flame, mask), (255, 250, 220), 0.9)
