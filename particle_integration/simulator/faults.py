"""The fault switches: what can be made to go wrong, with its documentation, reading and merging.

Issue by issue this list grows; a switch is one field here and one look at it where it acts.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from typing import Annotated, get_type_hints

from particle_integration.simulator.errors import InvalidFault

Value = bool | int | float | list[str]


@dataclass
class Faults:
    """Every switch with its present value. Lists hold device ids; a status of 0 means no fault."""

    # Devices
    all_offline: Annotated[bool, "every device is off the network"] = False
    offline_devices: Annotated[list[str], "these devices are off the network"] = field(
        default_factory=list
    )
    all_silent: Annotated[bool, "every device seems online but answers nothing"] = False
    silent_devices: Annotated[list[str], "these devices seem online but answer nothing"] = field(
        default_factory=list
    )
    slow_call_seconds: Annotated[float, "devices take so much longer to answer a call"] = 0.0
    call_timeout_seconds: Annotated[float, "after so long the cloud gives up on a device: 408"] = (
        30.0
    )
    failing_functions: Annotated[list[str], "these functions answer -1"] = field(
        default_factory=list
    )
    offline_as_400: Annotated[bool, "an offline device answers 400 as in 2015, not 408"] = False
    call_status: Annotated[int, "calls are refused with this status before the device hears"] = 0
    call_answer_lost: Annotated[bool, "the device runs the call, the connection is then reset"] = (
        False
    )

    # Streams
    stream_status: Annotated[int, "opening a stream is refused with this status"] = 0
    stream_headers_withheld: Annotated[bool, "opening a stream gets no answer at all"] = False
    stream_stalled: Annotated[bool, "streams stay open and carry no byte, events are lost"] = False
    stream_every_byte_a_chunk: Annotated[bool, "each byte of a frame is a chunk by itself"] = False
    stream_split_inside_character: Annotated[
        bool, "frames come in two chunks, cut inside a character"
    ] = False
    stream_trickle_seconds: Annotated[float, "pause between the chunks of a frame that is cut"] = (
        0.0
    )
    stream_duplicates: Annotated[int, "each event comes so many times more"] = 0
    stream_closes_after_events: Annotated[int, "a stream ends after so many events"] = 0
    stream_keep_alive_seconds: Annotated[float, "silence after which a newline is sent"] = 9.0

    # The whole API
    api_status: Annotated[int, "every request to /v1 but streams is refused with this status"] = 0
    token_dead: Annotated[bool, "no access token is accepted: 401"] = False
    token_life_seconds: Annotated[int, "new tokens live so long"] = 7_776_000
    token_status: Annotated[int, "the token endpoint refuses with this status"] = 0
    retry_after_seconds: Annotated[int, "refusals carry Retry-After"] = 0
    error_html: Annotated[bool, "refusals come as HTML, as from the load balancer"] = False
    clock_skew_seconds: Annotated[
        float, "the cloud's clock is off by so much (may be negative)"
    ] = 0.0

    # Pushed once; they always read as off
    close_streams: Annotated[bool, "end every open stream, properly (once)"] = False
    reset_streams: Annotated[bool, "reset the connection of every open stream (once)"] = False
    reset_inside_event: Annotated[bool, "cut the next event in half and reset (once)"] = False

    def as_dict(self) -> dict[str, Value]:
        """Return all switches with their present values, in the order of their declaration."""
        return asdict(self)

    def merge(self, changes: object, *, device_ids: frozenset[str] | set[str]) -> None:
        """Set the switches named in the mapping, all or none.

        Raises InvalidFault that names a key that is no switch, or a value it cannot take.
        """
        if not isinstance(changes, dict):
            raise InvalidFault("faults are set by a JSON object of switches and values")
        known = {spec.name: spec for spec in fields(self)}
        for name, value in changes.items():
            if name not in known:
                raise InvalidFault(f"there is no fault switch {name!r}")
            _check(name, value, getattr(Faults(), name), device_ids)
        for name, value in changes.items():
            default = getattr(Faults(), name)
            setattr(self, name, float(value) if isinstance(default, float) else value)

    def is_offline(self, device_id: str) -> bool:
        """Say whether a switch holds this device off the network."""
        return self.all_offline or device_id in self.offline_devices

    def is_silent(self, device_id: str) -> bool:
        """Say whether this device seems online but answers nothing."""
        return self.all_silent or device_id in self.silent_devices


def documentation() -> dict[str, str]:
    """Return what each switch does, by name."""
    hints = get_type_hints(Faults, include_extras=True)
    return {spec.name: hints[spec.name].__metadata__[0] for spec in fields(Faults)}


def _check(name: str, value: object, default: Value, device_ids: frozenset[str] | set[str]) -> None:
    if isinstance(default, bool):
        if not isinstance(value, bool):
            raise InvalidFault(f"{name} is true or false, not {value!r}")
    elif isinstance(default, list):
        _check_list(name, value, device_ids)
    elif isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidFault(f"{name} is a number, not {value!r}")
    elif isinstance(default, int) and not isinstance(value, int):
        raise InvalidFault(f"{name} is a whole number, not {value!r}")
    elif not (value >= 0 or name == "clock_skew_seconds") or abs(value) > 1e9:
        raise InvalidFault(f"{name} cannot be {value!r}")
    elif name.endswith("_status") and value and not 200 <= value <= 599:
        raise InvalidFault(f"{name} is 0 or an HTTP status from 200 to 599, not {value!r}")


def _check_list(name: str, value: object, device_ids: frozenset[str] | set[str]) -> None:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise InvalidFault(f"{name} is a list of texts, not {value!r}")
    if name.endswith("_devices"):
        unknown = [item for item in value if item not in device_ids]
        if unknown:
            raise InvalidFault(f"{name} names a device that does not exist: {unknown[0]!r}")
