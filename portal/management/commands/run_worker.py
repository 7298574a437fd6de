"""`manage.py run_worker`: dispatch the inbox, render pictures, call devices."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError

from portal.lib.worker import run_worker


class Command(BaseCommand):
    """Run the worker's loops until told to stop."""

    help = (
        "Works off the inbox: runs the event handlers, renders pictures and calls devices. "
        "Any number of workers may run beside one another; `listen_events` runs one of its own "
        "unless given --no-worker. SIGTERM or Ctrl-C ends it cleanly within ten seconds."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument(
            "--until-idle",
            action="store_true",
            help="stop as soon as nothing is due (for tests and cron)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Run."""
        try:
            run_worker(until_idle=options["until_idle"])
        except ImproperlyConfigured as error:
            raise CommandError(str(error)) from error
