"""What the cloud tells of a device comes into the portal by itself."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.utils import timezone

from devices import presence
from devices.describe import DescribeLoop, describe_soon
from devices.models import Device
from particle_integration.client import build_client
from portal.live.models import Update


@pytest.fixture
def loop(client_of_cloud):
    return DescribeLoop(client_of_cloud)


@pytest.fixture
def found(cloud):
    return cloud.devices()[0]


def test_new_device_gets_name_functions_and_product(db, loop, cloud, found):
    presence.devices_for([found["id"]])

    assert loop.run_once() == 1
    assert loop.run_once() == 0

    device = Device.objects.get()
    assert device.name == found["name"]
    assert device.functions == ["dance", "glow", "hello"]
    assert device.firmware_version is not None
    assert device.product is not None
    assert device.product.particle_product_id == cloud.product_id
    assert device.described_at is not None
    assert device.is_online
    payload = json.loads(Update.objects.get(type="device.changed").payload)
    assert payload["device"]["functions"] == ["dance", "glow", "hello"]


def test_presence_known_from_events_is_kept(loop, found, make_device):
    make_device(found["id"], is_online=False, status_at=timezone.now())

    loop.run_once()

    assert not Device.objects.get().is_online


def test_device_that_is_not_ours_is_asked_about_much_later(loop, make_device):
    make_device("0" * 24)

    loop.run_once()

    device = Device.objects.get()
    assert device.described_at is None
    assert device.describe_at is not None
    assert device.describe_at > timezone.now() + timedelta(hours=5)


def test_cloud_that_is_away_is_asked_again_soon(device):
    client = build_client(api_url="http://127.0.0.1:9", product="p", access_token="x")

    DescribeLoop(client).run_once()

    device.refresh_from_db()
    assert timedelta(0) < device.describe_at - timezone.now() <= timedelta(seconds=3)


def test_cloud_that_fails_is_asked_again_in_a_minute(loop, cloud, device):
    cloud.set_faults(api_status=500)

    loop.run_once()

    device.refresh_from_db()
    assert timedelta(seconds=50) < device.describe_at - timezone.now() <= timedelta(minutes=1)


def test_device_that_another_worker_asks_about_is_left_to_it(loop, found, make_device):
    device = make_device(found["id"])
    Device.objects.update(describe_at=timezone.now() - timedelta(seconds=9))

    assert not loop._describe(device)


def test_described_device_is_asked_about_again_on_demand(loop, found, make_device):
    device = make_device(found["id"], describe_at=None)
    assert loop.run_once() == 0

    describe_soon([device])

    assert loop.run_once() == 1
