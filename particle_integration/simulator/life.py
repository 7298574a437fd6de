"""The life of the fleet: buttons are pressed, networks drop and come back, vitals are told.

One loop per kind of happening, for all devices together: a thousand devices cost no more than ten.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from random import Random

from particle_integration.simulator.devices import VirtualDevice
from particle_integration.simulator.state import Cloud

AWAY_SECONDS = (20.0, 100.0)
# Beyond this lag a loop forgets what it missed, instead of catching up in one long burst.
MAX_LAG_SECONDS = 2.0


def start_life(cloud: Cloud) -> None:
    """Start the loops that the options ask for; they end with the cloud."""
    options = cloud.options
    happenings: tuple[tuple[str, float, Callable[[Random], Awaitable[None]]], ...] = (
        ("presses", options.presses_per_minute / 60, lambda source: _press(cloud, source)),
        ("drops", options.drops_per_hour / 3600, lambda source: _drop(cloud, source)),
        ("vitals", options.vitals_per_minute / 60, lambda source: _vitals(cloud, source)),
    )
    for purpose, rate, happen in happenings:
        if rate:
            cloud.spawn(_repeat(cloud.chance.purpose("life", purpose), rate, happen))


async def _repeat(
    source: Random, per_second: float, happen: Callable[[Random], Awaitable[None]]
) -> None:
    """Let something happen at random moments, so often a second on average."""
    loop = asyncio.get_running_loop()
    due = loop.time()
    while True:
        due = max(due + source.expovariate(per_second), loop.time() - MAX_LAG_SECONDS)
        await asyncio.sleep(max(0.0, due - loop.time()))
        await happen(source)


async def _press(cloud: Cloud, source: Random) -> None:
    device = _any_device(cloud, source)
    if device.is_online or source.random() < 0.2:  # few press a thing whose light is out
        await cloud.press(device)


async def _drop(cloud: Cloud, source: Random) -> None:
    device = _any_device(cloud, source)
    seconds = source.uniform(*AWAY_SECONDS)
    if device.is_online:
        device.is_away = True
        cloud.settle_presence(device)
        cloud.spawn(_come_back(cloud, device, seconds))


async def _come_back(cloud: Cloud, device: VirtualDevice, seconds: float) -> None:
    await asyncio.sleep(seconds)
    device.is_away = False
    cloud.settle_presence(device)


async def _vitals(cloud: Cloud, source: Random) -> None:
    device = _any_device(cloud, source)
    if device.is_online:
        cloud.publish_vitals(device)


def _any_device(cloud: Cloud, source: Random) -> VirtualDevice:
    return source.choice(cloud.fleet.all)
