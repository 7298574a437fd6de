"""The life of the fleet, at a pace that a test can wait for."""

from __future__ import annotations

import time
from collections.abc import Callable

from particle_integration.simulator.testing import running_simulator


def wait_for(condition: Callable[[], bool], timeout_seconds: float = 8.0) -> None:
    end = time.monotonic() + timeout_seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_buttons_are_pressed_at_about_the_rate(monkeypatch):
    with running_simulator(devices=4, presses_per_minute=6_000) as cloud:
        wait_for(lambda: sum(device["presses"] for device in cloud.devices()) > 100)

        assert cloud.on_loop(lambda state: state.darkroom.uses_album)


def test_devices_drop_off_and_come_back(monkeypatch):
    monkeypatch.setattr("particle_integration.simulator.life.AWAY_SECONDS", (0.2, 0.3))
    with running_simulator(devices=4, drops_per_hour=36_000.0) as cloud:
        wait_for(lambda: not all(device["online"] for device in cloud.devices()))
        wait_for(lambda: sum(device["online"] for device in cloud.devices()) >= 2)


def test_vitals_are_told_now_and_then():
    with running_simulator(devices=2, vitals_per_minute=6_000.0) as cloud:
        wait_for(lambda: cloud.on_loop(lambda state: state.broker.event_count) > 10)


def test_names_stay_different_in_a_large_fleet():
    with running_simulator(devices=200) as cloud:
        names = {device["name"] for device in cloud.devices()}

    assert len(names) == 200
