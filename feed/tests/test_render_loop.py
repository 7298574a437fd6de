"""Received pictures are rendered, many at once, and published once, whatever dies in between."""

from __future__ import annotations

import io
import json
import logging
import threading
import time

import pytest
from django.core.files.storage import default_storage
from django.db import connection, transaction
from django.utils import timezone
from PIL import Image

from feed import rendering_jobs
from feed.event_handlers import handle_pictures
from feed.models import Picture
from feed.pictures import hide_picture
from feed.render_loop import MAX_TRIES, RenderLoop
from feed.rendering_jobs import Postponed, Refused, run_job
from feed.testing import contents, data_url, jpeg, publish_event, told
from portal.lib.runloop import run_until_idle
from portal.lib.stopping import Stop
from portal.live import updates

pytestmark = pytest.mark.django_db(transaction=True)


def press(data: str) -> Picture:
    event = publish_event(data)
    with updates.transaction():
        handle_pictures([event])
    return Picture.objects.get(event=event)


def run(loop: RenderLoop | None = None) -> None:
    run_until_idle([loop or RenderLoop()], Stop())


def make_due() -> None:
    now = timezone.now()
    Picture.objects.update(next_attempt_at=now)
    Picture.objects.filter(state="claimed").update(leased_until=now)


def public_files() -> list[str]:
    try:
        return sorted(default_storage.listdir("")[1])
    except FileNotFoundError:
        return []


def test_a_press_is_published_with_its_files_and_told_to_the_feed(device):
    picture = press(json.dumps({"image": data_url(jpeg(900, 600)), "caption": "hello"}))

    run()

    picture.refresh_from_db()
    assert (picture.state, picture.width, picture.height) == ("published", 900, 600)
    assert list(picture.images) == ["320", "640", "900"]
    assert public_files() == sorted(picture.images.values())
    for width, name in picture.images.items():
        with Image.open(io.BytesIO(contents(name))) as image:
            assert (image.format, image.width) == ("WEBP", int(width))
    (update,) = told()
    assert (update.type, update.topics) == ("feed.picture_added", "feed")
    assert json.loads(update.payload)["picture"]["caption"] == "hello"


def test_what_the_device_sent_is_kept_where_no_route_leads(device):
    data = jpeg()
    picture = press(data_url(data))

    run()

    picture.refresh_from_db()
    assert picture.original.startswith(f"originals/{picture.key}-")
    assert contents(picture.original, "originals") == data
    assert not default_storage.exists(picture.original)


def test_nobodys_picture_is_rendered_and_held(device):
    device.owner = None
    device.save()
    picture = press(data_url())

    run()

    picture.refresh_from_db()
    assert (picture.state, picture.published_at) == ("held", None)
    assert picture.images
    assert told() == []


def test_undecodable_bytes_are_refused_with_a_reason_and_stop_nothing(device):
    bad = press(data_url(b"\xff\xd8\xff\xe0 but then nonsense"))
    good = press(data_url())

    run()

    bad.refresh_from_db()
    good.refresh_from_db()
    assert (bad.state, good.state) == ("refused", "published")
    assert bad.reason
    assert len(told()) == 1


def test_due_pictures_are_found_without_a_look_at_all_the_others(published):
    published()
    with transaction.atomic(), connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET LOCAL enable_seqscan = off")

        plan = Picture.objects.next_due()[:3].explain()

    assert "pictures_due" in plan
    assert "pictures_under_lease" in plan


def test_an_outcome_that_the_database_does_not_take_stops_no_other(device, caplog):
    bad, good = press(data_url()), press(data_url())

    def run_odd(job):
        return Refused("lone \ud800", "") if job.picture.pk == bad.pk else run_job(job)

    with caplog.at_level(logging.CRITICAL):
        run(RenderLoop(run_odd))

    bad.refresh_from_db()
    good.refresh_from_db()
    assert (bad.state, good.state) == ("received", "published")
    assert "could not be stored" in bad.last_error
    assert bad.next_attempt_at > timezone.now()


