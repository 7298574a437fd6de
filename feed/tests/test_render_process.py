"""A child that was taken over may answer anything; it is believed only where it makes sense."""

from __future__ import annotations

import json
import struct

import pytest

from feed import render_process
from feed.errors import InvalidPicture
from feed.render_process import ChildLost

FILES = [{"width": 9, "height": 9, "length": 12}]
HEADER = {
    "width": 9,
    "height": 9,
    "placeholder": "data:image/webp;base64,AAAA",
    "dominant_colour": "#aabbcc",
    "files": FILES,
}
FILE = b"RIFF\4\0\0\0WEBP"


def answer(header, blobs=FILE):
    encoded = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack(">I", len(encoded)) + encoded + blobs


def test_sound_answer_is_read():
    rendition = render_process._rendition(answer(HEADER))

    assert (rendition.width, rendition.files[0].data) == (9, FILE)


@pytest.mark.parametrize(
    "hostile",
    [
        b"",
        b"\0\0",
        struct.pack(">I", 2**32 - 1),
        answer(b"\x80\x04pickle"),
        answer(b"[" * 10_000),
        answer(b"{" * 100_000),
        answer({}),
        answer({"refusal": "a" * 301}, b""),
        answer({"refusal": 5}, b""),
        answer({"refusal": "no database takes \0"}, b""),
        answer(HEADER | {"width": 0}),
        answer(HEADER | {"height": 10**30}),
        answer(HEADER | {"extra": 1}),
        answer(HEADER | {"dominant_colour": "red;}"}),
        answer(HEADER | {"placeholder": "data:image/svg+xml;base64,AAAA"}),
        answer(HEADER | {"placeholder": "data:image/webp;base64," + "A" * 5_000}),
        answer(HEADER | {"files": []}),
        answer(HEADER | {"files": FILES * 2}, FILE * 2),
        answer(HEADER | {"files": FILES * 4}, FILE * 4),
        answer(HEADER | {"files": [{"width": 2000, "height": 9, "length": 12}]}),
        answer(HEADER, b""),
        answer(HEADER, FILE + b"more"),
        answer(HEADER, b"<script>1234"),
    ],
)
def test_answer_of_a_child_that_was_taken_over_is_believed_in_nothing(hostile):
    with pytest.raises(ChildLost):
        render_process._rendition(hostile)


def test_refusal_is_passed_on():
    with pytest.raises(InvalidPicture, match="too odd"):
        render_process._rendition(answer({"refusal": "too odd"}, b""))
