"""The client that the settings describe."""

from __future__ import annotations

import requests
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from particle_integration.client.api import ParticleClient, build_client


def client_from_settings(session: requests.Session | None = None) -> ParticleClient:
    """Return a client for our product. Raises ImproperlyConfigured that says what is missing."""
    has_credentials = settings.PARTICLE_CLIENT_ID and settings.PARTICLE_CLIENT_SECRET
    if not settings.PARTICLE_PRODUCT:
        raise ImproperlyConfigured("PARTICLE_PRODUCT is not set: the product's id or slug")
    if not (settings.PARTICLE_ACCESS_TOKEN or has_credentials):
        raise ImproperlyConfigured(
            "no credentials for the cloud: set PARTICLE_ACCESS_TOKEN (an API user's token), "
            "or PARTICLE_CLIENT_ID and PARTICLE_CLIENT_SECRET"
        )
    try:
        return build_client(
            api_url=settings.PARTICLE_API_URL,
            product=settings.PARTICLE_PRODUCT,
            access_token=settings.PARTICLE_ACCESS_TOKEN,
            client_id=settings.PARTICLE_CLIENT_ID,
            client_secret=settings.PARTICLE_CLIENT_SECRET,
            session=session,
        )
    except ValueError as error:
        raise ImproperlyConfigured(f"PARTICLE_API_URL: {error}") from error