def test_a_slow_picture_holds_up_no_other(device):
    slow, *quick = [press(data_url()) for _ in range(6)]
    release = threading.Event()

    def work(job):
        if job.picture.pk == slow.pk:
            release.wait(10)
        return run_job(job)

    loop = RenderLoop(work, slots=2)
    deadline = time.monotonic() + 10
    while Picture.objects.filter(state="published").count() < len(quick):
        assert time.monotonic() < deadline
        loop.run_once()
        time.sleep(0.005)
    assert Picture.objects.get(pk=slow.pk).state == "claimed"
    release.set()

    run(loop)

    assert Picture.objects.get(pk=slow.pk).state == "published"


def test_a_worker_killed_before_the_commit_leaves_a_picture_that_appears_once(device):
    picture = press(data_url())
    dead = RenderLoop(slots=1)
    dead.run_once()
    while not all(future.done() for future in dead._under_way):
        time.sleep(0.01)
    make_due()

    run()
    dead.run_once()

    picture.refresh_from_db()
    assert (picture.state, picture.attempts) == ("published", 2)
    assert len(told("feed.picture_added")) == 1
    assert public_files() == sorted(picture.images.values())


def test_a_lost_lease_takes_no_neighbour_along(device):
    lost, kept = press(data_url()), press(data_url())
    loop = RenderLoop()
    loop.run_once()
    Picture.objects.filter(pk=lost.pk).update(lease_token="0" * 32)

    run(loop)

    assert Picture.objects.get(pk=kept.pk).state == "published"
    assert Picture.objects.get(pk=lost.pk).state == "claimed"


@pytest.mark.parametrize("what_happens", ["hidden", "deleted"])
def test_a_picture_taken_away_while_it_is_rendered_leaves_no_file(device, what_happens):
    picture = press(data_url())
    loop = RenderLoop()
    loop.run_once()

    if what_happens == "hidden":
        assert hide_picture(picture=picture)
    else:
        picture.delete()
    run(loop)

    assert public_files() == []
    assert told("feed.picture_added") == []


def test_a_full_disk_puts_the_picture_off_and_leaves_no_half_file(device, monkeypatch, tmp_path):
    picture = press(data_url())

    def full(fd: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as disk:
        disk.setattr("os.fdatasync", full)
        run()
    put_off = Picture.objects.get()
    left = [path for path in tmp_path.rglob("*") if path.is_file()]
    make_due()
    run()

    picture.refresh_from_db()
    assert (put_off.state, put_off.attempts) == ("received", 1)
    assert "No space left" in put_off.last_error
    assert put_off.next_attempt_at > put_off.received_at
    assert left == []
    assert (picture.state, picture.last_error) == ("published", "")


def test_a_picture_that_kills_its_children_is_given_up_in_the_end(device):
    picture = press(data_url())
    loop = RenderLoop(lambda job: Postponed("The child died.", is_about_picture=True))

    for _ in range(MAX_TRIES):
        make_due()
        run_once_to_the_end(loop)

    picture.refresh_from_db()
    assert picture.state == "refused"
    assert picture.reason == f"It could not be rendered in {MAX_TRIES} tries. The child died."


def run_once_to_the_end(loop: RenderLoop) -> None:
    loop.run_once()
    while not loop.is_idle():
        loop.run_once()


def test_an_unknown_failure_is_put_off_not_lost(device, monkeypatch, caplog):
    picture = press(data_url())

    def broken(*_: object) -> None:
        raise RuntimeError("the bucket is on fire")

    monkeypatch.setattr(rendering_jobs, "write_renditions", broken)
    run()

    picture.refresh_from_db()
    assert picture.state == "received"
    assert picture.last_error == "RuntimeError: the bucket is on fire"


def test_a_stopping_worker_publishes_what_is_done_and_gives_back_the_rest(device):
    for _ in range(4):
        press(data_url())
    loop = RenderLoop(slots=4)
    loop.run_once()

    loop.close()

    assert loop.is_idle()
    assert not Picture.objects.filter(state="claimed").exists()
    assert Picture.objects.filter(state="published").count() == len(told())


def test_metadata_of_the_device_reaches_no_public_file(device):
    image = Image.open(io.BytesIO(jpeg()))
    exif = Image.Exif()
    exif[0x010F] = "SecretMaker"
    file = io.BytesIO()
    image.save(file, "JPEG", exif=exif)
    press(data_url(file.getvalue()))

    run()

    assert public_files()
    assert not [one for one in public_files() if b"SecretMaker" in contents(one)]
