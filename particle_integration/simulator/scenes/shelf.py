"""A still life: things on a shelf in the light of a window."""

from __future__ import annotations

import itertools
import math

from PIL import Image, ImageChops

from particle_integration.simulator.scenes.canvas import (
    Canvas,
    Colour,
    Pen,
    box,
    ellipse,
    jitter,
    shade,
)

GLAZES: tuple[Colour, ...] = (
    (46, 110, 122),
    (214, 96, 66),
    (236, 226, 206),
    (62, 74, 110),
    (226, 168, 62),
    (120, 146, 108),
    (174, 92, 104),
)


def shelf(canvas: Canvas) -> None:
    """Things on a shelf in the light of a window."""
    source, unit = canvas.source, canvas.unit
    wall = jitter(
        source.choice(
            ((206, 192, 170), (132, 152, 150), (196, 142, 118), (88, 98, 112), (222, 208, 180))
        ),
        source,
        8,
    )
    canvas.image.paste(
        canvas.gradient(
            [(0, shade(wall, 1.12)), (0.5, wall), (1, shade(wall, 0.62))], horizontal=True
        )
    )
    canvas.paint(canvas.noise(6, 6, 3), shade(wall, 0.8), 0.22)
    _window_light(canvas)
    board = canvas.height * source.uniform(0.72, 0.80)
    wood = source.choice(((138, 92, 58), (104, 68, 46), (188, 146, 100)))
    _board(canvas, board, wood)
    x = unit * source.uniform(7, 12)
    makers = [_vase, _bowl, _books, _bottle, _candle, _plant]
    source.shuffle(makers)
    index = 0
    while x < canvas.width - unit * 16:
        x += makers[index % len(makers)](canvas, x, board) + unit * source.uniform(2.5, 6)
        index += 1
    canvas.paint(
        canvas.gradient(
            [(0, (255, 255, 255)), (0.2, (0, 0, 0)), (1, (0, 0, 0))], horizontal=True
        ).convert("L"),
        (255, 240, 210),
        0.15,
    )


def _window_light(canvas: Canvas) -> None:
    source = canvas.source
    left, top = canvas.width * source.uniform(0.05, 0.3), canvas.height * source.uniform(0.04, 0.12)
    pane, tall, lean = canvas.width * 0.2, canvas.height * 0.27, canvas.width * 0.1

    def draw(pen: Pen) -> None:
        for row in (0, 1):
            for column in (0, 1):
                x = left + column * pane * 1.1 + lean * row
                y = top + row * tall * 1.1 + column * tall * 0.1
                pen.polygon(
                    [
                        (x, y),
                        (x + pane, y + tall * 0.1),
                        (x + pane + lean, y + tall * 1.1),
                        (x + lean, y + tall),
                    ]
                )

    canvas.light(canvas.mask(draw, blur=canvas.unit * 0.9), (255, 226, 168), 0.42)


def _board(canvas: Canvas, y: float, wood: Colour) -> None:
    thick = canvas.unit * 5
    canvas.shape(
        lambda pen: pen.box(0, y + thick, canvas.width, y + thick * 2.4),
        (20, 14, 18),
        opacity=0.45,
        blur=thick * 0.5,
    )
    share = y / canvas.height
    field = canvas.gradient(
        [
            (share - 0.04, shade(wood, 1.32)),
            (share, shade(wood, 1.2)),
            (share + 0.012, wood),
            (share + 0.06, shade(wood, 0.7)),
            (1, wood),
        ]
    )
    mask = canvas.shape(lambda pen: pen.box(0, y - thick * 0.5, canvas.width, y + thick), field)
    grain = canvas.noise(3, 120, 2).point([max(0, value - 128) for value in range(256)])
    canvas.paint(ImageChops.multiply(grain, mask), shade(wood, 0.5), 0.5)


def _round(
    canvas: Canvas,
    left: float,
    right: float,
    mask: Image.Image,
    colour: Colour,
    *,
    shine: float = 0.5,
) -> None:
    """Paint a turned thing: light from the left, dark to the right, a streak of shine."""
    wide = canvas.width
    start, end = left / wide, right / wide
    span = end - start
    field = canvas.gradient(
        [
            (start, shade(colour, 0.72)),
            (start + span * 0.25, shade(colour, 1.22)),
            (start + span * 0.5, colour),
            (end, shade(colour, 0.38)),
        ],
        horizontal=True,
    )
    canvas.paint(mask, field)
    x = left + (right - left) * 0.27
    streak = canvas.mask(
        lambda pen: pen.box(x - (right - left) * 0.04, 0, x + (right - left) * 0.04, canvas.height),
        blur=(right - left) * 0.05,
    )
    canvas.light(ImageChops.multiply(streak, mask), (255, 246, 226), shine)


