"""Paint for the scenes: gradients, soft light, noise, anti-aliased shapes. Pillow only.

Colour fields are made at full size. Shapes are masks drawn at three times the size, only as far as
they reach, then reduced: smooth edges at a fraction of the cost of drawing everything large.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from random import Random

from PIL import Image, ImageChops, ImageDraw, ImageFilter

Colour = tuple[int, int, int]
Stops = Sequence[tuple[float, Colour]]
Point = tuple[float, float]
Draw = Callable[["Pen"], object]
Stroke = Callable[[ImageDraw.ImageDraw, Callable[[Sequence[Point]], list[Point]]], None]

OVERSAMPLING = 3


def mix(first: Colour, second: Colour, share: float) -> Colour:
    """Return the colour that lies the share of the way from the first to the second."""
    share = min(1.0, max(0.0, share))
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(first, second, strict=True))
    return red, green, blue


def shade(colour: Colour, factor: float) -> Colour:
    """Return the colour darker (below 1) or lighter (above 1)."""
    if factor <= 1:
        return mix((0, 0, 0), colour, factor)
    return mix(colour, (255, 255, 255), factor - 1)


def jitter(colour: Colour, source: Random, amount: int = 10) -> Colour:
    """Return a neighbour of the colour."""
    red, green, blue = (min(255, max(0, part + source.randint(-amount, amount))) for part in colour)
    return red, green, blue


def wave(
    source: Random, *, periods: Sequence[float], heights: Sequence[float]
) -> Callable[[float], float]:
    """Return a smooth random curve over 0..1: a sum of sines with random phases."""
    parts = [
        (period * source.uniform(0.8, 1.2), height, source.uniform(0, math.tau))
        for period, height in zip(periods, heights, strict=True)
    ]
    return lambda x: sum(
        height * math.sin(math.tau * period * x + phase) for period, height, phase in parts
    )


def broken_line(source: Random, *, height: float, roughness: float, steps: int = 7) -> list[float]:
    """Return a mountain-like outline of 2**steps + 1 heights, by midpoint displacement."""
    line = [source.uniform(-height, height) * 0.5 for _ in range(2)]
    reach = height
    for _ in range(steps):
        longer = []
        for left, right in itertools.pairwise(line):
            longer += [left, (left + right) / 2 + source.uniform(-reach, reach)]
        line = [*longer, line[-1]]
        reach *= roughness
    return line


class Pen:
    """Notes what is to be drawn into a mask, and how far it reaches."""

    def __init__(self) -> None:
        self._strokes: list[Stroke] = []
        self._reach: list[tuple[float, float, float, float]] = []

    def polygon(self, points: Sequence[Point], fill: int = 255) -> None:
        """Fill a polygon."""
        self._note(points, 0, lambda draw, at: draw.polygon(at(points), fill=fill))

    def ellipse(self, x: float, y: float, rx: float, ry: float, fill: int = 255) -> None:
        """Fill an ellipse given by centre and radii."""
        box = ((x - rx, y - ry), (x + rx, y + ry))
        self._note(box, 0, lambda draw, at: draw.ellipse(at(box), fill=fill))

    def box(
        self,
        left: float,
        top: float,
        right: float,
        bottom: float,
        radius: float = 0,
        fill: int = 255,
    ) -> None:
        """Fill a rectangle, rounded where a radius is given."""
        box = ((left, top), (max(right, left), max(bottom, top)))
        curve = radius * OVERSAMPLING
        self._note(box, 0, lambda draw, at: draw.rounded_rectangle(at(box), curve, fill=fill))

    def line(self, points: Sequence[Point], width: float, fill: int = 255) -> None:
        """Draw a line through points."""
        wide = max(1, round(width * OVERSAMPLING))
        self._note(
            points, width, lambda draw, at: draw.line(at(points), fill, width=wide, joint="curve")
        )

    def reach(self, width: int, height: int, margin: float) -> tuple[int, int, int, int] | None:
        """Return the part of the picture that the strokes touch, or None if they miss it."""
        if not self._reach:
            return None
        lefts, tops, rights, bottoms = zip(*self._reach, strict=True)
        left, top = max(0, int(min(lefts) - margin)), max(0, int(min(tops) - margin))
        right = min(width, int(max(rights) + margin) + 1)
        bottom = min(height, int(max(bottoms) + margin) + 1)
        return (left, top, right, bottom) if left < right and top < bottom else None

    def draw(self, mask: Image.Image, left: int, top: int) -> None:
        """Draw all strokes into an enlarged mask whose corner lies at left and top."""

        def at(points: Sequence[Point]) -> list[Point]:
            return [((x - left) * OVERSAMPLING, (y - top) * OVERSAMPLING) for x, y in points]

        draw = ImageDraw.Draw(mask)
        for stroke in self._strokes:
            stroke(draw, at)

    def _note(self, points: Sequence[Point], margin: float, stroke: Stroke) -> None:
        xs, ys = zip(*points, strict=True)
        self._strokes.append(stroke)
        self._reach.append((min(xs) - margin, min(ys) - margin, max(xs) + margin, max(ys) + margin))


def polygon(points: Sequence[Point]) -> Draw:
    """Return a drawing of one filled polygon."""
    return lambda pen: pen.polygon(points)


def ellipse(x: float, y: float, rx: float, ry: float) -> Draw:
    """Return a drawing of one filled ellipse."""
    return lambda pen: pen.ellipse(x, y, rx, ry)


def line(points: Sequence[Point], width: float) -> Draw:
    """Return a drawing of one line."""
    return lambda pen: pen.line(points, width)


def box(left: float, top: float, right: float, bottom: float, radius: float = 0) -> Draw:
    """Return a drawing of one filled rectangle."""
    return lambda pen: pen.box(left, top, right, bottom, radius)


class Canvas:
    """A picture in the making."""

    def __init__(self, width: int, height: int, source: Random) -> None:
        self.width = width
        self.height = height
        self.source = source
        self.image = Image.new("RGB", (width, height))

    @property
    def unit(self) -> float:
        """A hundredth of the shorter side: what sizes are measured in."""
        return min(self.width, self.height) / 100

    def gradient(self, stops: Stops, *, horizontal: bool = False) -> Image.Image:
        """Return a full-size field of colour that follows the stops from top to bottom."""
        length = self.width if horizontal else self.height
        strip = Image.new("RGB", (length, 1) if horizontal else (1, length))
        strip.putdata([_at(stops, index / (length - 1)) for index in range(length)])
        return strip.resize((self.width, self.height), Image.Resampling.NEAREST)

    def fill(self, stops: Stops) -> None:
        """Cover everything with a vertical gradient."""
        self.image.paste(self.gradient(stops))

    def mask(self, draw: Draw, *, blur: float = 0.0) -> Image.Image:
        """Return an anti-aliased mask of what the function draws, blurred by so many pixels."""
        pen = Pen()
        draw(pen)
        whole = Image.new("L", (self.width, self.height))
        touched = pen.reach(self.width, self.height, 2 + 3 * blur)
        if touched is None:
            return whole
        left, top, right, bottom = touched
        large = Image.new("L", ((right - left) * OVERSAMPLING, (bottom - top) * OVERSAMPLING))
        pen.draw(large, left, top)
        mask = large.reduce(OVERSAMPLING)
        whole.paste(mask.filter(ImageFilter.GaussianBlur(blur)) if blur else mask, (left, top))
        return whole

    def paint(self, mask: Image.Image, paint: Colour | Image.Image, opacity: float = 1.0) -> None:
        """Lay a colour or a field of colour over the picture where the mask is bright."""
        part_box = mask.getbbox()
        if part_box is None:
            return
        part = mask.crop(part_box)
        if opacity < 1:
            part = part.point([round(value * opacity) for value in range(256)])
        field = paint.crop(part_box) if isinstance(paint, Image.Image) else paint
        self.image.paste(field, part_box, part)

    def land(self, outline: Sequence[Point]) -> Draw:
        """Return a drawing of everything below an outline that runs from left to right."""
        return polygon([(0, self.height), *outline, (self.width, self.height)])

    def shape(
        self, draw: Draw, paint: Colour | Image.Image, *, opacity: float = 1.0, blur: float = 0.0
    ) -> Image.Image:
        """Draw and paint in one; return the mask for more paint on the same shape."""
        mask = self.mask(draw, blur=blur)
        self.paint(mask, paint, opacity)
        return mask

    def light(self, mask: Image.Image, paint: Colour | Image.Image, strength: float = 1.0) -> None:
        """Add light through a mask, as a lamp does: never darker, never harsh."""
        part_box = mask.getbbox()
        if part_box is None:
            return
        part = mask.crop(part_box)
        if strength < 1:
            part = part.point([round(value * strength) for value in range(256)])
        layer = Image.new("RGB", part.size)
        field = paint.crop(part_box) if isinstance(paint, Image.Image) else paint
        layer.paste(field, (0, 0, *part.size), part)
        self.image.paste(ImageChops.screen(self.image.crop(part_box), layer), part_box[:2])

    def glow(
        self, x: float, y: float, radius: float, colour: Colour, strength: float = 1.0
    ) -> None:
        """Add a round glow that fades out towards the radius."""
        size = max(2, round(radius * 2))
        ball = Image.radial_gradient("L").resize((size, size))
        ball = ball.point(
            [round(255 * strength * max(0.0, 1 - value / 181) ** 2.6) for value in range(256)]
        )
        left, top = round(x - radius), round(y - radius)
        spot = Image.new("RGB", (size, size))
        spot.paste(colour, (0, 0, size, size), ball)
        region = self.image.crop((left, top, left + size, top + size))
        self.image.paste(ImageChops.screen(region, spot), (left, top))

    def noise(self, columns: int, rows: int, octaves: int = 3) -> Image.Image:
        """Return soft noise, as grey values; columns and rows are its coarsest cells."""
        total: Image.Image | None = None
        for octave in range(octaves):
            cells = (max(2, columns << octave), max(2, rows << octave))
            grain = Image.frombytes("L", cells, self.source.randbytes(cells[0] * cells[1]))
            layer = grain.resize((self.width, self.height), Image.Resampling.BICUBIC)
            total = layer if total is None else Image.blend(total, layer, 0.42 / octave**0.5)
        assert total is not None  # noqa: S101 - one octave at least
        return total

    def between(self, top: float, bottom: float, softness: float = 0.5) -> Image.Image:
        """Return a mask that is bright between two heights (0..1) and fades out towards both."""
        middle = (top + bottom) / 2
        inner_top, inner_bottom = (
            top + (middle - top) * softness,
            bottom - (bottom - middle) * softness,
        )
        grey = [(top, 0), (inner_top, 255), (inner_bottom, 255), (bottom, 0)]
        stops = [(position, (value, value, value)) for position, value in grey]
        return self.gradient(stops).convert("L")

    def clouds(
        self,
        colour: Colour,
        *,
        top: float,
        bottom: float,
        cover: float,
        opacity: float,
        flat: int = 5,
    ) -> None:
        """Lay flat clouds over a band of the sky; cover says how much of it, 0..1."""
        field = self.noise(3, 3 * flat, 4)
        edge = 205 - 130 * cover
        field = field.point([round(min(255, max(0, (value - edge) * 4.2))) for value in range(256)])
        self.paint(ImageChops.multiply(field, self.between(top, bottom, 0.7)), colour, opacity)

    def stars(self, count: int, *, below: float) -> None:
        """Scatter stars of different brightness over the sky above a height (0..1)."""
        source = self.source

        def draw(pen: Pen) -> None:
            for _ in range(count):
                x, y = source.random() * self.width, source.random() ** 1.3 * below * self.height
                size = self.unit * (0.1 + 0.22 * source.random() ** 5)
                pen.ellipse(x, y, size, size, fill=source.randint(70, 255))

        self.light(self.mask(draw), (236, 240, 255))

    def mirror(self, horizon: float, *, tint: Colour, dim: float, blur: float) -> None:
        """Make everything below the horizon (0..1) still water that mirrors what is above."""
        line = round(self.height * horizon)
        depth = self.height - line
        above = self.image.crop((0, max(0, line - round(depth * 1.25)), self.width, line))
        water = above.transpose(Image.Transpose.FLIP_TOP_BOTTOM).resize((self.width, depth))
        water = water.resize((self.width, max(1, round(depth / blur)))).resize(
            (self.width, depth), Image.Resampling.BICUBIC
        )
        water = Image.blend(water, Image.new("RGB", water.size, tint), dim)
        self.image.paste(water, (0, line))
        ripples = self.noise(6, 90, 2).point([max(0, value - 150) for value in range(256)])
        self.light(ImageChops.multiply(ripples, self.between(horizon, 1.3, 0.3)), tint, 0.7)

    def vignette(self, strength: float = 0.35) -> None:
        """Darken the corners a little, as a small lens does."""
        size = (self.width, self.height)
        ball = Image.radial_gradient("L").resize(size, Image.Resampling.BICUBIC)
        mask = ball.point(
            [round(255 * strength * max(0.0, (value - 105) / 150) ** 1.6) for value in range(256)]
        )
        self.paint(mask, (8, 8, 18))


def _at(stops: Stops, position: float) -> Colour:
    previous_position, previous = stops[0]
    for stop, colour in stops:
        if position <= stop:
            span = stop - previous_position
            return mix(previous, colour, (position - previous_position) / span if span else 1.0)
        previous_position, previous = stop, colour
    return previous
