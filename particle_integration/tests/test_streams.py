"""Opening, reading and closing an event stream, against the simulated cloud and a stub."""

from __future__ import annotations

import socket
import threading
import time

import pytest

from particle_integration.errors import (
    AnswerLost,
    AnswerTimedOut,
    CloudBroken,
    NotOurs,
    RateLimited,
    TokenRefused,
)
from particle_integration.testing import http, json_answer, stub_cloud


def test_a_stream_yields_what_has_arrived_at_once(client, cloud, device_id):
    stream = client.open_event_stream()
    chunks = stream.read_chunks()
    first = next(chunks)
    cloud.wait_for_streams(1)

    cloud.publish(device_id, "bench", "42")
    frame = next(chunks)

    chunks.close()
    assert first.startswith(b":ok")
    assert frame.startswith(b"event: bench\ndata: {")


def test_a_prefix_filters_at_the_cloud(client, cloud, device_id):
    stream = client.open_event_stream("pic/ture")
    chunks = stream.read_chunks()
    next(chunks)
    cloud.wait_for_streams(1)

    cloud.publish(device_id, "other", "1")
    cloud.publish(device_id, "pic/ture", "2")

    assert next(chunks).startswith(b"event: pic/ture\n")
    chunks.close()


def test_closing_from_another_thread_ends_a_blocked_read(client):
    stream = client.open_event_stream()
    chunks = stream.read_chunks()
    next(chunks)
    closer = threading.Timer(0.1, stream.close)
    closer.start()

    started = time.monotonic()
    rest = list(chunks)

    closer.join()
    assert rest == []
    assert time.monotonic() - started < 2


def test_silence_for_the_idle_time_is_an_error(client, cloud):
    cloud.set_faults(stream_stalled=True)

    with pytest.raises(AnswerTimedOut, match="silent"):
        list(client.open_event_stream(idle_timeout_seconds=0.2).read_chunks())


def test_headers_withheld_are_an_error(client, cloud):
    cloud.set_faults(stream_headers_withheld=True)

    with pytest.raises(AnswerTimedOut):
        client.open_event_stream(idle_timeout_seconds=0.2)


@pytest.mark.parametrize(
    ("status", "error"),
    [(401, TokenRefused), (403, NotOurs), (404, NotOurs), (429, RateLimited), (529, RateLimited)],
)
def test_a_refused_stream_is_one_of_our_errors(client, cloud, status, error):
    cloud.set_faults(stream_status=status, retry_after_seconds=3)

    with pytest.raises(error) as caught:
        client.open_event_stream()

    assert caught.value.status == status


@pytest.mark.parametrize(
    "answer",
    [
        http("200 OK", b"data: x\n\n", "Content-Type: text/html"),
        json_answer("200 OK", '{"ok":false}'),
        http("204 No Content"),
        http("200 OK", b"\x1f\x8b", "Content-Type: text/event-stream", "Content-Encoding: gzip"),
        http("301 Moved", b"", "Location: /elsewhere"),
    ],
)
def test_a_stream_that_is_none_is_refused(answer):
    with stub_cloud(answer) as stub, pytest.raises(CloudBroken):
        stub.client.open_event_stream()


def test_broken_chunking_breaks_the_stream():
    answer = (
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"5\r\n:ok\n\n\r\nzz\r\n"
    )

    with stub_cloud(answer) as stub:
        chunks = stub.client.open_event_stream().read_chunks()
        assert next(chunks) == b":ok\n\n"
        with pytest.raises(AnswerLost):
            next(chunks)


def test_an_http_1_0_stream_is_read_as_it_arrives():
    def reply(_: bytes, connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.0 200 OK\r\nContent-Type: text/event-stream\r\n\r\n:ok\n\n")
        time.sleep(0.3)
        connection.sendall(b"data: late\n\n")

    with stub_cloud(reply) as stub:
        chunks = stub.client.open_event_stream().read_chunks()

        assert list(chunks) == [b":ok\n\n", b"data: late\n\n"]
