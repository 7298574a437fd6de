"""What happens to every request before its handler: headers, forced refusals, the bearer token."""

from __future__ import annotations

import hashlib
import itertools
import uuid
from collections.abc import Awaitable, Callable

from aiohttp import web

from particle_integration.simulator.answers import answer, failure, forced, refusal_answer
from particle_integration.simulator.context import TOKEN, cloud_of
from particle_integration.simulator.errors import InvalidRequest
from particle_integration.simulator.oauth import TOKEN_MISSING, TOKEN_TWICE, Refusal, Token

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

FORM = "application/x-www-form-urlencoded"
ALLOWED_HEADERS = "Authorization, Content-Type, X-Particle-Tool, X-Particle-Project"
_request_numbers = itertools.count(1)


def request_id() -> str:
    """Return another UUID, unlike any before in this process; it identifies, it hides nothing."""
    number = next(_request_numbers)
    digest = hashlib.sha256(str(number).encode()).digest()
    return str(uuid.UUID(bytes=digest[:16], version=4))


def is_api(request: web.Request) -> bool:
    """Say whether the request is to the cloud proper and not to our own control API."""
    return request.path.startswith("/v1/") or request.path == "/oauth/token"


async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Send the headers that the real cloud sends with everything."""
    response.headers["Server"] = "nginx"
    if is_api(request):
        response.headers["Access-Control-Allow-Origin"] = "*"
        response.headers["X-Request-Id"] = request_id()
    else:
        response.headers["X-Content-Type-Options"] = "nosniff"


@web.middleware
async def answer_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer errors in JSON: clients lose the body of anything else."""
    if is_api(request) and request.method == "OPTIONS":
        headers = {
            "Access-Control-Allow-Methods": "GET, POST, PUT, DELETE, OPTIONS",
            "Access-Control-Allow-Headers": ALLOWED_HEADERS,
        }
        return web.Response(status=204, headers=headers)
    try:
        return await handler(request)
    except InvalidRequest as error:
        return failure(400, str(error))
    except web.HTTPException as error:
        if error.status < 400:
            raise
        return failure(error.status, error.reason)


@web.middleware
async def check_caller(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Apply the API-wide fault and demand a good token for everything under /v1."""
    if not request.path.startswith("/v1/"):
        return await handler(request)
    cloud = cloud_of(request)
    is_stream = request.method == "GET" and "events" in request.path.split("/")
    if cloud.faults.api_status and not is_stream:
        return forced(cloud.faults, cloud.faults.api_status)
    found = await _caller(request)
    if isinstance(found, Refusal):
        return refusal_answer(found)
    request[TOKEN] = found
    return await handler(request)


async def _caller(request: web.Request) -> Token | Refusal:
    values = []
    scheme, _, value = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer" and value.strip():
        values.append(value.strip())
    if request.method == "GET" and request.query.get("access_token"):
        values.append(request.query["access_token"])
    if request.content_type == FORM:
        field = (await request.post()).get("access_token")
        if isinstance(field, str) and field:
            values.append(field)
    if not values:
        return TOKEN_MISSING
    if len(values) > 1:
        return TOKEN_TWICE
    return cloud_of(request).tokens.check(values[0])


def only_own_pages(request: web.Request) -> web.Response | None:
    """Refuse an order to the control API that another site's page makes a browser send."""
    origin = request.headers.get("Origin")
    if origin is None or origin.partition("://")[2] == request.host:
        return None
    return answer({"ok": False, "error": f"not from {origin}"}, 403)
