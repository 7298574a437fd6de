"""Listening: starts and stops the server on a loop, and runs it until it is told to stop."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable

from aiohttp import web

from particle_integration.simulator import NOT_THE_REAL_CLOUD
from particle_integration.simulator.app import build_application
from particle_integration.simulator.errors import CannotListen
from particle_integration.simulator.options import Options
from particle_integration.simulator.state import PRODUCT_SLUG, Cloud

# Streams and calls end by themselves when the cloud stops; this is for clients that never read.
SHUTDOWN_SECONDS = 2.0


class Server:
    """One simulated cloud on one address."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.url = ""
        self._runner: web.AppRunner | None = None

    async def start(self) -> Cloud:
        """Listen and start the fleet's life. Raises CannotListen."""
        cloud = Cloud(self.options)
        runner = web.AppRunner(
            build_application(cloud), access_log=None, shutdown_timeout=SHUTDOWN_SECONDS
        )
        await runner.setup()
        site = web.TCPSite(runner, self.options.host, self.options.port)
        try:
            await site.start()
        except OSError as error:
            await runner.cleanup()
            address = f"{self.options.host}:{self.options.port}"
            reason = os.strerror(error.errno) if error.errno else str(error)
            raise CannotListen(
                f"cannot listen on {address}: {reason}; is a simulated cloud running already? "
                "Choose another with --port"
            ) from error
        self._runner = runner
        port = runner.addresses[0][1]
        host = f"[{self.options.host}]" if ":" in self.options.host else self.options.host
        self.url = f"http://{host}:{port}"
        return cloud

    async def stop(self) -> None:
        """End streams and calls and close the address."""
        if self._runner is not None:
            await self._runner.cleanup()


async def run_until_stopped(options: Options, say: Callable[[str], None]) -> None:
    """Serve until SIGINT or SIGTERM; a second signal leaves at once. Raises CannotListen."""
    server = Server(options)
    await server.start()
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()

    def stop(number: signal.Signals) -> None:
        stopped.set()
        loop.remove_signal_handler(number)  # the next one has its usual effect

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop, number)
    say(_greeting(server))
    try:
        await stopped.wait()
    finally:
        await server.stop()
    say("The simulated cloud has stopped.")


def _greeting(server: Server) -> str:
    options = server.options
    return (
        f"{NOT_THE_REAL_CLOUD}\n"
        f"  API     {server.url}  (product {PRODUCT_SLUG}, token {options.access_token})\n"
        f"  page    {server.url}/simulator/\n"
        f"  fleet   {options.devices} devices, {options.presses_per_minute:g} presses a minute, "
        f"seed {options.seed}\n"
        "Stop it with Ctrl-C."
    )
