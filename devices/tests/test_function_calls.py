"""Asking for calls: dances merge, nothing is lost or doubled, errors have names."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable

import pytest
from django.db import connection, transaction
from django.utils import timezone

from devices import function_calls, outbox
from devices.delivery import Decision
from devices.errors import ArgumentTooLong, FunctionNameInvalid
from devices.function_calls import ask_for_call, ask_for_dance, withdraw_dance
from devices.models import Device, FunctionCall, FunctionCallCause, FunctionCallState
from portal.live.models import Update


def dance_of(device: Device) -> FunctionCall:
    return ask_for_dance(device=device, asked_by=None)


def told(type_: str = "call.changed") -> list[Update]:
    return list(Update.objects.filter(type=type_).order_by("number"))


def in_threads(count: int, act: Callable[[], object]) -> list[object]:
    results: list[object] = []

    def run() -> None:
        try:
            results.append(act())
        except Exception as error:  # noqa: BLE001 - the test looks at it
            results.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def test_like_puts_a_dance_into_the_outbox(device, ben):
    call = ask_for_dance(device=device, asked_by=ben.user)

    assert (call.function, call.argument, call.dance_count) == ("dance", "1", 1)
    assert (call.state, call.cause) == (FunctionCallState.QUEUED, FunctionCallCause.LIKE)
    assert call.asked_by == ben.user
    assert call.expires_at > timezone.now()


def test_second_like_joins_the_dance_that_waits(device):
    first = dance_of(device)

    second = dance_of(device)

    assert second.pk == first.pk
    assert (second.argument, second.dance_count) == ("2", 2)


def test_like_makes_the_next_dance_while_one_is_out(device):
    first = dance_of(device)
    outbox.claim_calls(limit=1)

    second = dance_of(device)

    assert second.pk != first.pk
    assert second.argument == "1"


def test_dance_that_comes_back_is_joined_again(device):
    call = dance_of(device)
    come_back(outbox.claim_calls(limit=1))

    assert dance_of(device).pk == call.pk


def test_dance_that_comes_back_after_its_successor_keeps_its_likes(device):
    first = dance_of(device)
    claimed = outbox.claim_calls(limit=1)
    second = dance_of(device)
    come_back(claimed)

    third = dance_of(device)

    assert third.pk == second.pk
    assert third.dance_count == 2
    first.refresh_from_db()
    assert (first.state, first.dance_count) == (FunctionCallState.WAITING, 1)


def come_back(calls: list[FunctionCall]) -> None:
    later = Decision(FunctionCallState.WAITING, next_attempt_at=timezone.now())
    assert len(outbox.settle([(call, later, None) for call in calls])) == len(calls)


def test_dances_of_two_devices_do_not_mix(make_device):
    one, other = make_device(), make_device("e00fce680000000000000002")

    assert dance_of(one).pk != dance_of(other).pk


def test_staff_call_is_not_joined_by_likes(device):
    ask_for_call(device=device, function="dance", argument="1", asked_by=None, cause="staff")

    assert dance_of(device).dance_count == 1
    assert FunctionCall.objects.count() == 2


def test_unlike_takes_its_dance_out(device):
    call = dance_of(device)
    dance_of(device)

    assert withdraw_dance(call=call)

    call.refresh_from_db()
    assert (call.argument, call.dance_count, call.state) == ("1", 1, "queued")


def test_last_unlike_ends_the_call(device):
    call = dance_of(device)

    assert withdraw_dance(call=call)

    call.refresh_from_db()
    assert call.state == FunctionCallState.EXPIRED
    assert call.last_error == function_calls.WITHDRAWN
    assert call.is_settled
    assert dance_of(device).pk != call.pk


def test_unlike_comes_too_late_for_a_claimed_call(device):
    call = dance_of(device)
    outbox.claim_calls(limit=1)

    assert not withdraw_dance(call=call)

    call.refresh_from_db()
    assert call.dance_count == 1


def test_call_can_be_withdrawn_only_as_often_as_it_was_asked_for(device):
    call = dance_of(device)

    assert [withdraw_dance(call=call) for _ in range(3)] == [True, False, False]


def test_owner_asker_and_staff_hear_of_a_call(device, ada, ben):
    call = ask_for_dance(device=device, asked_by=ben.user)

    (update,) = told()
    assert set(update.topics.split()) == {f"customer:{ada.pk}", f"customer:{ben.pk}", "staff"}
    payload = json.loads(update.payload)["call"]
    assert payload["id"] == call.pk
    assert (payload["state"], payload["dances"], payload["argument"]) == ("queued", 1, "1")
    assert payload["device"]["name"] == "Shelf"


def test_call_never_enters_the_public_feed(device):
    dance_of(device)

    assert "feed" not in told()[0].topics.split()


def test_nothing_is_asked_when_the_like_is_rolled_back(device):
    with transaction.atomic():
        dance_of(device)
        transaction.set_rollback(True)

    assert not FunctionCall.objects.exists()
    assert not told()


def test_argument_of_1024_bytes_is_taken(device):
    call = ask_for_call(
        device=device, function="glow", argument="ü" * 512, asked_by=None, cause="staff"
    )

    assert call.state == FunctionCallState.QUEUED


def test_argument_beyond_1024_bytes_is_refused(device):
    with pytest.raises(ArgumentTooLong, match="1026 bytes"):
        ask_for_call(
            device=device, function="glow", argument="ü" * 513, asked_by=None, cause="staff"
        )


@pytest.mark.parametrize("name", ["", "a b", "../devices", "x" * 65, "dance\n", "dänce"])
def test_name_that_no_device_exposes_is_refused(device, name):
    with pytest.raises(FunctionNameInvalid):
        ask_for_call(device=device, function=name, argument="", asked_by=None, cause="staff")


def test_second_hook_of_a_name_is_refused():
    function_calls.on_settled("test of names", lambda calls: None)
    try:
        with pytest.raises(ValueError, match="registered already"):
            function_calls.on_settled("test of names", lambda calls: None)
    finally:
        del function_calls._settled_hooks["test of names"]


@pytest.mark.django_db(transaction=True)
def test_likes_at_one_moment_are_all_in_one_dance(device):
    calls = in_threads(12, lambda: dance_of(device).pk)

    assert len(set(calls)) == 1
    assert FunctionCall.objects.get().argument == "12"
    assert len(told()) == 12


@pytest.mark.django_db(transaction=True)
def test_likes_and_unlikes_at_one_moment_leave_the_right_count(device):
    call = dance_of(device)
    for _ in range(9):
        dance_of(device)

    in_threads(10, lambda: (dance_of(device), withdraw_dance(call=call)))

    call.refresh_from_db()
    assert (call.dance_count, call.argument) == (10, "10")


@pytest.mark.django_db(transaction=True)
def test_every_like_is_in_exactly_one_call_while_calls_are_claimed(device):
    def claim_and_come_back() -> None:
        try:
            for _ in range(5):
                come_back(outbox.claim_calls(limit=5))
        finally:
            connection.close()

    claimer = threading.Thread(target=claim_and_come_back)
    claimer.start()
    results = in_threads(10, lambda: [dance_of(device).pk for _ in range(3)])
    claimer.join()

    assert not [one for one in results if isinstance(one, Exception)]
    assert sum(FunctionCall.objects.values_list("dance_count", flat=True)) == 30
