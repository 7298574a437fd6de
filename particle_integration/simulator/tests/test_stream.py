"""Event streams over real sockets: exact bytes, filters, and what the faults do to them."""

from __future__ import annotations

import json
import socket

import pytest
import requests

PRODUCT_STREAM = "/v1/products/rainbow-button/events"
WHEN = "2026-11-24T10:15:30.123Z"


def test_stream_opens_with_ok_and_the_headers_of_the_cloud(open_stream):
    stream = open_stream()

    assert stream.opening == b":ok\n\n"
    assert stream.response.headers["Content-Type"] == "text/event-stream"
    assert stream.response.headers["Transfer-Encoding"] == "chunked"


def test_product_frame_is_exact_to_the_byte(cloud, open_stream):
    device_id = cloud.devices()[1]["id"]
    stream = open_stream()

    cloud.publish(device_id, "bench/reading", '{"t":21.4}', published_at=WHEN, version=91)

    assert stream.read() == (
        b'event: bench/reading\ndata: {"data":"{\\"t\\":21.4}","ttl":60,'
        b'"published_at":"2026-11-24T10:15:30.123Z","coreid":"' + device_id.encode() + b'",'
        b'"userid":"","version":91,"public":false,"productID":8600}\n\n'
    )


def test_bytes_on_the_socket_are_one_chunk_per_frame(cloud):
    host, port = cloud.url.removeprefix("http://").split(":")
    device_id = cloud.devices()[0]["id"]

    with socket.create_connection((host, int(port)), timeout=5) as connection:
        head = f"GET {PRODUCT_STREAM} HTTP/1.1\r\nHost: x\r\n"
        connection.sendall(f"{head}Authorization: Bearer simulator-token\r\n\r\n".encode())
        received = b""
        while not received.endswith(b"5\r\n:ok\n\n\r\n"):
            received += connection.recv(4096)
        cloud.publish(device_id, "a", None, published_at=WHEN)
        frame = connection.recv(4096)
        cloud.close_streams()
        end = connection.recv(4096)

    size, _, rest = frame.partition(b"\r\n")
    assert rest.startswith(b'event: a\ndata: {"data":null,"ttl":60,')
    assert len(rest) == int(size, 16) + 2
    assert rest.endswith(b"}\n\n\r\n")
    assert end == b"0\r\n\r\n"


def test_device_stream_carries_four_keys(cloud, open_stream):
    device = cloud.devices()[0]
    stream = open_stream(f"/v1/devices/{device['name']}/events")

    cloud.publish(device["id"], "x", "1", published_at=WHEN)

    assert stream.read() == (
        b'event: x\ndata: {"data":"1","ttl":60,"published_at":"' + WHEN.encode() + b'",'
        b'"coreid":"' + device["id"].encode() + b'"}\n\n'
    )


def test_text_stays_raw_utf8_and_lone_surrogates_are_escaped(cloud, open_stream):
    stream = open_stream()

    cloud.publish(cloud.devices()[0]["id"], "x", "é\u2028\n\ud800")

    assert '"data":"é\u2028\\n\\ud800"'.encode() in stream.read()


@pytest.mark.parametrize("prefix", ["pic", "picture%2Fpa", "picture/part"])
def test_prefix_lets_only_matching_names_through(cloud, open_stream, prefix):
    stream = open_stream(f"{PRODUCT_STREAM}/{prefix}?nonce=0.5")
    device_id = cloud.devices()[0]["id"]

    cloud.publish(device_id, "Picture/part", "no")
    cloud.publish(device_id, "spark/status", "no")
    cloud.publish(device_id, "picture/part", "yes")

    assert stream.read().startswith(b'event: picture/part\ndata: {"data":"yes"')


def test_account_streams_hear_claimed_devices_only(cloud, open_stream):
    claimed, unclaimed = cloud.devices()[:2]
    streams = [open_stream("/v1/devices/events"), open_stream("/v1/events/x")]

    cloud.publish(unclaimed["id"], "x", "not mine")
    cloud.publish(claimed["id"], "x", "mine")

    assert claimed["owner"]
    assert not unclaimed["owner"]
    assert all(b'"data":"mine"' in stream.read() for stream in streams)


def test_product_device_stream_hears_that_device(cloud, open_stream):
    first, second = cloud.devices()[:2]
    stream = open_stream(f"/v1/products/8600/devices/{second['id']}/events")

    cloud.publish(first["id"], "x", "other")
    cloud.publish(second["id"], "x", "this")

    assert b'"data":"this"' in stream.read()


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v1/events", 400),
        ("/v1/products/nobody/events", 404),
        ("/v1/devices/nobody/events", 403),
        ("/v1/products/8600/devices/nobody/events", 403),
    ],
)
def test_stream_that_nobody_may_open_is_refused_in_json(ask, path, status):
    response = ask("GET", path)

    assert response.status_code == status
    assert "error" in response.json()


def test_silence_is_broken_by_a_bare_newline(cloud, open_stream):
    cloud.set_faults(stream_keep_alive_seconds=0.1)
    stream = open_stream()

    assert stream.read() == b"\n"
    assert stream.read() == b"\n"


def test_closing_streams_ends_them_properly(cloud, open_stream):
    stream = open_stream()
    cloud.wait_for_streams(1)

    cloud.close_streams()

    assert stream.read() == b""
    cloud.wait_for_streams(0)


