"""The REST API: tokens, product, devices, calls, variables, ping, publish.

Source: particle-cloud fact sheet, sections 1, 5 and 6.
"""

from __future__ import annotations

from typing import Any

from aiohttp import BasicAuth, web

from particle_integration.simulator.answers import (
    answer,
    body_fields,
    denied,
    failure,
    forced,
    refusal_answer,
)
from particle_integration.simulator.context import (
    TOKEN,
    cloud_of,
    names_our_product,
    own_device,
    product_device,
)
from particle_integration.simulator.devices import VARIABLES, VirtualDevice, api_form
from particle_integration.simulator.errors import DeviceTimedOut, FunctionMissing
from particle_integration.simulator.middleware import FORM
from particle_integration.simulator.oauth import NOT_A_FORM, Refusal
from particle_integration.simulator.state import DEVELOPER, PRODUCT_ID, PRODUCT_SLUG
from particle_integration.simulator.wire import moment_text, now_text

MAX_ARGUMENT_BYTES = 1_024
MAX_NAME_BYTES = 64
DEVICES_PER_PAGE = 25
RAINBOW_PRODUCT: dict[str, Any] = {
    "id": PRODUCT_ID,
    "platform_id": 32,
    "name": "Rainbow Button",
    "slug": PRODUCT_SLUG,
    "description": "A button and some lights, simulated",
    "subscription_id": 1,
    "mb_limit": None,
    "groups": [],
    "settings": {"known_application": {"opt_in": False}},
    "org": "simulator",
}


async def post_token(request: web.Request) -> web.Response:
    """Issue a token: form-encoded only, the client by HTTP Basic or by fields."""
    cloud = cloud_of(request)
    if cloud.faults.token_status:
        return forced(cloud.faults, cloud.faults.token_status)
    if request.content_type != FORM:
        return refusal_answer(NOT_A_FORM)
    form = {key: value for key, value in (await request.post()).items() if isinstance(value, str)}
    granted = cloud.tokens.grant(form, _basic_client(request))
    if isinstance(granted, Refusal):
        return refusal_answer(granted)
    response = answer(granted.body())
    response.headers["Cache-Control"] = "no-store"
    response.headers["Pragma"] = "no-cache"
    return response


async def delete_current_token(request: web.Request) -> web.Response:
    """Revoke the token that asks."""
    cloud_of(request).tokens.revoke(request[TOKEN].value)
    return answer({"ok": True})


async def get_user(request: web.Request) -> web.Response:
    """Say whose token it is."""
    return answer({"username": DEVELOPER, "subscription_ids": [], "account_info": {}})


async def get_products(request: web.Request) -> web.Response:
    """List the one product."""
    return answer({"products": [RAINBOW_PRODUCT]})


async def get_product(request: web.Request) -> web.Response:
    """Describe the product."""
    if not names_our_product(request):
        return product_missing()
    return answer({"product": RAINBOW_PRODUCT})


async def get_devices(request: web.Request) -> web.Response:
    """List the caller's claimed devices, newest handshake first, as a bare array."""
    devices = [
        device
        for device in cloud_of(request).fleet.all
        if device.owner_id == request[TOKEN].account_id
    ]
    devices.sort(key=lambda device: device.last_handshake_at, reverse=True)
    return answer(
        [api_form(device, product_id=PRODUCT_ID, for_product=False) for device in devices]
    )


