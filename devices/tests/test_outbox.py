"""States in the database: one call per device, leases, lost workers, expiry."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from devices import function_calls, outbox
from devices.delivery import Decision
from devices.function_calls import ask_for_call, ask_for_dance
from devices.models import Device, FunctionCall, FunctionCallState
from portal.live.models import Update

SUCCEEDED = Decision(FunctionCallState.SUCCEEDED, return_value=1)


def staff_call(device: Device, argument: str = "") -> FunctionCall:
    return ask_for_call(
        device=device, function="glow", argument=argument, asked_by=None, cause="staff"
    )


def lapse(call: FunctionCall) -> None:
    FunctionCall.objects.filter(pk=call.pk).update(leased_until=timezone.now() - timedelta(1))


@pytest.fixture
def settled(monkeypatch):
    """The calls that the hooks of settling were given."""
    calls: list[FunctionCall] = []
    monkeypatch.setattr(function_calls, "_settled_hooks", {"test": calls.extend})
    return calls


def test_one_call_per_device_is_out_the_oldest_first(device):
    first, second = staff_call(device), staff_call(device)

    assert [call.pk for call in outbox.claim_calls(limit=10)] == [first.pk]
    assert outbox.claim_calls(limit=10) == []

    claimed = FunctionCall.objects.select_related("device").get(pk=first.pk)
    outbox.settle([(claimed, SUCCEEDED, 0.1)])
    assert [call.pk for call in outbox.claim_calls(limit=10)] == [second.pk]


def test_call_behind_one_that_waits_is_not_made_first(device):
    first = staff_call(device)
    staff_call(device)
    FunctionCall.objects.filter(pk=first.pk).update(
        state="waiting", next_attempt_at=timezone.now() + timedelta(minutes=5)
    )

    assert outbox.claim_calls(limit=10) == []


def test_calls_of_many_devices_are_claimed_together(make_device):
    devices = [make_device(f"e00fce68{number:016x}") for number in range(5)]
    for one in devices:
        staff_call(one)

    assert len(outbox.claim_calls(limit=3)) == 3
    assert len(outbox.claim_calls(limit=10)) == 2


def test_call_is_sending_with_its_time_before_the_request(device):
    staff_call(device)

    (call,) = outbox.mark_sending(outbox.claim_calls(limit=1))

    call.refresh_from_db()
    assert call.state == FunctionCallState.SENDING
    assert call.sent_at is not None


def test_settling_keeps_the_answer_and_runs_the_hooks(device, settled):
    staff_call(device)
    calls = outbox.mark_sending(outbox.claim_calls(limit=1))

    outbox.settle([(calls[0], SUCCEEDED, 0.25)])

    call = FunctionCall.objects.get()
    assert (call.state, call.return_value, call.seconds) == ("succeeded", 1, 0.25)
    assert call.lease_token is None
    assert call.is_settled
    assert settled == [call]
    assert Update.objects.filter(type="call.changed").count() == 3  # queued, sending, succeeded


def test_hooks_do_not_hear_of_a_call_that_goes_back(device, settled):
    staff_call(device)
    again = Decision(FunctionCallState.WAITING, "offline", timezone.now())

    outbox.settle([(call, again, None) for call in outbox.claim_calls(limit=1)])

    assert settled == []


def test_outcome_is_not_kept_when_a_hook_fails(device, monkeypatch):
    def fail(calls: object) -> None:
        raise ZeroDivisionError

    staff_call(device)
    calls = outbox.mark_sending(outbox.claim_calls(limit=1))
    monkeypatch.setattr(function_calls, "_settled_hooks", {"test": fail})

    with pytest.raises(ZeroDivisionError):
        outbox.settle([(calls[0], SUCCEEDED, 0.1)])

    assert FunctionCall.objects.get().state == FunctionCallState.SENDING


def test_worker_killed_before_sending_leaves_a_call_that_is_due_again(device, settled):
    staff_call(device)
    (call,) = outbox.claim_calls(limit=1)
    lapse(call)

    assert outbox.take_back_lapsed() == 1

    call.refresh_from_db()
    assert (call.state, call.lease_token) == (FunctionCallState.QUEUED, None)
    assert [one.pk for one in outbox.claim_calls(limit=1)] == [call.pk]
    assert settled == []


def test_worker_killed_while_sending_leaves_an_unclear_call(device, settled):
    staff_call(device)
    (call,) = outbox.mark_sending(outbox.claim_calls(limit=1))
    lapse(call)

    assert outbox.take_back_lapsed() == 1

    call.refresh_from_db()
    assert call.state == FunctionCallState.UNCLEAR
    assert "worker that made this call was lost" in call.last_error
    assert settled == [call]
    assert outbox.claim_calls(limit=1) == []


def test_lost_call_that_is_safe_to_repeat_is_made_again(device):
    staff_call(device)
    (call,) = outbox.mark_sending(outbox.claim_calls(limit=1))
    lapse(call)

    outbox.take_back_lapsed(repeatable=frozenset({"glow"}))

    call.refresh_from_db()
    assert call.state == FunctionCallState.QUEUED


def test_slow_worker_does_not_settle_what_another_took_back(device, settled):
    staff_call(device)
    (slow,) = outbox.claim_calls(limit=1)
    lapse(slow)
    outbox.take_back_lapsed()
    (quick,) = outbox.claim_calls(limit=1)

    assert outbox.settle([(slow, SUCCEEDED, 0.1)]) == []
    assert outbox.mark_sending([slow]) == []

    assert FunctionCall.objects.get().lease_token == quick.lease_token
    assert settled == []


def test_renewed_lease_does_not_lapse(device):
    staff_call(device)
    (call,) = outbox.claim_calls(limit=1)
    lapse(call)

    outbox.renew_leases([call])

    assert outbox.take_back_lapsed() == 0


def test_released_call_is_due_at_once(device):
    staff_call(device)

    outbox.release(outbox.claim_calls(limit=1))

    assert len(outbox.claim_calls(limit=1)) == 1


def test_overdue_call_expires_with_its_last_reason(device, settled):
    call = ask_for_dance(device=device, asked_by=None)
    FunctionCall.objects.update(
        expires_at=timezone.now(), state="waiting", last_error="the device is offline"
    )

    assert outbox.expire_overdue() == 1

    call.refresh_from_db()
    assert call.state == FunctionCallState.EXPIRED
    assert call.last_error == "not made in time: the device is offline"
    assert settled == [call]


def test_call_that_is_out_does_not_expire(device):
    staff_call(device)
    outbox.mark_sending(outbox.claim_calls(limit=1))
    FunctionCall.objects.update(expires_at=timezone.now())

    assert outbox.expire_overdue() == 0


def test_lapsed_dance_and_its_successor_both_stay(device):
    first = ask_for_dance(device=device, asked_by=None)
    (claimed,) = outbox.claim_calls(limit=1)
    second = ask_for_dance(device=device, asked_by=None)
    lapse(claimed)

    outbox.take_back_lapsed()

    joinable = dict(FunctionCall.objects.values_list("pk", "is_joinable"))
    assert joinable == {first.pk: False, second.pk: True}


@pytest.mark.parametrize("count", [2, 40])
def test_claiming_and_settling_take_as_many_queries_for_many_calls(
    make_device, count, django_assert_max_num_queries
):
    for number in range(count):
        staff_call(make_device(f"e00fce68{number:016x}"))

    # One more statement where SQLite's limit on variables cuts the bulk update in two.
    with django_assert_max_num_queries(26):
        calls = outbox.mark_sending(outbox.claim_calls(limit=count))
        outbox.settle([(call, SUCCEEDED, 0.1) for call in calls])

    assert FunctionCall.objects.filter(state="succeeded").count() == count


@pytest.mark.django_db(transaction=True)
def test_two_workers_never_hold_one_call(make_device):
    for number in range(20):
        one = make_device(f"e00fce68{number:016x}")
        staff_call(one)
        staff_call(one)
    taken: list[int] = []

    def work() -> None:
        try:
            while calls := outbox.claim_calls(limit=3):
                sent = outbox.mark_sending(calls)
                taken.extend(call.pk for call in sent)
                outbox.settle([(call, SUCCEEDED, 0.1) for call in sent])
        finally:
            connection.close()

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    work()

    assert sorted(taken) == sorted(FunctionCall.objects.values_list("pk", flat=True))
    assert not FunctionCall.objects.exclude(state="succeeded").exists()