def test_reset_streams_break_off(cloud, open_stream):
    stream = open_stream()

    cloud.set_faults(reset_streams=True)

    with pytest.raises(Exception, match=r"(?i)broken|reset"):
        stream.read()
    assert cloud.faults()["reset_streams"] is False


def test_reset_inside_event_delivers_half_a_frame_once(cloud, open_stream):
    stream = open_stream()
    cloud.set_faults(reset_inside_event=True)

    cloud.publish(cloud.devices()[0]["id"], "x", "a" * 200)

    with pytest.raises(Exception, match=r"(?i)broken|reset|incomplete"):
        stream.read_until(b"}\n\n")
    assert cloud.faults()["reset_inside_event"] is False


def test_every_byte_can_be_a_chunk_by_itself(cloud, open_stream):
    stream = open_stream()
    cloud.set_faults(stream_every_byte_a_chunk=True)

    cloud.publish(cloud.devices()[0]["id"], "x", "é")

    assert [stream.read() for _ in range(9)] == [bytes([byte]) for byte in b"event: x\n"]
    assert stream.read_until(b"\n\n").startswith(b'data: {"data":"\xc3\xa9"')


@pytest.mark.parametrize("pause_seconds", [0, 0.05])
def test_frame_can_be_split_inside_a_character(cloud, open_stream, pause_seconds):
    stream = open_stream()
    cloud.set_faults(stream_split_inside_character=True, stream_trickle_seconds=pause_seconds)

    cloud.publish(cloud.devices()[0]["id"], "x", "aé")

    assert stream.read() == b'event: x\ndata: {"data":"a\xc3'
    assert stream.read().startswith(b'\xa9","ttl"')


def test_frame_without_such_a_character_is_split_in_the_middle(cloud, open_stream):
    stream = open_stream()
    cloud.set_faults(stream_split_inside_character=True)

    cloud.publish(cloud.devices()[0]["id"], "x", "plain")

    assert not stream.read().endswith(b"\n\n")
    assert stream.read().endswith(b"}\n\n")


def test_duplicates_come_as_often_as_told(cloud, open_stream):
    stream = open_stream()
    cloud.set_faults(stream_duplicates=2)

    cloud.publish(cloud.devices()[0]["id"], "x", "1")

    assert stream.read() == stream.read() == stream.read()


def test_stalled_stream_stays_open_and_loses_events(cloud, open_stream):
    stream = open_stream()
    cloud.set_faults(stream_stalled=True, stream_keep_alive_seconds=0.05)

    cloud.publish(cloud.devices()[0]["id"], "x", "lost")
    cloud.set_faults(stream_stalled=False)
    cloud.publish(cloud.devices()[0]["id"], "x", "heard")

    assert b'"heard"' in stream.read_until(b"}\n\n")


def test_stream_closes_after_so_many_events(cloud, open_stream):
    stream = open_stream()
    cloud.set_faults(stream_closes_after_events=2)

    for text in "12":
        cloud.publish(cloud.devices()[0]["id"], "x", text)

    stream.read_until(b"}\n\n")
    stream.read_until(b"}\n\n")
    assert stream.read() == b""


@pytest.mark.parametrize("status", [401, 403, 429, 500, 529])
def test_refused_opening_has_status_and_retry_after(cloud, ask, status):
    cloud.set_faults(stream_status=status, retry_after_seconds=7)

    response = ask("GET", PRODUCT_STREAM)

    assert response.status_code == status
    assert response.headers["Retry-After"] == "7"
    assert "error" in response.json()


def test_refusal_can_be_html_or_empty(cloud, ask):
    cloud.set_faults(stream_status=503, error_html=True)
    page = ask("GET", PRODUCT_STREAM)
    cloud.set_faults(stream_status=204)
    empty = ask("GET", PRODUCT_STREAM)

    assert page.headers["Content-Type"].startswith("text/html")
    assert (empty.status_code, empty.content) == (204, b"")


def test_opening_can_get_no_answer(cloud, ask):
    cloud.set_faults(stream_headers_withheld=True)

    with pytest.raises(requests.ReadTimeout), requests.Session() as session:
        session.get(cloud.url + PRODUCT_STREAM, headers=cloud.headers, timeout=0.3)
    cloud.clear_faults()

    assert ask("GET", "/v1/devices").status_code == 200


def test_raw_bytes_reach_product_streams_as_they_are(cloud, open_stream):
    stream = open_stream()

    cloud.send_bytes(b"event: x\ndata: {not json\n\n\xff")

    assert stream.read() == b"event: x\ndata: {not json\n\n\xff"


def test_listener_that_never_reads_is_cut_off(cloud, open_stream):
    open_stream()
    device_id = cloud.devices()[0]["id"]

    def flood(state):
        device = state.fleet.find(device_id)
        for _ in range(45):
            state.publish(device, "x", "a" * 1_000_000)

    cloud.on_loop(flood)

    cloud.wait_for_streams(0)
    assert cloud.on_loop(lambda state: state.broker.too_slow_count) == 1


def test_event_data_may_be_of_any_type_to_test_its_readers(cloud, open_stream):
    stream = open_stream()

    cloud.publish(cloud.devices()[0]["id"], "x", {"a": [1]}, ttl="60", userid="u", coreid="api")

    body = json.loads(stream.read().split(b"data: ", 1)[1])
    assert body["data"] == {"a": [1]}
    assert (body["ttl"], body["userid"], body["coreid"]) == ("60", "u", "api")
