"""Staff see what came, why something was not handled, and can have it handled again."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from django.urls import reverse

from particle_integration.events import ParticleEvent
from particle_integration.inbox import (
    Unreadable,
    claim_due,
    settle_ignored,
    settle_refused,
    store_events,
    store_quarantined,
)
from particle_integration.models import InboxEvent, InboxState, Path, StreamSession

pytestmark = pytest.mark.django_db

DEVICE = "e00fce68aaaabbbbccccdddd"
MOMENT = datetime(2026, 11, 24, 10, 15, 30, 123000, UTC)
LIST = "admin:particle_integration_inboxevent_changelist"


@pytest.fixture
def staff_client():
    client = Client()
    staff = get_user_model()(is_staff=True, is_superuser=True, is_active=True)
    setattr(staff, staff.USERNAME_FIELD, "staff@example.com")
    staff.save()
    client.force_login(staff)
    return client


@pytest.fixture
def inbox():
    """One ignored, one dead, one due, one unreadable."""
    for name in ("ignored/one", "dead/one", "due/one"):
        event = ParticleEvent(
            name=name, data="<b>42</b>", particle_device_id=DEVICE, published_at=MOMENT
        )
        store_events([event], Path.STREAM)
    ignored, dead = claim_due(limit=2)
    settle_ignored([ignored])
    settle_refused(dead, reason="no picture in it", is_permanent=True)
    store_quarantined([Unreadable("not JSON: nonsense", b"\xff<script>")], Path.WEBHOOK)


def test_the_inbox_is_listed_with_states_and_reasons(staff_client, inbox):
    page = staff_client.get(reverse(LIST)).content.decode()

    for text in ("ignored/one", "dead/one", "due/one", "no picture in it", "not JSON: nonsense"):
        assert text in page


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ({"outcome": "problems"}, {"dead/one", ""}),
        ({"outcome": "open"}, {"due/one"}),
        ({"outcome": "ignored"}, {"ignored/one"}),
        ({"outcome": "received"}, {"due/one"}),
        ({"outcome": "quarantined"}, {""}),
        ({"path": "webhook"}, {""}),
        ({"path": "both"}, set()),
        ({"q": DEVICE}, {"ignored/one", "dead/one", "due/one"}),
        ({"q": "dead/one"}, {"dead/one"}),
        ({"q": "nothing of the kind"}, set()),
    ],
)
def test_the_inbox_is_filtered_and_searched(staff_client, inbox, query, shown):
    response = staff_client.get(reverse(LIST), query)

    assert {event.name for event in response.context["cl"].result_list} == shown


def test_what_a_device_sent_is_shown_as_text(staff_client, inbox):
    for event in InboxEvent.objects.all():
        url = reverse("admin:particle_integration_inboxevent_change", args=[event.pk])

        page = staff_client.get(url).content.decode()

        assert ("&lt;b&gt;42" in page) or ("\\xff&lt;script&gt;" in page)
        assert "<b>42" not in page


def test_events_are_replayed_and_the_unreadable_stay(staff_client, inbox):
    selected = [str(pk) for pk in InboxEvent.objects.values_list("pk", flat=True)]

    response = staff_client.post(
        reverse(LIST), {"action": "replay_events", "_selected_action": selected}, follow=True
    )

    states = InboxEvent.objects.values_list("name", "state")
    assert dict(states) == {
        "ignored/one": InboxState.RECEIVED,
        "dead/one": InboxState.RECEIVED,
        "due/one": InboxState.RECEIVED,
        "": InboxState.QUARANTINED,
    }
    assert "2 events are due again" in response.content.decode()


def test_nobody_edits_or_deletes(staff_client, inbox):
    event = InboxEvent.objects.problems()[0]
    names = ("change", "delete")
    urls = [reverse(f"admin:particle_integration_inboxevent_{n}", args=[event.pk]) for n in names]

    answers = [staff_client.post(url, {"name": "x", "post": "yes"}).status_code for url in urls]

    assert answers == [403, 403]


def test_the_list_takes_the_same_queries_however_long_it_is(
    staff_client, inbox, django_assert_max_num_queries
):
    with django_assert_max_num_queries(8):
        staff_client.get(reverse(LIST))


def test_streams_are_listed_with_their_endings(staff_client):
    StreamSession.objects.create(host="here", pid=7, http_status=503, reason="the cloud was asleep")

    page = staff_client.get(reverse("admin:particle_integration_streamsession_changelist"))

    assert "the cloud was asleep" in page.content.decode()
