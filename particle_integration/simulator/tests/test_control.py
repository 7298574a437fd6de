"""The control API and the page: press, plug, faults, and who may give orders."""

from __future__ import annotations

import base64
import io
import json
from typing import Any

import pytest
from PIL import Image

from particle_integration.simulator.faults import Faults, documentation
from particle_integration.simulator.testing import running_simulator


def event_of(frame: bytes) -> tuple[str, dict[str, Any]]:
    name, data = frame.rstrip(b"\n").split(b"\ndata: ", 1)
    return name.removeprefix(b"event: ").decode(), json.loads(data)


def test_devices_are_listed_with_what_they_remember(cloud):
    device = cloud.devices()[0]

    assert {"id", "name", "online", "presses", "dances", "functions"} <= device.keys()
    assert len(device["id"]) == 24
    assert (device["online"], device["presses"], device["dances"]) == (True, 0, [])


def test_press_publishes_a_picture_within_the_limits_of_the_cloud(cloud, open_stream):
    stream = open_stream()
    device_id = cloud.devices()[0]["id"]

    for _ in range(6):
        cloud.press(device_id)

    for count in range(1, 7):
        name, event = event_of(stream.read_until(b"}\n\n"))
        is_bare = event["data"].startswith("data:")
        body = {"image": event["data"]} if is_bare else json.loads(event["data"])
        jpeg = base64.b64decode(body["image"].removeprefix("data:image/jpeg;base64,"))
        assert name == "picture"
        assert Image.open(io.BytesIO(jpeg)).format == "JPEG"
        assert len(jpeg) <= 16_384
        assert is_bare or len(event["data"].encode()) <= 16_384
        assert is_bare or body["press"].endswith(f"-{count}")
        assert len(body.get("caption", "")) <= 280
    assert cloud.device(device_id)["presses"] == 6


def test_presses_of_an_unplugged_device_come_when_it_is_back(cloud, open_stream):
    stream = open_stream()
    device_id = cloud.devices()[0]["id"]

    cloud.plug(device_id, online=False)
    waiting = [cloud.press(device_id) for _ in range(7)]
    cloud.plug(device_id, online=True)

    frames = [event_of(stream.read_until(b"}\n\n")) for _ in range(7)]
    assert waiting[-1]["published"] is False
    assert waiting[-1]["waiting"] == 5
    assert [(name, event["data"]) for name, event in frames[:2]] == [
        ("spark/status", "offline"),
        ("spark/status", "online"),
    ]
    assert [name for name, _ in frames[2:]] == ["picture"] * 5


def test_same_seed_gives_the_same_devices_and_pictures_but_other_presses():
    def life() -> tuple[list[str], bytes, str]:
        with running_simulator(devices=2, seed=7) as cloud:
            first = cloud.devices()[0]
            cloud.press(first["id"])
            boot = cloud.on_loop(lambda state: state.fleet.all[0].boot_id)
            picture = cloud.on_loop(lambda state: state.fleet.all[0].last_picture)
            return [device["id"] for device in cloud.devices()], picture, boot

    first, second = life(), life()

    assert (first[0], first[1]) == (second[0], second[1])
    assert first[2] != second[2]


@pytest.mark.parametrize(
    "body", [{"event": "x", "colour": "red"}, {"data": "without a name"}, {"when": 1}]
)
def test_exact_event_with_wrong_keys_is_refused(cloud, ask, body):
    path = f"/simulator/devices/{cloud.devices()[0]['id']}/press"

    assert ask("POST", path, json=body).status_code == 400


def test_unknown_device_is_named(ask):
    response = ask("POST", "/simulator/devices/nobody/press")

    assert response.status_code == 404
    assert response.json()["error"] == "there is no device nobody"


def test_faults_are_merged_and_put_back(cloud):
    cloud.set_faults(slow_call_seconds=2)
    cloud.set_faults(stream_duplicates=1)

    assert cloud.faults()["slow_call_seconds"] == 2.0
    assert cloud.faults()["stream_duplicates"] == 1
    cloud.clear_faults()
    assert cloud.faults() == Faults().as_dict()


