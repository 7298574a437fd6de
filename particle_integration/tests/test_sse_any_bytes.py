"""Any bytes in any split read as a slow reference reads them."""

from __future__ import annotations

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from particle_integration.sse import Parser

BOM = b"\xef\xbb\xbf"
FRAME = (
    b'event: bench/reading\ndata: {"data":"{\\"t\\":21.4}","ttl":60,'
    b'"published_at":"2026-11-24T10:15:30.123Z","coreid":"e00fce68aaaabbbbccccdddd"}\n\n'
)
# A slow reference, written from the specification's words, one character at a time.


def reference(stream: bytes) -> tuple[list[tuple[str, str, str]], str, int | None]:
    text = stream.removeprefix(BOM).decode("utf-8", "replace")
    lines = re.split("\r\n|\n|\r", text)[:-1]  # what follows the last line end is no line
    events = []
    data = name = id_buffer = last_id = ""
    retry = None
    for line in lines:
        if line == "":
            last_id = id_buffer
            if data != "":
                events.append((name or "message", data.removesuffix("\n"), last_id))
            data = name = ""
            continue
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        match field:
            case "event":
                name = value
            case "data":
                data += value + "\n"
            case "id" if "\0" not in value:
                id_buffer = value
            case "retry" if re.fullmatch("[0-9]+", value):
                retry = int(value)
    return events, last_id, retry


PIECES = st.sampled_from(
    [
        *(
            b"data",
            b"event",
            b"id",
            b"retry",
            b":",
            b": ",
            b" ",
            b"\n",
            b"\r",
            b"\r\n",
            b"\n\n",
            b"7",
        ),
        *(
            BOM,
            b"\0",
            b"\xff",
            b"\xe2\x82",
            "é雪🌈".encode(),
            b"data: x\n",
            b"event: y\n",
            b":ok\n\n",
        ),
        *(FRAME, FRAME, b"\n", "event: é\ndata: 🌈\n\n".encode(), b"id: 3\n", b"data: a\n\n"),
    ]
)
STREAMS = st.one_of(st.binary(max_size=200), st.lists(PIECES, max_size=30).map(b"".join))


def cut(stream: bytes, sizes: list[int]) -> list[bytes]:
    chunks = []
    for size in sizes:
        chunks.append(stream[:size])
        stream = stream[size:]
    return [*chunks, stream]


@settings(max_examples=400, deadline=None)
@given(stream=STREAMS, sizes=st.lists(st.integers(0, 40), max_size=40))
def test_any_stream_in_any_split_reads_as_the_reference_does(stream, sizes):
    parser = Parser()

    events = [event for chunk in cut(stream, sizes) for event in parser.feed(chunk)]

    expected, last_id, retry = reference(stream)
    assert [(e.event, e.data, e.id) for e in events] == expected
    assert parser.last_event_id == last_id
    assert parser.retry_ms == retry


@settings(max_examples=300, deadline=None)
@given(
    stream=STREAMS,
    sizes=st.lists(st.integers(0, 40), max_size=40),
    max_line_bytes=st.integers(1, 60),
    max_event_bytes=st.integers(1, 60),
)
def test_limits_bite_alike_at_any_split(stream, sizes, max_line_bytes, max_event_bytes):
    whole, split, bytewise = (
        Parser(max_line_bytes=max_line_bytes, max_event_bytes=max_event_bytes) for _ in range(3)
    )

    results = [
        (
            [event for chunk in chunks for event in parser.feed(chunk)],
            parser.dropped_line_count,
            parser.dropped_event_count,
            parser.last_event_id,
        )
        for parser, chunks in (
            (whole, [stream]),
            (split, cut(stream, sizes)),
            (bytewise, [stream[i : i + 1] for i in range(len(stream))]),
        )
    ]

    assert results[0] == results[1] == results[2]
