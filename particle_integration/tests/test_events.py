"""What becomes an event, what is refused and why, and that one press is one key on every path."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from urllib.parse import quote, urlencode

import pytest

from particle_integration.errors import InvalidEvent
from particle_integration.events import MAX_DATA_LENGTH, MAX_NAME_LENGTH, ParticleEvent

DEVICE = "e00fce68aaaabbbbccccdddd"
MOMENT = "2026-11-24T10:15:30.123Z"
FORM = "application/x-www-form-urlencoded"
JSON = "application/json"
STREAM = {
    "data": "42",
    "ttl": 60,
    "published_at": MOMENT,
    "coreid": DEVICE,
    "userid": "5d447a8c6c0ad300017dd72e",
    "version": 91,
    "public": False,
    "productID": 13961,
}


def from_stream(name: str = "bench", /, **changes: object) -> ParticleEvent:
    fields = {key: value for key, value in (STREAM | changes).items() if value is not ...}
    return ParticleEvent.from_stream(name, json.dumps(fields).encode())


def from_template(**changes: object) -> ParticleEvent:
    template = {
        "id": "a3c1",
        "event": "bench",
        "data": "42",
        "coreid": DEVICE,
        "published_at": MOMENT,
        "productID": "13961",
        "userid": "5d447a8c6c0ad300017dd72e",
        "version": "91",
    }
    fields = {key: value for key, value in (template | changes).items() if value is not ...}
    return ParticleEvent.from_webhook(json.dumps(fields).encode(), JSON)


def test_a_stream_event_carries_everything():
    event = from_stream()

    assert event == from_stream()  # the second goes the fast way
    assert event.name == "bench"
    assert event.data == "42"
    assert event.particle_device_id == DEVICE
    assert event.published_at == datetime(2026, 11, 24, 10, 15, 30, 123000, UTC)
    assert event.published_at_ms == 1795515330123
    assert (event.ttl, event.firmware_version, event.product_id) == (60, 91, 13961)
    assert event.user_id == "5d447a8c6c0ad300017dd72e"
    assert event.event_id is None


def test_text_is_read_as_bytes_are():
    payload = json.dumps(STREAM, ensure_ascii=False)

    assert ParticleEvent.from_stream("é", payload) == ParticleEvent.from_stream(
        "é", payload.encode()
    )


def test_one_press_is_one_key_by_stream_form_and_template():
    form = f"event=bench&data=42&published_at={quote(MOMENT)}&coreid={DEVICE.upper()}"

    keys = {
        from_stream().dedupe_key,
        from_template().dedupe_key,
        ParticleEvent.from_webhook(form.encode(), FORM).dedupe_key,
        from_stream(coreid=DEVICE.upper(), published_at="2026-11-24T12:15:30.123+02:00").dedupe_key,
    }

    assert len(keys) == 1
    assert len(keys.pop()) == 32


def test_null_data_and_empty_data_are_one_key():
    assert from_stream(data=None).dedupe_key == from_stream(data="").dedupe_key
    assert from_stream(data=...).dedupe_key == from_template(data="").dedupe_key


def test_the_key_of_an_event_never_changes():
    # Stored keys outlive releases: another value would store every event of a hand-over twice.
    assert from_stream().dedupe_key.hex() == (
        "1d8f65e36307fb08b6f004062b4234a60f7b3761b606683cc3104c62cfa2e69c"
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"data": "43"},
        {"data": " 42"},
        {"coreid": "e00fce68aaaabbbbccccddde"},
        {"published_at": "2026-11-24T10:15:30.124Z"},
    ],
)
def test_a_different_press_is_another_key(changes):
    assert from_stream(**changes).dedupe_key != from_stream().dedupe_key


def test_parts_of_the_key_cannot_run_into_one_another():
    one = from_stream("a", data="b")
    other = from_stream("a,1:b", data="")

    assert one.dedupe_key != other.dedupe_key
    assert from_stream("ab", data="c").dedupe_key != from_stream("a", data="bc").dedupe_key


@pytest.mark.parametrize("microsecond", [0, 1, 999, 123000, 123999, 999999])
@pytest.mark.parametrize("year", [1970, 2026, 2199])
def test_milliseconds_are_exact(year, microsecond):
    moment = datetime(year, 12, 31, 23, 59, 59, microsecond, UTC)

    event = from_stream(published_at=moment.isoformat())

    seconds = (moment.replace(microsecond=0) - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds()
    assert event.published_at_ms == int(seconds) * 1000 + microsecond // 1000


@pytest.mark.parametrize(
    ("changes", "attribute", "value"),
    [
        ({"ttl": "60"}, "ttl", 60),
        ({"ttl": ...}, "ttl", None),
        ({"ttl": None}, "ttl", None),
        ({"data": None}, "data", None),
        ({"data": ...}, "data", None),
        ({"userid": ""}, "user_id", ""),
        ({"userid": ...}, "user_id", ""),
        ({"userid": None}, "user_id", ""),
        ({"version": ...}, "firmware_version", None),
        ({"version": ""}, "firmware_version", None),
        ({"version": "91"}, "firmware_version", 91),
        ({"version": 0}, "firmware_version", 0),
        ({"productID": ...}, "product_id", None),
        ({"productID": "13961"}, "product_id", 13961),
        ({"public": "false"}, "name", "bench"),
        ({"event": 5, "name": [], "id": {}}, "name", "bench"),
        ({"surprise": {"deep": [1, {"er": None}]}}, "name", "bench"),
        ({"coreid": DEVICE.upper()}, "particle_device_id", DEVICE),
        ({"coreid": "api"}, "particle_device_id", "api"),
        ({"coreid": "particle-internal"}, "particle_device_id", "particle-internal"),
        ({"data": "é雪🌈\n\t"}, "data", "é雪🌈\n\t"),
        ({"data": "x" * MAX_DATA_LENGTH}, "data", "x" * MAX_DATA_LENGTH),
        (
            {"published_at": "2026-11-24T10:15:30+01:00"},
            "published_at",
            datetime(2026, 11, 24, 9, 15, 30, tzinfo=UTC),
        ),
    ],
)
def test_what_the_cloud_varies_is_taken(changes, attribute, value):
    for _ in range(2):  # the second time the names and ids are known
        assert getattr(from_stream(**changes), attribute) == value


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"data": 42}, "data is a number"),
        ({"data": {"a": 1}}, "data is an object"),
        ({"data": ["a"]}, "data is an array"),
        ({"data": True}, "data is a boolean"),
        ({"data": "x" * (MAX_DATA_LENGTH + 1)}, "more than 65536"),
        ({"data": "a\0b"}, "NUL"),
        ({"userid": "a\0b"}, "NUL"),
        ({"userid": "x" * 65}, "more than 64"),
        ({"userid": 7}, "userid is a number"),
        ({"coreid": ...}, "coreid is missing"),
        ({"coreid": None}, "coreid is missing"),
        ({"coreid": ""}, "24 hexadecimal"),
        ({"coreid": DEVICE[1:]}, "24 hexadecimal"),
        ({"coreid": DEVICE + "0"}, "24 hexadecimal"),
        ({"coreid": "g" * 24}, "24 hexadecimal"),
        ({"coreid": DEVICE + "\n"}, "24 hexadecimal"),
        ({"coreid": "٣" * 24}, "24 hexadecimal"),
        ({"coreid": "API"}, None),
        ({"coreid": 24}, "coreid is a number"),
        ({"published_at": ...}, "published_at is missing"),
        ({"published_at": None}, "published_at is missing"),
        ({"published_at": ""}, "not a time"),
        ({"published_at": "2026-13-01T00:00:00Z"}, "not a time"),
        ({"published_at": "2026-11-24T10:15:30.123"}, "not a time with its zone"),
        ({"published_at": "2026-11-24"}, "not a time"),
        ({"published_at": 1795515330123}, "published_at is a number"),
        ({"published_at": "1969-12-31T23:59:59.999Z"}, "out of range"),
        ({"published_at": "2200-01-01T00:00:00Z"}, "out of range"),
        ({"published_at": "0001-01-01T00:00:00+14:00"}, "not a time"),
        ({"published_at": "9999-12-31T23:59:59-14:00"}, "not a time"),
        ({"ttl": "soon"}, "ttl is not a whole number"),
        ({"ttl": 1.5}, "ttl is not a whole number"),
        ({"ttl": True}, "ttl is not a whole number"),
        ({"ttl": [60]}, "ttl is not a whole number"),
        ({"ttl": "٣"}, "ttl is not a whole number"),
        ({"ttl": "+5"}, "ttl is not a whole number"),
        ({"version": -1}, "version is out of range"),
        ({"version": 2**31}, "version is out of range"),
        ({"productID": 10**30}, None),
        ({"productID": "9999999999"}, "productID is out of range"),
    ],
)
def test_what_cannot_be_kept_is_refused_with_its_reason(changes, reason):
    for _ in range(2):
        if reason is None and changes == {"coreid": "API"}:
            assert from_stream(**changes).particle_device_id == "api"
            return
        with pytest.raises(InvalidEvent) as caught:
            from_stream(**changes)
        assert (reason or "") in caught.value.reason


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("", "missing"),
        ("a\0", "NUL"),
        ("x" * (MAX_NAME_LENGTH + 1), "more than 255"),
        ("\ud800", "surrogate"),
    ],
)
def test_a_name_that_cannot_be_kept_is_refused(name, reason):
    with pytest.raises(InvalidEvent, match=reason):
        from_stream(name)


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"null",
        b"[]",
        b'"text"',
        b"42",
        b"NaN",
        b"{",
        b"{'a': 1}",
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"data":"' + b"[" * 1000 + b'"}',
        b"1" * 5000,
        b'{"ttl":' + b"1" * 5000 + b"}",
        b'{"data":"\\ud800","coreid":"api","published_at":"2026-11-24T10:15:30Z"}',
        b'{"data":"\xff","coreid":"api","published_at":"2026-11-24T10:15:30Z"}',
        b'{"data":"\xed\xa0\x80","coreid":"api","published_at":"2026-11-24T10:15:30Z"}',
        b'{"data":"\x00","coreid":"api","published_at":"2026-11-24T10:15:30Z"}',
        b'{"data":NaN,"coreid":"api","published_at":"2026-11-24T10:15:30Z"}',
        b'{"data":1e999,"coreid":"api","published_at":"2026-11-24T10:15:30Z"}',
        json.dumps(STREAM).encode("utf-16"),
        json.dumps(STREAM).encode("utf-32"),
        json.dumps(STREAM).encode("utf-8-sig"),
        json.dumps(STREAM)[:-1],
        json.dumps(STREAM) + "{}",
        "\ud800",
    ],
)
def test_a_payload_that_is_no_event_is_refused(payload):
    with pytest.raises(InvalidEvent) as caught:
        ParticleEvent.from_stream("bench", payload)

    assert caught.value.reason


# Webhooks


def test_the_template_carries_the_event_id():
    event = from_template()

    assert event.event_id == "a3c1"
    assert (event.product_id, event.firmware_version) == (13961, 91)


def test_the_default_form_is_taken():
    body = urlencode(
        {"event": "bench/é", "data": "a&b=c", "published_at": MOMENT, "coreid": DEVICE}
    )

    event = ParticleEvent.from_webhook(body.encode(), FORM + "; charset=utf-8")

    assert (event.name, event.data) == ("bench/é", "a&b=c")


@pytest.mark.parametrize(
    "content_type", [JSON, "application/json; charset=utf-8", "APPLICATION/JSON", "", "text/plain"]
)
def test_json_is_known_by_its_type_or_its_brace(content_type):
    body = json.dumps(STREAM | {"event": "bench"}).encode()

    assert ParticleEvent.from_webhook(body, content_type).dedupe_key == from_stream().dedupe_key


def test_extra_keys_and_unfilled_fields_are_no_matter():
    event = from_template(portal="v1", userid="", version="", productID="", id="")

    assert (event.user_id, event.firmware_version, event.product_id) == ("", None, None)
    assert event.event_id is None


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"", FORM),
        (b"", JSON),
        (b"event=bench", FORM),
        (b"event=%FF&coreid=api&published_at=2026-11-24T10:15:30Z", FORM),
        (b"event=\xff&coreid=api&published_at=2026-11-24T10:15:30Z", FORM),
        (b"event=%00&coreid=api&published_at=2026-11-24T10:15:30Z", FORM),
        (b"event=%ED%A0%80&coreid=api&published_at=2026-11-24T10:15:30Z", FORM),
        (b"a=1&" * 1000, FORM),
        (b"[1]", JSON),
        (b"{", JSON),
        (b"not json", JSON),
        (b"<xml/>", "text/xml"),
        (b"\xff\xfe\x00", "application/octet-stream"),
    ],
)
def test_a_webhook_body_that_is_no_event_is_refused(body, content_type):
    with pytest.raises(InvalidEvent):
        ParticleEvent.from_webhook(body, content_type)


@pytest.mark.parametrize(
    ("name", "is_noise"),
    [
        ("hook-sent/bench", True),
        ("hook-response/bench/0", True),
        (f"{DEVICE}/hook-response/bench/0", True),
        ("hook-error/bench/0", False),
        ("bench", False),
        ("hook-sent", False),
        ("my/hook-response/bench/0", False),
        ("bench/hook-sent/", False),
    ],
)
def test_hook_noise_is_known_by_name(name, is_noise):
    assert from_stream(name).is_hook_noise is is_noise