async def get_product_devices(request: web.Request) -> web.Response:
    """List the product's devices, a page at a time."""
    if not names_our_product(request):
        return product_missing()
    cloud = cloud_of(request)
    page, per_page = _paging(request)
    wanted_id = request.query.get("deviceId", "").lower()
    wanted_name = request.query.get("deviceName", "").lower()
    found = [
        device
        for device in cloud.fleet.all
        if wanted_id in device.id and wanted_name in device.name.lower()
    ]
    shown = found[(page - 1) * per_page : page * per_page]
    customers = [{"id": cloud.developer_id, "username": DEVELOPER}]
    return answer(
        {
            "devices": [
                api_form(device, product_id=PRODUCT_ID, for_product=True) for device in shown
            ],
            "customers": customers if any(device.owner_id for device in shown) else [],
            "meta": {
                "total_pages": max(1, -(-len(found) // per_page)),
                "total_records": len(found),
            },
        }
    )


async def get_device(request: web.Request) -> web.Response:
    """Describe one device."""
    device, refusal = _device(request)
    if device is None:
        return refusal
    for_product = "product" in request.match_info
    return answer(api_form(device, product_id=PRODUCT_ID, for_product=for_product))


async def put_device(request: web.Request) -> web.Response:
    """Rename a device."""
    device, refusal = _device(request)
    if device is None:
        return refusal
    name = (await body_fields(request)).get("name")
    if not isinstance(name, str) or not name.strip():
        return failure(400, "name is empty")
    cloud_of(request).fleet.rename(device, name.strip())
    return answer({"id": device.id, "name": device.name, "updated_at": now_text()})


async def put_ping(request: web.Request) -> web.Response:
    """Say whether the device can be reached; offline is no error."""
    device, refusal = _device(request)
    if device is None:
        return refusal
    return answer({"online": cloud_of(request).is_reachable(device), "ok": True})


async def get_variable(request: web.Request) -> web.Response:
    """Read a variable."""
    device, refusal = _device(request)
    if device is None:
        return refusal
    cloud = cloud_of(request)
    if not device.is_online:
        return _timed_out(request)
    name = request.match_info["variable"]
    if name not in VARIABLES:
        return failure(404, "Variable not found")
    if cloud.faults.is_silent(device.id):
        await cloud.out_wait()
        return _timed_out(request)
    value = device.variable(name)
    if request.query.get("format") == "raw":
        return answer(value)
    core = {
        "name": device.name,
        "deviceID": device.id,
        "connected": True,
        "last_handshake_at": moment_text(device.last_handshake_at),
    }
    return answer({"name": name, "result": value, "coreInfo": core})


async def post_function(request: web.Request) -> web.StreamResponse:
    """Call a function; the argument comes as `arg` by the documentation, `args` from clients."""
    device, refusal = _device(request)
    if device is None:
        return refusal
    cloud = cloud_of(request)
    if cloud.faults.call_status:
        return forced(cloud.faults, cloud.faults.call_status)
    fields = await body_fields(request)
    argument = fields.get("arg", fields.get("args"))
    text = "" if argument is None else str(argument)
    if len(text.encode(errors="replace")) > MAX_ARGUMENT_BYTES:
        return failure(400, f"The argument is longer than {MAX_ARGUMENT_BYTES} bytes")
    try:
        value = await cloud.call(device, request.match_info["function"], text)
    except FunctionMissing as error:
        return failure(404, str(error))
    except DeviceTimedOut:
        return _timed_out(request)
    if cloud.faults.call_answer_lost and request.transport:
        request.transport.abort()
    if fields.get("format") == "raw" or request.query.get("format") == "raw":
        return answer(value)
    return answer({"id": device.id, "name": device.name, "connected": True, "return_value": value})


async def post_event(request: web.Request) -> web.Response:
    """Publish an event into the product's stream, or to the caller's own streams."""
    is_product = "product" in request.match_info
    if is_product and not names_our_product(request):
        return product_missing()
    fields = await body_fields(request)
    name, data = fields.get("name"), fields.get("data")
    if not isinstance(name, str) or not name:
        return failure(400, "The event name is missing")
    if len(name.encode(errors="replace")) > MAX_NAME_BYTES:
        return failure(400, f"The event name is longer than {MAX_NAME_BYTES} bytes")
    cloud_of(request).publish_from_api(
        name=name,
        data=None if data is None else str(data),
        owner_id="" if is_product else request[TOKEN].account_id,
    )
    return answer({"ok": True})


async def post_vitals(request: web.Request) -> web.Response:
    """Ask a device for its vitals; they come as an event."""
    device, refusal = _device(request)
    if device is None:
        return refusal
    if not device.is_online:
        return _timed_out(request)
    cloud_of(request).publish_vitals(device)
    return answer({"ok": True})


def product_missing() -> web.Response:
    """Answer that there is no such product."""
    return failure(404, "Product not found.")


def _device(request: web.Request) -> tuple[VirtualDevice | None, web.Response]:
    if "product" not in request.match_info:
        return own_device(request), denied()
    if not names_our_product(request):
        return None, product_missing()
    return product_device(request), denied()


def _timed_out(request: web.Request) -> web.Response:
    if cloud_of(request).faults.offline_as_400:
        return failure(400, "Timed out.")
    return failure(408, "timed out")


def _basic_client(request: web.Request) -> tuple[str, str] | None:
    try:
        basic = BasicAuth.decode(request.headers.get("Authorization", ""))
    except ValueError:
        return None
    return basic.login, basic.password


def _paging(request: web.Request) -> tuple[int, int]:
    page = request.query.get("page", "1")
    per_page = request.query.get("per_page") or request.query.get("perPage") or ""
    return _positive(page, 1), _positive(per_page, DEVICES_PER_PAGE)


def _positive(text: str, otherwise: int) -> int:
    if text.isascii() and text.isdigit() and int(text[:9]) > 0:
        return int(text[:9])
    return otherwise
