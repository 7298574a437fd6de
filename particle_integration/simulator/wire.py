"""The bytes of the cloud: compact JSON, moments, HTTP chunks, event frames. No I/O.

Source: particle-cloud fact sheet, section 2 (frames as captured in 2026).
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

OPENING = b":ok\n\n"
KEEP_ALIVE = b"\n"
DEFAULT_TTL_SECONDS = 60


def compact_json(value: object) -> bytes:
    """Encode as JavaScript's JSON.stringify does: no spaces, raw UTF-8, lone surrogates escaped."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8", errors="backslashreplace")


def moment_text(moment: datetime) -> str:
    """Write a moment as the cloud does: UTC, milliseconds, Z."""
    utc = moment.astimezone(UTC)
    return f"{utc:%Y-%m-%dT%H:%M:%S}.{utc.microsecond // 1000:03d}Z"


def now_text(skew_seconds: float = 0.0) -> str:
    """Return the present moment, shifted by the skew, in the cloud's spelling."""
    return moment_text(datetime.now(UTC) + timedelta(seconds=skew_seconds))


def http_chunk(data: bytes) -> bytes:
    """Wrap bytes as one chunk of a chunked HTTP/1.1 body."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def split_inside_character(frame: bytes) -> tuple[bytes, bytes]:
    """Cut a frame in two inside its first multi-byte character, or in the middle if it has none."""
    for index, byte in enumerate(frame):
        if byte & 0xC0 == 0x80:
            return frame[:index], frame[index:]
    middle = len(frame) // 2
    return frame[:middle], frame[middle:]


@dataclass(slots=True, kw_only=True)
class CloudEvent:
    """One event as the cloud passes it on; its frames are encoded once, whoever listens."""

    name: str
    data: Any
    """A string or null by the book; the control API may send anything, to test its readers."""
    published_at: str
    coreid: str
    userid: str = ""
    version: int = 0
    product_id: int
    owner_id: str = ""
    """The account that hears it on its own streams; empty for an unclaimed device."""
    is_for_product: bool = True
    ttl: Any = DEFAULT_TTL_SECONDS
    is_public: bool = False
    _product_frame: bytes = field(default=b"", init=False)
    _account_frame: bytes = field(default=b"", init=False)

    def product_frame(self) -> bytes:
        """Return the frame of the product streams: eight keys."""
        if not self._product_frame:
            body = self._account_body() | {
                "userid": self.userid,
                "version": self.version,
                "public": self.is_public,
                "productID": self.product_id,
            }
            self._product_frame = self._frame(body)
        return self._product_frame

    def account_frame(self) -> bytes:
        """Return the frame of an account's and a device's streams: four keys."""
        if not self._account_frame:
            self._account_frame = self._frame(self._account_body())
        return self._account_frame

    def _account_body(self) -> dict[str, Any]:
        return {
            "data": self.data,
            "ttl": self.ttl,
            "published_at": self.published_at,
            "coreid": self.coreid,
        }

    def _frame(self, body: dict[str, Any]) -> bytes:
        name = self.name.encode("utf-8", errors="backslashreplace")
        return b"event: %b\ndata: %b\n\n" % (name, compact_json(body))
