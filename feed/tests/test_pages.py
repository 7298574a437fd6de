"""What the pages of the feed look like: escaping, caching, weight."""

from __future__ import annotations

import gzip
import re
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path

import pytest
from django.contrib.auth.models import AnonymousUser
from django.template.loader import render_to_string
from django.test import RequestFactory

ROOT = Path(__file__).resolve().parents[2]
HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(2)>{{ settings.SECRET_KEY }}'
FOLDERS = ("portal/static/portal", "portal/live/static/live", "feed/static/feed")
OWN_FILES = [
    path
    for folder in FOLDERS
    for path in sorted((ROOT / folder).iterdir())
    if path.suffix in {".css", ".js"}
]


def a_picture(**changed):
    return {
        "id": 12,
        "url": "/pictures/12/",
        "caption": "Festival night",
        "alt": "Festival night",
        "poster": {"handle": "ada", "name": "Ada Aurora"},
        "device": {"name": "lighthouse stairs"},
        "published_at": datetime(2026, 3, 1, 12, 0, tzinfo=UTC),
        "likes": 3,
        "danced": {"likes": 2, "seconds": 0.74},
        "width": 640,
        "height": 480,
        "colour": "#4a2f66",
        "placeholder": "data:image/webp;base64,UklGRg==",
        "images": {"320": "/media/a-320.webp", "640": "/media/a-640.webp"},
        **changed,
    }


def card(**changed):
    return render_to_string("feed/_picture_card.html", {"picture": a_picture(**changed)})


def page(**changed):
    request = RequestFactory().get("/")
    request.user = AnonymousUser()
    context = {
        "cards": [],
        "live": {"number": 7, "epoch": "e", "path": "/ws/feed/"},
        "liked_ids": [],
        "next_cursor_url": None,
        "is_first_page": True,
        "device_count": 3,
        **changed,
    }
    return render_to_string("feed/timeline.html", context, request=request)


class Elements(HTMLParser):
    """Collects every element with its attributes."""

    def __init__(self, html):
        super().__init__()
        self.found = []
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))

    def all(self, tag):
        return [attributes for name, attributes in self.found if name == tag]


def test_hostile_words_stay_words():
    html = card(
        caption=HOSTILE,
        alt=HOSTILE,
        poster={"handle": HOSTILE, "name": HOSTILE},
        device={"name": HOSTILE},
    )

    elements = Elements(html)

    assert elements.all("script") == []
    assert [one["alt"] for one in elements.all("img")] == ["", HOSTILE]
    assert not [one for _, one in elements.found if any(name.startswith("on") for name in one)]


def test_a_card_knows_no_viewer():
    html = card()

    assert html.count("aria-pressed") == 1
    assert 'aria-pressed="false"' in html
    assert "csrf" not in html
    assert "nonce" not in html
    assert Elements(html).all("button")[0]["form"] == "like-form"


def test_a_card_keeps_its_place_before_its_picture_has_come():
    for image in Elements(card()).all("img"):
        assert (image["width"], image["height"]) == ("640", "480")


def test_a_card_offers_every_width():
    image = Elements(card()).all("img")[1]

    assert image["srcset"] == "/media/a-320.webp 320w, /media/a-640.webp 640w"
    assert image["src"] == "/media/a-640.webp"


@pytest.mark.parametrize("danced", [None, {"likes": 2, "seconds": 0.74}])
def test_the_badge_shows_only_what_was_danced(danced):
    badge = next(one for one in Elements(card(danced=danced)).all("p") if "data-danced" in one)

    assert ("hidden" in badge) == (danced is None)


def test_pages_carry_no_inline_style_and_no_inline_script():
    html = page(cards=[card()])

    elements = Elements(html)

    assert not [one for _, one in elements.found if "style" in one]
    assert elements.all("style") == []
    for script in elements.all("script"):
        assert script.get("src") or script["type"] == "application/json"


def test_the_blank_card_has_every_hook_of_a_filled_one():
    (template,) = re.findall(r"<template.*?</template>", page(), re.S)

    def hooks(html):
        return {name for _, one in Elements(html).found for name in one if name.startswith("data-")}

    assert hooks(card()) <= hooks(template)


def test_an_empty_feed_says_what_to_do():
    assert "Press the button on a device" in page()
    assert "hidden" in next(
        one for one in Elements(page(cards=["<p>"])).all("div") if "data-empty" in one
    )


def test_older_pages_take_no_new_pictures():
    feed = next(one for one in Elements(page(is_first_page=False)).all("div") if "data-feed" in one)

    assert feed["data-feed"] == "older"


@pytest.mark.parametrize("name", ["404.html", "403.html", "403_csrf.html", "500.html"])
def test_error_pages_need_neither_request_nor_database(name):
    assert "<h1>" in render_to_string(name)


def test_our_own_styles_and_scripts_are_small():
    plain = [path.read_bytes() for path in OWN_FILES]

    assert len(OWN_FILES) > 8
    assert sum(map(len, plain)) < 60_000
    assert sum(len(gzip.compress(one)) for one in plain) < 20_000


def test_scripts_never_parse_html():
    for path in OWN_FILES:
        assert not re.search(
            r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", path.read_text()
        ), path
