"""Hiding takes a picture off the feed and its files away; restoring brings both back."""

from __future__ import annotations

import json

import pytest
from django.core.files.storage import default_storage

from feed.event_handlers import handle_pictures
from feed.models import Picture
from feed.pictures import hide_picture, remove_files_of_hidden, restore_picture
from feed.render_loop import RenderLoop
from feed.testing import data_url, publish_event, told
from portal.lib.runloop import run_until_idle
from portal.lib.stopping import Stop
from portal.live import updates

pytestmark = pytest.mark.django_db(transaction=True)


def render() -> None:
    run_until_idle([RenderLoop()], Stop())


@pytest.fixture
def pressed(device) -> Picture:
    with updates.transaction():
        handle_pictures([publish_event(data_url())])
    render()
    return Picture.objects.get()


def test_hiding_tells_the_feed_and_removes_the_files(pressed):
    names = list(pressed.images.values())

    assert hide_picture(picture=pressed)

    pressed.refresh_from_db()
    assert (pressed.state, pressed.images) == ("hidden", {})
    assert not [name for name in names if default_storage.exists(name)]
    (update,) = told("feed.picture_removed")
    assert json.loads(update.payload) == {"id": pressed.pk}
    assert not Picture.objects.published().exists()


def test_hiding_twice_tells_once(pressed):
    hide_picture(picture=pressed)

    assert not hide_picture(picture=pressed)
    assert len(told("feed.picture_removed")) == 1


def test_hiding_what_was_never_public_tells_nobody(pressed):
    Picture.objects.update(state="held", published_at=None)

    assert hide_picture(picture=pressed)
    assert told("feed.picture_removed") == []


def test_files_left_by_a_process_killed_while_hiding_are_removed_by_the_next_worker(pressed):
    name = pressed.images["48"]
    Picture.objects.update(state="hidden")

    render()

    assert not default_storage.exists(name)
    assert Picture.objects.get().images == {}


def test_files_of_a_published_picture_are_not_removed(pressed):
    remove_files_of_hidden(picture=pressed)

    assert default_storage.exists(pressed.images["48"])


def test_restoring_renders_from_the_original_and_returns_to_the_old_place(pressed):
    hide_picture(picture=pressed)
    pressed.event.delete()

    assert restore_picture(picture=pressed)
    render()

    restored = Picture.objects.get()
    assert (restored.state, restored.published_at) == ("published", pressed.published_at)
    assert restored.images == pressed.images
    assert default_storage.exists(restored.images["48"])
    assert len(told("feed.picture_added")) == 2


def test_restoring_a_published_picture_does_nothing(pressed):
    assert not restore_picture(picture=pressed)


def test_a_refused_picture_without_anything_to_render_stays_refused(pressed):
    Picture.objects.update(state="refused", original="", event=None, images={})

    assert not restore_picture(picture=pressed)
    assert Picture.objects.get().state == "refused"
