"""The control API under /simulator/: press, plug, faults, and the page with what it shows."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import wraps
from pathlib import Path
from typing import Any

from aiohttp import web

from particle_integration.simulator import NOT_THE_REAL_CLOUD
from particle_integration.simulator.answers import answer, body_fields, failure
from particle_integration.simulator.context import cloud_of
from particle_integration.simulator.devices import VirtualDevice, public_form
from particle_integration.simulator.errors import InvalidFault
from particle_integration.simulator.faults import Faults, documentation
from particle_integration.simulator.middleware import only_own_pages

STATIC = Path(__file__).parent / "static"
PAGE_FILES = {"page.css": "text/css", "page.js": "text/javascript"}
PAGE_POLICY = "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'"
MAX_DEVICES_ON_PAGE = 60
# What an exact event may override beside its name and data.
EXACT_KEYS = ("published_at", "coreid", "userid", "version", "ttl")

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def order(handler: Handler) -> Handler:
    """Mark a handler as one that changes something: not at another site's bidding."""

    @wraps(handler)
    async def guarded(request: web.Request) -> web.StreamResponse:
        return only_own_pages(request) or await handler(request)

    return guarded


async def get_page(request: web.Request) -> web.StreamResponse:
    """Serve the page."""
    page = (STATIC / "page.html").read_text().replace("{{notice}}", NOT_THE_REAL_CLOUD)
    headers = {"Content-Security-Policy": PAGE_POLICY, "Cache-Control": "no-store"}
    return web.Response(text=page, content_type="text/html", headers=headers)


async def redirect_to_page(request: web.Request) -> web.StreamResponse:
    """Lead a visitor who left something out to the page."""
    raise web.HTTPFound("/simulator/")


async def get_page_file(request: web.Request) -> web.StreamResponse:
    """Serve the page's script and style."""
    name = request.match_info["name"]
    if name not in PAGE_FILES:
        raise web.HTTPNotFound
    text = (STATIC / name).read_text()
    headers = {"Cache-Control": "no-store"}
    return web.Response(text=text, content_type=PAGE_FILES[name], headers=headers)


async def get_devices(request: web.Request) -> web.StreamResponse:
    """List all devices with their presses and dances."""
    return answer([public_form(device) for device in cloud_of(request).fleet.all])


async def get_state(request: web.Request) -> web.StreamResponse:
    """Return what the page shows; with `after`, only the devices that changed since."""
    cloud = cloud_of(request)
    after = request.query.get("after", "")
    since = int(after) if after.isascii() and after.isdigit() and len(after) < 16 else -1
    devices = [
        _page_form(device)
        for device in cloud.fleet.all[:MAX_DEVICES_ON_PAGE]
        if device.changed > since
    ]
    return answer(
        {
            "change": cloud.fleet.change_number,
            "boot": str(cloud.started),
            "devices": devices,
            "counts": {
                "devices": len(cloud.fleet.all),
                "presses": cloud.fleet.press_count,
                "dances": cloud.fleet.dance_count,
                "events": cloud.broker.event_count,
                "streams": cloud.broker.stream_count,
            },
            "faults": cloud.faults.as_dict(),
        }
    )


async def get_picture(request: web.Request) -> web.StreamResponse:
    """Serve a device's last picture."""
    device = _device(request)
    if not device.last_picture:
        raise web.HTTPNotFound
    headers = {"Cache-Control": "no-store"}
    return web.Response(body=device.last_picture, content_type="image/jpeg", headers=headers)


@order
async def post_press(request: web.Request) -> web.StreamResponse:
    """Press a device's button; with a body, publish exactly that event instead."""
    device = _device(request)
    fields = await body_fields(request)
    if "event" in fields:
        return _publish_exactly(request, device, fields)
    if fields:
        return failure(400, "an exact event needs the key 'event'")
    is_published = await cloud_of(request).press(device)
    return answer(
        {
            "ok": True,
            "id": device.id,
            "presses": device.press_count,
            "published": is_published,
            "waiting": len(device.waiting),
        }
    )


@order
async def post_plug(request: web.Request) -> web.StreamResponse:
    """Take a device off the network by hand, or put it back: {"online": true or false}."""
    device = _device(request)
    is_online = (await body_fields(request)).get("online")
    if not isinstance(is_online, bool):
        return failure(400, "online is true or false")
    device.is_unplugged = not is_online
    if is_online:
        device.is_away = False
    cloud_of(request).settle_presence(device)
    return answer({"ok": True, "id": device.id, "online": device.is_online})


@order
async def post_stream_bytes(request: web.Request) -> web.StreamResponse:
    """Write the body as it is, as one chunk, to every open product stream."""
    cloud_of(request).broker.publish_raw(await request.read())
    return answer({"ok": True})


async def get_faults(request: web.Request) -> web.StreamResponse:
    """Return all fault switches; with `?explain` what each does, with `?defaults` how it starts."""
    if "explain" in request.query:
        return answer(documentation())
    if "defaults" in request.query:
        return answer(Faults().as_dict())
    return answer(cloud_of(request).faults.as_dict())


@order
async def post_faults(request: web.Request) -> web.StreamResponse:
    """Set the switches named in the body; the others stay as they are."""
    cloud = cloud_of(request)
    try:
        cloud.apply_faults(await body_fields(request))
    except InvalidFault as error:
        return failure(400, str(error))
    return answer(cloud.faults.as_dict())


@order
async def delete_faults(request: web.Request) -> web.StreamResponse:
    """Put every switch back to its default."""
    cloud = cloud_of(request)
    cloud.clear_faults()
    return answer(cloud.faults.as_dict())


def _publish_exactly(
    request: web.Request, device: VirtualDevice, fields: dict[str, Any]
) -> web.StreamResponse:
    unknown = fields.keys() - {"event", "data", *EXACT_KEYS}
    if unknown:
        return failure(400, f"an exact event has no key {min(unknown)!r}")
    exact = {key: fields[key] for key in EXACT_KEYS if key in fields}
    event = cloud_of(request).publish(device, str(fields["event"]), fields.get("data"), **exact)
    return answer({"ok": True, "id": device.id, "published_at": event.published_at})


def _device(request: web.Request) -> VirtualDevice:
    device = cloud_of(request).fleet.find(request.match_info["device"])
    if device is None:
        raise web.HTTPNotFound(reason=f"there is no device {request.match_info['device'][:40]}")
    return device


def _page_form(device: VirtualDevice) -> dict[str, Any]:
    return {
        "id": device.id,
        "name": device.name,
        "online": device.is_online,
        "unplugged": device.is_unplugged,
        "presses": device.press_count,
        "dances": device.dance_count,
        "likes": device.dances[-1]["argument"] if device.dances else "",
        "waiting": len(device.waiting),
        "brightness": device.brightness,
        "picture": bool(device.last_picture),
    }
