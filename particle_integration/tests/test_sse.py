"""The parser against the event-stream rules, against a slow reference, and under any split.

Cases follow the WHATWG text (HTML, 9.2.6), what web-platform-tests and LaunchDarkly's contract
tests look at, and what broke other readers.
"""

# ruff: noqa: E501 - a case is a line of the table

from __future__ import annotations

import tracemalloc

import pytest

from particle_integration.sse import MAX_RETRY_MS, Parser, ServerSentEvent, decode

BOM = b"\xef\xbb\xbf"
FRAME = (
    b'event: bench/reading\ndata: {"data":"{\\"t\\":21.4}","ttl":60,'
    b'"published_at":"2026-11-24T10:15:30.123Z","coreid":"e00fce68aaaabbbbccccdddd"}\n\n'
)
FRAME_JSON = FRAME.decode().split("data: ", 1)[1].rstrip("\n")


def m(data: str, event: str = "message", event_id: str = "") -> tuple[str, str, str]:
    return event, data, event_id


CASES: list[tuple[str, bytes, list[tuple[str, str, str]]]] = [
    # Dispatching
    ("nothing", b"", []),
    ("blank lines", b"\n\n\n\n", []),
    ("one event", b"data: a\n\n", [m("a")]),
    ("two events", b"data: a\n\ndata: b\n\n", [m("a"), m("b")]),
    ("many blank lines between", b"data: a\n\n\n\n\ndata: b\n\n", [m("a"), m("b")]),
    ("blank lines first", b"\n\ndata: a\n\n", [m("a")]),
    ("no event at the end of input", b"data: a\n\ndata: b\n", [m("a")]),
    ("no event without a line end", b"data: a\n\ndata: b", [m("a")]),
    ("a lone name at the end", b"data: a\n\nevent: b\n", [m("a")]),
    ("name without data", b"event: a\n\n", []),
    ("name without data does not leak", b"event: a\n\ndata: b\n\n", [m("b")]),
    ("name falls back after its event", b"event: a\ndata: 1\n\ndata: 2\n\n", [m("1", "a"), m("2")]),
    ("Particle's frame", FRAME, [m(FRAME_JSON, "bench/reading")]),
    ("Particle's greeting", b":ok\n\n" + FRAME, [m(FRAME_JSON, "bench/reading")]),
    ("Particle's keep-alive", b"\n" + FRAME + b"\n\n" + FRAME, [m(FRAME_JSON, "bench/reading")] * 2),
    # Data
    ("several data lines", b"data: a\ndata: b\n\n", [m("a\nb")]),
    ("three data lines", b"data:1\ndata:2\ndata:3\n\n", [m("1\n2\n3")]),
    ("data lines with an empty one", b"data: a\ndata\ndata: b\n\n", [m("a\n\nb")]),
    ("empty data still makes an event", b"data:\n\n", [m("")]),
    ("data without colon", b"data\n\n", [m("")]),
    ("two empty data lines", b"data\ndata\n\n", [m("\n")]),
    ("trailing empty data line", b"data: a\ndata:\n\n", [m("a\n")]),
    ("data after the name", b"event: e\ndata: a\n\n", [m("a", "e")]),
    ("data before the name", b"data: a\nevent: e\n\n", [m("a", "e")]),
    ("data around the name", b"data: a\nevent: e\ndata: b\n\n", [m("a\nb", "e")]),
    ("one of many without data", b"data: a\n\n:c\n\ndata: b\n\n", [m("a"), m("b")]),
    # Spaces and colons
    ("no space", b"data:a\n\n", [m("a")]),
    ("one space is dropped", b"data: a\n\n", [m("a")]),
    ("only one space is dropped", b"data:  a\n\n", [m(" a")]),
    ("a tab is kept", b"data:\ta\n\n", [m("\ta")]),
    ("space, then tab", b"data: \ta\n\n", [m("\ta")]),
    ("trailing space is kept", b"data: a \n\n", [m("a ")]),
    ("only a space", b"data: \n\n", [m("")]),
    ("two spaces", b"data:  \n\n", [m(" ")]),
    ("colons in the value", b"data: a:b: c\n\n", [m("a:b: c")]),
    ("colon first in the value", b"data::a\n\n", [m(":a")]),
    ("space before the colon", b"data : a\n\n", []),
    ("space before the field", b" data: a\n\n", []),
    ("name with no space", b"event:e\ndata:a\n\n", [m("a", "e")]),
    ("name with two spaces", b"event:  e\ndata:  a\n\n", [m(" a", " e")]),
    ("no-break space is kept", b"data:\xc2\xa0a\n\n", [m("\xa0a")]),
    # Names
    ("empty name", b"event:\ndata: a\n\n", [m("a")]),
    ("empty name with space", b"event: \ndata: a\n\n", [m("a")]),
    ("name without colon", b"event\ndata: a\n\n", [m("a")]),
    ("the last name wins", b"event: a\nevent: b\ndata: 1\n\n", [m("1", "b")]),
    ("a name emptied again", b"event: a\nevent\ndata: 1\n\n", [m("1")]),
    ("message by name", b"event: message\ndata: 1\n\n", [m("1")]),
    ("name in capitals is kept", b"event: Foo\ndata: 1\n\n", [m("1", "Foo")]),
    # Unknown fields, comments
    ("unknown field", b"foo: x\ndata: a\n\n", [m("a")]),
    ("unknown field without colon", b"foo\ndata: a\n\n", [m("a")]),
    ("fields are case-sensitive", b"Data: a\nDATA: b\ndata: c\n\n", [m("c")]),
    ("field longer by a letter", b"datas: a\ndat: b\n\n", []),
    ("comment", b": c\n\n", []),
    ("comment inside an event", b"data: a\n: c\ndata: b\n\n", [m("a\nb")]),
    ("comment that looks like data", b":data: a\n\n", []),
    ("empty comment", b":\ndata: a\n:\n\n", [m("a")]),
    ("comment between name and data", b"event: e\n:x\ndata: a\n\n", [m("a", "e")]),
    ("NUL in a field name", b"da\0ta: a\ndata: b\n\n", [m("b")]),
    ("NUL in data is kept", b"data: a\0b\n\n", [m("a\0b")]),
    # Ids
    ("id", b"id: 1\ndata: a\n\n", [m("a", event_id="1")]),
    ("id persists", b"id: 1\ndata: a\n\ndata: b\n\n", [m("a", event_id="1"), m("b", event_id="1")]),
    ("id after data", b"data: a\nid: 1\n\n", [m("a", event_id="1")]),
    ("id without data is kept", b"id: 1\n\ndata: a\n\n", [m("a", event_id="1")]),
    ("id emptied", b"id: 1\ndata: a\n\nid\ndata: b\n\n", [m("a", event_id="1"), m("b")]),
    ("id emptied with colon", b"id: 1\ndata: a\n\nid:\ndata: b\n\n", [m("a", event_id="1"), m("b")]),
    ("id with NUL is ignored", b"id: 1\ndata: a\n\nid: 2\0\ndata: b\n\n", [m("a", event_id="1"), m("b", event_id="1")]),
    ("id with NUL first", b"id: \x001\ndata: a\n\n", [m("a")]),
    ("the last id wins", b"id: 1\nid: 2\ndata: a\n\n", [m("a", event_id="2")]),
    ("id with spaces", b"id:  1 \ndata: a\n\n", [m("a", event_id=" 1 ")]),
    ("id in the middle of a busy stream", FRAME + b"id: 7\n\n" + FRAME, [m(FRAME_JSON, "bench/reading"), m(FRAME_JSON, "bench/reading", "7")]),
    ("ids count up", b"id:1\ndata:a\n\nid:2\ndata:b\n\n", [m("a", event_id="1"), m("b", event_id="2")]),
    # Line ends
    ("CR", b"data: a\r\rdata: b\r\r", [m("a"), m("b")]),
    ("CRLF", b"data: a\r\n\r\ndata: b\r\n\r\n", [m("a"), m("b")]),
    ("CR, then LF line", b"data: a\rdata: b\n\n", [m("a\nb")]),
    ("LF, then CR blank", b"data: a\n\r", [m("a")]),
    ("CRLF, then LF blank", b"data: a\r\n\n", [m("a")]),
    ("LF, CRLF", b"data: a\n\r\n", [m("a")]),
    ("CR CRLF", b"data: a\r\r\n", [m("a")]),
    ("all mixed", b"data: a\r\ndata: b\rdata: c\n\r\ndata: d\r\r", [m("a\nb\nc"), m("d")]),
    ("CR ends the last event at once", b"event: e\rdata: a\r\r", [m("a", "e")]),
    ("LF CR LF is two ends", b"data: a\n\r\ndata: b\n\n", [m("a"), m("b")]),
    ("vertical tab is no line end", b"data: a\x0bb\n\n", [m("a\x0bb")]),
    ("form feed is no line end", b"data: a\x0cb\n\n", [m("a\x0cb")]),
    ("file separator is no line end", b"data: a\x1cb\x1db\x1eb\n\n", [m("a\x1cb\x1db\x1eb")]),
    ("next line is no line end", b"data: a\xc2\x85b\n\n", [m("a\x85b")]),
    ("line separator is no line end", b"data: a\xe2\x80\xa8b\n\n", [m("a\u2028b")]),
    ("paragraph separator is no line end", b"event: a\xe2\x80\xa9b\ndata: c\n\n", [m("c", "a\u2029b")]),
    # Byte order mark
    ("BOM is dropped", BOM + b"data: a\n\n", [m("a")]),
    ("BOM alone", BOM, []),
    ("only one BOM is dropped", BOM + BOM + b"data: a\n\ndata: b\n\n", [m("b")]),
    ("BOM before a comment", BOM + b":ok\n\ndata: a\n\n", [m("a")]),
    ("BOM later is text", b"data: a\n\n" + BOM + b"data: b\n\n", [m("a")]),
    ("BOM in a value is kept", b"data: " + BOM + b"a\n\n", [m("\ufeffa")]),
    ("BOM after a blank line", b"\n" + BOM + b"data: a\n\n", []),
    ("two bytes of a BOM", b"\xef\xbbdata: a\n\ndata: b\n\n", [m("b")]),
    ("UTF-16 BOM", b"\xff\xfedata: a\n\ndata: b\n\n", [m("b")]),
    # UTF-8
    ("two bytes", "data: é\n\n".encode(), [m("é")]),
    ("three bytes", "data: 雪\n\n".encode(), [m("雪")]),
    ("four bytes", "data: 🌈\n\n".encode(), [m("🌈")]),
    ("name outside ASCII", "event: 雪🌈\ndata: é\n\n".encode(), [m("é", "雪🌈")]),
    ("id outside ASCII", "id: é\ndata: a\n\n".encode(), [m("a", event_id="é")]),
    ("lone continuation byte", b"data: a\x80b\n\n", [m("a\ufffdb")]),
    ("invalid byte", b"data: a\xffb\n\n", [m("a\ufffdb")]),
    ("cut three-byte character", b"data: a\xe2\x82b\n\n", [m("a\ufffdb")]),
    ("cut four-byte character", b"data: a\xf0\x9f\x8cb\n\n", [m("a\ufffdb")]),
    ("character cut by the line end", b"data: a\xe2\x82\ndata: b\n\n", [m("a\ufffd\nb")]),
    ("character cut by the event's end", b"event: e\ndata: a\xe2\x82\n\ndata: b\n\n", [m("a\ufffd", "e"), m("b")]),
    ("overlong encoding", b"data: \xc0\xaf\n\n", [m("\ufffd\ufffd")]),
    ("surrogate", b"data: \xed\xa0\x80\n\n", [m("\ufffd\ufffd\ufffd")]),
    ("beyond Unicode", b"data: \xf4\x90\x80\x80\n\n", [m("\ufffd\ufffd\ufffd\ufffd")]),
    ("invalid byte in the field name", b"dat\xff: a\ndata: b\n\n", [m("b")]),
    ("invalid byte in the name's value", b"event: \xff\ndata: b\n\n", [m("b", "\ufffd")]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("stream", "expected"), [case[1:] for case in CASES], ids=[c[0] for c in CASES]
)
def test_the_rules_hold_at_every_split(stream, expected):
    whole = [(e.event, e.data, e.id) for e in decode([stream])]
    split = [
        [(e.event, e.data, e.id) for e in decode([stream[:cut], stream[cut:]])]
        for cut in range(1, len(stream))
    ]
    bytewise = [
        (e.event, e.data, e.id) for e in decode(stream[i : i + 1] for i in range(len(stream)))
    ]

    assert whole == expected
    assert all(events == expected for events in split)
    assert bytewise == expected


@pytest.mark.parametrize(
    ("value", "retry_ms"),
    [
        (b"1000", 1000),
        (b"0", 0),
        (b"007", 7),
        (b"", None),
        (b" 5", None),
        (b"5 ", None),
        (b"+5", None),
        (b"-5", None),
        (b"1.5", None),
        (b"1e3", None),
        (b"1_000", None),
        (b"0x10", None),
        (b"5s", None),
        ("٣".encode(), None),
        ("²".encode(), None),
        (b"9" * 5000, MAX_RETRY_MS),
        (b"0" * 5000 + b"3", 3),
        (b"1000000000001", MAX_RETRY_MS),
    ],
)
def test_retry_takes_ascii_digits_only(value, retry_ms):
    parser = Parser()

    parser.feed(b"retry: " + value + b"\n")

    assert parser.retry_ms == retry_ms


def test_retry_holds_before_the_blank_line_and_survives_rubbish():
    parser = Parser()

    parser.feed(b"retry:1500\nretry: soon\nretry\n")

    assert parser.retry_ms == 1500


def test_the_last_event_id_is_committed_by_the_blank_line():
    parser = Parser()
    parser.feed(b"id: 1\n\nid: 2\n")

    before = parser.last_event_id
    parser.feed(b"\n")

    assert (before, parser.last_event_id) == ("1", "2")


def test_an_event_is_given_as_soon_as_its_last_cr_arrives():
    parser = Parser()

    events = parser.feed(b"data: a\r\r")
    later = parser.feed(b"\ndata: b\n\n")

    assert [event.data for event in events] == ["a"]
    assert [event.data for event in later] == ["b"]


@pytest.mark.parametrize("chunk", [1, 3, 7, 1000])
def test_an_oversize_line_drops_its_event_alone(chunk):
    stream = b"data: 1\n\nid: 5\ndata: " + b"x" * 200 + b"\ndata: y\n\ndata: 2\n\n"
    parser = Parser(max_line_bytes=20, max_event_bytes=40)

    events = [e for i in range(0, len(stream), chunk) for e in parser.feed(stream[i : i + chunk])]

    assert [(event.data, event.id) for event in events] == [("1", ""), ("2", "5")]
    assert (parser.dropped_line_count, parser.dropped_event_count) == (1, 1)


def test_an_event_of_many_lines_is_dropped_beyond_its_limit():
    parser = Parser(max_line_bytes=20, max_event_bytes=10)

    events = parser.feed(b"data: 12345\ndata: 6789\n\ndata: 12345\ndata: 67890\n\ndata: 1\n\n")

    assert [event.data for event in events] == ["12345\n6789", "1"]
    assert (parser.dropped_line_count, parser.dropped_event_count) == (0, 1)


def test_a_line_of_exactly_the_limit_passes():
    parser = Parser(max_line_bytes=8)

    assert [event.data for event in parser.feed(b"data: 12\n\ndata: 123\n\n")] == ["12"]


def test_limits_must_be_positive():
    with pytest.raises(ValueError, match="positive"):
        Parser(max_line_bytes=0)


@pytest.mark.parametrize("piece", [b"x" * 1400, b"data: x\n", b":\n", b"data\n", b"id: 1\n"])
def test_an_endless_line_or_event_does_not_grow(piece):
    parser = Parser()
    parser.feed(b"data: ")
    tracemalloc.start()

    for _ in range(20_000):
        parser.feed(piece)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < 8 * 1024 * 1024


def test_good_events_around_a_giant_one_arrive():
    giant = b"event: g\ndata: " + b"x" * 2_000_000 + b"\n\n"
    stream = FRAME + giant + FRAME
    parser = Parser()

    events = [e for i in range(0, len(stream), 1400) for e in parser.feed(stream[i : i + 1400])]

    assert [event.event for event in events] == ["bench/reading", "bench/reading"]
    assert parser.dropped_event_count == 1


def test_large_chunks_are_read_in_slices_without_a_seam():
    stream = b"".join(
        b"event: e\ndata: " + b"%d" % n + b"x" * (n % 97) + b"\n\n" for n in range(9000)
    )

    events = list(decode([stream]))

    assert [int(event.data.rstrip("x")) for event in events] == list(range(9000))
    assert isinstance(events[0], ServerSentEvent)
