"""Devices and people with names, and the simulated cloud that those devices live at."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from django.utils import timezone

from devices.call_loop import CallLoop
from devices.models import Device
from particle_integration.client import ParticleClient, build_client
from particle_integration.simulator.testing import RunningSimulator, running_simulator
from portal.customers.models import Customer, User

MakeDevice = Callable[..., Device]


@pytest.fixture
def ada(db) -> Customer:
    user = User.objects.create_user("ada@example.com")
    return Customer.objects.create(user=user, handle="ada", display_name="Ada Aurora")


@pytest.fixture
def ben(db) -> Customer:
    user = User.objects.create_user("ben@example.com")
    return Customer.objects.create(user=user, handle="ben", display_name="Ben Berry")


@pytest.fixture
def make_device(ada: Customer) -> MakeDevice:
    """Make a device of Ada's that was heard just now."""

    def make(particle_device_id: str = "e00fce680000000000000001", **fields: object) -> Device:
        heard: dict[str, object] = {
            "name": "Shelf",
            "owner": ada,
            "is_online": True,
            "last_heard_at": timezone.now(),
            "functions": ["dance", "glow"],
        }
        return Device.objects.create(particle_device_id=particle_device_id, **(heard | fields))

    return make


@pytest.fixture
def device(make_device: MakeDevice) -> Device:
    return make_device()


@pytest.fixture(scope="module")
def simulator() -> Iterator[RunningSimulator]:
    with running_simulator(devices=4) as cloud:
        yield cloud


@pytest.fixture
def cloud(simulator: RunningSimulator) -> Iterator[RunningSimulator]:
    simulator.clear_faults()
    yield simulator
    simulator.clear_faults()


@pytest.fixture
def client_of_cloud(cloud: RunningSimulator) -> Iterator[ParticleClient]:
    client = build_client(
        api_url=cloud.url, product=cloud.product_slug, access_token=cloud.access_token
    )
    yield client
    client.close()


@pytest.fixture
def loop(client_of_cloud: ParticleClient) -> Iterator[CallLoop]:
    loop = CallLoop(client_of_cloud, close_seconds=2.0)
    yield loop
    loop.close()


@pytest.fixture
def devices(cloud: RunningSimulator, make_device: Callable[..., Device]) -> list[Device]:
    for found in cloud.devices():
        cloud.plug(found["id"], online=True)
    return [make_device(found["id"], name=found["name"]) for found in cloud.devices()]


@pytest.fixture
def shelf(devices: list[Device]) -> Device:
    return devices[0]
