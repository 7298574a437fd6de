"""The client speaks over real sockets: to the simulated cloud, and to a stub for odd answers."""

from __future__ import annotations

import socket
from datetime import UTC, datetime

import pytest

from particle_integration.client import (
    build_client,
)
from particle_integration.client.answers import error_text, retry_after_seconds
from particle_integration.errors import (
    AnswerLost,
    AnswerTimedOut,
    CloudBroken,
    CloudError,
    DeviceTimedOut,
    FunctionNotFound,
    NotOurs,
    NotSent,
    RateLimited,
    RequestRefused,
    TokenRefused,
)
from particle_integration.simulator.testing import running_simulator
from particle_integration.testing import http, json_answer, stub_cloud

NOW = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)


# Devices and functions


def test_devices_are_listed_over_all_pages():
    with running_simulator(devices=230) as cloud:
        client = build_client(api_url=cloud.url, product="8600", access_token=cloud.access_token)

        devices = list(client.list_devices())

        client.close()
        assert {one.particle_device_id for one in devices} == {one["id"] for one in cloud.devices()}
        assert len(devices) == 230


def test_a_device_tells_its_functions(client, device_id):
    device = client.get_device(device_id)

    assert device.particle_device_id == device_id
    assert device.is_online
    assert "dance" in device.functions


def test_the_product_is_known_by_its_slug(client, cloud):
    product = client.get_product()

    assert (product.product_id, product.slug) == (cloud.product_id, cloud.product_slug)


def test_a_call_returns_the_device_s_integer(client, cloud, device_id):
    value = client.call_function(device_id, "dance", "3")

    assert value == 1
    assert cloud.dances(device_id)[-1]["argument"] == "3"


def test_an_unknown_function_is_not_found(client, device_id):
    with pytest.raises(FunctionNotFound) as caught:
        client.call_function(device_id, "fly", "")

    assert caught.value.is_permanent


def test_an_unknown_device_is_not_ours(client):
    with pytest.raises(NotOurs):
        client.get_device("0" * 24)


@pytest.mark.parametrize("offline_as_400", [False, True])
def test_a_call_to_an_offline_device_times_out_at_once(client, cloud, device_id, offline_as_400):
    cloud.set_faults(offline_devices=[device_id], offline_as_400=offline_as_400)

    with pytest.raises(DeviceTimedOut) as caught:
        client.call_function(device_id, "dance", "1")

    assert caught.value.seconds < 5
    assert caught.value.status == (400 if offline_as_400 else 408)


def test_a_silent_device_times_out_at_the_cloud_later(client, cloud, device_id):
    cloud.set_faults(silent_devices=[device_id], call_timeout_seconds=0.4)

    with pytest.raises(DeviceTimedOut) as caught:
        client.call_function(device_id, "dance", "1")

    assert caught.value.seconds >= 0.4


def test_our_own_time_out_leaves_the_outcome_open(client, cloud, device_id):
    cloud.set_faults(slow_call_seconds=0.8)

    with pytest.raises(AnswerTimedOut):
        client.call_function(device_id, "dance", "1", timeout_seconds=0.2)


def test_a_connection_reset_after_sending_leaves_the_outcome_open(client, cloud, device_id):
    cloud.set_faults(call_answer_lost=True)

    with pytest.raises(AnswerLost) as caught:
        client.call_function(device_id, "dance", "9")

    assert not isinstance(caught.value, AnswerTimedOut)
    assert cloud.dances(device_id)[-1]["argument"] == "9"


@pytest.mark.parametrize("is_online", [True, False])
def test_a_ping_says_whether_the_device_answers(client, cloud, device_id, is_online):
    cloud.set_faults(all_offline=not is_online)

    assert client.ping_device(device_id) is is_online


@pytest.mark.parametrize("as_html", [True, False])
@pytest.mark.parametrize(
    ("status", "error"),
    [
        (401, TokenRefused),
        (429, RateLimited),
        (529, RateLimited),
        (500, CloudBroken),
        (503, CloudBroken),
    ],
)
def test_refusals_are_told_apart_whatever_their_body(
    client, cloud, device_id, status, error, as_html
):
    cloud.set_faults(call_status=status, error_html=as_html, retry_after_seconds=7)

    with pytest.raises(error) as caught:
        client.call_function(device_id, "dance", "1")

    assert caught.value.status == status
    if error is RateLimited:
        assert caught.value.retry_after_seconds == 7


# Before and after sending


def closed_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@pytest.mark.parametrize("method", ["call", "get"])
def test_a_refused_connection_was_not_sent(method):
    client = build_client(
        api_url=f"http://127.0.0.1:{closed_port()}", product="p", access_token="t"
    )

    with pytest.raises(NotSent, match="ConnectionRefusedError"):
        client.call_function("d", "f", "x") if method == "call" else client.get_product()


def test_a_server_that_speaks_no_tls_was_sent_nothing():
    with stub_cloud(b"no TLS here, whatever you say\r\n\r\n") as stub:
        url = stub.url.replace("http://", "https://")
        client = build_client(api_url=url, product="p", access_token="secret-token")

        with pytest.raises(NotSent, match="SSL"):
            client.call_function("d", "f", "x")

        client.close()
        assert not any(b"secret-token" in request for request in stub.requests)


