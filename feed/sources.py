"""What the data of a `picture` event means: a picture, where to get one, or to draw one. Pure.

The data is a data URL; or JSON with `image`, `caption` and `press`, each optional; or plain text,
which is a caption; or nothing. A device wrote it, so it may be anything. Whatever it is, the answer
is a `PictureSource` or `InvalidPicture` with a reason for staff.
"""

from __future__ import annotations

import binascii
import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote_to_bytes, urlsplit

import msgspec

from feed.captions import clean_caption
from feed.errors import InvalidPicture

MAX_BYTES: Final = 5 * 1024 * 1024
MAX_URL_CHARACTERS: Final = 2_000


@dataclass(frozen=True, slots=True)
class PictureBytes:
    """The picture itself, undecoded and not to be trusted."""

    data: bytes
    declared_mime: str | None


@dataclass(frozen=True, slots=True)
class PictureUrl:
    """Where the picture is: an https URL of sound form. Whether it may be fetched is not said."""

    url: str


@dataclass(frozen=True, slots=True)
class DrawnPicture:
    """There is no picture: the server draws one for this press."""


@dataclass(frozen=True, slots=True)
class PictureSource:
    """What one press brought: `caption` may be empty, `press` is the device's token for it."""

    image: PictureBytes | PictureUrl | DrawnPicture
    caption: str = ""
    press: str | None = None


class _Message(msgspec.Struct):
    """The JSON form. Other keys are somebody else's and ignored."""

    image: str | None = None
    caption: str | None = None
    press: str | None = None


_DATA_URL: Final = re.compile(r"data:([^,;]*)((?:;[^,;]*)*),", re.IGNORECASE | re.ASCII)
_MIME: Final = re.compile(r"[a-z0-9!#$&^_.+-]{1,64}/[a-z0-9!#$&^_.+-]{1,64}", re.ASCII)
_PRESS: Final = re.compile(r"[A-Za-z0-9_.:-]{1,64}", re.ASCII)
# Base64 of the first bytes of a JPEG, PNG, GIF and WebP. As a caption it would be a page of noise.
_BARE_BASE64: Final = re.compile(r"(?:/9j/|iVBORw0KGgo|R0lGOD|UklGR)[A-Za-z0-9+/=\s]{48,}\Z")
# A half of a surrogate pair, escaped, as firmware that cuts a text by length leaves behind. Double
# backslashes and whole surrogate pairs are matched first, to be stepped over.
_LONE_SURROGATE: Final = re.compile(
    r"\\\\|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(\\u[dD][89a-fA-F][0-9a-fA-F]{2})"
)


def read_source(data: str | None, *, max_bytes: int = MAX_BYTES) -> PictureSource:
    """Read an event's data. Raises InvalidPicture, and nothing else, on any text.

    A caption that is too long is cut, as it is no reason to lose the picture; see `clean_caption`.
    """
    text = (data or "").strip()
    if len(text) > _encoded_length(max_bytes) + 16_384:
        raise InvalidPicture(
            f"The data has {len(text):,} characters, too many for a picture of {max_bytes:,} bytes."
        )
    if text[:5].lower() == "data:":
        return PictureSource(_read_data_url(text, max_bytes))
    if text.startswith("{"):
        return _read_json(text, max_bytes)
    if text.startswith("[") and _is_json(text):
        raise InvalidPicture("The data is a JSON array; a picture event has a JSON object.")
    if _BARE_BASE64.match(text):
        raise InvalidPicture(
            "The data is Base64 without the beginning of a data URL (data:image/jpeg;base64,)."
        )
    return PictureSource(DrawnPicture(), clean_caption(text))


def _read_json(text: str, max_bytes: int) -> PictureSource:
    try:
        message = msgspec.json.decode(_without_lone_surrogates(text), type=_Message)
    except msgspec.ValidationError as error:
        raise InvalidPicture(f"The JSON has a value of the wrong type: {error}.") from error
    except (msgspec.DecodeError, ValueError) as error:
        raise InvalidPicture(f"The data begins like JSON, but is none: {error}.") from error
    except RecursionError as error:
        raise InvalidPicture("The JSON is nested too deeply.") from error
    return PictureSource(
        image=_read_image((message.image or "").strip(), max_bytes),
        caption=clean_caption(message.caption or ""),
        press=_read_press(message.press),
    )


