"""The routes of the simulated cloud, and the application that serves them."""

from __future__ import annotations

from aiohttp import web

from particle_integration.simulator import api, control, streaming
from particle_integration.simulator.context import CLOUD
from particle_integration.simulator.life import start_life
from particle_integration.simulator.middleware import add_headers, answer_errors, check_caller
from particle_integration.simulator.state import Cloud

MAX_BODY_BYTES = 2 * 1024 * 1024


def build_application(cloud: Cloud) -> web.Application:
    """Return the application around a cloud; life starts and ends with it."""
    application = web.Application(
        middlewares=[answer_errors, check_caller], client_max_size=MAX_BODY_BYTES
    )
    application[CLOUD] = cloud
    application.on_response_prepare.append(add_headers)
    application.on_startup.append(_start)
    application.on_shutdown.append(_stop)
    application.add_routes([*_stream_routes(), *_api_routes(), *_control_routes()])
    return application


async def _start(application: web.Application) -> None:
    start_life(application[CLOUD])


async def _stop(application: web.Application) -> None:
    await application[CLOUD].stop()


def _with_prefix(path: str, handler: control.Handler) -> list[web.RouteDef]:
    return [web.get(path, handler), web.get(path + "/{prefix:.*}", handler)]


def _stream_routes() -> list[web.RouteDef]:
    return [
        *_with_prefix("/v1/events", streaming.prefixed_stream),
        *_with_prefix("/v1/devices/events", streaming.account_stream),
        *_with_prefix("/v1/devices/{device}/events", streaming.account_stream),
        *_with_prefix("/v1/products/{product}/events", streaming.product_stream),
        *_with_prefix("/v1/products/{product}/devices/{device}/events", streaming.product_stream),
    ]


def _api_routes() -> list[web.RouteDef]:
    # Order matters: the first path that fits answers, and {function} fits nearly everything.
    routes = [
        web.post("/oauth/token", api.post_token),
        web.delete("/v1/access_tokens/current", api.delete_current_token),
        web.get("/v1/user", api.get_user),
        web.get("/v1/products", api.get_products),
        web.get("/v1/user/products", api.get_products),
        web.get("/v1/products/{product}", api.get_product),
        web.post("/v1/products/{product}/events", api.post_event),
        web.post("/v1/devices/events", api.post_event),
        web.get("/v1/devices", api.get_devices),
        web.get("/v1/products/{product}/devices", api.get_product_devices),
    ]
    for scope in ("/v1", "/v1/products/{product}"):
        device = scope + "/devices/{device}"
        routes += [
            web.post(scope + "/diagnostics/{device}/update", api.post_vitals),
            web.get(device, api.get_device),
            web.put(device, api.put_device),
            web.put(device + "/ping", api.put_ping),
            web.get(device + "/{variable}", api.get_variable),
            web.post(device + "/{function}", api.post_function),
        ]
    return routes


def _control_routes() -> list[web.RouteDef]:
    device = "/simulator/devices/{device}"
    return [
        web.get("/", control.redirect_to_page),
        web.get("/simulator", control.redirect_to_page),
        web.get("/simulator/", control.get_page),
        web.get("/simulator/static/{name}", control.get_page_file),
        web.get("/simulator/state", control.get_state),
        web.get("/simulator/devices", control.get_devices),
        web.get(device + "/picture", control.get_picture),
        web.post(device + "/press", control.post_press),
        web.post(device + "/plug", control.post_plug),
        web.post("/simulator/stream", control.post_stream_bytes),
        web.get("/simulator/faults", control.get_faults),
        web.post("/simulator/faults", control.post_faults),
        web.delete("/simulator/faults", control.delete_faults),
    ]
