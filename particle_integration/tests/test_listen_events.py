"""The listener as a real process: killed under load, stopped by a signal, run once."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from particle_integration.simulator.testing import RunningSimulator

pytestmark = pytest.mark.slow

# Every handled event leaves one row, written by its handler: an effect that can be counted. It lies
# so far back that it does not count as an opening of a stream.
PROCESS = """
import sys
from datetime import UTC, datetime
import django
django.setup()
from django.core.management import call_command
from particle_integration.handlers import handles
from particle_integration.models import StreamSession

@handles("bench")
def leave_a_row(events):
    StreamSession.objects.bulk_create(
        StreamSession(host=f"effect {event.data}", pid=1, asked_at=datetime(2000, 1, 1, tzinfo=UTC))
        for event in events
    )
    return {}

call_command(*sys.argv[1:])
"""


@pytest.fixture(scope="module")
def database(tmp_path_factory) -> Path:
    path: Path = tmp_path_factory.mktemp("listener") / "portal.sqlite3"
    run(path, "migrate", verbosity="0").wait(120)
    return path


def run(database: Path, command: str, *arguments: str, **environment: str) -> subprocess.Popen[str]:
    """Start a command on a database of its own."""
    verbosity = environment.pop("verbosity", None)
    options = ["--verbosity", verbosity] if verbosity else []
    with database.with_suffix(".log").open("a") as log:  # to look at when a test fails
        return subprocess.Popen(
            [sys.executable, "-c", PROCESS, command, *arguments, *options],
            env={
                **os.environ,
                "DEBUG": "1",
                "SECRET_KEY": "not-secret",
                "DATABASE_URL": f"sqlite:///{database}",
                **environment,
            },
            stderr=log,
            text=True,
        )


@contextmanager
def listener(
    database: Path, cloud: RunningSimulator, *arguments: str
) -> Iterator[subprocess.Popen[str]]:
    cloud.wait_for_streams(0, timeout_seconds=60)  # the one before has left
    process = run(
        database,
        "listen_events",
        *arguments,
        PARTICLE_API_URL=cloud.url,
        PARTICLE_PRODUCT=cloud.product_slug,
        PARTICLE_ACCESS_TOKEN=cloud.access_token,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait(10)


def rows(database: Path, query: str) -> list[tuple[str, ...]]:
    with closing(sqlite3.connect(database, timeout=10)) as connection:
        return connection.execute(query).fetchall()


def wait_until(condition: Callable[[], bool], timeout_seconds: float = 60.0) -> None:
    deadline = time.monotonic() + timeout_seconds
    while not condition():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.02)


def open_count(database: Path) -> int:
    query = "SELECT 1 FROM particle_integration_inboxevent WHERE settled_at IS NULL"
    return len(rows(database, query))


def effects(database: Path) -> list[str]:
    query = "SELECT host FROM particle_integration_streamsession WHERE host LIKE 'effect %'"
    return [host.removeprefix("effect ") for (host,) in rows(database, query)]


def stored(database: Path) -> list[str]:
    query = "SELECT data FROM particle_integration_inboxevent WHERE name = 'bench'"
    return [data for (data,) in rows(database, query)]


class Publisher:
    """Publishes numbered events as fast as the simulated cloud takes them."""

    def __init__(self, cloud: RunningSimulator, device_id: str) -> None:
        self.count = 0
        self._cloud = cloud
        self._device_id = device_id
        self._is_over = False
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Publisher:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over = True
        self._thread.join()

    def _run(self) -> None:
        while not self._is_over:
            self._cloud.publish(self._device_id, "bench", str(self.count))
            self.count += 1


def has_published(publisher: Publisher, count: int) -> bool:
    return publisher.count >= count


def has_stored(database: Path, count: int) -> bool:
    return len(stored(database)) >= count


def test_a_listener_killed_under_load_repeats_no_effect_and_loses_nothing_stored(
    database, cloud, device_id
):
    acknowledged: set[str] = set()
    with Publisher(cloud, device_id) as publisher:
        for _ in range(3):
            enough = publisher.count + 30, len(acknowledged) + 20
            with listener(database, cloud) as process:
                wait_until(partial(has_published, publisher, enough[0]))
                wait_until(partial(has_stored, database, enough[1]))
                process.send_signal(signal.SIGKILL)
                process.wait()
            acknowledged |= set(stored(database))
    lost_leases = "UPDATE particle_integration_inboxevent SET leased_until = '2000-01-01'"
    with closing(sqlite3.connect(database, timeout=10)) as connection, connection:
        connection.execute(f"{lost_leases} WHERE state = 'claimed'")
    with listener(database, cloud) as process:
        wait_until(lambda: open_count(database) == 0)
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0

    handled = effects(database)
    assert len(acknowledged) > 60
    assert acknowledged <= set(handled)
    assert len(handled) == len(set(handled))
    assert set(handled) == set(stored(database))


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_quickly_with_all_it_read_stored(database, cloud, device_id, signum):
    with listener(database, cloud, "--no-worker") as process:
        cloud.wait_for_streams(1, timeout_seconds=60)
        cloud.publish(device_id, "last", str(signum))
        time.sleep(0.05)  # long enough to be read, a moment before it may be stored

        started = time.monotonic()
        process.send_signal(signum)
        code = process.wait(20)

    assert code == 0
    assert time.monotonic() - started < 10
    names = "SELECT data FROM particle_integration_inboxevent WHERE name = 'last'"
    assert (str(signum),) in rows(database, names)


def test_once_reads_one_stream_to_its_end_and_works_it_off(database, cloud, device_id):
    with listener(database, cloud, "--once") as process:
        cloud.wait_for_streams(1, timeout_seconds=60)
        cloud.publish(device_id, "bench", "once")
        cloud.close_streams()

        assert process.wait(60) == 0

    assert "once" in effects(database)
    assert open_count(database) == 0


def test_once_exits_1_when_the_stream_never_opened(database, cloud):
    cloud.set_faults(stream_status=503)

    with listener(database, cloud, "--once", "--no-worker") as process:
        assert process.wait(60) == 1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"PARTICLE_PRODUCT": ""}, "PARTICLE_PRODUCT"),
        ({"PARTICLE_ACCESS_TOKEN": ""}, "PARTICLE_ACCESS_TOKEN"),
        ({"PARTICLE_API_URL": "api.particle.io"}, "PARTICLE_API_URL"),
    ],
)
def test_missing_settings_are_named(settings, changes, message):
    settings.PARTICLE_API_URL = "http://127.0.0.1:9"
    settings.PARTICLE_PRODUCT = "p"
    settings.PARTICLE_ACCESS_TOKEN = "t"
    settings.PARTICLE_CLIENT_ID = settings.PARTICLE_CLIENT_SECRET = ""
    for name, value in changes.items():
        setattr(settings, name, value)

    with pytest.raises(CommandError, match=message):
        call_command("listen_events")
