"""The client with which this app speaks to the cloud that the settings name."""

from __future__ import annotations

from django.conf import settings

from particle_integration.client import ParticleClient, build_client, build_session


def cloud_client(*, connection_count: int) -> ParticleClient:
    """Return a client that so many threads may use without waiting for a connection."""
    return build_client(
        api_url=settings.PARTICLE_API_URL,
        product=settings.PARTICLE_PRODUCT,
        access_token=settings.PARTICLE_ACCESS_TOKEN,
        client_id=settings.PARTICLE_CLIENT_ID,
        client_secret=settings.PARTICLE_CLIENT_SECRET,
        session=build_session(connection_count=connection_count),
    )
