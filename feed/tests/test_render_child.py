"""The child's half of the conversation, held over a pipe in the test's own process."""

from __future__ import annotations

import io
import json
import os
import resource
import struct
import threading

import pytest
from PIL import Image

from feed import render_child


def picture(size=(40, 30)):
    buffer = io.BytesIO()
    Image.new("RGB", size).save(buffer, "PNG")
    return buffer.getvalue()


def said(speak):
    """What `speak`, given the write end of a pipe, says into it."""
    read_end, write_end = os.pipe()

    def speak_and_close():
        with os.fdopen(write_end, "wb"):
            speak(write_end)

    with os.fdopen(read_end, "rb") as listening:
        speaker = threading.Thread(target=speak_and_close)
        speaker.start()
        frame = listening.read()
        speaker.join()
    length, header_length = struct.unpack(">II", frame[:8])
    assert length == len(frame) - 4
    return json.loads(frame[8 : 8 + header_length]), frame[8 + header_length :]


def heard(data):
    read_end, write_end = os.pipe()
    with os.fdopen(read_end) as _:
        os.write(write_end, data)
        os.close(write_end)
        return render_child._receive(read_end)


def test_picture_is_answered_with_its_files_one_after_another():
    header, blobs = said(lambda pipe: render_child._answer(pipe, picture((640, 480)), 1))

    assert (header["width"], header["height"]) == (640, 480)
    assert [file["width"] for file in header["files"]] == [320, 640]
    assert sum(file["length"] for file in header["files"]) == len(blobs)
    assert blobs.startswith(b"RIFF")


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (MemoryError(), "Decoding the picture needs more than 400 MiB of memory."),
        (
            ValueError("bad\0 \x1b[31m\n\u202eend"),
            "The picture is broken: bad [31m end (ValueError).",
        ),
        (RecursionError("deep"), "The picture is broken: deep (RecursionError)."),
        (OSError(5, "x" * 1_000), "The picture is broken: [Errno 5] " + "x" * 267),
    ],
)
def test_whatever_the_decoder_raises_is_a_readable_refusal(monkeypatch, error, reason):
    def fail(data):
        raise error

    monkeypatch.setattr(render_child, "decode_and_encode", fail)

    header, _ = said(lambda pipe: render_child._answer(pipe, b"", 400 * 2**20))

    assert header == {"refusal": reason}


@pytest.mark.parametrize("error", [ImportError("late"), OSError(24, "Too many open files")])
def test_our_own_mistakes_are_not_blamed_on_the_picture(monkeypatch, error):
    def fail(data):
        raise error

    monkeypatch.setattr(render_child, "decode_and_encode", fail)

    with pytest.raises(type(error)):
        render_child._answer(-1, b"", 1)


@pytest.mark.parametrize(
    ("data", "request_bytes"),
    [
        (b"", None),
        (b"\0\0", None),
        (b"\0\0\0\x03ab", None),
        (b"\xff\xff\xff\xff", None),
        (b"\0\0\0\0", b""),
        (b"\0\0\0\x03abc", b"abc"),
    ],
)
def test_request_is_read_whole_or_not_at_all(data, request_bytes):
    assert heard(data) == request_bytes


def test_child_whose_parent_is_gone_leaves_without_a_word():
    read_end, write_end = os.pipe()
    os.close(read_end)

    with pytest.raises(SystemExit) as leaving:
        render_child._send(write_end, {}, [])

    os.close(write_end)
    assert leaving.value.code == 0


def test_limits_are_only_ever_lowered(monkeypatch):
    wanted = []
    monkeypatch.setattr(resource, "getrlimit", lambda number: (50, 100))
    monkeypatch.setattr(resource, "setrlimit", lambda number, limits: wanted.append(limits))

    render_child._lower("RLIMIT_CORE", 0)
    render_child._lower("RLIMIT_CORE", 500)
    render_child._lower("RLIMIT_OF_ANOTHER_PLATFORM", 0)

    assert wanted == [(0, 0), (100, 100)]


def test_each_picture_gets_its_own_seconds(monkeypatch):
    wanted = []
    monkeypatch.setattr(resource, "setrlimit", lambda number, limits: wanted.append(limits[0]))
    usage = resource.getrusage(resource.RUSAGE_SELF)

    render_child._allow_cpu_seconds(3)

    assert 2 <= wanted[0] - usage.ru_utime - usage.ru_stime <= 4
