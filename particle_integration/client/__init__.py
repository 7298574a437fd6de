"""Speak HTTP to the Particle cloud: nothing else in the portal does."""

from __future__ import annotations

from particle_integration.client.api import CloudDevice, CloudProduct, ParticleClient, build_client
from particle_integration.client.configured import client_from_settings
from particle_integration.client.streams import EventStream
from particle_integration.client.tokens import ClientCredentials, StaticToken, TokenSource
from particle_integration.client.transport import Transport, build_session

__all__ = [
    "ClientCredentials",
    "CloudDevice",
    "CloudProduct",
    "EventStream",
    "ParticleClient",
    "StaticToken",
    "TokenSource",
    "Transport",
    "build_client",
    "build_session",
    "client_from_settings",
]
