"""The fault switches: what can be made to go wrong, with its documentation, reading and merging.

Issue by issue this list grows; a switch is one field here and one look at it where it acts.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from typing import Any

from particle_integration.simulator.errors import InvalidFault

Value = bool | int | float | list[str]


def _switch(default: Value, doc: str) -> Any:
    """Declare a switch: its default, and what it does in the words that the page shows."""
    if isinstance(default, list):
        return field(default_factory=list, metadata={"doc": doc})
    return field(default=default, metadata={"doc": doc})


@dataclass
class Faults:
    """Every switch with its present value. Lists hold device ids; a status of 0 means no fault."""

    # Devices
    all_offline: bool = _switch(False, "every device is off the network")
    offline_devices: list[str] = _switch([], "these devices are off the network")
    all_silent: bool = _switch(False, "every device seems online but answers nothing")
    silent_devices: list[str] = _switch([], "these devices seem online but answer nothing")
    slow_call_seconds: float = _switch(0.0, "devices take so much longer to answer a call")
    call_timeout_seconds: float = _switch(30.0, "after so long the cloud gives up on a device: 408")
    failing_functions: list[str] = _switch([], "these functions answer -1")
    offline_as_400: bool = _switch(False, "an offline device answers 400 as in 2015, not 408")
    call_status: int = _switch(0, "calls are refused with this status before the device hears")
    call_answer_lost: bool = _switch(
        False, "the device runs the call, the connection is then reset"
    )

    # Streams
    stream_status: int = _switch(0, "opening a stream is refused with this status")
    stream_headers_withheld: bool = _switch(False, "opening a stream gets no answer at all")
    stream_stalled: bool = _switch(False, "streams stay open and carry no byte, events are lost")
    stream_every_byte_a_chunk: bool = _switch(False, "each byte of a frame is a chunk by itself")
    stream_split_inside_character: bool = _switch(
        False, "frames come in two chunks, cut inside a character"
    )
    stream_trickle_seconds: float = _switch(0.0, "pause between the chunks of a frame that is cut")
    stream_duplicates: int = _switch(0, "each event comes so many times more")
    stream_closes_after_events: int = _switch(0, "a stream ends after so many events")
    stream_keep_alive_seconds: float = _switch(9.0, "silence after which a newline is sent")

    # The whole API
    api_status: int = _switch(0, "every request to /v1 but streams is refused with this status")
    token_dead: bool = _switch(False, "no access token is accepted: 401")
    token_life_seconds: int = _switch(7_776_000, "new tokens live so long")
    token_status: int = _switch(0, "the token endpoint refuses with this status")
    retry_after_seconds: int = _switch(0, "refusals carry Retry-After")
    error_html: bool = _switch(False, "refusals come as HTML, as from the load balancer")
    clock_skew_seconds: float = _switch(
        0.0, "the cloud's clock is off by so much (may be negative)"
    )

    # Pushed once; they always read as off
    close_streams: bool = _switch(False, "end every open stream, properly (once)")
    reset_streams: bool = _switch(False, "reset the connection of every open stream (once)")
    reset_inside_event: bool = _switch(False, "cut the next event in half and reset (once)")

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
    return {spec.name: spec.metadata["doc"] for spec in fields(Faults)}


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
