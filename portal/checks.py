"""System checks: what would be wrong in production, each with a hint."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register
from django.core.checks import Warning as CheckWarning


@register(Tags.security, deploy=True)
def check_hosts(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """A star lets anybody choose the host in links that the portal mails out."""
    if "*" in settings.ALLOWED_HOSTS:
        return [
            Error(
                "ALLOWED_HOSTS lets any host name in.",
                hint="Name the portal's own hosts, separated by commas.",
                id="portal.E001",
            )
        ]
    return []


@register(deploy=True)
def check_cloud(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Without product and token nothing is heard and nothing dances."""
    found: list[CheckMessage] = []
    if not settings.PARTICLE_PRODUCT:
        found.append(
            Error(
                "PARTICLE_PRODUCT is not set.",
                hint="Set it to the product's id or slug, as the Particle console shows it.",
                id="portal.E002",
            )
        )
    has_client = settings.PARTICLE_CLIENT_ID and settings.PARTICLE_CLIENT_SECRET
    if not settings.PARTICLE_ACCESS_TOKEN and not has_client:
        found.append(
            Error(
                "There is no token for the Particle cloud.",
                hint="Set PARTICLE_ACCESS_TOKEN to an API user's token (preferred), or both "
                "PARTICLE_CLIENT_ID and PARTICLE_CLIENT_SECRET.",
                id="portal.E003",
            )
        )
    if settings.PARTICLE_API_URL.startswith("http://"):
        found.append(
            Error(
                f"PARTICLE_API_URL is {settings.PARTICLE_API_URL}: the token is sent in clear.",
                hint="Use https://api.particle.io; http is for the simulated cloud.",
                id="portal.E004",
            )
        )
    return found


@register(Tags.files)
def check_media(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Everything below MEDIA_ROOT is public: originals must not lie there."""
    media, originals = Path(settings.MEDIA_ROOT), Path(settings.ORIGINALS_ROOT)
    if media == originals or media in originals.parents:
        return [
            Error(
                f"ORIGINALS_ROOT ({originals}) lies inside MEDIA_ROOT ({media}), which is served.",
                hint="Keep what devices sent in a folder of its own.",
                id="portal.E005",
            )
        ]
    return []


@register(Tags.compatibility)
def check_redis(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """channels-redis 4.3 with redis-py 8 closes idle websockets in six seconds (its issue 422)."""
    if not settings.REDIS_URL:
        return []

    installed = version("redis")
    if int(installed.split(".")[0]) >= 8:
        return [
            CheckWarning(
                f"redis-py {installed} closes idle websockets after six seconds.",
                hint="Install redis below 8, as requirements.txt pins it.",
                id="portal.W001",
            )
        ]
    return []
