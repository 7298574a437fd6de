"""The simulated cloud itself: fleet, streams, tokens and faults, and what happens between them."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any

from particle_integration.simulator.chance import Chance, hex_text
from particle_integration.simulator.darkroom import (
    MAX_JPEG_BYTES,
    MAX_JPEG_BYTES_IN_JSON,
    Darkroom,
)
from particle_integration.simulator.devices import Fleet, VirtualDevice, vitals
from particle_integration.simulator.errors import DeviceTimedOut, FunctionMissing
from particle_integration.simulator.faults import Faults
from particle_integration.simulator.names import caption
from particle_integration.simulator.oauth import Tokens
from particle_integration.simulator.options import Options
from particle_integration.simulator.stream import Broker
from particle_integration.simulator.wire import CloudEvent, compact_json, now_text

PRODUCT_ID = 8600
PRODUCT_SLUG = "rainbow-button"
DEVELOPER = "dev@example.com"

BARE_PICTURE_SHARE = 0.15
CAPTION_SHARE = 0.75


class Cloud:
    """Everything that the server's routes act on. Lives on one event loop."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.started = time.monotonic()
        self.faults = Faults()
        self.chance = Chance(options.seed)
        self.developer_id = hex_text(self.chance.purpose("developer"), 24)
        self.fleet = Fleet(
            count=options.devices, chance=self.chance, developer_id=self.developer_id
        )
        self.broker = Broker(self.faults)
        self.tokens = Tokens(
            faults=self.faults,
            chance=self.chance,
            api_user_token=options.access_token,
            developer_id=self.developer_id,
        )
        self.darkroom = Darkroom(chance=self.chance, presses_per_minute=options.presses_per_minute)
        self._tasks: set[asyncio.Task[Any]] = set()
        self._stopping = asyncio.Event()

    def spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Run something beside the requests; it is cancelled when the cloud stops."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def stop(self) -> None:
        """End the streams and everything that runs beside them."""
        self._stopping.set()
        self.broker.shut_down()
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self.darkroom.close()

    # Events

    def publish(self, device: VirtualDevice, name: str, data: Any, **exact: Any) -> CloudEvent:
        """Publish for a device; `exact` overrides any other part of the event."""
        parts: dict[str, Any] = {
            "published_at": now_text(self.faults.clock_skew_seconds),
            "coreid": device.id,
            "userid": device.owner_id,
            "version": device.firmware_version,
            "product_id": PRODUCT_ID,
            "owner_id": device.owner_id,
        }
        event = CloudEvent(name=name, data=data, **(parts | exact))
        device.last_heard_at = datetime.now(UTC)
        self.broker.publish(event)
        return event

    def publish_from_api(self, *, name: str, data: str | None, owner_id: str) -> None:
        """Publish what came in by the API: to the product, or where an owner is given to them."""
        self.broker.publish(
            CloudEvent(
                name=name,
                data=data,
                published_at=now_text(self.faults.clock_skew_seconds),
                coreid="api",
                userid=self.developer_id,
                product_id=PRODUCT_ID,
                owner_id=owner_id,
                is_for_product=not owner_id,
            )
        )

    def publish_vitals(self, device: VirtualDevice) -> None:
        """Publish a device's vitals, as the cloud does now and then or when asked."""
        uptime = timedelta(seconds=time.monotonic() - self.started + 86_400)
        body = compact_json(vitals(device, uptime)).decode()
        self.publish(device, "spark/device/diagnostics/update", body)

    # Presses

    async def press(self, device: VirtualDevice) -> bool:
        """Press the button: take a picture and publish it. False if it waits for the network."""
        device.press_count += 1
        self.fleet.press_count += 1
        data = await self._picture_data(device, device.press_count)
        is_online = device.is_online
        if is_online:
            self.publish(device, "picture", data)
        else:
            device.waiting.append(("picture", data))
        self.fleet.touch(device)
        return is_online

    async def _picture_data(self, device: VirtualDevice, press: int) -> str:
        source = self.chance.purpose("press", device.id, press)
        is_bare = source.random() < BARE_PICTURE_SHARE
        photo = await self.darkroom.photo(
            device_id=device.id,
            press=press,
            max_bytes=MAX_JPEG_BYTES if is_bare else MAX_JPEG_BYTES_IN_JSON,
        )
        device.last_picture = photo.jpeg
        if is_bare:
            return photo.data_url
        body = {"image": photo.data_url}
        if source.random() < CAPTION_SHARE:
            body["caption"] = caption(photo.scene, source)
        body["press"] = f"{device.boot_id}-{press}"
        return compact_json(body).decode()

    # Presence

    def settle_presence(self, device: VirtualDevice) -> None:
        """Let presence follow from plug, life and faults, and publish a change."""
        is_online = not (device.is_unplugged or device.is_away or self.faults.is_offline(device.id))
        if is_online == device.is_online:
            return
        device.is_online = is_online
        self.fleet.touch(device)
        self.publish(device, "spark/status", "online" if is_online else "offline")
        if is_online:
            device.last_handshake_at = datetime.now(UTC)
            while device.waiting:
                self.publish(device, *device.waiting.popleft())

    def apply_faults(self, changes: object) -> None:
        """Merge fault switches and let what they touch follow. Raises InvalidFault."""
        self.faults.merge(changes, device_ids=self.fleet.ids)
        for device in self.fleet.all:
            self.settle_presence(device)
        if self.faults.close_streams:
            self.broker.close_streams()
        if self.faults.reset_streams:
            self.broker.reset_streams()
        self.faults.close_streams = self.faults.reset_streams = False

    def clear_faults(self) -> None:
        """Put every fault switch back to its default."""
        self.apply_faults(Faults().as_dict())

    # Function calls

    async def call(self, device: VirtualDevice, function: str, argument: str) -> int:
        """Call a function as the cloud does.

        Raises FunctionMissing, or DeviceTimedOut: at once for a device known to be offline, after
        the cloud's patience for one that does not answer. A slow device still runs the function
        after the cloud has given up.
        """
        if not device.is_online:
            raise DeviceTimedOut(f"{device.id} is offline")
        if function not in device.functions:
            raise FunctionMissing(f"Function {function} not found")
        if self.faults.is_silent(device.id):
            await self.out_wait()
            raise DeviceTimedOut(f"{device.id} is silent")
        if function in self.faults.failing_functions:
            return -1
        task = self.spawn(self._run(device, function, argument))
        await asyncio.wait({task}, timeout=self.faults.call_timeout_seconds)
        if not task.done() or task.cancelled():
            raise DeviceTimedOut(f"{device.id} did not answer in time")
        return int(task.result())

    def is_reachable(self, device: VirtualDevice) -> bool:
        """Ping a device: a silent one is found out."""
        return device.is_online and not self.faults.is_silent(device.id)

    async def _run(self, device: VirtualDevice, function: str, argument: str) -> int:
        seconds = device.pace.uniform(*self.options.answer_seconds)
        seconds += self.faults.slow_call_seconds
        dances_before = device.dance_count
        result = await device.run_function(function, argument, seconds)
        device.last_heard_at = datetime.now(UTC)
        self.fleet.dance_count += device.dance_count - dances_before
        self.fleet.touch(device)
        return result

    async def out_wait(self) -> None:
        """Wait for a silent device until the cloud's patience, or the cloud, ends."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self.faults.call_timeout_seconds):
                await self._stopping.wait()
