"""What can go wrong inside the simulated cloud.

SimulatorError
├── CannotListen      the address is taken or not ours
├── InvalidFault      a fault switch that does not exist, or a value it cannot take
├── InvalidRequest    a body that is neither JSON nor a form, or not of the documented shape
├── FunctionMissing   the device does not expose that function
└── DeviceTimedOut    the device is offline, or did not answer in time
"""

from __future__ import annotations


class SimulatorError(Exception):
    """Base of all errors of the simulated cloud."""


class CannotListen(SimulatorError):
    """The server cannot take the address it was told to use."""


class InvalidFault(SimulatorError):
    """A fault switch does not exist or cannot take the value."""


class InvalidRequest(SimulatorError):
    """The body of a request cannot be read as documented."""


class FunctionMissing(SimulatorError):
    """The device does not expose a function of that name."""


class DeviceTimedOut(SimulatorError):
    """The device is offline or did not answer in time."""
