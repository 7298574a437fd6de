"""A picture event becomes one row, whatever it holds and however often it comes."""

from __future__ import annotations

import json
import random
from datetime import timedelta

import pytest

from feed.event_handlers import handle_pictures
from feed.models import Picture
from feed.testing import DEVICE_ID, MOMENT, data_url, publish_event
from particle_integration.dispatch import InboxDispatcher
from particle_integration.handlers import registry
from particle_integration.models import InboxEvent
from portal.live import updates

pytestmark = pytest.mark.django_db


def handle(*events: InboxEvent):
    with updates.transaction():
        return handle_pictures(events)


def test_an_event_becomes_a_received_picture_of_the_devices_owner(device, ada):
    event = publish_event(
        json.dumps({"image": data_url(), "caption": " two  cats ", "press": "7-1"})
    )

    refusals = handle(event)

    picture = Picture.objects.get()
    assert refusals == {}
    assert (picture.state, picture.poster, picture.device) == ("received", ada, device)
    assert (picture.caption, picture.press_token) == ("two cats", "7-1")
    assert (picture.event, picture.pressed_at) == (event, MOMENT)


def test_an_unknown_device_is_made_and_its_picture_has_no_poster():
    handle(publish_event(data_url()))

    picture = Picture.objects.get()
    assert picture.device.particle_device_id == DEVICE_ID
    assert picture.poster is None


def test_handling_an_event_again_makes_no_second_picture(device):
    event = publish_event(data_url())

    handle(event)
    handle(event)

    assert Picture.objects.count() == 1


def test_a_press_sent_again_by_the_device_is_one_picture(device):
    first, again = (publish_event(json.dumps({"image": data_url(), "press": "7-1"})) for _ in "12")

    handle(first, again)
    handle(again)

    assert Picture.objects.get().event == first


def test_equal_press_tokens_of_two_devices_are_two_pictures(device):
    data = json.dumps({"image": data_url(), "press": "7-1"})
    other = publish_event(data, particle_device_id="0" * 24)

    handle(publish_event(data), other)

    assert Picture.objects.count() == 2


def test_presses_without_a_token_are_each_a_picture(device):
    handle(publish_event(data_url()), publish_event(data_url()))

    assert Picture.objects.count() == 2


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ('{"image": 5}', "wrong type"),
        ("{broken", "is none"),
        ("[1]", "JSON array"),
        ("data:image/jpeg;base64,????", "Base64"),
        ("data:image/jpeg,plain", "not in Base64"),
        ('{"image": "http://example.com/a.jpg"}', "neither a data URL nor an https URL"),
        ('{"image": "https://example.com/a.jpg"}', "does not fetch pictures yet"),
        ("", "does not draw pictures yet"),
        ("good morning", "does not draw pictures yet"),
    ],
)
def test_what_is_no_picture_is_kept_with_its_reason_and_stops_nothing(device, data, reason):
    bad, good = publish_event(data), publish_event(data_url())

    refusals = handle(bad, good)

    refused = Picture.objects.get(event=bad)
    assert refusals == {}
    assert refused.state == "refused"
    assert reason in refused.reason
    assert Picture.objects.get(event=good).state == "received"


def test_an_event_that_no_device_published_is_refused_for_good(device):
    event = publish_event(data_url(), particle_device_id="api")

    refusals = handle(event)

    assert refusals[event.pk].is_permanent
    assert "'api'" in refusals[event.pk].reason
    assert not Picture.objects.exists()


def test_a_picture_shows_that_its_device_was_heard(device):
    event = publish_event(data_url())

    handle(event)

    device.refresh_from_db()
    assert device.last_heard_at == event.published_at


def test_the_number_of_queries_does_not_grow_with_the_batch(device, django_assert_max_num_queries):
    events = [
        publish_event(data_url(), particle_device_id=f"{number % 5:024x}") for number in range(50)
    ]
    random.shuffle(events)

    with django_assert_max_num_queries(20):
        handle(*events)

    assert Picture.objects.count() == 50


@pytest.mark.django_db(transaction=True)
def test_the_dispatcher_finds_the_handler_and_settles_with_it(device):
    publish_event(data_url(), published_at=MOMENT - timedelta(days=1))
    publish_event("{broken")

    InboxDispatcher(registry).run_once()

    assert set(InboxEvent.objects.values_list("state", flat=True)) == {"handled"}
    assert sorted(Picture.objects.values_list("state", flat=True)) == ["received", "refused"]
