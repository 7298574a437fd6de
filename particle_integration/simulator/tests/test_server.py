"""Starting and stopping: as a module, as a command, on a taken port, by a signal."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import threading
import time

import pytest
import requests
from django.core.management import call_command
from django.core.management.base import CommandError

from particle_integration.simulator import __main__ as module
from particle_integration.simulator.errors import CannotListen
from particle_integration.simulator.options import Options
from particle_integration.simulator.server import run_until_stopped
from particle_integration.simulator.testing import RunningSimulator, running_simulator


def port_of(cloud: RunningSimulator) -> str:
    return cloud.url.rpartition(":")[2]


def test_taken_port_is_told_plainly(cloud, capsys):
    status = module.main(["--port", port_of(cloud)])

    assert status == 1
    assert f"cannot listen on 127.0.0.1:{port_of(cloud)}" in capsys.readouterr().err


def test_command_on_a_taken_port_is_a_command_error(cloud):
    with pytest.raises(CommandError, match="cannot listen on"):
        call_command("simulate_cloud", port=int(port_of(cloud)))


def test_harness_on_a_taken_port_raises_and_leaves_no_thread(cloud):
    simulator = RunningSimulator(Options(port=int(port_of(cloud))))
    before = threading.active_count()

    with pytest.raises(CannotListen):
        simulator.start()

    assert threading.active_count() <= before


@pytest.mark.parametrize(
    "arguments",
    [["--port", "70000"], ["--devices", "0"], ["--presses-per-minute", "-1"], ["--seed", "x"]],
)
def test_impossible_arguments_are_refused(arguments, capsys):
    with pytest.raises(SystemExit):
        module.main(arguments)

    assert arguments[0] in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_ends_the_process_cleanly_with_a_stream_open(number):
    command = [sys.executable, "-u", "-m", "particle_integration.simulator", "--port", "0"]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    started = time.monotonic()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout
        lines = [process.stdout.readline() for _ in range(5)]
        seconds = time.monotonic() - started
        url = next(line for line in lines if " API " in line).split()[1]
        stream = requests.get(
            f"{url}/v1/products/8600/events",
            headers={"Authorization": "Bearer simulator-token"},
            stream=True,
            timeout=5,
        )
        process.send_signal(number)
        rest = process.communicate(timeout=10)[0]
        stream.close()

    assert "not the real one" in lines[0]
    assert seconds < 10
    assert process.returncode == 0
    assert "has stopped" in rest


async def test_server_runs_until_the_signal_and_says_so():
    said = []

    def say(text):
        said.append(text)
        if len(said) == 1:
            os.kill(os.getpid(), signal.SIGTERM)

    await run_until_stopped(Options(port=0, devices=2), say)

    assert said[0].startswith("This is a simulated Particle cloud, not the real one.")
    assert said[1] == "The simulated cloud has stopped."


@pytest.mark.parametrize("is_quiet", [True, False])
def test_command_serves_and_says_where_unless_quiet(monkeypatch, is_quiet):
    async def serve(options, say):
        say(f"{options.devices} devices")

    monkeypatch.setattr(
        "particle_integration.management.commands.simulate_cloud.run_until_stopped", serve
    )
    out = io.StringIO()

    call_command("simulate_cloud", "--devices", "7", *["--quiet"] * is_quiet, stdout=out)

    assert out.getvalue() == ("" if is_quiet else "7 devices\n")


def test_ipv6_loopback_has_its_address_in_brackets():
    with running_simulator(host="::1") as cloud:
        assert cloud.url.startswith("http://[::1]:")
        assert len(cloud.devices()) == 3


def test_harness_starts_and_stops_at_once():
    started = time.monotonic()

    with running_simulator() as cloud:
        assert requests.get(f"{cloud.url}/simulator/devices", timeout=5).ok

    assert time.monotonic() - started < 2


def test_harness_stops_while_a_silent_device_is_called():
    with running_simulator() as cloud:
        device_id = cloud.devices()[0]["id"]
        cloud.set_faults(all_silent=True)
        url = f"{cloud.url}/v1/products/8600/devices/{device_id}/dance"
        answers = []
        caller = threading.Thread(
            target=lambda: answers.append(requests.post(url, headers=cloud.headers, timeout=9))
        )
        caller.start()
        time.sleep(0.1)
    caller.join(5)

    assert answers[0].status_code == 408


def test_failed_order_of_a_test_says_what_was_answered(cloud):
    with pytest.raises(ValueError, match="there is no fault switch 'nonsense'"):
        cloud.set_faults(nonsense=1)


def test_waiting_for_streams_gives_up(cloud):
    with pytest.raises(TimeoutError):
        cloud.wait_for_streams(1, timeout_seconds=0.05)
