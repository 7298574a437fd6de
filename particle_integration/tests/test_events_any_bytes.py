"""Whatever the bytes: an event that any of our databases stores, or a reason."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from urllib.parse import urlencode

from hypothesis import given, settings
from hypothesis import strategies as st

from particle_integration.errors import InvalidEvent
from particle_integration.events import ParticleEvent

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


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=30),
    st.sampled_from([DEVICE, MOMENT, "api", "60", "\0", "2026-11-24T10:15:30+14:00"]),
    st.lists(st.integers(), max_size=3),
)
FIELDS = st.dictionaries(
    st.sampled_from(
        [
            "data",
            "ttl",
            "published_at",
            "coreid",
            "userid",
            "version",
            "productID",
            "event",
            "id",
            "x",
        ]
    ),
    VALUES,
)


def check(read: Callable[[], ParticleEvent]) -> None:
    """Whatever comes out is an event that any of our databases stores, or InvalidEvent."""
    try:
        event = read()
    except InvalidEvent as refusal:
        refusal.reason.encode()
        return
    assert event.published_at.utcoffset() == timedelta(0)
    assert len(event.dedupe_key) == 32
    for text in (event.name, event.data or "", event.user_id, event.event_id or ""):
        text.encode()
        assert "\0" not in text


@settings(max_examples=400, deadline=None)
@given(name=st.text(max_size=10), fields=FIELDS)
def test_any_fields_make_an_event_or_a_reason(name, fields):
    payload = json.dumps({"coreid": DEVICE, "published_at": MOMENT} | fields)

    check(lambda: ParticleEvent.from_stream(name, payload))
    check(lambda: ParticleEvent.from_webhook(payload.encode(), JSON))


@settings(max_examples=300, deadline=None)
@given(
    body=st.binary(max_size=120), content_type=st.sampled_from([JSON, FORM, "", "text/plain; x"])
)
def test_any_bytes_make_an_event_or_a_reason(body, content_type):
    check(lambda: ParticleEvent.from_stream("bench", body))
    check(lambda: ParticleEvent.from_webhook(body, content_type))


@settings(max_examples=200, deadline=None)
@given(data=st.text(max_size=40), name=st.text(min_size=1, max_size=20))
def test_form_template_and_stream_agree_on_any_text(data, name):
    fields = {"event": name, "data": data, "published_at": MOMENT, "coreid": DEVICE}
    reads: list[Callable[[], ParticleEvent]] = [
        lambda: ParticleEvent.from_stream(name, json.dumps(STREAM | fields)),
        lambda: ParticleEvent.from_webhook(json.dumps(fields).encode(), JSON),
        lambda: ParticleEvent.from_webhook(urlencode(fields).encode(), FORM),
    ]
    keys = set()
    for read in reads:
        try:
            keys.add(read().dedupe_key)
        except InvalidEvent:
            keys.add(b"")

    assert len(keys) == 1
