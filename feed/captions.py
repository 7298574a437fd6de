"""Make a stranger's text fit to stand under a picture: one short line without tricks. Pure."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

MAX_CAPTION_CHARACTERS: Final = 280

# A character can be made of many code points, and normalising a long run of marks takes quadratic
# time, so what is far beyond the limit goes before anything is looked at.
_MAX_RAW_CHARACTERS: Final = 4 * MAX_CAPTION_CHARACTERS
_MAX_MARKS_IN_A_ROW: Final = 8

# Controls but those that are white space, lone surrogates, non-characters, and what turns the
# reading direction round beyond the caption's end. Joiners (emoji, Persian) and the plain
# direction marks stay.
_UNWANTED: Final = re.compile(
    "[\0-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\u202a-\u202e\u2066-\u2069\u206a-\u206f\ufeff\ufff9-\ufffb"
    "\ufdd0-\ufdef\ufffe\uffff\ud800-\udfff]"
)
_ZERO_WIDTH_JOINER: Final = "\u200d"


def clean_caption(text: str, *, max_characters: int = MAX_CAPTION_CHARACTERS) -> str:
    """Return the caption as it is kept and shown.

    White space becomes single spaces, controls and lone surrogates go, the rest is normalised to
    NFC. A text that is too long is cut, between whole characters as a reader sees them: no accent,
    emoji or flag is taken apart.
    """
    cleaned = _UNWANTED.sub("", text[: _MAX_RAW_CHARACTERS + 1])
    normal = unicodedata.normalize("NFC", _limit_marks(" ".join(cleaned.split())))
    if len(normal) <= max_characters:
        return normal
    return _cut(normal, max_characters)


def _limit_marks(text: str) -> str:
    """Drop combining marks beyond what any script stacks, which would overprint the page."""
    kept: list[str] = []
    marks = 0
    for character in text:
        marks = marks + 1 if unicodedata.category(character) in ("Mn", "Me") else 0
        if marks <= _MAX_MARKS_IN_A_ROW:
            kept.append(character)
    return "".join(kept)


def _cut(text: str, limit: int) -> str:
    end = limit
    while end > 0 and not _is_boundary(text, end):
        end -= 1
    # One single monstrous character: better a part of it than nothing.
    return text[: end or limit].rstrip()


def _is_boundary(text: str, index: int) -> bool:
    """Whether a reader sees two characters here (UAX 29, as far as NFC leaves it to us)."""
    before, after = text[index - 1], text[index]
    if _ZERO_WIDTH_JOINER in (before, after) or _extends(after):
        return False
    if _is_regional(before) and _is_regional(after):
        run = 0
        while run < index and _is_regional(text[index - 1 - run]):
            run += 1
        return run % 2 == 0
    return True


def _extends(character: str) -> bool:
    return (
        unicodedata.category(character).startswith("M")
        or "\U0001f3fb" <= character <= "\U0001f3ff"  # skin tones
        or "\U000e0020" <= character <= "\U000e007f"  # tags, as in the flag of Scotland
        or "\u1160" <= character <= "\u11ff"  # vowels and finals of Korean letters
    )


def _is_regional(character: str) -> bool:
    return "\U0001f1e6" <= character <= "\U0001f1ff"
