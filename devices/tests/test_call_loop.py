"""The call loop against the simulated cloud, over real sockets."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest
from django.db import OperationalError
from django.utils import timezone

from devices import function_calls, outbox
from devices.call_loop import CallLoop
from devices.function_calls import ask_for_dance
from devices.models import Device, FunctionCall, FunctionCallState
from devices.testing import dances, only_call, run, staff_call
from particle_integration.client import ParticleClient, build_client
from particle_integration.testing import http, stub_cloud

pytestmark = pytest.mark.django_db(transaction=True)


def test_dance_is_danced_once_and_its_answer_kept(loop, cloud, shelf):
    before = dances(cloud, shelf)
    ask_for_dance(device=shelf, asked_by=None)
    ask_for_dance(device=shelf, asked_by=None)

    run(loop)

    call = only_call()
    assert (call.state, call.return_value, call.last_error) == ("succeeded", 1, "")
    assert call.seconds is not None
    assert 0 < call.seconds < 5
    assert dances(cloud, shelf) == [*before, "2"]


def test_calls_of_one_device_come_in_order(loop, cloud, shelf):
    calls = [staff_call(shelf, argument=str(number)) for number in (3, 9, 27)]

    run(loop)

    done = FunctionCall.objects.order_by("settled_at")
    assert [call.pk for call in done] == [call.pk for call in calls]
    assert [call.return_value for call in done] == [3, 9, 27]


def test_offline_device_waits_and_is_called_when_it_comes_online(loop, cloud, shelf):
    before = dances(cloud, shelf)
    cloud.plug(shelf.particle_device_id, online=False)
    ask_for_dance(device=shelf, asked_by=None)
    run(loop)
    call = only_call()
    assert (call.state, call.last_error) == ("waiting", "the device is offline")
    assert dances(cloud, shelf) == before

    cloud.plug(shelf.particle_device_id, online=True)
    outbox.wake_waiting([shelf.pk])
    run(loop)

    assert only_call().state == FunctionCallState.SUCCEEDED
    assert dances(cloud, shelf) == [*before, "1"]


def test_old_way_to_say_offline_waits_too(loop, cloud, shelf):
    cloud.set_faults(offline_as_400=True, offline_devices=[shelf.particle_device_id])
    staff_call(shelf)

    run(loop)

    assert only_call().state == FunctionCallState.WAITING


def test_device_not_heard_of_lately_is_pinged_and_not_called_when_silent(loop, cloud, shelf):
    cloud.set_faults(silent_devices=[shelf.particle_device_id], call_timeout_seconds=6.0)
    Device.objects.update(last_heard_at=timezone.now() - timedelta(minutes=5))
    staff_call(shelf)

    run(loop, timeout_seconds=3.0)

    call = only_call()
    assert call.state == FunctionCallState.WAITING
    assert call.sent_at is None
    shelf.refresh_from_db()
    assert not shelf.is_online


def test_device_that_answers_the_ping_is_called(loop, shelf):
    Device.objects.update(last_heard_at=None, is_online=False)
    staff_call(shelf)

    run(loop)

    assert only_call().state == FunctionCallState.SUCCEEDED
    shelf.refresh_from_db()
    assert shelf.is_online


def test_late_timeout_is_unclear_and_not_repeated(loop, cloud, devices):
    cloud.set_faults(slow_call_seconds=6.0, call_timeout_seconds=5.1)
    staff_call(devices[3])

    run(loop)

    call = only_call()
    assert call.state == FunctionCallState.UNCLEAR
    assert "may have run" in call.last_error
    assert call.attempts == 1


def test_lost_answer_is_unclear_and_the_device_danced_once(loop, cloud, shelf):
    before = dances(cloud, shelf)
    cloud.set_faults(call_answer_lost=True)
    ask_for_dance(device=shelf, asked_by=None)

    run(loop)

    assert only_call().state == FunctionCallState.UNCLEAR
    assert dances(cloud, shelf) == [*before, "1"]


def test_silent_device_delays_no_other(loop, cloud, devices):
    cloud.set_faults(silent_devices=[devices[0].particle_device_id], call_timeout_seconds=6.0)
    for device in devices:
        staff_call(device)
    deadline = time.monotonic() + 3.0

    done = FunctionCall.objects.filter(state=FunctionCallState.SUCCEEDED)
    while done.count() < len(devices) - 1:
        assert time.monotonic() < deadline
        loop.run_once()

    assert FunctionCall.objects.get(device=devices[0]).state == FunctionCallState.SENDING


def test_rate_limit_is_obeyed(loop, cloud, shelf):
    cloud.set_faults(call_status=429, retry_after_seconds=40)
    staff_call(shelf)
    now = timezone.now()

    run(loop)

    call = only_call()
    assert call.state == FunctionCallState.QUEUED
    assert 38 < (call.next_attempt_at - now).total_seconds() < 45
    assert "429" in call.last_error


def test_function_that_the_device_lacks_fails_in_plain_words(loop, shelf):
    staff_call(shelf, "fly")

    run(loop)

    call = only_call()
    assert (call.state, call.last_error) == ("failed", "the device does not offer this function")


def test_device_of_somebody_else_fails_in_plain_words(loop, make_device):
    staff_call(make_device("0" * 24))

    run(loop)

    assert only_call().last_error == "the cloud does not know this device as one of ours"


def test_negative_answer_is_a_failure(loop, cloud, shelf):
    staff_call(shelf, "dance", "nobody")

    run(loop)

    call = only_call()
    assert (call.state, call.return_value) == ("failed", -1)


def test_cloud_that_is_away_is_tried_again(shelf):
    client = build_client(api_url="http://127.0.0.1:9", product="p", access_token="x")
    loop = CallLoop(client)
    staff_call(shelf)

    run(loop)
    loop.close()

    call = only_call()
    assert call.state == FunctionCallState.QUEUED
    assert "could not be reached" in call.last_error


def test_server_error_is_unclear(shelf):
    with stub_cloud(http("503 Service Unavailable")) as stub:
        loop = CallLoop(stub.client)
        staff_call(shelf)
        run(loop)
        loop.close()

        assert only_call().state == FunctionCallState.UNCLEAR
        assert len(stub.requests) == 1


def test_answer_that_is_no_http_is_kept_as_words_that_a_database_takes(shelf):
    with stub_cloud(b"\0\0\r\n\r\n") as stub:
        loop = CallLoop(stub.client)
        staff_call(shelf)
        run(loop)
        loop.close()

    call = only_call()
    assert call.state == FunctionCallState.UNCLEAR
    assert "\ufffd" in call.last_error
    assert "\0" not in call.last_error


def test_answers_are_kept_while_the_database_is_away(loop, shelf, monkeypatch):
    staff_call(shelf)
    settle, failures = outbox.settle, iter([OperationalError("away"), OperationalError("away")])

    def settle_later(decided: object, **options: object) -> object:
        for failure in failures:
            raise failure
        return settle(decided, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(outbox, "settle", settle_later)
    caught = 0
    while not only_call().is_settled:
        try:
            loop.run_once()
        except OperationalError:
            caught += 1

    assert caught == 2
    assert only_call().return_value == 7


def test_hook_that_fails_loses_no_outcome(loop, devices, monkeypatch, caplog):
    bad = staff_call(devices[0])
    seen: list[int] = []

    def hook(calls: list[FunctionCall]) -> None:
        if any(call.pk == bad.pk for call in calls):
            raise ZeroDivisionError
        seen.extend(call.pk for call in calls)

    monkeypatch.setattr(function_calls, "_settled_hooks", {"test": hook})
    good = staff_call(devices[1])

    run(loop)

    assert set(FunctionCall.objects.values_list("state", flat=True)) == {"succeeded"}
    assert seen == [good.pk]
    assert "a hook failed" in caplog.text


class BrokenClient(ParticleClient):
    """Fails as no client should."""

    def __init__(self) -> None:
        pass

    def call_function(self, *args: object, **kwargs: object) -> int:
        raise ZeroDivisionError

    def close(self) -> None:
        pass


def test_mistake_of_ours_leaves_the_call_unclear_and_the_loop_alive(device, caplog):
    loop = CallLoop(BrokenClient())
    staff_call(device)

    run(loop)
    loop.close()

    assert only_call().state == FunctionCallState.UNCLEAR
    assert "ZeroDivisionError" in only_call().last_error
    assert "unforeseen" in caplog.text


def test_hook_that_fails_on_one_call_spares_those_settled_with_it(loop, devices, monkeypatch):
    bad, good = staff_call(devices[0]), staff_call(devices[1])
    seen: list[int] = []

    def hook(calls: list[FunctionCall]) -> None:
        if any(call.pk == bad.pk for call in calls):
            raise ZeroDivisionError
        seen.extend(call.pk for call in calls)

    monkeypatch.setattr(function_calls, "_settled_hooks", {"test": hook})
    loop.run_once()
    while loop._threads._answers.qsize() < 2:
        time.sleep(0.01)

    loop.run_once()

    assert set(FunctionCall.objects.values_list("state", flat=True)) == {"succeeded"}
    assert seen == [good.pk]
