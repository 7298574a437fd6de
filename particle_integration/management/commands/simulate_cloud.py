"""Run the simulated Particle cloud: virtual devices with a button, pictures and dances."""

from __future__ import annotations

import asyncio
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from particle_integration.simulator.errors import CannotListen
from particle_integration.simulator.options import DESCRIPTION, add_arguments, options_from
from particle_integration.simulator.server import run_until_stopped


class Command(BaseCommand):
    """Serve until SIGINT or SIGTERM."""

    help = DESCRIPTION
    requires_system_checks = ()  # it touches neither settings nor database

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the simulator's options."""
        add_arguments(parser)
        parser.add_argument("--quiet", action="store_true", help="print nothing but errors")

    def handle(self, *args: Any, **options: Any) -> None:
        """Serve; a taken address is a plain message, not a traceback."""

        def say(text: str) -> None:
            if not options["quiet"]:
                self.stdout.write(text)
                self.stdout.flush()

        try:
            asyncio.run(run_until_stopped(options_from(options), say))
        except CannotListen as error:
            raise CommandError(str(error)) from error
