"""Run the simulated cloud without Django: python -m particle_integration.simulator."""

from __future__ import annotations

import argparse
import asyncio
import sys

from particle_integration.simulator.errors import CannotListen
from particle_integration.simulator.options import DESCRIPTION, add_arguments, options_from
from particle_integration.simulator.server import run_until_stopped


def main(arguments: list[str] | None = None) -> int:
    """Parse the arguments and serve until stopped."""
    parser = argparse.ArgumentParser(
        prog="python -m particle_integration.simulator", description=DESCRIPTION
    )
    add_arguments(parser)
    parser.add_argument("--quiet", action="store_true", help="print nothing but errors")
    parsed = vars(parser.parse_args(arguments))
    try:
        asyncio.run(run_until_stopped(options_from(parsed), _mute if parsed["quiet"] else _say))
    except CannotListen as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _mute(text: str) -> None:
    """Say nothing."""


if __name__ == "__main__":
    sys.exit(main())
