"""SQLite's writers queue: across connections, and without one overtaking."""

from __future__ import annotations

import threading
import time

import pytest

from portal.lib.sqlite.writerlock import WriterLock, WriterLockTimeout


@pytest.fixture
def new_lock(tmp_path):
    locks = []

    def build(timeout_seconds: float = 5.0) -> WriterLock:
        locks.append(WriterLock(str(tmp_path / "db.sqlite3"), timeout_seconds))
        return locks[-1]

    yield build
    for lock in locks:
        lock.close()


def test_a_second_writer_gives_up_after_its_time(new_lock):
    new_lock().acquire()

    with pytest.raises(WriterLockTimeout, match="another writer"):
        new_lock(timeout_seconds=0.02).acquire()


def test_a_lock_given_back_is_free_for_the_next(new_lock):
    first, second = new_lock(), new_lock(timeout_seconds=0.0)
    first.acquire()

    first.release()
    second.acquire()

    assert second.is_held
    assert not first.is_held


def test_who_has_just_left_cannot_overtake_who_waits(new_lock):
    hog, waiter = new_lock(), new_lock()
    order: list[str] = []
    hog.acquire()

    def write() -> None:
        waiter.acquire()
        order.append("waiter")
        waiter.release()

    thread = threading.Thread(target=write)
    thread.start()
    time.sleep(0.05)  # the waiter holds the queue by now

    hog.release()
    hog.acquire()
    order.append("hog")
    hog.release()
    thread.join()

    assert order == ["waiter", "hog"]


def test_closing_gives_the_lock_back(new_lock):
    first, second = new_lock(), new_lock(timeout_seconds=0.0)
    first.acquire()

    first.close()
    second.acquire()

    assert second.is_held
