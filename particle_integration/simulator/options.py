"""What the simulated cloud can be told at start: one dataclass, and the arguments that fill it."""

from __future__ import annotations

import argparse
from dataclasses import dataclass

DEFAULT_PORT = 8600
MAX_DEVICES = 10_000
DESCRIPTION = (
    "Run a simulated Particle cloud with virtual devices: they are pressed and publish pictures, "
    "come and go, and dance when called. It is not the real cloud and needs no internet. "
    "Watch and steer it at http://HOST:PORT/simulator/."
)


@dataclass(frozen=True, kw_only=True)
class Options:
    """Settings of one simulated cloud. Rates are for the whole fleet, not for each device."""

    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    devices: int = 12
    presses_per_minute: float = 20.0
    drops_per_hour: float = 20.0
    """How often a device drops off the network; it comes back within two minutes."""
    vitals_per_minute: float = 1.0
    seed: int = 1
    answer_seconds: tuple[float, float] = (0.3, 0.9)
    """How long a device takes to answer a function call, from and to."""
    access_token: str = "simulator-token"  # noqa: S105 - a published default that opens nothing real


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options on a parser: the management command's or our own."""
    defaults = Options()
    parser.add_argument(
        "--host", default=defaults.host, help="address to listen on (default: %(default)s)"
    )
    parser.add_argument(
        "--port", type=_port, default=defaults.port, help="port, 0 for any (default: %(default)s)"
    )
    parser.add_argument(
        "--devices",
        type=_device_count,
        default=defaults.devices,
        metavar="N",
        help="how many virtual devices there are (default: %(default)s)",
    )
    _add_rates(parser, defaults)
    parser.add_argument(
        "--answer-seconds",
        type=_rate,
        nargs=2,
        default=list(defaults.answer_seconds),
        metavar=("FROM", "TO"),
        help="how long a device takes to answer a call (default: 0.3 0.9)",
    )
    parser.add_argument(
        "--seed",
        type=int,
        default=defaults.seed,
        help="every name, picture and pause follows from it (default: %(default)s)",
    )


def _add_rates(parser: argparse.ArgumentParser, defaults: Options) -> None:
    for flag, default, meaning in (
        (
            "--presses-per-minute",
            defaults.presses_per_minute,
            "buttons pressed a minute, all devices together; 0 for none",
        ),
        (
            "--drops-per-hour",
            defaults.drops_per_hour,
            "devices that lose their network for a while, an hour",
        ),
        ("--vitals-per-minute", defaults.vitals_per_minute, "vitals events a minute"),
    ):
        parser.add_argument(
            flag,
            type=_rate,
            default=default,
            metavar="RATE",
            help=f"{meaning} (default: {default:g})",
        )


def options_from(arguments: dict[str, object]) -> Options:
    """Build the options from parsed arguments; other keys in the mapping are left alone."""
    names = Options.__dataclass_fields__.keys() & arguments.keys()
    values = {name: arguments[name] for name in names}
    first, last = sorted(arguments.get("answer_seconds", Options.answer_seconds))  # type: ignore[call-overload]
    values["answer_seconds"] = (first, last)
    return Options(**values)  # type: ignore[arg-type]


def _port(text: str) -> int:
    port = int(text)
    if not 0 <= port <= 65_535:
        raise argparse.ArgumentTypeError(f"{port} is not between 0 and 65535")
    return port


def _device_count(text: str) -> int:
    count = int(text)
    if not 1 <= count <= MAX_DEVICES:
        raise argparse.ArgumentTypeError(f"{count} is not between 1 and {MAX_DEVICES}")
    return count


def _rate(text: str) -> float:
    rate = float(text)
    if not 0 <= rate < 1e6:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and 1,000,000")
    return rate
