"""The REST API as recorded from the real cloud: products, devices, calls, variables, publish."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

BOTH = pytest.mark.parametrize("scope", ["/v1", "/v1/products/8600"])


def test_product_is_found_by_id_and_slug(ask):
    by_id = ask("GET", "/v1/products/8600").json()
    by_slug = ask("GET", "/v1/products/rainbow-button").json()
    missing = ask("GET", "/v1/products/other")

    assert by_id == by_slug
    assert by_id["product"]["slug"] == "rainbow-button"
    assert missing.status_code == 404
    assert missing.json() == {"ok": False, "error": "Product not found."}


@pytest.mark.parametrize("size_key", ["per_page", "perPage"])
def test_product_devices_come_in_pages(ask, size_key):
    pages = [
        ask("GET", f"/v1/products/8600/devices?page={page}&{size_key}=2").json()
        for page in (1, 2, 3)
    ]

    assert [len(page["devices"]) for page in pages] == [2, 2, 1]
    assert pages[0]["meta"] == {"total_pages": 3, "total_records": 5}
    assert len({device["id"] for page in pages for device in page["devices"]}) == 5


def test_product_devices_are_filtered_by_part_of_a_name(cloud, ask):
    name = cloud.devices()[2]["name"]

    found = ask("GET", "/v1/products/8600/devices", params={"deviceName": name[1:].upper()})

    assert [device["name"] for device in found.json()["devices"]] == [name]


def test_account_list_is_a_bare_array_of_claimed_devices(cloud, ask):
    claimed = [device["id"] for device in cloud.devices() if device["owner"]]

    found = ask("GET", "/v1/devices").json()

    assert sorted(device["id"] for device in found) == sorted(claimed)


def test_device_tells_online_and_connected_and_its_functions(cloud, ask):
    device = cloud.devices()[0]

    short = ask("GET", f"/v1/devices/{device['name']}").json()
    long = ask("GET", f"/v1/products/rainbow-button/devices/{device['id'].upper()}").json()

    assert short["online"] is short["connected"] is True
    assert "dance" in short["functions"]
    assert long["firmware_version"] > 0
    assert long["product_id"] == 8600


@BOTH
def test_unknown_device_is_denied_with_the_recorded_body(ask, scope):
    response = ask("GET", f"{scope}/devices/{'0' * 24}")

    assert response.status_code == 403
    assert response.json()["error"] == "Permission Denied"
    assert response.json()["info"].startswith("I didn't recognize that device name or ID")


def test_unclaimed_device_is_denied_on_the_account_path(cloud, ask):
    response = ask("POST", f"/v1/devices/{cloud.devices()[1]['id']}/dance", json={"arg": "1"})

    assert response.status_code == 403


@BOTH
@pytest.mark.parametrize(
    "body",
    [
        {"json": {"args": "3"}},
        {"json": {"arg": "3"}},
        {"data": {"arg": "3"}},
        {"data": {"args": "3"}},
    ],
)
def test_dance_is_called_and_remembered(cloud, ask, scope, body):
    device = cloud.devices()[0]

    response = ask("POST", f"{scope}/devices/{device['id']}/dance", **body)

    assert response.json() == {
        "id": device["id"],
        "name": device["name"],
        "connected": True,
        "return_value": 1,
    }
    assert [dance["argument"] for dance in cloud.dances(device["id"])] == ["3"]


@pytest.mark.parametrize(
    ("function", "argument", "value"),
    [
        ("dance", "", 1),
        ("dance", "x", -1),
        ("dance", "0", -1),
        ("glow", "200", 200),
        ("glow", "256", -1),
        ("hello", "abc", 3),
    ],
)
def test_functions_answer_integers(cloud, ask, function, argument, value):
    path = f"/v1/products/8600/devices/{cloud.devices()[0]['id']}/{function}"

    assert ask("POST", path, json={"arg": argument}).json()["return_value"] == value


def test_call_without_a_body_and_with_format_raw(cloud, ask):
    path = f"/v1/products/8600/devices/{cloud.devices()[0]['id']}/dance"

    response = ask("POST", path, data={"format": "raw"})

    assert ask("POST", path).json()["return_value"] == 1
    assert response.content == b"1"


def test_missing_function_is_404(cloud, ask):
    response = ask("POST", f"/v1/products/8600/devices/{cloud.devices()[0]['id']}/fly")

    assert response.status_code == 404
    assert response.json() == {"ok": False, "error": "Function fly not found"}


def test_argument_beyond_the_limit_and_broken_json_are_400(cloud, ask):
    path = f"/v1/products/8600/devices/{cloud.devices()[0]['id']}/dance"
    broken = {"data": b"{", "headers": cloud.headers | {"Content-Type": "application/json"}}

    assert ask("POST", path, json={"arg": "x" * 1_025}).status_code == 400
    assert ask("POST", path, **broken).status_code == 400
    assert ask("POST", path, json=[1]).status_code == 400


@BOTH
def test_offline_device_is_408_at_once(cloud, ask, scope):
    device_id = cloud.devices()[0]["id"]
    cloud.set_faults(offline_devices=[device_id])

    response = ask("POST", f"{scope}/devices/{device_id}/dance", json={"arg": "1"})

    assert response.status_code == 408
    assert response.json() == {"ok": False, "error": "timed out"}
    assert response.elapsed.total_seconds() < 1


def test_offline_device_can_answer_400_as_in_2015(cloud, ask):
    cloud.set_faults(all_offline=True, offline_as_400=True)

    response = ask("POST", f"/v1/products/8600/devices/{cloud.devices()[0]['id']}/dance")

    assert (response.status_code, response.json()["error"]) == (400, "Timed out.")


def test_silent_device_is_408_after_the_clouds_patience_and_never_dances(cloud, ask):
    device_id = cloud.devices()[0]["id"]
    cloud.set_faults(silent_devices=[device_id], call_timeout_seconds=0.2)

    response = ask("POST", f"/v1/products/8600/devices/{device_id}/dance", json={"arg": "1"})
    variable = ask("GET", f"/v1/products/8600/devices/{device_id}/mood")
    ping = ask("PUT", f"/v1/products/8600/devices/{device_id}/ping")

    assert response.status_code == variable.status_code == 408
    assert response.elapsed.total_seconds() >= 0.2
    assert ping.json() == {"online": False, "ok": True}
    assert cloud.dances(device_id) == []


def test_slow_device_dances_after_the_cloud_gave_up(cloud, ask):
    device_id = cloud.devices()[0]["id"]
    cloud.set_faults(slow_call_seconds=0.3, call_timeout_seconds=0.1)

    response = ask("POST", f"/v1/products/8600/devices/{device_id}/dance", json={"arg": "1"})
    end = time.monotonic() + 5
    while not cloud.dances(device_id) and time.monotonic() < end:
        time.sleep(0.02)

    assert response.status_code == 408
    assert len(cloud.dances(device_id)) == 1


def test_answer_can_be_lost_after_the_dance(cloud, ask):
    device_id = cloud.devices()[0]["id"]
    cloud.set_faults(call_answer_lost=True)

    with pytest.raises(requests.ConnectionError):
        ask("POST", f"/v1/products/8600/devices/{device_id}/dance", json={"arg": "1"})

    assert len(cloud.dances(device_id)) == 1


def test_calls_can_be_refused_or_fail(cloud, ask):
    path = f"/v1/products/8600/devices/{cloud.devices()[0]['id']}/dance"

    cloud.set_faults(failing_functions=["dance"])
    failed = ask("POST", path)
    cloud.set_faults(call_status=429, retry_after_seconds=3, error_html=True)
    refused = ask("POST", path)
    cloud.set_faults(api_status=500)
    broken = ask("GET", "/v1/devices")

    assert failed.json()["return_value"] == -1
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "3")
    assert broken.status_code == 500


def test_one_device_runs_one_function_at_a_time(cloud, ask):
    device_id = cloud.devices()[0]["id"]
    path = f"{cloud.url}/v1/products/8600/devices/{device_id}/dance"
    cloud.set_faults(slow_call_seconds=0.1)

    started = time.monotonic()
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda _: requests.post(path, headers=cloud.headers, timeout=8), range(3)))

    assert time.monotonic() - started >= 0.3
    assert len(cloud.dances(device_id)) == 3


@BOTH
def test_variable_comes_with_its_device(cloud, ask, scope):
    device = cloud.devices()[0]

    found = ask("GET", f"{scope}/devices/{device['id']}/brightness").json()
    raw = ask("GET", f"{scope}/devices/{device['id']}/brightness?format=raw")
    missing = ask("GET", f"{scope}/devices/{device['id']}/nothing")

    assert (found["name"], found["result"]) == ("brightness", 40)
    assert found["coreInfo"]["deviceID"] == device["id"]
    assert raw.content == b"40"
    assert (missing.status_code, missing.json()["error"]) == (404, "Variable not found")


@BOTH
def test_ping_tells_online_and_offline_without_error(cloud, ask, scope):
    device_id = cloud.devices()[0]["id"]
    path = f"{scope}/devices/{device_id}/ping"

    online = ask("PUT", path)
    cloud.plug(device_id, online=False)
    offline = ask("PUT", path)
    variable = ask("GET", f"{scope}/devices/{device_id}/mood")

    assert online.json() == {"online": True, "ok": True}
    assert offline.json() == {"online": False, "ok": True}
    assert variable.status_code == 408


def test_device_can_be_renamed(cloud, ask):
    device_id = cloud.devices()[0]["id"]

    renamed = ask("PUT", f"/v1/devices/{device_id}", json={"name": "porch"})
    empty = ask("PUT", f"/v1/devices/{device_id}", json={})

    assert renamed.json()["name"] == "porch"
    assert ask("GET", "/v1/devices/porch").json()["id"] == device_id
    assert empty.status_code == 400


@pytest.mark.parametrize(
    ("path", "stream"),
    [("/v1/products/8600/events", "/v1/products/8600/events"), ("/v1/devices/events",) * 2],
)
def test_published_event_reaches_its_stream_as_from_the_api(ask, open_stream, path, stream):
    listener = open_stream(stream)

    response = ask("POST", path, json={"name": "notice", "data": "hello", "private": True})

    body = json.loads(listener.read().split(b"data: ", 1)[1])
    assert response.json() == {"ok": True}
    assert (body["data"], body["coreid"]) == ("hello", "api")


def test_event_without_a_name_or_with_one_too_long_is_refused(ask):
    assert ask("POST", "/v1/products/8600/events", json={"data": "x"}).status_code == 400
    assert ask("POST", "/v1/products/8600/events", data={"name": "n" * 65}).status_code == 400
    assert ask("POST", "/v1/products/nobody/events", data={"name": "n"}).status_code == 404


def test_vitals_come_as_an_event_when_asked_for(cloud, ask, open_stream):
    device_id = cloud.devices()[0]["id"]
    listener = open_stream("/v1/products/8600/events/spark")

    response = ask("POST", f"/v1/products/8600/diagnostics/{device_id}/update")

    frame = listener.read()
    vitals = json.loads(json.loads(frame.split(b"data: ", 1)[1])["data"])
    assert response.json() == {"ok": True}
    assert frame.startswith(b"event: spark/device/diagnostics/update\n")
    assert vitals["device"]["network"]["signal"]["at"] == "Wi-Fi"
    cloud.set_faults(all_offline=True)
    assert ask("POST", f"/v1/diagnostics/{device_id}/update").status_code == 408


@BOTH
@pytest.mark.parametrize(
    ("method", "tail"),
    [("PUT", ""), ("PUT", "/ping"), ("GET", "/mood"), ("POST", "/dance")],
)
def test_everything_about_an_unknown_device_is_denied(ask, scope, method, tail):
    assert ask(method, f"{scope}/devices/nobody{tail}").status_code == 403


def test_unknown_product_unknown_path_and_preflight(ask):
    assert ask("GET", "/v1/products/other/devices").status_code == 404
    assert ask("GET", "/v1/products/other/devices/x").status_code == 404
    assert ask("POST", "/v1/diagnostics/x/update").status_code == 403
    assert ask("GET", "/v1/nothing/here").json() == {"ok": False, "error": "Not Found"}
    preflight = ask("OPTIONS", "/v1/devices", headers={})
    assert preflight.status_code == 204
    assert "Authorization" in preflight.headers["Access-Control-Allow-Headers"]


def test_user_and_products_are_told(ask):
    assert ask("GET", "/v1/user").json()["username"] == "dev@example.com"
    assert len(ask("GET", "/v1/products").json()["products"]) == 1
