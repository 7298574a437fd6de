"""An open event stream: chunks as they arrive, an end, or an error that says what broke it."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Generator
from datetime import UTC, datetime
from http import HTTPStatus

import requests
import urllib3

from particle_integration.client.answers import Answer, error_for
from particle_integration.errors import AnswerLost, AnswerTimedOut, CloudBroken

MAX_ERROR_BYTES = 64 * 1024
ERROR_BODY_SECONDS = 5.0
_READ_BYTES = 64 * 1024
STREAM_HEADERS = {
    "Accept": "text/event-stream",
    "Accept-Encoding": "identity",  # a decompressor holds back what has arrived
    "Cache-Control": "no-store",
}


class EventStream:
    """One response of the event stream endpoint. One thread reads; any thread may close."""

    def __init__(self, response: requests.Response, *, request: str) -> None:
        self._response = response
        self._request = request
        self.is_closed = False

    def read_chunks(self) -> Generator[bytes]:
        """Yield bytes as they arrive until the cloud ends the stream or it is closed here.

        Raises AnswerTimedOut after silence for the idle time, AnswerLost when the stream breaks.
        """
        raw = self._response.raw
        try:
            while not self.is_closed:
                # iter_lines and iter_content hold back what has arrived (requests #4629, #5540).
                chunk = raw.read1(_READ_BYTES)
                if not chunk:
                    return
                yield chunk
        except urllib3.exceptions.ReadTimeoutError as error:
            raise AnswerTimedOut(f"{self._request}: the stream fell silent") from error
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            # ValueError is what a reader sees whose response was closed under it.
            if not self.is_closed:
                raise AnswerLost(f"{self._request}: the stream broke off: {error!r}") from error
        finally:
            self._response.close()

    def close(self) -> None:
        """End the stream; a reader blocked in another thread returns at once."""
        self.is_closed = True
        # Closing a file descriptor does not wake who waits for it; shutting the socket down does.
        with contextlib.suppress(OSError, ValueError, RuntimeError):
            self._response.raw.shutdown()


def as_stream(response: requests.Response, *, request: str) -> EventStream:
    """Return the stream of a response, or raise what it is instead."""
    if response.status_code != HTTPStatus.OK:
        body = _read_error(response)
        answer = Answer(response.status_code, response.headers, body, 0.0)
        raise error_for(answer, request=request, now=datetime.now(UTC))
    content_type = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if content_type != "text/event-stream":
        response.close()
        raise CloudBroken(f"{request}: answered {content_type!r}, not an event stream", status=200)
    encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding not in ("", "identity"):
        response.close()
        raise CloudBroken(f"{request}: the stream is compressed ({encoding!r})", status=200)
    return EventStream(response, request=request)


def _read_error(response: requests.Response) -> bytes:
    """Read what there is of an error's body; its status is what counts."""
    pieces: list[bytes] = []
    size = 0
    deadline = time.monotonic() + ERROR_BODY_SECONDS
    try:
        with contextlib.suppress(urllib3.exceptions.HTTPError, OSError):
            while size < MAX_ERROR_BYTES and time.monotonic() < deadline:
                piece = response.raw.read1(_READ_BYTES, decode_content=True)
                if not piece:
                    break
                pieces.append(piece)
                size += len(piece)
    finally:
        response.close()
    return b"".join(pieces)
