"""The demo's people and devices, and its refusal to make them in production."""

from __future__ import annotations

import pytest
from django.core.management import CommandError, call_command

from devices.models import Device
from particle_integration.simulator.testing import running_simulator
from portal import demo
from portal.customers.models import Customer, User

pytestmark = pytest.mark.django_db


def test_seeding_twice_makes_everything_once():
    for _ in range(2):
        demo.seed(device_count=5, simulator_seed=1)

    assert User.objects.count() == 4
    assert Customer.objects.count() == 3
    assert Device.objects.filter(owner__isnull=False).count() == 5


def test_people_can_sign_in_with_the_passwords_of_the_readme(client):
    demo.seed(device_count=1, simulator_seed=1)

    assert client.login(email=demo.STAFF_EMAIL, password=demo.STAFF_PASSWORD)
    assert client.login(email="ada@example.com", password=demo.CUSTOMER_PASSWORD)


def test_the_devices_are_those_of_a_simulated_cloud_started_alike():
    demo.seed(device_count=3, simulator_seed=7)

    with running_simulator(devices=3, presses_per_minute=0, seed=7) as cloud:
        simulated = {device["id"] for device in cloud.devices()}
    assert set(Device.objects.values_list("particle_device_id", flat=True)) == simulated


def test_without_debug_no_login_with_a_published_password_is_made(settings):
    settings.DEBUG = False

    with pytest.raises(CommandError, match="DEBUG"):
        call_command("demo", "--seed-only")

    assert not User.objects.exists()
