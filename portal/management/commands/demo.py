"""`manage.py demo`: the whole portal beside a simulated cloud, offline, with people in it."""

from __future__ import annotations

import socket
import time
from argparse import ArgumentParser
from collections.abc import Callable
from functools import partial
from typing import Any

import requests
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from portal import demo
from portal.lib.stopping import Stop
from portal.supervisor import ProcessSpec, Supervisor, manage, web

_HOST = "127.0.0.1"
_READY_SECONDS = 120.0  # a cold start on a slow laptop


class Command(BaseCommand):
    """Seed the database; start simulated cloud, web and listener; stop them together."""

    help = (
        "Runs the portal with a simulated Particle cloud: no internet, no account, no broker. "
        "Makes a staff login and three customers (printed), gives them the simulated devices, and "
        "starts cloud, web and listener. Ctrl-C stops everything. Only with DEBUG on: the "
        "passwords are published."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument(
            "--seed-only",
            action="store_true",
            help="only make the database ready, start nothing",
        )
        parser.add_argument(
            "--port", type=int, default=8000, help="web port (default: %(default)s)"
        )
        parser.add_argument(
            "--cloud-port", type=int, default=8600, help="simulated cloud (default: %(default)s)"
        )
        parser.add_argument("--devices", type=int, default=12, help="default: %(default)s")
        parser.add_argument(
            "--presses-per-minute", type=float, default=20, help="default: %(default)s"
        )
        parser.add_argument("--seed", type=int, default=1, help="of the simulated cloud")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run."""
        if not settings.DEBUG:
            raise CommandError(
                "The demo makes logins with published passwords, so it runs only with DEBUG on: "
                "use `make demo`, or DEBUG=1 in .env."
            )
        self._say("Preparing the database ...")
        call_command("migrate", verbosity=0)
        demo.seed(device_count=options["devices"], simulator_seed=options["seed"])
        if options["seed_only"]:
            self._say("The database is ready.")
            return
        for what, port in (("web", options["port"]), ("cloud", options["cloud_port"])):
            self._refuse_taken_port(what, port)
        status = self._run(options)
        if status:
            raise CommandError("the demo did not run", returncode=status)

    def _say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()

    def _refuse_taken_port(self, what: str, port: int) -> None:
        flag = {"web": "--port", "cloud": "--cloud-port"}[what]
        with socket.socket() as probe:
            if probe.connect_ex((_HOST, port)) == 0:
                raise CommandError(
                    f"Port {port} is taken, perhaps by another demo. Stop that, or choose another: "
                    f'make demo ARGS="{flag} {port + 1}"'
                )

    def _run(self, options: dict[str, Any]) -> int:
        cloud_url = f"http://{_HOST}:{options['cloud_port']}"
        environment = {
            "PARTICLE_API_URL": cloud_url,
            "PARTICLE_PRODUCT": "rainbow-button",
            "PARTICLE_ACCESS_TOKEN": "simulator-token",
            "LOG_LEVEL": "WARNING",
        }
        supervisor = Supervisor(self._say)
        stop = Stop()
        portal_url = f"http://{_HOST}:{options['port']}"
        with stop.on_signals():
            self._say("Starting simulated cloud, web and listener ...")
            supervisor.start(ProcessSpec("cloud", self._cloud_command(options), {}))
            supervisor.start(ProcessSpec("web", web(_HOST, options["port"]), environment))
            try:
                wait = partial(self._wait, supervisor, stop, time.monotonic() + _READY_SECONDS)
                is_ready = wait(partial(_is_cloud_there, cloud_url))
                if is_ready:
                    supervisor.start(ProcessSpec("listener", manage("listen_events"), environment))
                    is_ready = wait(partial(_is_ready, portal_url, cloud_url))
            except KeyboardInterrupt:
                is_ready = False
            if is_ready:
                _press_some(cloud_url)
                self._greet(portal_url, cloud_url)
            elif not stop.requested and supervisor.ended() is None:
                self._say(f"Not ready after {_READY_SECONDS:.0f} seconds: see the messages above.")
                supervisor.stop()
                return 1
            return supervisor.run(stop)

    def _cloud_command(self, options: dict[str, Any]) -> list[str]:
        names = ("devices", "presses_per_minute", "seed")
        flags = [
            text for name in names for text in (f"--{name.replace('_', '-')}", str(options[name]))
        ]
        return manage("simulate_cloud", "--quiet", "--port", str(options["cloud_port"]), *flags)

    def _wait(
        self, supervisor: Supervisor, stop: Stop, deadline: float, condition: Callable[[], bool]
    ) -> bool:
        """Wait for the condition; False when a process ended or the time is over."""
        while time.monotonic() < deadline and supervisor.ended() is None:
            with stop.interruptible():
                time.sleep(0.2)
            if condition():
                return True
        return False

    def _greet(self, portal_url: str, cloud_url: str) -> None:
        people = "\n".join(
            f"    {person.email:<20} {demo.CUSTOMER_PASSWORD}" for person in demo.PEOPLE
        )
        self._say(
            f"\nThe portal is running (Ctrl-C stops everything).\n\n"
            f"  Live feed        {portal_url}/\n"
            f"  Admin            {portal_url}/admin/\n"
            f"  Simulated cloud  {cloud_url}/simulator/  (press a button, watch it dance)\n\n"
            f"  Sign in as\n    {demo.STAFF_EMAIL:<20} {demo.STAFF_PASSWORD}  (staff)\n{people}\n"
        )


def _answer(method: str, url: str) -> requests.Response | None:
    """Ask a process of this demo; None while it does not answer."""
    session = requests.Session()
    session.trust_env = False  # loopback needs no proxy
    try:
        answer = session.request(method, url, timeout=10)
    except requests.RequestException:
        return None
    return answer if answer.ok else None


def _is_cloud_there(cloud_url: str) -> bool:
    return _answer("GET", f"{cloud_url}/simulator/state") is not None


def _is_ready(portal_url: str, cloud_url: str) -> bool:
    """Tell whether web serves and the cloud sees the listener."""
    state = _answer("GET", f"{cloud_url}/simulator/state")
    is_heard = state is not None and state.json()["counts"]["streams"] > 0
    return is_heard and _answer("GET", f"{portal_url}/readyz") is not None


def _press_some(cloud_url: str) -> None:
    """Press six buttons, so that the first look is not at an empty page."""
    devices = _answer("GET", f"{cloud_url}/simulator/devices")
    for device in devices.json()[:6] if devices is not None else ():
        _answer("POST", f"{cloud_url}/simulator/devices/{device['id']}/press")
