"""A simulated cloud inside a test: its own thread, its own loop, a free loopback port.

    with running_simulator(devices=3, seed=1) as cloud:
        cloud.press(cloud.devices()[0]["id"])

It is quiet unless asked: nobody presses, no device drops off, calls are answered at once.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import requests

from particle_integration.simulator.options import Options
from particle_integration.simulator.server import Server
from particle_integration.simulator.state import PRODUCT_ID, PRODUCT_SLUG, Cloud

START_SECONDS = 10.0
TIMEOUT_SECONDS = 40.0


class RunningSimulator:
    """A running simulated cloud and what a test may do to it. Safe from any thread."""

    product_id = PRODUCT_ID
    product_slug = PRODUCT_SLUG

    def __init__(self, options: Options) -> None:
        self.options = options
        self.access_token = options.access_token
        self._server = Server(options)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="simulated cloud", daemon=True)
        self._session = requests.Session()
        self._session.trust_env = False
        self.cloud: Cloud
        """The state itself, for what no request can reach; touch it only through `on_loop`."""

    @property
    def url(self) -> str:
        """The address, without a slash at its end: what PARTICLE_API_URL takes."""
        return self._server.url

    @property
    def headers(self) -> dict[str, str]:
        """The header that carries the API user's token."""
        return {"Authorization": f"Bearer {self.access_token}"}

    def start(self) -> None:
        """Listen; return when requests are answered."""
        self._thread.start()
        future = asyncio.run_coroutine_threadsafe(self._server.start(), self._loop)
        try:
            self.cloud = future.result(START_SECONDS)
        except BaseException:
            self._end_thread()
            raise

    def stop(self) -> None:
        """End streams and calls, close the address, end the thread."""
        self._session.close()
        asyncio.run_coroutine_threadsafe(self._server.stop(), self._loop).result(START_SECONDS)
        self._end_thread()

    def on_loop(self, act: Callable[[Cloud], Any]) -> Any:
        """Run a function of the cloud on its loop and return what it returned."""

        async def run() -> Any:
            return act(self.cloud)

        return asyncio.run_coroutine_threadsafe(run(), self._loop).result(START_SECONDS)

    def devices(self) -> list[dict[str, Any]]:
        """Return all devices as the control API lists them."""
        found: list[dict[str, Any]] = self._ask("GET", "/simulator/devices").json()
        return found

    def device(self, device_id: str) -> dict[str, Any]:
        """Return one device as the control API lists it."""
        return next(device for device in self.devices() if device["id"] == device_id)

    def dances(self, device_id: str) -> list[dict[str, str]]:
        """Return the dances that a device remembers."""
        dances: list[dict[str, str]] = self.device(device_id)["dances"]
        return dances

    def press(self, device_id: str) -> dict[str, Any]:
        """Press a device's button; its picture is published when this returns."""
        return self._order(f"/simulator/devices/{device_id}/press")

    def publish(self, device_id: str, event: str, data: Any = None, **exact: Any) -> dict[str, Any]:
        """Publish exactly this event for a device, whatever it is, even if the device is offline.

        `exact` may set published_at, coreid, userid, version and ttl.
        """
        body = {"event": event, "data": data, **exact}
        return self._order(f"/simulator/devices/{device_id}/press", body)

    def send_bytes(self, frame: bytes) -> None:
        """Write bytes as they are, as one chunk, to every open product stream."""
        self._ask("POST", "/simulator/stream", data=frame)

    def plug(self, device_id: str, *, online: bool) -> None:
        """Take a device off the network, or put it back."""
        self._order(f"/simulator/devices/{device_id}/plug", {"online": online})

    def faults(self) -> dict[str, Any]:
        """Return all fault switches."""
        found: dict[str, Any] = self._ask("GET", "/simulator/faults").json()
        return found

    def set_faults(self, **switches: Any) -> dict[str, Any]:
        """Set fault switches; see faults.py for their names."""
        return self._order("/simulator/faults", switches)

    def clear_faults(self) -> None:
        """Put every fault switch back to its default."""
        self._ask("DELETE", "/simulator/faults")

    def close_streams(self) -> None:
        """End every open stream properly."""
        self.set_faults(close_streams=True)

    def stream_count(self) -> int:
        """Return how many event streams are open now."""
        return int(self._ask("GET", "/simulator/state").json()["counts"]["streams"])

    def wait_for_streams(self, count: int, *, timeout_seconds: float = 10.0) -> None:
        """Wait until exactly so many event streams are open. Raises TimeoutError."""
        end = time.monotonic() + timeout_seconds
        while self.stream_count() != count:
            if time.monotonic() > end:
                raise TimeoutError(f"{self.stream_count()} streams are open, not {count}")
            time.sleep(0.01)

    def _order(self, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        found: dict[str, Any] = self._ask("POST", path, json=body).json()
        return found

    def _ask(self, method: str, path: str, **arguments: Any) -> requests.Response:
        response = self._session.request(
            method, self.url + path, timeout=TIMEOUT_SECONDS, **arguments
        )
        if not response.ok:
            raise ValueError(f"{method} {path}: {response.status_code} {response.text}")
        return response

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()

    def _end_thread(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(START_SECONDS)
        self._loop.close()


@contextmanager
def running_simulator(
    *,
    devices: int = 3,
    presses_per_minute: float = 0.0,
    seed: int = 1,
    answer_seconds: tuple[float, float] = (0.01, 0.03),
    **options: Any,
) -> Iterator[RunningSimulator]:
    """Run a quiet simulated cloud on a free loopback port for the length of a block."""
    quiet: dict[str, Any] = {"port": 0, "drops_per_hour": 0.0, "vitals_per_minute": 0.0}
    simulator = RunningSimulator(
        Options(
            devices=devices,
            presses_per_minute=presses_per_minute,
            seed=seed,
            answer_seconds=answer_seconds,
            **(quiet | options),
        )
    )
    simulator.start()
    try:
        yield simulator
    finally:
        simulator.stop()
