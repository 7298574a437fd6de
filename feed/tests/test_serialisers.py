"""One shape of a picture, with exactly the keys that others rely on."""

from __future__ import annotations

import pytest

from feed.serialisers import picture_json

pytestmark = pytest.mark.django_db


def test_a_picture_has_exactly_the_keys_that_apps_rely_on(published):
    picture = published(caption="hello", images={"1280": "b.webp", "320": "a.webp"})

    shown = picture_json(picture)

    assert list(shown) == [
        "id", "url", "caption", "alt", "poster", "device", "published_at", "likes", "danced",
        "width", "height", "colour", "placeholder", "images",
    ]  # fmt: skip
    assert shown["url"] == f"/pictures/{picture.pk}/"
    assert shown["poster"] == {"handle": "ada", "name": "Ada Aurora"}
    assert shown["device"] == {"name": "kitchen"}
    assert shown["images"] == {"320": "/media/a.webp", "1280": "/media/b.webp"}
    assert list(shown["images"]) == ["320", "1280"]


def test_a_dance_is_null_until_it_was_danced(published):
    before = picture_json(published())
    after = picture_json(published(danced_like_count=2, danced_seconds=1.5))

    assert before["danced"] is None
    assert after["danced"] == {"likes": 2, "seconds": 1.5}


def test_a_picture_without_caption_still_has_a_text(published):
    assert picture_json(published())["alt"] == "Picture by Ada Aurora, taken with kitchen"
    assert picture_json(published(caption="two cats"))["alt"] == "two cats"
