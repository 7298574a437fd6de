"""The pictures: small enough, different, reproducible, and not noise."""

from __future__ import annotations

import io
from random import Random

import pytest
from PIL import Image, ImageStat

from particle_integration.simulator.scenes import SCENES, take_picture


@pytest.mark.parametrize("scene", SCENES)
@pytest.mark.parametrize("max_bytes", [16_384, 11_900])
def test_scene_is_a_jpeg_within_the_limit(scene, max_bytes):
    picture = take_picture(Random(f"{scene}1"), max_bytes=max_bytes, scene=scene)

    image = Image.open(io.BytesIO(picture.jpeg))
    assert image.format == "JPEG"
    assert image.size == (picture.width, picture.height)
    assert 4_000 < len(picture.jpeg) <= max_bytes
    assert max(ImageStat.Stat(image.convert("L")).stddev) > 12


@pytest.mark.parametrize("scene", SCENES)
def test_scene_follows_its_generator(scene):
    one, same, other = (
        take_picture(Random(seed), max_bytes=16_384, scene=scene).jpeg for seed in (1, 1, 2)
    )

    assert one == same
    assert one != other


def test_picture_that_will_not_fit_is_made_smaller():
    picture = take_picture(Random(5), max_bytes=3_000, scene="birches")

    assert len(picture.jpeg) <= 3_000
    assert Image.open(io.BytesIO(picture.jpeg)).size == (picture.width, picture.height)
