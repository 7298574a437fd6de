"""Understand what the cloud answers: four error shapes, HTML from a load balancer, waits. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any

import msgspec

from particle_integration.errors import (
    CloudBroken,
    CloudError,
    DeviceTimedOut,
    NotOurs,
    RateLimited,
    RequestRefused,
    TokenRefused,
)

MAX_RETRY_AFTER_SECONDS = 15 * 60.0  # a cloud that asks for more is asked again by then anyway
_MAX_TEXT_LENGTH = 200
_TOO_MANY_STREAMS = 529  # so the chapter on event streams; elsewhere the docs say 429
_TIMED_OUT = re.compile(r"timed? ?out", re.IGNORECASE)
_TOKEN_ERRORS = ("invalid_token", "unauthorized", "The access token")


@dataclass(frozen=True)
class Answer:
    """A whole HTTP answer, and how long it took from before the request."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    seconds: float

    def json(self) -> Any:
        """Return the decoded body; None for an empty 204. Raises CloudBroken."""
        if self.status == HTTPStatus.NO_CONTENT:
            return None
        try:
            return msgspec.json.decode(self.body)
        except (ValueError, RecursionError) as error:
            raise CloudBroken(
                f"the cloud answered {self.status} with something that is not JSON",
                status=self.status,
            ) from error

    def fields(self) -> dict[str, Any]:
        """Return the decoded body, which must be an object. Raises CloudBroken."""
        fields = self.json()
        if not isinstance(fields, dict):
            raise CloudBroken(
                f"the cloud answered {self.status} with JSON that is no object", status=self.status
            )
        return fields


def retry_after_seconds(value: str | None, *, now: datetime) -> float | None:
    """Read a Retry-After header, seconds or date; None when there is none that makes sense."""
    if value is None:
        return None
    value = value.strip()
    if value.isascii() and value.isdigit():
        return min(float(value), MAX_RETRY_AFTER_SECONDS)
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return min(max((moment - now).total_seconds(), 0.0), MAX_RETRY_AFTER_SECONDS)


def error_text(body: bytes) -> str | None:
    """Return what an error body says, as particle-cli reads it; None when it is not JSON."""
    try:
        fields = msgspec.json.decode(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(fields, dict):
        return ""
    error, description = fields.get("error"), fields.get("error_description")
    candidates = [error, description] if error != description else [error]
    if not any(isinstance(candidate, str) for candidate in candidates):
        candidates = [_first_error(fields.get("errors")), fields.get("info")]
    texts = [candidate for candidate in candidates if isinstance(candidate, str) and candidate]
    return ": ".join(texts)[:_MAX_TEXT_LENGTH]


def _first_error(errors: object) -> object:
    """`errors` holds texts, lists that begin with a text, or objects with an `error`."""
    first = errors[0] if isinstance(errors, list) and errors else None
    if isinstance(first, list):
        return first[0] if first else None
    return first.get("error") if isinstance(first, dict) else first


def error_for(
    answer: Answer, *, request: str, now: datetime, missing: type[CloudError] = NotOurs
) -> CloudError:
    """Return the error that an answer with a status other than 2xx stands for.

    `missing` is what a 404 means for this request.
    """
    text = error_text(answer.body)
    status = answer.status
    message = f"{request}: the cloud answered {status}" + (f", {text!r}" if text else "")
    if status in (HTTPStatus.TOO_MANY_REQUESTS, _TOO_MANY_STREAMS):
        return RateLimited(message, status=status, retry_after_seconds=_wait(answer, now))
    if status == HTTPStatus.UNAUTHORIZED:
        return TokenRefused(message, status=status)
    if status >= 500 or status < 400:
        location = answer.headers.get("Location")
        if location:
            message += f" and points to {location[:_MAX_TEXT_LENGTH]!r}, which is not followed"
        return CloudBroken(message, status=status, retry_after_seconds=_wait(answer, now))
    if status == HTTPStatus.REQUEST_TIMEOUT or (
        status == HTTPStatus.BAD_REQUEST and _TIMED_OUT.search(text or "")
    ):
        return DeviceTimedOut(message, status=status, seconds=answer.seconds)
    return _refusal(message, status=status, text=text, missing=missing)


def _refusal(
    message: str, *, status: int, text: str | None, missing: type[CloudError]
) -> CloudError:
    if text is None:
        # The API itself speaks JSON; a page comes from something in between, about something else.
        return CloudBroken(f"{message} with something that is not JSON", status=status)
    if text.startswith(_TOKEN_ERRORS) or "access token" in text:
        return TokenRefused(message, status=status)
    if status == HTTPStatus.FORBIDDEN:
        return NotOurs(message, status=status)
    if status == HTTPStatus.NOT_FOUND:
        return missing(message, status=status)
    return RequestRefused(message, status=status)


def _wait(answer: Answer, now: datetime) -> float | None:
    return retry_after_seconds(answer.headers.get("Retry-After"), now=now)
