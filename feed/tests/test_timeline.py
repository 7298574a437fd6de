"""Paging shows every picture once, whatever is posted meanwhile."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from feed.errors import InvalidCursor
from feed.models import Picture
from feed.timeline import Cursor, timeline_page

MOMENT = datetime(2026, 11, 24, 10, 15, 30, 123456, UTC)


def test_a_cursor_survives_its_text():
    cursor = Cursor(MOMENT, 7)

    assert Cursor.from_text(str(cursor)) == cursor


@pytest.mark.parametrize("text", ["x", "näh", "f" * 20, "8" * 23, "A" * 500, "\0", "=" * 4])
def test_a_cursor_that_says_nothing_is_refused(text):
    with pytest.raises(InvalidCursor):
        Cursor.from_text(text)


@pytest.mark.django_db
def test_pages_show_every_picture_once_though_moments_are_equal(published):
    made = [published(published_at=MOMENT + timedelta(seconds=number // 3)) for number in range(10)]

    seen, before = [], ""
    while True:
        page = timeline_page(Picture.objects.published(), before=before, size=4)
        seen += [picture.pk for picture in page.pictures]
        if page.next_cursor is None:
            break
        before = str(page.next_cursor)
        published()  # somebody posts meanwhile

    assert seen == [picture.pk for picture in reversed(made)]


@pytest.mark.django_db
def test_a_full_last_page_has_no_next(published):
    for _ in range(4):
        published()

    page = timeline_page(Picture.objects.published(), size=4)

    assert len(page.pictures) == 4
    assert page.next_cursor is None


@pytest.mark.django_db
def test_a_page_deep_down_is_found_by_the_index(published):
    published()

    plan = Picture.objects.published().older_than(MOMENT, 5)[:20].explain()

    assert "pictures_timeline" in plan
    assert "TEMP B-TREE" not in plan
