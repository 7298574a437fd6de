"""The cloud's REST API as the portal uses it: one method per request, answers validated."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self, TypeVar
from urllib.parse import quote

import msgspec
import requests

from particle_integration.client.answers import Answer
from particle_integration.client.streams import STREAM_HEADERS, EventStream, as_stream
from particle_integration.client.tokens import ClientCredentials, StaticToken, TokenSource
from particle_integration.client.transport import (
    READ_TIMEOUT_SECONDS,
    Request,
    Transport,
    build_session,
    json_request,
)
from particle_integration.errors import CloudBroken, FunctionNotFound, TokenRefused

CALL_TIMEOUT_SECONDS = 35.0  # the cloud itself gives up on a silent device after 30
IDLE_TIMEOUT_SECONDS = 30.0  # the keep-alive comes every 9 to 13 seconds
DEVICES_PER_PAGE = 100
_MAX_PAGES = 100_000
_MAX_NUMBER = 2**31 - 1  # of a product or a firmware version; what our columns hold

T = TypeVar("T")


@dataclass(frozen=True)
class CloudDevice:
    """A device as the cloud knows it; what it did not tell is None or empty."""

    particle_device_id: str
    name: str
    is_online: bool
    last_heard_at: datetime | None
    product_id: int | None
    firmware_version: int | None
    owner: str | None
    serial_number: str
    functions: tuple[str, ...]
    variables: Mapping[str, str]

    @classmethod
    def from_fields(cls, fields: Mapping[str, Any]) -> Self:
        """Read one device object. Raises CloudBroken when it has no id."""
        device_id = fields.get("id")
        if not isinstance(device_id, str) or not device_id:
            raise CloudBroken("the cloud lists a device without an id")
        functions, variables = fields.get("functions"), fields.get("variables")
        return cls(
            particle_device_id=device_id.lower(),
            name=_text(fields.get("name")),
            # `online` in the documentation, `connected` for the older clients.
            is_online=fields.get("online", fields.get("connected")) is True,
            last_heard_at=_moment(fields.get("last_heard")),
            product_id=_number(fields.get("product_id")),
            firmware_version=_number(fields.get("firmware_version")),
            owner=_text(fields.get("owner")) or None,
            serial_number=_text(fields.get("serial_number")),
            functions=tuple(map(_text, functions)) if isinstance(functions, list) else (),
            variables=variables if isinstance(variables, dict) else {},
        )


@dataclass(frozen=True)
class CloudProduct:
    """The product as the cloud knows it."""

    product_id: int
    slug: str
    name: str


class ParticleClient:
    """Speaks for one product at one cloud. Safe from any thread."""

    def __init__(
        self,
        *,
        api_url: str,
        product: str,
        tokens: TokenSource,
        session: requests.Session | None = None,
    ) -> None:
        self._transport = Transport(api_url, session or build_session())
        self._tokens = tokens
        self._product_path = f"/v1/products/{quote(product, safe='')}"

    def open_event_stream(
        self, prefix: str = "", *, idle_timeout_seconds: float = IDLE_TIMEOUT_SECONDS
    ) -> EventStream:
        """Open the product's event stream; silence for the idle time is an error for its reader.

        Raises CloudError for everything but a 200 with an event stream in it.
        """
        path = f"{self._product_path}/events" + (f"/{quote(prefix, safe='')}" if prefix else "")
        request = Request("GET", path)

        def open_with(token: str) -> EventStream:
            response = self._transport.open(
                request,
                token=token,
                read_timeout_seconds=idle_timeout_seconds,
                headers=STREAM_HEADERS,
            )
            return as_stream(response, request=str(request))

        return self._with_token(open_with)

    def list_devices(self) -> Iterator[CloudDevice]:
        """Yield all devices of the product, page by page."""
        for page in range(1, _MAX_PAGES):
            per_page = str(DEVICES_PER_PAGE)  # the cloud's own clients spell it per_page
            params = {"page": str(page), "per_page": per_page, "perPage": per_page}
            answer = self._send(Request("GET", f"{self._product_path}/devices", params)).fields()
            devices, meta = answer.get("devices"), answer.get("meta")
            if not isinstance(devices, list) or not all(isinstance(one, dict) for one in devices):
                raise CloudBroken("the cloud answered no list of devices")
            yield from map(CloudDevice.from_fields, devices)
            page_count = _number(meta.get("total_pages")) if isinstance(meta, dict) else None
            if not devices or page >= (page_count or 1):
                return

    def get_device(self, particle_device_id: str) -> CloudDevice:
        """Return one device, with its functions and variables when it is online."""
        request = Request("GET", self._device_path(particle_device_id))
        return CloudDevice.from_fields(self._send(request).fields())

    def get_product(self) -> CloudProduct:
        """Return the product itself."""
        product = self._send(Request("GET", self._product_path)).fields().get("product")
        if isinstance(product, list) and product:  # until 2019
            product = product[0]
        product_id = _number(product.get("id")) if isinstance(product, dict) else None
        if not isinstance(product, dict) or product_id is None:
            raise CloudBroken("the cloud answered no product")
        return CloudProduct(product_id, _text(product.get("slug")), _text(product.get("name")))

    def call_function(
        self,
        particle_device_id: str,
        function: str,
        argument: str = "",
        *,
        timeout_seconds: float = CALL_TIMEOUT_SECONDS,
    ) -> int:
        """Run a device's function and return its integer. Never repeated here.

        Raises NotSent when it certainly did not run, AnswerLost and late DeviceTimedOut when it may
        have, FunctionNotFound, NotOurs and the other CloudErrors when it was refused.
        """
        path = f"{self._device_path(particle_device_id)}/{quote(function, safe='')}"
        request = json_request("POST", path, {"arg": argument}, missing=FunctionNotFound)
        answer = self._send(request, read_timeout_seconds=timeout_seconds)
        value = answer.fields().get("return_value")
        if isinstance(value, bool) or not isinstance(value, int):
            raise CloudBroken(f"{request}: the answer holds no return_value", status=answer.status)
        return value

    def ping_device(self, particle_device_id: str) -> bool:
        """Ask the cloud to reach the device now; True when it answered."""
        request = json_request("PUT", f"{self._device_path(particle_device_id)}/ping", {})
        return self._send(request).fields().get("online") is True

    def close(self) -> None:
        """Close the idle connections."""
        self._transport.close()

    def _device_path(self, particle_device_id: str) -> str:
        return f"{self._product_path}/devices/{quote(particle_device_id, safe='')}"

    def _send(
        self, request: Request, *, read_timeout_seconds: float = READ_TIMEOUT_SECONDS
    ) -> Answer:
        return self._with_token(
            lambda token: self._transport.send(
                request, token=token, read_timeout_seconds=read_timeout_seconds
            )
        )

    def _with_token(self, send: Callable[[str], T]) -> T:
        """Send with the current token; after a 401, which does nothing, once more with another."""
        token = self._tokens.current()
        try:
            return send(token)
        except TokenRefused as refusal:
            other = self._tokens.replacement_for(token) if refusal.status == 401 else None
            if other is None:
                raise
        return send(other)


def build_client(
    *,
    api_url: str,
    product: str,
    access_token: str = "",
    client_id: str = "",
    client_secret: str = "",
    session: requests.Session | None = None,
) -> ParticleClient:
    """Return a client from what the settings hold: an API user's token, or client credentials."""
    session = session or build_session()
    tokens: TokenSource
    if access_token:
        tokens = StaticToken(access_token)
    else:
        tokens = ClientCredentials(
            Transport(api_url, session), client_id=client_id, client_secret=client_secret
        )
    return ParticleClient(api_url=api_url, product=product, tokens=tokens, session=session)


def _text(value: object) -> str:
    # PostgreSQL takes no NUL, and no text with half a surrogate pair.
    text = value if isinstance(value, str) else ""
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()


def _number(value: object) -> int | None:
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    return value if 0 <= value <= _MAX_NUMBER else None


def _moment(value: object) -> datetime | None:
    try:
        moment = msgspec.convert(value, datetime)
    except msgspec.ValidationError:
        return None
    return moment if moment.tzinfo is not None else None
