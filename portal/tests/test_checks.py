"""What would be wrong in production is found before it is."""

from __future__ import annotations

import pytest
from django.core import checks

from portal.checks import check_cloud, check_hosts, check_media


def ids(messages: list[checks.CheckMessage]) -> list[str | None]:
    return [message.id for message in messages]


def test_a_star_among_the_hosts_is_an_error(settings):
    settings.ALLOWED_HOSTS = ["*"]

    assert ids(check_hosts(None)) == ["portal.E001"]


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ({}, []),
        ({"PARTICLE_PRODUCT": ""}, ["portal.E002"]),
        ({"PARTICLE_ACCESS_TOKEN": ""}, ["portal.E003"]),
        ({"PARTICLE_ACCESS_TOKEN": "", "PARTICLE_CLIENT_ID": "portal"}, ["portal.E003"]),
        (
            {
                "PARTICLE_ACCESS_TOKEN": "",
                "PARTICLE_CLIENT_ID": "portal",
                "PARTICLE_CLIENT_SECRET": "s",
            },
            [],
        ),
        ({"PARTICLE_API_URL": "http://api.particle.io"}, ["portal.E004"]),
    ],
)
def test_the_cloud_needs_product_and_token_over_tls(settings, values, found):
    defaults = {
        "PARTICLE_API_URL": "https://api.particle.io",
        "PARTICLE_PRODUCT": "rainbow-button",
        "PARTICLE_ACCESS_TOKEN": "token",
        "PARTICLE_CLIENT_ID": "",
        "PARTICLE_CLIENT_SECRET": "",
    }
    for name, value in {**defaults, **values}.items():
        setattr(settings, name, value)

    assert ids(check_cloud(None)) == found


def test_originals_below_the_public_folder_are_an_error(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path
    settings.ORIGINALS_ROOT = tmp_path / "private"

    assert ids(check_media(None)) == ["portal.E005"]
