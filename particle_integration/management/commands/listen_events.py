"""`manage.py listen_events`: take the product's events into the inbox, and work them off."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError

from particle_integration.client import client_from_settings
from particle_integration.listener_process import ListenerProcess


class Command(BaseCommand):
    """Listen until told to stop."""

    help = (
        "Listens to the event stream of the product in PARTICLE_PRODUCT and stores every event "
        "once in the inbox. Unless given --no-worker it also does what run_worker does: it "
        "dispatches the inbox, renders pictures and calls devices, so that runserver and "
        "listen_events are a complete portal. Several listeners may run at once and cover each "
        "other; each event is still stored once. It connects again by itself, whatever the cloud "
        "does. SIGTERM or Ctrl-C ends it cleanly within ten seconds, with all it read stored."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument(
            "--no-worker",
            action="store_true",
            help="only listen; the loops run in run_worker processes",
        )
        parser.add_argument(
            "--once",
            action="store_true",
            help="open the stream once, read it to its end, work off what is due, then exit: "
            "with 0, or with 1 if it could not be opened (for tests and cron)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Run."""
        try:
            client = client_from_settings()
        except ImproperlyConfigured as error:
            raise CommandError(str(error)) from error
        process = ListenerProcess(client, with_worker=not options["no_worker"])
        try:
            was_open = process.run(once=options["once"])
        finally:
            client.close()
        if not was_open:
            raise CommandError("the event stream could not be opened", returncode=1)
