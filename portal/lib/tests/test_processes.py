"""A process says that it lives, and staff see whether it does."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from portal.lib.models import Process
from portal.lib.processes import HEARTBEAT_SECONDS, Heartbeat

pytestmark = pytest.mark.django_db


def test_a_beat_before_its_time_writes_nothing(django_assert_num_queries):
    heartbeat = Heartbeat("worker")

    with django_assert_num_queries(0):
        heartbeat.beat({"dispatch": 1})


def test_a_process_that_leaves_says_so_with_its_counters():
    heartbeat = Heartbeat("worker")

    heartbeat.stop({"dispatch": 7})

    process = Process.objects.get()
    assert process.stopped_at is not None
    assert process.counters == {"dispatch": 7}


def test_staff_see_who_runs_who_left_and_who_went_silent(client, staff):
    now = timezone.now()
    silent = now - timedelta(seconds=HEARTBEAT_SECONDS * 5)
    for pid, heartbeat_at, stopped_at in ((1, now, None), (2, silent, None), (3, silent, now)):
        Process.objects.create(
            kind="worker", host="here", pid=pid, heartbeat_at=heartbeat_at, stopped_at=stopped_at
        )
    client.force_login(staff)

    page = client.get(reverse("admin:lib_process_changelist")).content.decode().lower()

    assert all(word in page for word in ("running", "lost", "stopped"))
