"""Send one request to the cloud and read its answer, under time-outs; each failure is our error.

What decides later whether a call may be repeated is told apart here: not sent, sent and answered,
sent and lost.
"""

from __future__ import annotations

import io
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from http.cookiejar import DefaultCookiePolicy
from typing import Any
from urllib.parse import urlencode, urlsplit

import msgspec
import requests
import urllib3
from requests.adapters import HTTPAdapter

from particle_integration.client.answers import Answer, error_for
from particle_integration.errors import (
    AnswerLost,
    AnswerTimedOut,
    CloudBroken,
    CloudError,
    NotOurs,
    NotSent,
)

USER_AGENT = "rainbow-portal/1.0"
CONNECT_TIMEOUT_SECONDS = 10.0
READ_TIMEOUT_SECONDS = 30.0
MAX_ANSWER_BYTES = 16 * 1024 * 1024  # a page of a hundred devices is 100 kB
_READ_BYTES = 64 * 1024
_NOT_CONNECTED = (
    requests.exceptions.ConnectTimeout,
    requests.exceptions.ProxyError,
    requests.exceptions.SSLError,
)


def build_session(*, connection_count: int = 16) -> requests.Session:
    """Return a session that any number of threads may share.

    What requests changes on a session during a request is its cookie jar alone, and this one takes
    no cookie; the connection pool beneath is safe. Nothing comes from the environment: a ~/.netrc
    or a proxy variable would send our token elsewhere without a word in our settings.
    """
    session = requests.Session()
    session.trust_env = False
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    adapter = HTTPAdapter(pool_connections=2, pool_maxsize=connection_count)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return session


@dataclass(frozen=True)
class Request:
    """One request; `body` is sent as `content_type`."""

    method: str
    path: str
    params: Mapping[str, str] | None = None
    body: bytes | None = None
    content_type: str | None = None
    missing: type[CloudError] = NotOurs
    """What a 404 means for this path."""

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


def json_request(
    method: str, path: str, fields: Mapping[str, Any], *, missing: type[CloudError] = NotOurs
) -> Request:
    """Return a request with a JSON body."""
    body = msgspec.json.encode(fields)
    return Request(method, path, body=body, content_type="application/json", missing=missing)


def form_request(path: str, fields: Mapping[str, str]) -> Request:
    """Return a POST of a form: the token endpoint takes nothing else."""
    form = "application/x-www-form-urlencoded"
    return Request("POST", path, body=urlencode(fields).encode(), content_type=form)


class _WatchedBody(io.BytesIO):
    """A body that knows whether anybody began to send it: headers alone make no request."""

    was_read = False

    def read(self, size: int | None = -1, /) -> bytes:
        self.was_read = True
        return super().read(size)


class Transport:
    """Sends requests to one cloud over an injected session. Safe from any thread."""

    def __init__(self, api_url: str, session: requests.Session) -> None:
        parts = urlsplit(api_url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"the cloud's address is no http(s) URL: {api_url!r}")
        self._api_url = api_url.rstrip("/")
        self._session = session

    def send(
        self,
        request: Request,
        *,
        token: str | None = None,
        read_timeout_seconds: float = READ_TIMEOUT_SECONDS,
    ) -> Answer:
        """Return the 2xx answer to a request. Raises a CloudError for anything else."""
        started = time.monotonic()
        response = self.open(request, token=token, read_timeout_seconds=read_timeout_seconds)
        deadline = started + CONNECT_TIMEOUT_SECONDS + read_timeout_seconds
        try:
            body = _read_body(request, response, deadline)
        finally:
            response.close()
        answer = Answer(response.status_code, response.headers, body, time.monotonic() - started)
        if not 200 <= answer.status < 300:
            raise error_for(
                answer, request=str(request), now=datetime.now(UTC), missing=request.missing
            )
        return answer

    def open(
        self,
        request: Request,
        *,
        token: str | None,
        read_timeout_seconds: float,
        headers: Mapping[str, str] | None = None,
    ) -> requests.Response:
        """Send a request and return the response with its body unread, whatever its status."""
        body = None if request.body is None else _WatchedBody(request.body)
        all_headers = {"User-Agent": USER_AGENT, "Accept": "application/json", **(headers or {})}
        if token is not None:
            all_headers["Authorization"] = f"Bearer {token}"
        if request.content_type is not None:
            all_headers["Content-Type"] = request.content_type
        try:
            return self._session.request(
                request.method,
                self._api_url + request.path,
                params=request.params,
                data=body,
                headers=all_headers,
                timeout=(CONNECT_TIMEOUT_SECONDS, read_timeout_seconds),
                allow_redirects=False,  # a redirect would carry the token to another origin
                stream=True,
            )
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            raise _failure(request, body, error) from error

    def close(self) -> None:
        """Close the idle connections."""
        self._session.close()


def _failure(
    request: Request, body: _WatchedBody | None, error: Exception
) -> NotSent | AnswerLost | AnswerTimedOut:
    """Tell what became of a request that raised."""
    was_sent = body.was_read if body is not None else not _is_connect_failure(error)
    if not was_sent:
        return NotSent(f"{request}: the cloud could not be reached: {_cause(error)}")
    if isinstance(error, requests.exceptions.ReadTimeout):
        return AnswerTimedOut(f"{request}: the cloud did not answer in time")
    return AnswerLost(f"{request}: the connection broke before the answer: {_cause(error)}")


def _is_connect_failure(error: Exception) -> bool:
    if isinstance(error, _NOT_CONNECTED):
        return True
    cause = error.args[0] if error.args else None
    reason = getattr(cause, "reason", cause)
    return isinstance(reason, urllib3.exceptions.NewConnectionError)


def _cause(error: Exception) -> str:
    """Name the innermost cause: requests wraps it three deep, with object addresses in the text."""
    cause: BaseException = error
    while cause.args and isinstance(cause.args[0], Exception):
        cause = cause.args[0]
    cause = getattr(cause, "reason", None) or cause
    root = cause.__cause__ or cause.__context__ or cause
    return f"{type(root).__name__}: {root}"


def _read_body(request: Request, response: requests.Response, deadline: float) -> bytes:
    """Read a whole body; `deadline` bounds one that trickles, which no read time-out would."""
    pieces: list[bytes] = []
    size = 0
    try:
        while piece := response.raw.read1(_READ_BYTES, decode_content=True):
            pieces.append(piece)
            size += len(piece)
            if size > MAX_ANSWER_BYTES:
                raise CloudBroken(
                    f"{request}: the answer is longer than {MAX_ANSWER_BYTES} bytes",
                    status=response.status_code,
                )
            if time.monotonic() > deadline:
                raise AnswerTimedOut(f"{request}: the answer came too slowly")
    except urllib3.exceptions.ReadTimeoutError as error:
        raise AnswerTimedOut(f"{request}: the answer stopped coming") from error
    except (urllib3.exceptions.HTTPError, OSError) as error:
        raise AnswerLost(f"{request}: the answer broke off: {error!r}") from error
    return b"".join(pieces)
