"""The paths of the event streams: who may open which, and the opening itself.

Source: particle-cloud fact sheet, section 2.
"""

from __future__ import annotations

from dataclasses import replace

from aiohttp import web

from particle_integration.simulator.answers import denied, failure, forced
from particle_integration.simulator.api import product_missing
from particle_integration.simulator.context import (
    TOKEN,
    cloud_of,
    names_our_product,
    own_device,
    product_device,
)
from particle_integration.simulator.stream import Interest
from particle_integration.simulator.wire import OPENING


async def product_stream(request: web.Request) -> web.StreamResponse:
    """Stream the product's events, or one product device's."""
    if not names_our_product(request):
        return product_missing()
    interest = Interest(prefix=_prefix(request), is_product=True)
    if "device" in request.match_info:
        device = product_device(request)
        if device is None:
            return denied()
        interest = replace(interest, device_id=device.id)
    return await _open(request, interest)


async def account_stream(request: web.Request) -> web.StreamResponse:
    """Stream the events of the caller's devices, or of one of them."""
    interest = Interest(prefix=_prefix(request), owner_id=request[TOKEN].account_id)
    if "device" in request.match_info:
        device = own_device(request)
        if device is None:
            return denied()
        interest = replace(interest, device_id=device.id)
    return await _open(request, interest)


async def prefixed_stream(request: web.Request) -> web.StreamResponse:
    """Stream by prefix; without one the cloud refuses since 2018."""
    if not _prefix(request):
        return failure(400, "An event prefix is required")
    return await account_stream(request)


def _prefix(request: web.Request) -> str:
    return request.match_info.get("prefix", "")


async def _open(request: web.Request, interest: Interest) -> web.StreamResponse:
    cloud = cloud_of(request)
    transport = request.transport
    if cloud.faults.stream_status:
        return forced(cloud.faults, cloud.faults.stream_status)
    response = web.StreamResponse(
        headers={"Content-Type": "text/event-stream", "Cache-Control": "no-cache"}
    )
    if transport is None:
        return response
    if cloud.faults.stream_headers_withheld:
        await cloud.broker.withhold(transport)
        return response
    response.enable_chunked_encoding()
    response.headers["Connection"] = "keep-alive"
    response.force_close()
    await response.prepare(request)
    await response.write(OPENING)
    await cloud.broker.serve(transport=transport, interest=interest)
    return response
