"""The virtual devices: who they are, whether they are online, what they do when called.

A device knows nothing of HTTP; it reports what happens to it through the fleet.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from particle_integration.simulator.chance import Chance, hex_text
from particle_integration.simulator.errors import FunctionMissing
from particle_integration.simulator.names import device_names
from particle_integration.simulator.wire import moment_text

FUNCTIONS = ("dance", "glow", "hello")
VARIABLES = {"brightness": "int32", "dances": "int32", "mood": "string", "temperature": "double"}
# Memories are bounded so that a night of load tests does not grow without end.
MAX_DANCES_REMEMBERED = 1_000
# As the firmware does: without a network a device keeps a few presses, the newest ones.
MAX_PRESSES_WAITING = 5
# Every fourth device was claimed by the developer, as a bench unit; the rest are owned by nobody.
CLAIMED_EVERY = 4
PLATFORM_PHOTON_2 = 32
MOODS = ("calm", "cheerful", "dreamy", "a little dusty", "ready to dance")


@dataclass
class VirtualDevice:
    """One thing with a button and some lights."""

    id: str
    name: str
    seed_chance: Chance
    owner_id: str
    firmware_version: int
    boot_id: str
    functions: tuple[str, ...] = FUNCTIONS
    is_unplugged: bool = False
    """Taken off the network by hand; only a hand brings it back."""
    is_away: bool = False
    """Off the network for a while, as happens in life."""
    is_online: bool = True
    press_count: int = 0
    dances: deque[dict[str, str]] = field(
        default_factory=lambda: deque(maxlen=MAX_DANCES_REMEMBERED)
    )
    dance_count: int = 0
    brightness: int = 40
    waiting: deque[tuple[str, str | None]] = field(
        default_factory=lambda: deque(maxlen=MAX_PRESSES_WAITING)
    )
    last_heard_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    last_handshake_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    last_picture: bytes = b""
    changed: int = 0
    """The fleet's change number when this device last changed."""

    def __post_init__(self) -> None:
        self.lock = asyncio.Lock()  # firmware runs one function at a time
        self.pace: Random = self.seed_chance.purpose("pace", self.id)

    async def run_function(self, name: str, argument: str, seconds: float) -> int:
        """Do what the function does, after as many seconds. Raises FunctionMissing."""
        if name not in self.functions:
            raise FunctionMissing(f"Function {name} not found")
        async with self.lock:
            await asyncio.sleep(seconds)
            if name == "dance":
                return self._dance(argument)
            if name == "glow":
                return self._glow(argument)
            return len(argument.encode())

    def variable(self, name: str) -> int | float | str | None:
        """Return a variable's value, or None if the device does not expose it."""
        values: dict[str, int | float | str] = {
            "brightness": self.brightness,
            "dances": self.dance_count,
            "mood": MOODS[self.dance_count % len(MOODS)],
            "temperature": 19.5 + self.seed_chance.purpose("room", self.id).randint(0, 30) / 10,
        }
        return values.get(name)

    def _dance(self, argument: str) -> int:
        likes = argument.strip() or "1"
        if not (likes.isascii() and likes.isdigit() and int(likes[:12]) > 0):
            return -1
        self.dance_count += 1
        self.dances.append({"argument": argument, "at": moment_text(datetime.now(UTC))})
        return 1

    def _glow(self, argument: str) -> int:
        if not (argument.isascii() and argument.isdigit() and int(argument[:4]) <= 255):
            return -1
        self.brightness = int(argument)
        return self.brightness


