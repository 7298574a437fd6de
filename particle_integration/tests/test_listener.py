"""The listener against the simulated cloud, at the socket."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import connections
from django.utils import timezone

from particle_integration.client import ParticleClient, build_client
from particle_integration.inbox import Unreadable
from particle_integration.intake import Batch, BatchQueue, InboxWriter
from particle_integration.listener import Listener
from particle_integration.models import InboxEvent, InboxState, Path, StreamSession
from particle_integration.simulator.testing import RunningSimulator
from particle_integration.sse import Parser
from particle_integration.stream_account import MAX_OPENINGS, StreamAccount
from particle_integration.testing import http, stub_cloud
from portal.lib.stopping import Stop

pytestmark = pytest.mark.django_db(transaction=True)


class Listening:
    """A listener in a thread, with its writer, for the length of a test."""

    def __init__(self, client: ParticleClient, idle_timeout_seconds: float) -> None:
        self.stop = Stop()
        queue = BatchQueue()
        self.listener = Listener(
            client, queue, self.stop, idle_timeout_seconds=idle_timeout_seconds
        )
        self.writer = InboxWriter(Path.STREAM, queue)
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Listening:
        self.writer.start()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop.request()
        self._thread.join(15)
        assert not self._thread.is_alive()
        assert self.writer.close()

    def _run(self) -> None:
        try:
            self.listener.run()
        finally:
            connections.close_all()


def listening(client: ParticleClient, idle_timeout_seconds: float = 1.0) -> Listening:
    return Listening(client, idle_timeout_seconds)


def wait_until(condition: Callable[[], bool], timeout_seconds: float = 10.0) -> None:
    deadline = time.monotonic() + timeout_seconds
    while not condition():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.01)


def stored() -> list[str]:
    return list(
        InboxEvent.objects.exclude(state=InboxState.QUARANTINED)
        .order_by("pk")
        .values_list("data", flat=True)
    )


@pytest.fixture
def quick(cloud: RunningSimulator) -> Iterator[RunningSimulator]:
    cloud.set_faults(stream_keep_alive_seconds=0.2)
    yield cloud
    cloud.close_streams()


def test_every_published_event_is_stored_once(client, quick, device_id):
    quick.set_faults(stream_duplicates=2, stream_keep_alive_seconds=0.2)
    with listening(client) as running:
        quick.wait_for_streams(1)
        for number in range(20):
            quick.publish(device_id, "bench", str(number))
        wait_until(lambda: running.listener.counters.received >= 60)

    assert sorted(stored(), key=int) == [str(number) for number in range(20)]
    assert running.writer.counters.duplicates == 40
    session = StreamSession.objects.get()
    assert (session.event_count, session.reason) == (60, "told to stop")
    assert session.opened_at is not None


def test_what_is_no_event_is_quarantined_and_those_behind_it_are_stored(client, quick, device_id):
    wrong = {"data": 7, "coreid": "api", "published_at": "2026-11-24T10:15:30Z"}
    with listening(client):
        quick.wait_for_streams(1)
        for frame in (
            b"event: bench\ndata: {broken\n\n",
            b"event: bench\ndata: %s\n\n" % json.dumps(wrong).encode(),
            b"event: bench\ndata: " + b"[" * 20_000 + b"\n\n",
            b"event: \xff\xfe\ndata: \xff\n\n",
            b"data: " + b"x" * 400_000 + b"\n\n",
        ):
            quick.send_bytes(frame)
        quick.publish(device_id, "bench", "good")
        wait_until(lambda: stored() == ["good"])

    reasons = sorted(InboxEvent.objects.problems().values_list("reason", flat=True))
    assert len(reasons) == 4
    assert any("nested too deeply" in reason for reason in reasons)
    assert any("data is a number" in reason for reason in reasons)
    assert StreamSession.objects.get().dropped_count == 1


def test_hook_noise_is_counted_not_stored(client, quick, device_id):
    with listening(client) as running:
        quick.wait_for_streams(1)
        quick.publish(device_id, "hook-sent/bench", "undefined", coreid="particle-internal")
        quick.publish(device_id, f"{device_id}/hook-response/bench/0", "ok")
        quick.publish(device_id, "hook-error/bench/0", "timeout", coreid="particle-internal")
        wait_until(lambda: stored() == ["timeout"])

    assert running.listener.counters.hook_noise == 2


@pytest.mark.parametrize(
    "faults",
    [
        {"stream_every_byte_a_chunk": True},
        {"stream_split_inside_character": True},
        {"stream_split_inside_character": True, "stream_trickle_seconds": 0.05},
    ],
)
def test_events_come_whole_however_they_are_cut(client, quick, device_id, faults):
    quick.set_faults(stream_keep_alive_seconds=0.2, **faults)
    with listening(client):
        quick.wait_for_streams(1)
        quick.publish(device_id, "bench", "é雪🌈")

        wait_until(lambda: stored() == ["é雪🌈"])


@pytest.mark.parametrize("fault", ["close_streams", "reset_streams"])
def test_a_stream_that_ends_is_opened_again(client, quick, device_id, fault):
    with listening(client) as running:
        quick.wait_for_streams(1)
        quick.set_faults(**{fault: True})
        wait_until(lambda: running.listener.counters.openings == 2)
        quick.wait_for_streams(1)
        quick.publish(device_id, "bench", "after")

        wait_until(lambda: stored() == ["after"])

    first = StreamSession.objects.order_by("asked_at").first()
    assert first is not None
    assert ("the cloud ended it" if fault == "close_streams" else "broke off") in first.reason


def test_half_an_event_is_never_stored(client, quick, device_id):
    with listening(client) as running:
        quick.wait_for_streams(1)
        quick.set_faults(reset_inside_event=True)
        quick.publish(device_id, "bench", "cut")
        wait_until(lambda: running.listener.counters.openings == 2)
        quick.wait_for_streams(1)
        quick.publish(device_id, "bench", "whole")
        wait_until(lambda: stored() == ["whole"])

    assert InboxEvent.objects.count() == 1


def test_silence_is_noticed_and_keep_alives_are_not_silence(client, quick):
    with listening(client, idle_timeout_seconds=0.6) as running:
        quick.wait_for_streams(1)
        time.sleep(0.9)
        openings_with_keep_alive = running.listener.counters.openings
        quick.set_faults(stream_stalled=True)
        wait_until(lambda: running.listener.counters.openings >= 2)
        quick.clear_faults()
        quick.set_faults(stream_keep_alive_seconds=0.2)

    assert openings_with_keep_alive == 1
    assert StreamSession.objects.filter(reason__contains="silent").exists()


@pytest.mark.parametrize("status", [401, 403, 404, 500, 503])
def test_a_refused_opening_is_written_down_and_tried_again(client, quick, status):
    quick.set_faults(stream_status=status)
    with listening(client) as running:
        wait_until(lambda: running.listener.counters.openings >= 2)
        quick.clear_faults()
        quick.set_faults(stream_keep_alive_seconds=0.2)
        wait_until(lambda: running.listener.counters.is_open)

    refused = StreamSession.objects.order_by("asked_at").first()
    assert refused is not None
    assert (refused.http_status, refused.opened_at) == (status, None)
    assert str(status) in refused.reason


def test_retry_after_is_obeyed(client, quick):
    quick.set_faults(stream_status=503, retry_after_seconds=600)
    with listening(client) as running:
        wait_until(lambda: running.listener.counters.openings == 1)
        time.sleep(0.8)

        assert running.listener.counters.openings == 1


def test_the_account_of_openings_holds_the_next_one_back():
    now = timezone.now()
    StreamSession.objects.bulk_create(
        StreamSession(host="other", pid=1, asked_at=now - timedelta(seconds=100 + number))
        for number in range(MAX_OPENINGS - 1)
    )
    account = StreamAccount()

    before = account.seconds_until_allowed()
    account.ask()
    after = account.seconds_until_allowed()

    assert before == 0
    oldest_age = 100 + MAX_OPENINGS - 2
    assert after == pytest.approx(300 - oldest_age, abs=5)


def test_html_with_status_200_is_not_read_as_events():
    page = http("200 OK", b"data: {}\n\n", "Content-Type: text/html")
    with stub_cloud(page) as stub, listening(stub.client) as running:
        wait_until(lambda: running.listener.counters.openings >= 2)

    assert InboxEvent.objects.count() == 0
    assert json.dumps([s.reason for s in StreamSession.objects.all()]).count("text/html") >= 2


def test_a_cloud_that_comes_up_later_is_found(cloud, device_id):
    down = build_client(api_url="http://127.0.0.1:9", product="p", access_token="t")
    with listening(down) as running:
        wait_until(lambda: running.listener.counters.openings >= 2)

    assert StreamSession.objects.filter(reason__contains="could not be reached").exists()


def test_what_was_read_before_a_stop_is_queued_though_the_queue_is_full(client):
    stop = Stop()
    queue = BatchQueue(max_events=1)
    queue.put(Batch(unreadable=[Unreadable("first", b"")]), until=lambda: False)

    class Stream:
        def read_chunks(self):
            stop.request()  # while the reader waits for its next bytes
            yield b'event: bench\ndata: {"coreid": "api"}\n\n'

    reader = Listener(client, queue, stop)
    stream: Any = Stream()
    reader._take_chunks(stream, Parser())

    assert len(queue) == 2
