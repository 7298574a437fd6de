"""What tests of the feed share: files in a folder of their own, devices, presses, pictures."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.cache import caches
from django.utils import timezone

from devices.models import Device
from feed.models import Picture, PictureState
from feed.testing import DEVICE_ID, MOMENT


@pytest.fixture(autouse=True)
def _own_folders(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path / "media"
    settings.STORAGES = {
        **settings.STORAGES,
        "originals": {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": str(tmp_path / "private"), "base_url": None},
        },
    }
    memory = {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
    settings.CACHES = {alias: {**memory, "LOCATION": alias} for alias in ("default", "cards")}
    for alias in settings.CACHES:
        caches[alias].clear()


@pytest.fixture
def device(ada):
    """Ada's device."""
    return Device.objects.create(particle_device_id=DEVICE_ID, name="kitchen", owner=ada)


@pytest.fixture
def published(device):
    """Make a published picture of Ada's, without files."""

    def make(**fields) -> Picture:
        number = Picture.objects.count()
        defaults = {
            "device": device,
            "poster": device.owner,
            "state": PictureState.PUBLISHED,
            "pressed_at": MOMENT,
            "published_at": timezone.now() + timedelta(seconds=number),
            "width": 640,
            "height": 480,
            "colour": "#008080",
            "images": {"320": f"{number:024x}-{number:016x}-320.webp"},
        }
        return Picture.objects.create(**defaults | fields)

    return make
