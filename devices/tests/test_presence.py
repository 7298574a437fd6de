"""Presence: disorder cannot win, nothing jumps into the future, batches take few statements."""

from __future__ import annotations

import itertools
import json
from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from devices import presence
from devices.event_handlers import handle_cloud_events
from devices.function_calls import ask_for_dance
from devices.models import Device, FunctionCall
from particle_integration.handlers import registry
from particle_integration.models import InboxEvent
from portal.live import updates
from portal.live.models import Update

DEVICE_ID = "e00fce680000000000000001"
OTHER_ID = "e00fce680000000000000002"


def event(
    name: str = "picture",
    data: str = "",
    *,
    seconds_ago: float = 0.0,
    device_id: str = DEVICE_ID,
    at: datetime | None = None,
) -> InboxEvent:
    now = timezone.now()
    return InboxEvent(
        name=name,
        data=data,
        particle_device_id=device_id,
        published_at=at or now - timedelta(seconds=seconds_ago),
        received_at=now,
    )


def status(data: str, **when: object) -> InboxEvent:
    return event("spark/status", data, **when)  # type: ignore[arg-type]


def note(*events: InboxEvent) -> Device:
    with updates.transaction():
        presence.note_heard(events)
    return Device.objects.get(particle_device_id=DEVICE_ID)


def told() -> list[bool]:
    payloads = Update.objects.filter(type="device.changed").order_by("number")
    return [json.loads(update.payload)["device"]["is_online"] for update in payloads]


@pytest.fixture
def silent(make_device):
    """A device that nobody has heard of yet."""
    return make_device(DEVICE_ID, is_online=False, last_heard_at=None)


def test_status_events_set_presence(silent):
    assert note(status("online", seconds_ago=2)).is_online
    assert not note(status("offline", seconds_ago=1)).is_online
    assert told() == [True, False]


def test_offline_after_online_wins_in_any_order_of_arrival(db, make_device):
    events = [
        status("online", seconds_ago=30),
        event(seconds_ago=20),
        status("offline", seconds_ago=10),
    ]

    for index, order in enumerate(itertools.permutations(events)):
        Device.objects.all().delete()
        make_device(DEVICE_ID, is_online=bool(index % 2), last_heard_at=None)
        for one in order:
            device = note(one)
        assert not device.is_online, order
        assert device.last_heard_at == events[1].published_at


def test_offline_that_comes_first_is_not_undone_by_an_older_online(silent):
    now = timezone.now()

    device = note(status("offline", at=now), status("online", at=now - timedelta(seconds=1)))

    assert not device.is_online


def test_online_wins_over_the_offline_that_the_cloud_made_up_at_the_same_instant(silent):
    instant = timezone.now()

    assert note(status("online", at=instant), status("offline", at=instant)).is_online
    assert note(status("offline", at=instant)).is_online


def test_any_event_of_the_device_shows_that_it_is_online(silent):
    note(status("offline", seconds_ago=60))

    device = note(event("picture", seconds_ago=5))

    assert device.is_online
    assert told() == [True]


@pytest.mark.parametrize(
    "name", ["spark/flash/status", "particle/device/updates/pending", "hook-error/x/0"]
)
def test_what_the_cloud_says_in_the_devices_name_is_no_sign_of_life(silent, name):
    device = note(event(name, "true"))

    assert not device.is_online
    assert device.last_heard_at is None


def test_last_heard_never_jumps_into_the_future(silent):
    device = note(event(at=datetime(2036, 1, 1, tzinfo=UTC)))

    assert device.last_heard_at is not None
    assert device.last_heard_at <= timezone.now()


def test_event_from_the_future_does_not_freeze_presence(silent):
    note(event(at=datetime(2036, 1, 1, tzinfo=UTC)))

    device = note(status("offline", at=timezone.now() + timedelta(minutes=6)))

    assert not device.is_online


def test_last_heard_never_goes_back(silent):
    newest = event(seconds_ago=1)
    note(newest)

    device = note(event(at=datetime(1970, 1, 2, tzinfo=UTC)), event(seconds_ago=50))

    assert device.last_heard_at == newest.published_at


def test_unknown_device_id_makes_a_device_that_nobody_owns(db):
    device = note(event())

    assert device.owner is None
    assert device.is_online
    assert device.describe_at is not None


def test_upper_case_id_is_the_same_device(device):
    with updates.transaction():
        presence.note_heard([event(device_id=DEVICE_ID.upper())])

    assert Device.objects.count() == 1


def test_ids_that_are_no_device_make_none(db):
    found = presence.devices_for(["api", "particle-internal", "x" * 24, OTHER_ID])

    assert list(found) == [OTHER_ID]
    assert Device.objects.count() == 1


def test_change_goes_to_owner_and_staff_only(silent, ada):
    note(status("online"))

    update = Update.objects.get(type="device.changed")
    assert set(update.topics.split()) == {f"customer:{ada.pk}", "staff"}


def test_nothing_is_told_when_presence_stays(device):
    note(event(seconds_ago=2), event(seconds_ago=1))

    assert told() == []


def test_device_that_comes_online_wakes_its_waiting_calls_and_is_described(silent):
    ask_for_dance(device=silent, asked_by=None)
    later = timezone.now() + timedelta(minutes=9)
    FunctionCall.objects.update(state="waiting", next_attempt_at=later)
    Device.objects.update(describe_at=None)

    device = note(status("online"))

    assert FunctionCall.objects.get().next_attempt_at <= timezone.now()
    assert device.describe_at is not None


def test_old_news_wakes_no_call(silent):
    ask_for_dance(device=silent, asked_by=None)
    later = timezone.now() + timedelta(minutes=9)
    FunctionCall.objects.update(state="waiting", next_attempt_at=later)

    note(status("online", seconds_ago=600))

    assert FunctionCall.objects.get().next_attempt_at == later


def test_ping_that_finds_nobody_yields_to_the_next_event(device):
    presence.note_answers(heard_device_ids=set(), offline_device_ids={device.pk})
    device.refresh_from_db()
    assert not device.is_online

    assert note(event()).is_online
    assert told() == [False, True]


def test_answer_of_a_device_counts_as_hearing_it(silent):
    presence.note_answers(heard_device_ids={silent.pk}, offline_device_ids=set())

    silent.refresh_from_db()
    assert silent.is_online
    assert silent.last_heard_at is not None


def test_answers_of_a_busy_device_write_nothing(device, django_assert_num_queries):
    with django_assert_num_queries(1):
        presence.note_answers(heard_device_ids={device.pk}, offline_device_ids=set())


@pytest.mark.parametrize("count", [2, 60])
def test_batch_takes_few_statements_whatever_its_size(
    make_device, count, django_assert_max_num_queries
):
    ids = [f"e00fce68{number:016x}" for number in range(count)]
    for one in ids[::2]:
        make_device(one, is_online=False, last_heard_at=None)
    events = [event(device_id=one) for one in ids for _ in range(3)]

    with django_assert_max_num_queries(16), updates.transaction():
        presence.note_heard(events)

    assert Device.objects.filter(is_online=True).count() == count


def test_handler_owns_what_the_cloud_says(silent):
    handler = registry.find("spark/status")
    assert handler is not None
    assert handler.handle is handle_cloud_events

    with updates.transaction():
        assert handle_cloud_events([status("online")]) == {}

    silent.refresh_from_db()
    assert silent.is_online
