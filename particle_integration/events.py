"""The validated event: one shape from stream JSON and from webhook form or JSON. Pure.

Tolerant of what the cloud varies (numbers as strings, `data` null, missing product keys, extra
keys), strict about types and sizes: what passes can be stored in any of our databases. Whatever
the bytes, the answer is a ParticleEvent or InvalidEvent with a reason.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Self
from urllib.parse import parse_qsl

import msgspec
from msgspec import Meta
from msgspec.structs import force_setattr

from particle_integration.errors import InvalidEvent

MAX_NAME_LENGTH = 255  # devices are held to 64 bytes; hook-response/… carries two of those and ids
MAX_DATA_LENGTH = 64 * 1024  # the largest publish, 16,384 bytes, arrives as 22 kB of base64
MAX_ID_LENGTH = 64  # user ids are 24 hex digits, event ids undocumented; anything longer is no id
MAX_NUMBER = 2**31 - 1  # ttl, firmware version, product id
MAX_FORM_FIELDS = 100
_EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST = datetime(2200, 1, 1, tzinfo=UTC)

_DEVICE_ID = re.compile("[0-9a-fA-F]{24}")
_CLOUD_DEVICE_IDS = frozenset({"api", "particle-internal"})  # events that no device published
_HOOK_NOISE = re.compile("hook-sent/|hook-response/|[0-9a-fA-F]{24}/hook-response/")

_MAX_SEEN = 100_000
# Strings that passed their check before: a set lookup is several times faster than the check, and
# the same few thousand names, devices and owners come again and again.
_seen_names: set[str] = set()
_seen_ids: set[str] = set()

_Number = Annotated[int, Meta(ge=0, le=MAX_NUMBER)]


class ParticleEvent(
    msgspec.Struct,
    frozen=True,
    gc=False,
    kw_only=True,
    rename={
        "particle_device_id": "coreid",
        "user_id": "userid",
        "product_id": "productID",
        "firmware_version": "version",
        "name": "event",
        "event_id": "id",
    },
):
    """One event that a device, or the cloud itself, published. Decoded in place from its JSON."""

    particle_device_id: str
    """24 hex digits in lower case, or `api` or `particle-internal`."""
    published_at: Annotated[datetime, Meta(tz=True)]
    """When the cloud received it, in UTC."""
    data: Annotated[str, Meta(max_length=MAX_DATA_LENGTH)] | None = None
    name: str = ""
    ttl: _Number | None = None
    user_id: Annotated[str, Meta(max_length=MAX_ID_LENGTH)] = ""
    """The owner's id at the cloud; empty when unclaimed."""
    product_id: _Number | None = None
    firmware_version: _Number | None = None
    event_id: Annotated[str, Meta(max_length=MAX_ID_LENGTH)] | None = None
    """Only a webhook template carries it."""

    @classmethod
    def from_stream(cls, name: str, payload: str | bytes) -> Self:
        """Return the event of one `event:` and `data:` pair; raise InvalidEvent."""
        try:
            event = _decode_struct(payload)
            force_setattr(event, "name", name)  # the stream's JSON does not carry it
            if (
                name in _seen_names
                and event.particle_device_id in _seen_ids
                and (not event.user_id or event.user_id in _seen_ids)
                and event.published_at.tzinfo is UTC
                and 1970 <= event.published_at.year < 2200
                and "\0" not in (event.data or "")
                and event.event_id is None
            ):
                return event  # type: ignore[return-value]  # the decoder's type is not generic
        except (ValueError, RecursionError):
            pass  # the slow way is more tolerant, and finds the reason
        fields = _decode_object(payload)
        return cls._from_fields(fields | {"event": name, "id": None})

    @classmethod
    def from_webhook(cls, body: bytes, content_type: str) -> Self:
        """Return the event of a webhook's form, its JSON, or our template; raise InvalidEvent."""
        media_type = content_type.partition(";")[0].strip().lower()
        is_form = media_type == "application/x-www-form-urlencoded"
        # A `body` template comes without a type, and proxies set odd ones: then the bytes decide.
        if not is_form and not media_type.endswith("json"):
            is_form = not body.lstrip().startswith((b"{", b"["))
        return cls._from_fields(_decode_form(body) if is_form else _decode_object(body))

    @classmethod
    def _from_fields(cls, fields: Mapping[str, Any]) -> Self:
        return cls(
            name=_name(fields.get("event", fields.get("name"))),
            data=_text("data", fields.get("data"), MAX_DATA_LENGTH),
            particle_device_id=_device_id(fields.get("coreid")),
            published_at=_moment(fields.get("published_at")),
            ttl=_number("ttl", fields.get("ttl")),
            user_id=_identifier("userid", fields.get("userid")) or "",
            product_id=_number("productID", fields.get("productID")),
            firmware_version=_number("version", fields.get("version", fields.get("fw_version"))),
            event_id=_identifier("id", fields.get("id")),
        )

    @property
    def published_at_ms(self) -> int:
        """Whole milliseconds since 1970."""
        # The float holds whole seconds exactly for any year; its fraction is not used.
        return int(self.published_at.timestamp()) * 1000 + self.published_at.microsecond // 1000

    @property
    def dedupe_key(self) -> bytes:
        """SHA-256 over what stream, form and template all carry, each part length-prefixed."""
        data = self.data or ""
        device_id = self.particle_device_id
        text = (
            f"{len(device_id)}:{device_id},{len(self.name)}:{self.name},"
            f"{self.published_at_ms},{len(data)}:{data}"
        )
        return hashlib.sha256(text.encode(), usedforsecurity=False).digest()

    @property
    def is_hook_noise(self) -> bool:
        """Tell whether it only reports a webhook's doing; such events are counted, not stored."""
        return "hook-" in self.name and _HOOK_NOISE.match(self.name) is not None


