"""A card is rendered once for everybody; a viewer's like is put in on the way out."""

from __future__ import annotations

import pytest
from django.core.cache import caches
from django.template.loader import render_to_string
from django.utils import translation

from feed.cards import cards_html
from feed.models import Picture

pytestmark = pytest.mark.django_db


@pytest.fixture
def rendered(monkeypatch) -> list[int]:
    """Return the ids of pictures whose cards were rendered, as it happens."""
    ids = []

    def count(template, context):
        ids.append(context["picture"]["id"])
        return render_to_string(template, context)

    monkeypatch.setattr("feed.cards.render_to_string", count)
    return ids


def load() -> list[Picture]:
    return list(Picture.objects.published().with_people())


def test_a_card_is_rendered_once(published, rendered):
    published()

    assert cards_html(load(), set()) == cards_html(load(), set())
    assert len(rendered) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"like_count": 1},
        {"danced_like_count": 1, "danced_seconds": 2.0},
        {"caption": "new"},
        {"images": {"320": "other.webp"}},
    ],
)
def test_what_changes_a_card_renders_it_anew(published, rendered, change):
    published()
    cards_html(load(), set())

    Picture.objects.update(**change)
    cards_html(load(), set())

    assert len(rendered) == 2


def test_a_new_name_renders_the_card_anew(published, rendered, ada, device):
    published()
    cards_html(load(), set())

    ada.display_name = "Ada Augusta"
    ada.save()
    cards_html(load(), set())
    device.name = "attic"
    device.save()
    cards_html(load(), set())

    assert len(rendered) == 3


def test_each_language_has_its_own_card(published, rendered):
    published()

    cards_html(load(), set())
    with translation.override("de"):
        cards_html(load(), set())

    assert len(rendered) == 2


def test_only_the_viewers_likes_are_pressed_and_the_cache_stays_neutral(published):
    liked, other = published(), published()

    by_id = dict(zip([other.pk, liked.pk], cards_html(load(), {liked.pk}), strict=True))

    assert by_id[liked.pk].count('aria-pressed="true"') == 1
    assert 'aria-pressed="true"' not in by_id[other.pk]
    assert 'aria-pressed="true"' not in "".join(cards_html(load(), set()))


def test_a_caption_of_a_stranger_stays_text(published):
    published(caption='<script>alert(1)</script><b aria-pressed="false">')

    (card,) = cards_html(load(), set())

    assert "<script>alert" not in card
    assert "<b aria" not in card


def test_a_card_holds_nothing_of_a_viewer(published):
    published()

    (card,) = cards_html(load(), set())

    assert "csrf" not in card.lower()
    assert "nonce" not in card.lower()
    assert card.count('aria-pressed="false"') == 1


def test_an_emptied_cache_costs_only_time(published):
    published()
    first = cards_html(load(), set())

    caches["cards"].clear()

    assert cards_html(load(), set()) == first