def test_a_body_cut_short_is_a_lost_answer():
    answer = b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"return_v'

    with stub_cloud(answer) as stub, pytest.raises(AnswerLost):
        stub.client.call_function("d", "f", "x")


def test_something_that_is_not_http_is_a_lost_answer():
    with stub_cloud(b"SSH-2.0-OpenSSH_9.2\r\n") as stub, pytest.raises(AnswerLost):
        stub.client.call_function("d", "f", "x")


def test_the_request_carries_token_user_agent_and_argument():
    with stub_cloud(json_answer("200 OK", '{"return_value":-1}')) as stub:
        assert stub.client.call_function("d/1", "f n", "é") == -1

    assert stub.requests[0].startswith(b"POST /v1/products/p/devices/d%2F1/f%20n HTTP/1.1\r\n")
    assert b"Authorization: Bearer secret-token\r\n" in stub.requests[0]
    assert b"User-Agent: rainbow-portal/" in stub.requests[0]


# Odd answers


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (http("200 OK", b"<html>welcome</html>", "Content-Type: text/html"), CloudBroken),
        (http("200 OK"), CloudBroken),
        (json_answer("200 OK", "[]"), CloudBroken),
        (json_answer("200 OK", '{"return_value":"1"}'), CloudBroken),
        (json_answer("200 OK", '{"return_value":true}'), CloudBroken),
        (json_answer("200 OK", "{}"), CloudBroken),
        (json_answer("200 OK", "[" * 50_000), CloudBroken),
        (http("404 Not Found", b"<html>no such site</html>"), CloudBroken),
        (http("403 Forbidden", b"<html>go away</html>"), CloudBroken),
        (json_answer("403 Forbidden", '{"error":"Permission Denied","info":"…"}'), NotOurs),
        (
            json_answer("404 Not Found", '{"ok":false,"error":"Function f not found"}'),
            FunctionNotFound,
        ),
        (json_answer("400 Bad Request", '{"ok":false,"error":"Timed out."}'), DeviceTimedOut),
        (
            json_answer("400 Bad Request", '{"ok":false,"error":"argument too long"}'),
            RequestRefused,
        ),
        (
            json_answer(
                "400 Bad Request",
                '{"error":"invalid_request","error_description":"The access token was not found"}',
            ),
            TokenRefused,
        ),
        (json_answer("408 Request Timeout", '{"ok":false,"error":"timed out"}'), DeviceTimedOut),
        (http("302 Found", b"", "Location: https://elsewhere.example/"), CloudBroken),
        (http("418 I'm a teapot", b"{}"), RequestRefused),
    ],
)
def test_an_odd_answer_is_one_of_our_errors(answer, error):
    with stub_cloud(answer) as stub, pytest.raises(CloudError) as caught:
        stub.client.call_function("d", "f", "x")

    assert type(caught.value) is error
    assert "secret-token" not in str(caught.value)


def test_a_redirect_is_not_followed():
    with stub_cloud(b"") as elsewhere:
        target = f"Location: {elsewhere.url}/stolen"
        with stub_cloud(http("302 Found", b"", target)) as stub, pytest.raises(CloudBroken):
            stub.client.get_product()

        assert elsewhere.requests == []


def test_cookies_are_not_kept():
    with stub_cloud(json_answer("200 OK", '{"product":{"id":1}}', "Set-Cookie: a=b")) as stub:
        stub.client.get_product()
        stub.client.get_product()

    assert b"Cookie:" not in stub.requests[1]


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b'{"error":"invalid_grant","error_description":"Bad"}', "invalid_grant: Bad"),
        (b'{"error":"Permission Denied","info":"I did not"}', "Permission Denied"),
        (b'{"ok":false,"error":"timed out"}', "timed out"),
        (b'{"ok":false,"errors":["device does not exist"]}', "device does not exist"),
        (b'{"ok":false,"errors":[["Core isn\'t online",404]]}', "Core isn't online"),
        (b'{"ok":false,"code":500,"errors":[{"error":"Timed out, sorry"}]}', "Timed out, sorry"),
        (b'{"ok":false,"errors":[]}', ""),
        (b'{"ok":false,"errors":[[]]}', ""),
        (b'{"error":{"deep":1}}', ""),
        (b"[1]", ""),
        (b"<html>", None),
        (b"", None),
    ],
)
def test_all_error_shapes_are_read(body, text):
    assert error_text(body) == text


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("7", 7),
        (" 7 ", 7),
        ("99999", 900),
        ("9" * 5000, 900),
        ("-1", None),
        ("soon", None),
        ("1.5", None),
        ("٣", None),
        ("Tue, 24 Nov 2026 10:00:30 GMT", 30),
        ("Tue, 24 Nov 2026 10:00:30", 30),
        ("Tue, 24 Nov 2026 09:00:00 GMT", 0),
        ("Tue, 24 Nov 2099 09:00:00 GMT", 900),
        ("Tue, 99 Nov 2099 09:00:00 GMT", None),
    ],
)
def test_retry_after_is_read_as_seconds_or_date(value, seconds):
    assert retry_after_seconds(value, now=NOW) == seconds


@pytest.mark.parametrize("url", ["", "api.particle.io", "ftp://x", "http://"])
def test_an_address_that_is_no_url_is_refused(url):
    with pytest.raises(ValueError, match="no http"):
        build_client(api_url=url, product="p", access_token="t")
