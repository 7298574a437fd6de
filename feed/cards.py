"""Cards, rendered once and reused by every page; what depends on the viewer is put in afterwards.

A cached card holds no CSRF token, no nonce and nothing of a viewer: the like button says
`aria-pressed="false"`, and the cards that the viewer likes get the other value on their way out.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence

from django.conf import settings
from django.core.cache import caches
from django.template.loader import render_to_string
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language

from feed.models import Picture
from feed.serialisers import picture_json

CACHE = "cards"
TEMPLATE = "feed/_picture_card.html"
_TIMEOUT_SECONDS = 24 * 3600
_NOT_LIKED, _LIKED = 'aria-pressed="false"', 'aria-pressed="true"'


def cards_html(pictures: Sequence[Picture], liked_ids: Collection[int]) -> list[SafeString]:
    """Return the cards of pictures loaded `with_people()`, in their order, for one viewer."""
    cache = caches[CACHE]
    keys = {picture.pk: _key(picture) for picture in pictures}
    known = {} if settings.DEBUG else cache.get_many(keys.values())
    made = {}
    for picture in pictures:
        key = keys[picture.pk]
        if key not in known:
            known[key] = made[key] = render_to_string(TEMPLATE, {"picture": picture_json(picture)})
    if made:
        cache.set_many(made, _TIMEOUT_SECONDS)
    return [_for_viewer(known[keys[one.pk]], is_liked=one.pk in liked_ids) for one in pictures]


def _key(picture: Picture) -> str:
    """Return a key that changes with whatever the card shows."""
    poster = picture.poster
    shown = (
        picture.like_count,
        picture.danced_like_count,
        picture.danced_seconds,
        picture.caption,
        poster and (poster.handle, poster.display_name),
        picture.device.name,
        picture.published_at,
        picture.placeholder,
        picture.images,
    )
    digest = hashlib.blake2b(repr(shown).encode("utf-8", "backslashreplace"), digest_size=9)
    return f"{picture.pk}:{get_language()}:{digest.hexdigest()}"


def _for_viewer(card: str, *, is_liked: bool) -> SafeString:
    if is_liked:
        card = card.replace(_NOT_LIKED, _LIKED, 1)
    return mark_safe(card)  # noqa: S308 - rendered by our template, which escapes
