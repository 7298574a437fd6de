"""What tests of calls share: ask, run the loop, look."""

from __future__ import annotations

import time

from devices.call_loop import CallLoop
from devices.function_calls import ask_for_call
from devices.models import Device, FunctionCall
from particle_integration.simulator.testing import RunningSimulator


def staff_call(device: Device, function: str = "glow", argument: str = "7") -> FunctionCall:
    return ask_for_call(
        device=device, function=function, argument=argument, asked_by=None, cause="staff"
    )


def run(loop: CallLoop, *, timeout_seconds: float = 8.0) -> None:
    """Run the loop until nothing is due and nothing is out."""
    deadline = time.monotonic() + timeout_seconds
    while loop.run_once() or not loop.is_idle():
        if time.monotonic() > deadline:
            raise TimeoutError("the loop did not come to rest")
        time.sleep(0.005)


def only_call() -> FunctionCall:
    return FunctionCall.objects.get()


def dances(cloud: RunningSimulator, device: Device) -> list[str]:
    return [dance["argument"] for dance in cloud.dances(device.particle_device_id)]
