"""Fixtures: a simulated cloud per module, a client that speaks to it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from particle_integration.client import ParticleClient, build_client
from particle_integration.simulator.testing import RunningSimulator, running_simulator


@pytest.fixture(scope="module")
def simulator() -> Iterator[RunningSimulator]:
    with running_simulator(devices=3) as cloud:
        yield cloud


@pytest.fixture
def cloud(simulator: RunningSimulator) -> Iterator[RunningSimulator]:
    simulator.clear_faults()
    yield simulator
    simulator.clear_faults()


@pytest.fixture
def client(cloud: RunningSimulator) -> Iterator[ParticleClient]:
    client = build_client(
        api_url=cloud.url, product=cloud.product_slug, access_token=cloud.access_token
    )
    yield client
    client.close()


@pytest.fixture
def device_id(cloud: RunningSimulator) -> str:
    return str(cloud.devices()[0]["id"])
