"""Batches to handlers; a bad event isolates itself; effect and settling are one transaction."""

from __future__ import annotations

import logging
from datetime import UTC, datetime

import pytest
from django.db import connection
from django.utils import timezone

from particle_integration.dispatch import InboxDispatcher
from particle_integration.errors import InvalidEvent
from particle_integration.events import ParticleEvent
from particle_integration.handlers import HandlerRegistry, Refusal
from particle_integration.inbox import store_events
from particle_integration.models import InboxEvent, InboxState, Path, StreamSession

pytestmark = pytest.mark.django_db

DEVICE = "e00fce68aaaabbbbccccdddd"
MOMENT = datetime(2026, 11, 24, 10, 15, 30, 123000, UTC)


def receive(*names: str) -> None:
    for number, name in enumerate(names):
        event = ParticleEvent(
            name=name, data=str(number), particle_device_id=DEVICE, published_at=MOMENT
        )
        store_events([event], Path.STREAM)


def states() -> list[tuple[str, str]]:
    return list(InboxEvent.objects.order_by("pk").values_list("name", "state"))


@pytest.fixture
def registry() -> HandlerRegistry:
    return HandlerRegistry()


@pytest.fixture
def dispatcher(registry: HandlerRegistry) -> InboxDispatcher:
    return InboxDispatcher(registry)


def test_each_handler_gets_its_events_in_one_batch(registry, dispatcher):
    calls = []

    @registry.handles("a")
    @registry.handles("b")
    def handle(events):
        calls.append([event.data for event in events])
        return {}

    receive("a", "b", "a", "c")

    worked = dispatcher.run_once()

    assert worked == 4
    assert calls == [["0", "2"], ["1"]]
    assert states() == [("a", "handled"), ("b", "handled"), ("a", "handled"), ("c", "ignored")]
    assert dispatcher.run_once() == 0


def test_a_handler_runs_inside_the_transaction_that_settles(registry, dispatcher):
    seen = []

    @registry.handles("a")
    def handle(events):
        seen.append(connection.in_atomic_block)
        return {}

    receive("a")

    dispatcher.run_once()

    assert seen == [True]


def test_a_refused_event_leaves_the_others_handled(registry, dispatcher):
    registry.handles("a")(lambda events: {events[1].pk: Refusal("no picture", is_permanent=True)})
    receive("a", "a", "a")

    dispatcher.run_once()

    assert [state for _, state in states()] == ["handled", "dead", "handled"]
    assert InboxEvent.objects.problems().get().reason == "no picture"


def test_a_refusal_for_now_is_tried_again(registry, dispatcher):
    refusals = [Refusal("not yet", is_permanent=False)]
    registry.handles("a")(lambda events: {event.pk: refusals.pop() for event in events if refusals})
    receive("a")

    dispatcher.run_once()
    waiting = InboxEvent.objects.get()
    InboxEvent.objects.update(next_attempt_at=timezone.now())
    dispatcher.run_once()

    assert (waiting.state, waiting.last_error) == (InboxState.RECEIVED, "not yet")
    assert InboxEvent.objects.get().state == InboxState.HANDLED


def test_a_bad_event_isolates_itself_and_its_effect_is_undone(registry, dispatcher, caplog):
    @registry.handles("a")
    def handle(events):
        for event in events:
            StreamSession.objects.create(host=event.data, pid=1)
            if event.data == "1":
                raise KeyError("broken")
        return {}

    receive("a", "a", "a")

    with caplog.at_level(logging.CRITICAL):
        dispatcher.run_once()

    assert [state for _, state in states()] == ["handled", "received", "handled"]
    assert sorted(StreamSession.objects.values_list("host", flat=True)) == ["0", "2"]
    assert InboxEvent.objects.get(data="1").last_error == "KeyError: 'broken'"


def test_an_error_that_is_permanent_is_not_tried_again(registry, dispatcher, caplog):
    @registry.handles("a")
    def handle(events):
        raise InvalidEvent("no sense in it")

    receive("a")

    with caplog.at_level(logging.CRITICAL):
        dispatcher.run_once()

    assert InboxEvent.objects.get().state == InboxState.DEAD


def test_a_database_error_of_a_handler_poisons_no_other(registry, dispatcher, caplog):
    @registry.handles("a")
    def handle(events):
        for event in events:
            StreamSession.objects.create(host="x", pid=-1 if event.data == "0" else 1)
        return {}

    receive("a", "a")

    with caplog.at_level(logging.CRITICAL):
        dispatcher.run_once()

    assert [state for _, state in states()] == ["received", "handled"]


def test_a_handler_that_refuses_what_it_was_not_given_is_wrong(registry, dispatcher, caplog):
    registry.handles("a")(lambda events: {0: Refusal("who?", is_permanent=True)})
    receive("a")

    with caplog.at_level(logging.CRITICAL):
        dispatcher.run_once()

    assert "not given" in InboxEvent.objects.get().last_error


def test_the_effect_of_a_worker_that_lost_its_lease_is_undone(registry, dispatcher):
    @registry.handles("a")
    def handle(events):
        StreamSession.objects.create(host="effect", pid=1)
        if events[0].attempts == 1:  # meanwhile another worker takes it over
            InboxEvent.objects.update(lease_token="1" * 32)
        return {}

    receive("a")

    dispatcher.run_once()

    assert not StreamSession.objects.exists()
    assert InboxEvent.objects.get().state == InboxState.CLAIMED


def test_batches_are_bounded(registry):
    receive("a", "a", "a")

    assert [InboxDispatcher(registry, batch_size=2).run_once() for _ in range(3)] == [2, 1, 0]
