"""Captions are one line of normal text, cut where a reader would cut."""

from __future__ import annotations

import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feed.captions import clean_caption


@pytest.mark.parametrize(
    ("text", "caption"),
    [
        ("", ""),
        (" a\r\n\t b\x0b\x0c\x85c\u2029d ", "a b c d"),
        ("a\0b\x1b[31mc\x7f\x9d", "ab[31mc"),
        ("safe\u202egpj.exe\u202c \u2066x\u2069", "safegpj.exe x"),
        ("\ufeffa\ud83db", "ab"),
        ("e\u0301", "é"),
        ("שלום\u200f!", "שלום\u200f!"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("👩\u200d👩\u200d👧", "👩\u200d👩\u200d👧"),
        ("<b>&amp;", "<b>&amp;"),
    ],
)
def test_caption_is_one_line_without_tricks(text, caption):
    assert clean_caption(text) == caption


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("a" * 281, 280),
        ("a" * 279 + "👍🏽", 279),  # hand and skin tone
        ("a" * 279 + "x\u0323\u0307", 279),  # letter with two marks that have no common character
        ("a" * 278 + "🇩🇪🇫🇷", 280),
        ("a" * 279 + "🇩🇪", 279),
        ("a" * 277 + "🇩🇪🇫🇷", 279),
        ("a" * 276 + "👩\u200d👩\u200d👧", 276),
        ("a" * 275 + "🏴\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f", 275),
        ("a" * 279 + "\u1100\u1161\u11a8" * 2, 280),  # composes to two syllables
        ("a " * 200, 279),
    ],
)
def test_long_caption_is_cut_between_whole_characters(text, kept):
    assert len(clean_caption(text)) == kept


def test_character_longer_than_a_caption_is_cut_anyway():
    assert len(clean_caption("👩\u200d" * 200)) == 280


def test_tower_of_marks_is_levelled():
    tower = "a" + "\u0338" * 100

    assert len(clean_caption(tower)) == 9


def test_endless_marks_cost_no_time():
    started = time.perf_counter()

    clean_caption("a" + "\u0315\u0316" * 500_000)

    assert time.perf_counter() - started < 0.5


@given(st.text(max_size=2_000))
def test_any_text_becomes_a_caption_that_stays_as_it_is(text):
    caption = clean_caption(text)

    assert len(caption) <= 280
    assert caption == clean_caption(caption)
    assert unicodedata.is_normalized("NFC", caption)
    caption.encode()
