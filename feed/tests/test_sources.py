"""What a `picture` event's data means, for honest devices and for others."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feed.errors import InvalidPicture
from feed.sources import (
    DrawnPicture,
    PictureBytes,
    PictureSource,
    PictureUrl,
    read_source,
)

JPEG = b"\xff\xd8\xff\xe0 as good as any"
DATA_URL = "data:image/jpeg;base64," + base64.b64encode(JPEG).decode()
DRAWN = DrawnPicture()


@pytest.mark.parametrize("data", [None, "", "  \r\n\t", "{}", '{"image": null}', '{"image": " "}'])
def test_without_an_image_the_server_draws(data):
    assert read_source(data) == PictureSource(DRAWN)


@pytest.mark.parametrize(
    ("data", "caption"),
    [
        ("Hello from the shelf", "Hello from the shelf"),
        ("  two\nlines\t and\u2028more ", "two lines and more"),
        ("[sunset] over the sea", "[sunset] over the sea"),
        ("12", "12"),
        ('"quoted"', '"quoted"'),
        ("null", "null"),
        ("http://example.com/ is where I was", "http://example.com/ is where I was"),
        ("/9j/ is how they begin", "/9j/ is how they begin"),
    ],
)
def test_plain_text_is_a_caption(data, caption):
    assert read_source(data) == PictureSource(DRAWN, caption)


@pytest.mark.parametrize(
    ("url", "mime"),
    [
        (DATA_URL, "image/jpeg"),
        ("DATA:IMAGE/JPEG;BASE64," + DATA_URL.partition(",")[2], "image/jpeg"),
        (DATA_URL.replace("jpeg;", "jpeg;charset=utf-8;"), "image/jpeg"),
        (DATA_URL.replace("image/jpeg", ""), None),
        (DATA_URL.replace("image/jpeg", "application/octet-stream"), "application/octet-stream"),
        (DATA_URL.replace("image/jpeg", "<script>"), None),
        (DATA_URL.replace("=", "%3D").replace("+", "%2b"), "image/jpeg"),
        (f" {DATA_URL[:40]}\r\n {DATA_URL[40:]}\n", "image/jpeg"),
    ],
)
def test_data_url_gives_its_bytes_and_what_it_calls_them(url, mime):
    assert read_source(url) == PictureSource(PictureBytes(JPEG, mime))
    assert read_source(json.dumps({"image": url})).image == PictureBytes(JPEG, mime)


def test_json_carries_image_caption_and_press():
    data = json.dumps({"image": DATA_URL, "caption": "Hi", "press": "a1b2-17", "zoom": [1, {}]})

    source = read_source(data)

    assert source == PictureSource(PictureBytes(JPEG, "image/jpeg"), "Hi", "a1b2-17")


@pytest.mark.parametrize("url", ["https://example.com/a.jpg", "HTTPS://example.com:8443/?a=%20#b"])
def test_https_url_is_passed_on_as_it_is(url):
    assert read_source(json.dumps({"image": url})).image == PictureUrl(url)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ("data:image/png,%89PNG", "not in Base64"),
        ("data:image/png;base64", "malformed"),
        ("data:" + "a" * 2_000 + ";base64,AAAA", "malformed"),
        ("data:image/png;base64,", "empty"),
        ("data:image/png;base64,A", "broken"),
        ("data:image/png;base64,AAA", "broken"),
        ("data:image/png;base64,AAA=AAAA", "broken"),
        ("data:image/png;base64,AA-_", "broken"),
        ("data:image/png;base64,AAAA\0", "broken"),
        ("data:image/png;base64,AAA\ud800", "broken"),
        ("data:image/png;base64,ÄÄÄÄ", "broken"),
        ('{"image": "http://example.com/a.jpg"}', "neither"),
        ('{"image": "file:///etc/passwd"}', "neither"),
        ('{"image": "\\ud800"', "none"),
        ('{"image": 5}', "wrong type"),
        ('{"caption": ["a"]}', "wrong type"),
        ('{"press": 17}', "wrong type"),
        ('{"press": "no spaces"}', "press token"),
        ('{"press": "é"}', "press token"),
        ('{"press": "a\\n"}', "press token"),
        ('{"press": "' + "a" * 65 + '"}', "press token"),
        ('{"image": "https://"}', "no host"),
        ('{"image": "https://example.com:0/"}', "no host"),
        ('{"image": "https://[::1/"}', "malformed"),
        ('{"image": "https://example.com:99999/"}', "malformed"),
        ('{"image": "https://ada:secret@example.com/"}', "name or password"),
        ('{"image": "https://example.com\\\\@evil.example/"}', "characters"),
        ('{"image": "https://exämple.com/"}', "characters"),
        ('{"image": "https://example.com/\\r\\nHost: x"}', "characters"),
        ('{"image": "https://example.com/' + "a" * 2_000 + '"}', "2,0"),
        ("{", "none"),
        ("{hello}", "none"),
        ('{"caption": NaN}', "none"),
        ('{"a": ' + "[" * 100_000 + "}", "deep"),
        ('[{"image": ""}]', "array"),
        ("[" * 100_000, "array"),
        (base64.b64encode(JPEG * 9).decode(), "without the beginning"),
    ],
)
def test_malformed_data_is_refused_with_a_reason(data, reason):
    with pytest.raises(InvalidPicture, match=reason) as refusal:
        read_source(data)

    assert refusal.value.reason.isprintable()
    assert "secret" not in refusal.value.reason


def test_number_of_five_thousand_digits_beside_the_picture_changes_nothing_or_is_refused():
    data = '{"caption": "Hi", "n": ' + "9" * 5_000 + "}"

    try:
        caption = read_source(data).caption
    except InvalidPicture:
        return

    assert caption == "Hi"


@pytest.mark.parametrize("count", [101, 200, 100_000])
def test_picture_of_too_many_bytes_is_refused(count):
    url = "data:image/png;base64," + base64.b64encode(bytes(count)).decode()

    with pytest.raises(InvalidPicture, match=r"more than 100|too many"):
        read_source(url, max_bytes=100)


def test_picture_of_just_enough_bytes_is_taken():
    url = "data:image/png;base64," + base64.b64encode(bytes(100)).decode()

    assert read_source(url, max_bytes=100).image == PictureBytes(bytes(100), "image/png")


@pytest.mark.parametrize(
    ("escaped", "caption"),
    [
        (r"cut \ud83d", "cut"),
        (r"\ude00 cut", "cut"),
        (r"whole \ud83d\ude00", "whole 😀"),
        (r"path \\ud83d", r"path \ud83d"),
        (r"path \\\ud83d.", "path \\."),
        ("raw \udc80.", "raw ."),
        (r"nul \u0000.", "nul ."),
    ],
)
def test_halves_of_escaped_characters_are_left_out(escaped, caption):
    assert read_source('{"caption": "' + escaped + '"}').caption == caption


@given(st.text() | st.text('{}[]":,\\ud8image caption press0123.eE+-\ud800\0').map("{".__add__))
def test_any_text_is_read_or_refused(data):
    try:
        source = read_source(data)
    except InvalidPicture:
        return

    source.caption.encode()
    assert len(source.caption) <= 280


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    ),
    st.sampled_from(["image", "caption", "press", "other"]),
)
def test_any_json_is_read_or_refused(value, key):
    try:
        source = read_source(json.dumps({key: value}))
    except InvalidPicture:
        return

    source.caption.encode()
    assert source.press is None or source.press == value


@given(st.text().map("data:".__add__) | st.text().map("data:image/png;base64,".__add__))
def test_any_data_url_is_read_or_refused(url):
    try:
        source = read_source(url)
    except InvalidPicture:
        return

    assert isinstance(source.image, PictureBytes)