_decode_struct = msgspec.json.Decoder(ParticleEvent).decode
_decode_any = msgspec.json.Decoder().decode
_decode_moment = msgspec.json.Decoder(Annotated[datetime, Meta(tz=True)]).decode


def _decode_object(payload: str | bytes) -> dict[str, Any]:
    try:
        fields = _decode_any(payload)
    except RecursionError as error:
        raise InvalidEvent("JSON nested too deeply") from error
    except UnicodeError as error:
        raise InvalidEvent("JSON with text that is not UTF-8") from error
    except ValueError as error:
        raise InvalidEvent(f"not JSON: {error}") from error
    if not isinstance(fields, dict):
        raise InvalidEvent(f"JSON is {_kind(fields)}, not an object")
    return fields


def _decode_form(body: bytes) -> dict[str, Any]:
    try:
        pairs = parse_qsl(
            body.decode("utf-8"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=MAX_FORM_FIELDS,
        )
    except UnicodeError as error:
        raise InvalidEvent("form with text that is not UTF-8") from error
    except ValueError as error:
        raise InvalidEvent(f"form with more than {MAX_FORM_FIELDS} fields") from error
    return dict(pairs)


def _kind(value: object) -> str:
    if value is None:
        return "missing or null"
    kinds = {bool: "a boolean", int: "a number", float: "a number", str: "text", list: "an array"}
    return kinds.get(type(value), "an object")


def _text(key: str, value: object, max_length: int) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str):
        raise InvalidEvent(f"{key} is {_kind(value)}, not text")
    if len(value) > max_length:
        raise InvalidEvent(f"{key} is {len(value)} characters long, more than {max_length}")
    if "\0" in value:
        raise InvalidEvent(f"{key} contains NUL, which databases refuse")
    if any("\ud800" <= character <= "\udfff" for character in value):
        raise InvalidEvent(f"{key} contains a lone surrogate, which databases refuse")
    return value


def _name(value: object) -> str:
    name = _text("event name", value, MAX_NAME_LENGTH)
    if not name:
        raise InvalidEvent("event name is missing")
    _remember(_seen_names, name)
    return name


def _device_id(value: object) -> str:
    raw = _text("coreid", value, MAX_ID_LENGTH)
    if raw is None:
        raise InvalidEvent("coreid is missing")
    device_id = raw.lower()
    if device_id not in _CLOUD_DEVICE_IDS and not _DEVICE_ID.fullmatch(raw):
        raise InvalidEvent(f"coreid {raw!r} is not 24 hexadecimal digits")
    _remember(_seen_ids, device_id)
    return device_id


def _identifier(key: str, value: object) -> str | None:
    text = _text(key, value, MAX_ID_LENGTH) or None
    if text is not None:
        _remember(_seen_ids, text)
    return text


def _number(key: str, value: object) -> int | None:
    if value is None or value == "":
        return None
    if isinstance(value, str) and len(value) <= 10 and value.isascii() and value.isdigit():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise InvalidEvent(f"{key} is not a whole number")
    if not 0 <= value <= MAX_NUMBER:
        raise InvalidEvent(f"{key} is out of range")
    return value


def _moment(value: object) -> datetime:
    text = _text("published_at", value, MAX_ID_LENGTH)
    if text is None:
        raise InvalidEvent("published_at is missing")
    try:
        moment: datetime = _decode_moment(msgspec.json.encode(text)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise InvalidEvent(f"published_at {text!r} is not a time with its zone") from error
    if not _EARLIEST <= moment < _LATEST:
        raise InvalidEvent(f"published_at {text!r} is out of range")
    return moment


def _remember(seen: set[str], value: str) -> None:
    if len(seen) >= _MAX_SEEN:
        seen.clear()
    seen.add(value)