def _is_json(text: str) -> bool:
    try:
        msgspec.json.decode(_without_lone_surrogates(text))
    except RecursionError:
        return True  # nobody's caption
    except (msgspec.DecodeError, ValueError):
        return False
    return True


def _read_image(image: str, max_bytes: int) -> PictureBytes | PictureUrl | DrawnPicture:
    if not image:
        return DrawnPicture()
    scheme = image[:8].lower()
    if scheme.startswith("data:"):
        return _read_data_url(image, max_bytes)
    if scheme == "https://":
        return PictureUrl(_read_url(image))
    raise InvalidPicture(f"The image is neither a data URL nor an https URL: {_shown(image)}.")


def _read_data_url(url: str, max_bytes: int) -> PictureBytes:
    start = _DATA_URL.match(url[:1_000])
    if start is None:
        raise InvalidPicture(f"The data URL is malformed: {_shown(url)}.")
    mime, parameters = start[1].strip().lower(), start[2].lower()
    if "base64" not in [parameter.strip() for parameter in parameters.split(";")]:
        raise InvalidPicture(f"The data URL is not in Base64: {_shown(url)}.")
    return PictureBytes(
        data=_read_base64(url[start.end() :], max_bytes),
        declared_mime=mime if _MIME.fullmatch(mime) else None,
    )


def _read_base64(encoded: str, max_bytes: int) -> bytes:
    compact = b"".join(encoded.encode("utf-8", "replace").split())
    if b"%" in compact:
        compact = unquote_to_bytes(compact)  # RFC 2397 allows it, for "=" and "+" above all
    if len(compact) > _encoded_length(max_bytes):
        raise _too_many_bytes(len(compact) * 3 // 4, max_bytes)
    try:
        data = binascii.a2b_base64(compact, strict_mode=True)
    except ValueError as error:
        raise InvalidPicture(f"The Base64 of the data URL is broken: {error}.") from error
    if not data:
        raise InvalidPicture("The data URL is empty.")
    if len(data) > max_bytes:
        raise _too_many_bytes(len(data), max_bytes)
    return data


def _too_many_bytes(count: int, max_bytes: int) -> InvalidPicture:
    return InvalidPicture(f"The picture has {count:,} bytes, more than {max_bytes:,}.")


def _read_url(url: str) -> str:
    if len(url) > MAX_URL_CHARACTERS:
        raise InvalidPicture(
            f"The image's URL has {len(url):,} characters, more than {MAX_URL_CHARACTERS:,}."
        )
    if not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
        raise InvalidPicture(f"The image's URL has characters that no URL has: {_shown(url)}.")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise InvalidPicture(f"The image's URL is malformed: {_shown(url)}.") from error
    if not host or port == 0:
        raise InvalidPicture(f"The image's URL names no host that can be asked: {_shown(url)}.")
    if parts.username is not None or parts.password is not None:
        # And not repeated in the reason: it may be a real password.
        raise InvalidPicture("The image's URL carries a name or password.")
    return url


def _read_press(press: str | None) -> str | None:
    if not press:
        return None
    if not _PRESS.fullmatch(press):
        raise InvalidPicture(
            f"The press token is not 1 to 64 letters, digits or '_.:-': {_shown(press)}."
        )
    return press


def _without_lone_surrogates(text: str) -> bytes:
    """Return the JSON as UTF-8, without lone surrogates, be they escaped or not."""
    whole = _LONE_SURROGATE.sub(lambda found: "" if found[1] else found[0], text)
    return whole.encode("utf-8", "ignore")


def _encoded_length(byte_count: int) -> int:
    return (byte_count + 2) // 3 * 4


def _shown(text: str) -> str:
    """Return the beginning, in a form that is safe in a log and a page."""
    return ascii(text[:60] + ("…" if len(text) > 60 else ""))