class Fleet:
    """All devices of the product, by id and by name, with a change number for those who watch."""

    def __init__(self, *, count: int, chance: Chance, developer_id: str) -> None:
        self.change_number = 0
        self.press_count = 0
        self.dance_count = 0
        self._by_id: dict[str, VirtualDevice] = {}
        self._by_name: dict[str, VirtualDevice] = {}
        # A boot id must differ between two runs with one seed: with the same one, the presses of
        # the second run would be the first run's presses sent again, and make no pictures.
        boot_prefix = f"{int(datetime.now(UTC).timestamp() * 1000):x}"
        names = device_names(count, chance.purpose("names"))
        for index, name in enumerate(names):
            source = chance.purpose("device", index)
            device = VirtualDevice(
                id="e00fce68" + hex_text(source, 16),
                name=name,
                seed_chance=chance,
                owner_id=developer_id if index % CLAIMED_EVERY == 0 else "",
                firmware_version=source.choice((7, 7, 7, 8)),
                boot_id=f"{boot_prefix}{index:x}",
            )
            self._by_id[device.id] = device
            self._by_name[name] = device
        self.ids = frozenset(self._by_id)
        self.all = tuple(self._by_id.values())

    def find(self, id_or_name: str, *, by_name: bool = False) -> VirtualDevice | None:
        """Return the device with that id, or where allowed that name."""
        device = self._by_id.get(id_or_name.lower())
        return device or (self._by_name.get(id_or_name) if by_name else None)

    def rename(self, device: VirtualDevice, name: str) -> None:
        """Give a device another name."""
        self._by_name.pop(device.name, None)
        device.name = name
        self._by_name[name] = device
        self.touch(device)

    def touch(self, device: VirtualDevice) -> None:
        """Note that something about the device changed."""
        self.change_number += 1
        device.changed = self.change_number


def public_form(device: VirtualDevice) -> dict[str, Any]:
    """Return the device as the control API and the page show it."""
    return {
        "id": device.id,
        "name": device.name,
        "online": device.is_online,
        "presses": device.press_count,
        "dances": list(device.dances),
        "functions": list(device.functions),
        "owner": device.owner_id or None,
        "waiting": len(device.waiting),
        "brightness": device.brightness,
    }


def api_form(device: VirtualDevice, *, product_id: int, for_product: bool) -> dict[str, Any]:
    """Return the device object of the REST API, in the short or the product form."""
    found: dict[str, Any] = {
        "id": device.id,
        "name": device.name,
        "last_ip_address": "192.0.2.17",
        "last_heard": moment_text(device.last_heard_at),
        "last_handshake_at": moment_text(device.last_handshake_at),
        "product_id": product_id,
        "online": device.is_online,
        "connected": device.is_online,
        "platform_id": PLATFORM_PHOTON_2,
        "cellular": False,
        "notes": None,
        "functions": list(device.functions),
        "variables": dict(VARIABLES),
        "status": "normal",
        "serial_number": "P046" + device.id[-11:].upper(),
        "mac_wifi": ":".join(device.id[index : index + 2] for index in range(12, 24, 2)),
        "mobile_secret": None,
        "system_firmware_version": "6.3.2",
        "firmware_updates_enabled": True,
        "firmware_updates_forced": False,
    }
    if device.owner_id:
        found["owner"] = device.owner_id
    if for_product:
        found |= {
            "firmware_product_id": product_id,
            "firmware_version": device.firmware_version,
            "desired_firmware_version": None,
            "targeted_firmware_release_version": device.firmware_version,
            "groups": [],
            "development": bool(device.owner_id),
            "quarantined": False,
            "denied": False,
        }
    return found


def vitals(device: VirtualDevice, uptime: timedelta) -> dict[str, Any]:
    """Return the body of a vitals event: a plausible Wi-Fi device."""
    strength = device.pace.randint(55, 96)
    return {
        "device": {
            "network": {
                "signal": {
                    "at": "Wi-Fi",
                    "strength": strength,
                    "strength_units": "%",
                    "strengthv": -90 + strength // 2,
                    "strengthv_units": "dBm",
                    "quality": min(100, strength + 8),
                    "quality_units": "%",
                }
            },
            "cloud": {
                "connection": {"status": "connected", "error": 0, "attempts": 1, "disconnects": 0},
                "coap": {"transmit": 12, "retransmit": 0, "unack": 0, "round_trip": 130},
                "publish": {"rate_limited": 0},
            },
            "power": {"source": "USB host", "battery": {"err": -210}},
            "system": {
                "uptime": int(uptime.total_seconds()),
                "memory": {"used": 98_304 + 64 * device.press_count, "total": 3_145_728},
            },
        },
        "service": {
            "device": {"status": "ok"},
            "cloud": {
                "uptime": int(uptime.total_seconds()),
                "publish": {"sent": device.press_count},
            },
            "coap": {"round_trip": 130},
        },
    }


Publish = Callable[[VirtualDevice, str, Any], None]