def _stand(canvas: Canvas, left: float, right: float, board: float) -> None:
    """Cast the shadow of a thing on the board."""
    wide = right - left
    canvas.shape(
        lambda pen: pen.ellipse(
            (left + right) / 2 + wide * 0.3,
            board + canvas.unit * 0.5,
            wide * 0.75,
            canvas.unit * 1.7,
        ),
        (24, 14, 14),
        opacity=0.55,
        blur=canvas.unit * 1.0,
    )


def _turned(
    canvas: Canvas,
    x: float,
    board: float,
    profile: list[tuple[float, float]],
    colour: Colour,
    shine: float = 0.5,
) -> float:
    """Turn a thing on the lathe from (height, radius) pairs in pixels; return its width."""
    radius = max(r for _, r in profile)
    centre = x + radius
    smooth = _smooth(profile)
    left = [(centre - r, board - h) for h, r in smooth]
    right = [(centre + r, board - h) for h, r in reversed(smooth)]
    _stand(canvas, centre - profile[0][1], centre + profile[0][1], board)

    def body(pen: Pen) -> None:
        pen.polygon([*left, *right])
        pen.ellipse(centre, board, smooth[0][1], smooth[0][1] * 0.16)

    mask = canvas.mask(body)
    _round(canvas, centre - radius, centre + radius, mask, colour, shine=shine)
    mouth_height, mouth = smooth[-1]
    canvas.shape(
        lambda pen: pen.ellipse(centre, board - mouth_height, mouth, mouth * 0.2),
        shade(colour, 0.35),
    )
    return radius * 2


def _smooth(profile: list[tuple[float, float]]) -> list[tuple[float, float]]:
    smooth = []
    for (h0, r0), (h1, r1) in itertools.pairwise(profile):
        for step in range(12):
            share = step / 12
            ease = (1 - math.cos(math.pi * share)) / 2
            smooth.append((h0 + (h1 - h0) * share, r0 + (r1 - r0) * ease))
    return [*smooth, profile[-1]]


def _vase(canvas: Canvas, x: float, board: float) -> float:
    source, unit = canvas.source, canvas.unit
    tall, radius = unit * source.uniform(22, 34), unit * source.uniform(6.5, 9.5)
    colour = jitter(source.choice(GLAZES), source)
    centre = x + radius
    _twigs(canvas, centre, board - tall, tall)
    return _turned(
        canvas,
        x,
        board,
        [
            (0, radius * 0.55),
            (tall * 0.4, radius),
            (tall * 0.82, radius * 0.35),
            (tall, radius * 0.5),
        ],
        colour,
    )


def _twigs(canvas: Canvas, x: float, y: float, size: float) -> None:
    source = canvas.source
    flower = source.choice(
        ((250, 226, 228), (232, 84, 74), (250, 214, 96), (240, 240, 230), (176, 120, 176))
    )
    ends: list[tuple[float, float]] = []

    def stems(pen: Pen) -> None:
        for _ in range(source.randint(4, 6)):
            lean = source.uniform(-0.7, 0.7)
            length = size * source.uniform(0.5, 1.0)
            points = [
                (x + lean * length * (step / 8) ** 1.6, y - length * step / 8) for step in range(9)
            ]
            pen.line(points, canvas.unit * 0.4)
            ends.extend(
                (px + source.uniform(-1, 1) * canvas.unit * 2, py)
                for px, py in points[3:]
                for _ in (0, 1)
            )

    canvas.shape(stems, (66, 74, 48))
    for factor in (0.75, 1.0, 1.2):

        def petals(pen: Pen) -> None:
            for px, py in ends:
                if source.random() < 0.5:
                    radius = canvas.unit * source.uniform(0.6, 1.5)
                    pen.ellipse(
                        px + source.uniform(-1, 1) * canvas.unit,
                        py + source.uniform(-1, 1) * canvas.unit,
                        radius,
                        radius * 0.85,
                    )

        canvas.shape(petals, shade(flower, factor), opacity=0.95)