@pytest.mark.parametrize(
    ("switches", "named"),
    [
        ({"slow_call_seconds": 1, "nonsense": 1}, "nonsense"),
        ({"all_offline": 1}, "all_offline"),
        ({"slow_call_seconds": "1"}, "slow_call_seconds"),
        ({"slow_call_seconds": True}, "slow_call_seconds"),
        ({"slow_call_seconds": -1}, "slow_call_seconds"),
        ({"stream_duplicates": 1.5}, "stream_duplicates"),
        ({"stream_status": 99}, "stream_status"),
        ({"silent_devices": "x"}, "silent_devices"),
        ({"silent_devices": ["x"]}, "silent_devices"),
    ],
)
def test_fault_that_cannot_be_is_named_and_nothing_is_set(cloud, ask, switches, named):
    response = ask("POST", "/simulator/faults", json=switches)

    assert response.status_code == 400
    assert named in response.json()["error"]
    assert cloud.faults() == Faults().as_dict()


def test_faults_are_one_json_object(ask):
    assert ask("POST", "/simulator/faults", json=[]).status_code == 400
    assert ask("GET", "/simulator/faults?defaults").json() == Faults().as_dict()
    assert ask("GET", "/simulator/faults?explain").json() == documentation()


def test_every_fault_switch_is_documented():
    assert documentation().keys() == Faults().as_dict().keys()
    assert all(documentation().values())


def test_clock_skew_moves_what_is_published(cloud, open_stream):
    stream = open_stream()
    cloud.set_faults(clock_skew_seconds=-3600 * 24 * 400)

    cloud.publish(cloud.devices()[0]["id"], "x", "1")

    assert event_of(stream.read())[1]["published_at"][:4] <= "2025"


def test_page_says_that_it_is_not_the_real_cloud_and_needs_nothing_from_outside(ask):
    page = ask("GET", "/simulator/", headers={})

    assert "not the real one" in page.text
    assert "default-src 'self'" in page.headers["Content-Security-Policy"]
    assert "//" not in page.text.replace("<!doctype", "")
    assert ask("GET", "/simulator/static/page.js").headers["Content-Type"].startswith("text/java")
    assert ask("GET", "/simulator/static/page.css").status_code == 200
    assert ask("GET", "/simulator/static/secrets").status_code == 404


def test_address_without_the_slash_leads_to_the_page(ask):
    assert "The shelf" in ask("GET", "/simulator").text
    assert "The shelf" in ask("GET", "/").text


def test_state_tells_only_what_changed_since(cloud, ask):
    device_id = cloud.devices()[1]["id"]
    before = ask("GET", "/simulator/state").json()

    cloud.press(device_id)
    after = ask("GET", f"/simulator/state?after={before['change']}").json()

    assert len(before["devices"]) == 5
    assert [device["id"] for device in after["devices"]] == [device_id]
    assert after["counts"]["presses"] == 1


def test_last_picture_is_shown(cloud, ask):
    device_id = cloud.devices()[0]["id"]
    before = ask("GET", f"/simulator/devices/{device_id}/picture")

    cloud.press(device_id)

    assert before.status_code == 404
    assert ask("GET", f"/simulator/devices/{device_id}/picture").content[:2] == b"\xff\xd8"


def test_another_sites_page_may_not_give_orders(cloud, ask):
    path = f"/simulator/devices/{cloud.devices()[0]['id']}/press"

    foreign = ask("POST", path, headers={"Origin": "https://evil.example"})
    own = ask("POST", path, headers={"Origin": cloud.url})

    assert (foreign.status_code, own.status_code) == (403, 200)


def test_plug_wants_true_or_false(cloud, ask):
    path = f"/simulator/devices/{cloud.devices()[0]['id']}/plug"

    assert ask("POST", path, json={"online": "yes"}).status_code == 400
