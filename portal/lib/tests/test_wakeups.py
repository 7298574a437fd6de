"""A watcher learns at once of another connection's commit, on either database."""

from __future__ import annotations

import threading
import time

import pytest
from django.db import connection, transaction
from django.utils import timezone

from portal.lib.models import Process
from portal.lib.wakeups import announce, watch

pytestmark = pytest.mark.django_db(transaction=True)


def _commit() -> None:
    with transaction.atomic():
        Process.objects.create(kind="test", host="here", pid=1, heartbeat_at=timezone.now())
        announce("inbox")
    connection.close()


def test_a_commit_elsewhere_ends_the_wait_long_before_its_time():
    watcher = watch(("inbox",))
    thread = threading.Timer(0.05, _commit)
    thread.start()

    started = time.monotonic()
    changed = watcher.wait(30.0, until=lambda: False)
    waited = time.monotonic() - started
    thread.join()
    watcher.close()

    assert changed
    assert waited < 15


def test_a_commit_before_the_wait_is_not_missed():
    watcher = watch(("inbox",))
    thread = threading.Thread(target=_commit)
    thread.start()
    thread.join()

    changed = watcher.wait(10.0, until=lambda: False)
    watcher.close()

    assert changed


def test_nothing_new_is_told_after_the_time():
    watcher = watch(("inbox",))

    changed = watcher.wait(0.05, until=lambda: False)
    watcher.close()

    assert not changed


def test_a_stop_ends_the_wait():
    watcher = watch(("inbox",))

    changed = watcher.wait(30.0, until=lambda: True)
    watcher.close()

    assert not changed