def _bowl(canvas: Canvas, x: float, board: float) -> float:
    source, unit = canvas.source, canvas.unit
    radius, tall = unit * source.uniform(10, 14), unit * source.uniform(8, 11)
    fruit = source.choice(((240, 146, 40), (206, 54, 48), (176, 192, 70), (238, 206, 76)))
    for place in (-0.5, 0.45, 0.0):
        size = radius * 0.42
        fx, fy = x + radius + place * radius, board - tall - size * (0.35 if place else 0.75)
        mask = canvas.mask(ellipse(fx, fy, size, size))
        _round(canvas, fx - size, fx + size, mask, jitter(fruit, source, 14), shine=0.35)
    return _turned(
        canvas,
        x,
        board,
        [(0, radius * 0.4), (tall * 0.15, radius * 0.45), (tall, radius)],
        jitter(source.choice(GLAZES), source),
    )


def _books(canvas: Canvas, x: float, board: float) -> float:
    source, unit = canvas.source, canvas.unit
    left = x
    for _ in range(source.randint(3, 5)):
        wide, tall = unit * source.uniform(3.2, 5.6), unit * source.uniform(22, 31)
        colour = jitter(source.choice(GLAZES), source, 18)
        _stand(canvas, x, x + wide, board)
        mask = canvas.mask(box(x, board - tall, x + wide, board, unit * 0.4))
        _round(canvas, x, x + wide, mask, colour, shine=0.18)
        for share in (0.14, 0.2, 0.82):
            y = board - tall * (1 - share)
            canvas.shape(box(x, y, x + wide, y + unit * 0.5), (236, 206, 140), opacity=0.7)
        x += wide + unit * 0.25
    return x - left


def _bottle(canvas: Canvas, x: float, board: float) -> float:
    source, unit = canvas.source, canvas.unit
    radius, tall = unit * source.uniform(4.5, 6), unit * source.uniform(30, 38)
    colour = source.choice(((44, 92, 66), (40, 86, 118), (128, 74, 34)))
    profile = [
        (0, radius),
        (tall * 0.55, radius),
        (tall * 0.74, radius * 0.34),
        (tall, radius * 0.34),
    ]
    return _turned(canvas, x, board, profile, colour, shine=0.85)


def _candle(canvas: Canvas, x: float, board: float) -> float:
    source, unit = canvas.source, canvas.unit
    radius, tall = unit * source.uniform(3, 4.2), unit * source.uniform(12, 20)
    wide = _turned(canvas, x, board, [(0, radius), (tall, radius)], (240, 230, 206), shine=0.2)
    centre, top = x + radius, board - tall
    canvas.shape(
        lambda pen: pen.line([(centre, top), (centre, top - unit * 1.4)], 1.2), (40, 30, 30)
    )
    canvas.glow(centre, top - unit * 3, unit * 26, (255, 186, 92), 0.75)
    canvas.shape(
        lambda pen: pen.ellipse(centre, top - unit * 3, unit * 0.85, unit * 2.1),
        (255, 224, 140),
        blur=0.8,
    )
    canvas.shape(
        lambda pen: pen.ellipse(centre, top - unit * 2.5, unit * 0.45, unit * 1.1),
        (255, 252, 236),
        blur=0.5,
    )
    return wide


def _plant(canvas: Canvas, x: float, board: float) -> float:
    source, unit = canvas.source, canvas.unit
    radius, tall = unit * source.uniform(6, 8), unit * source.uniform(10, 13)
    centre = x + radius
    green = source.choice(((70, 122, 76), (96, 140, 78), (58, 104, 92)))
    for index in range(15):
        angle = math.pi * (0.08 + 0.84 * (index * 7 % 15) / 14)
        length = unit * source.uniform(12, 20)
        bend = math.cos(angle) * length * 0.25
        tip = (centre + math.cos(angle) * length + bend, board - tall - math.sin(angle) * length)
        middle = (
            centre + math.cos(angle) * length * 0.45,
            board - tall - math.sin(angle) * length * 0.62,
        )
        across = unit * 1.9

        def leaf(
            pen: Pen,
            a: tuple[float, float] = middle,
            b: tuple[float, float] = tip,
            w: float = across,
        ) -> None:
            pen.polygon(
                [(centre, board - tall), (a[0] - w, a[1] - w * 0.4), b, (a[0] + w, a[1] + w * 0.4)]
            )

        canvas.shape(leaf, shade(jitter(green, source, 12), source.uniform(0.62, 1.2)))
    return _turned(
        canvas,
        x,
        board,
        [(0, radius * 0.7), (tall, radius)],
        jitter(source.choice(GLAZES), source),
        shine=0.3,
    )
