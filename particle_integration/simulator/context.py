"""What a request handler reaches for: the cloud behind the application, who asks, which device."""

from __future__ import annotations

from aiohttp import web

from particle_integration.simulator.devices import VirtualDevice
from particle_integration.simulator.oauth import Token
from particle_integration.simulator.state import PRODUCT_ID, PRODUCT_SLUG, Cloud

CLOUD = web.AppKey("cloud", Cloud)
TOKEN = web.RequestKey("token", Token)


def cloud_of(request: web.Request) -> Cloud:
    """Return the cloud that this application serves."""
    return request.app[CLOUD]


def names_our_product(request: web.Request) -> bool:
    """Say whether the path's product, an id or a slug, is the one that exists here."""
    return request.match_info["product"] in {str(PRODUCT_ID), PRODUCT_SLUG}


def own_device(request: web.Request) -> VirtualDevice | None:
    """Return the device on an account's path if the caller has claimed it; by id or name."""
    device = cloud_of(request).fleet.find(request.match_info["device"], by_name=True)
    if device is None or device.owner_id != request[TOKEN].account_id:
        return None
    return device


def product_device(request: web.Request) -> VirtualDevice | None:
    """Return the device on a product's path; by id only."""
    return cloud_of(request).fleet.find(request.match_info["device"])
