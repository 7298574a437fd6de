"""Answers of the REST API: JSON, the error bodies on record, and reading a body."""

from __future__ import annotations

import json
from typing import Any

from aiohttp import web

from particle_integration.simulator.errors import InvalidRequest
from particle_integration.simulator.faults import Faults
from particle_integration.simulator.oauth import Refusal
from particle_integration.simulator.wire import compact_json

PERMISSION_DENIED = {
    "error": "Permission Denied",
    "info": "I didn't recognize that device name or ID, try opening "
    "https://api.particle.io/v1/devices?access_token=undefined",
}
FORCED_BODIES: dict[int, dict[str, Any]] = {
    401: {"error": "invalid_token", "error_description": "The access token provided is invalid."},
    403: PERMISSION_DENIED,
    408: {"ok": False, "error": "timed out"},
    429: {"ok": False, "error": "Too many requests"},
    529: {"ok": False, "error": "Too many open streams"},
}
LOAD_BALANCER_PAGE = (
    "<html>\r\n<head><title>{status}</title></head>\r\n<body>\r\n"
    "<center><h1>{status}</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
)


def answer(value: object, status: int = 200) -> web.Response:
    """Answer with compact JSON."""
    return web.Response(
        body=compact_json(value),
        status=status,
        content_type="application/json",
        charset="utf-8",
    )


def failure(status: int, error: str) -> web.Response:
    """Answer with the shape {ok, error}."""
    return answer({"ok": False, "error": error}, status)


def denied() -> web.Response:
    """Answer that the device is unknown or not the caller's: the cloud does not tell which."""
    return answer(PERMISSION_DENIED, 403)


def refusal_answer(refusal: Refusal) -> web.Response:
    """Answer with the OAuth shape."""
    response = answer(refusal.body(), refusal.status)
    if refusal.error == "invalid_client":
        response.headers["WWW-Authenticate"] = 'Basic realm="Service"'
    return response


def forced(faults: Faults, status: int) -> web.Response:
    """Answer as a fault switch demands, with its Retry-After and in its form."""
    if status in {204, 304}:
        response = web.Response(status=status)
    elif faults.error_html:
        page = LOAD_BALANCER_PAGE.format(status=status)
        response = web.Response(text=page, status=status, content_type="text/html")
    else:
        body = FORCED_BODIES.get(status, {"ok": False, "error": f"simulated status {status}"})
        response = answer(body, status)
    if faults.retry_after_seconds:
        response.headers["Retry-After"] = str(faults.retry_after_seconds)
    return response


async def body_fields(request: web.Request) -> dict[str, Any]:
    """Read a body that may be JSON or a form into a mapping. Raises InvalidRequest."""
    if request.content_type == "application/json":
        raw = await request.read()
        if not raw.strip():
            return {}
        try:
            found = json.loads(raw)
        except ValueError as error:
            raise InvalidRequest(f"the body is not JSON: {error}") from error
        if not isinstance(found, dict):
            raise InvalidRequest("the body is not a JSON object")
        return found
    return dict(await request.post())
