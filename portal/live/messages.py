"""The messages of the live wire as text: ours are encoded once, theirs are parsed with suspicion.

Pure: no socket, no clock, no database. docs/live-updates.md shows each message.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from portal.live.errors import CloseCode, HostileMessage

MAX_MESSAGE_BYTES = 4096  # an acknowledgement has 30; a token may have a few hundred
_MAX_NUMBER = 2**63 - 1  # of a BigAutoField
# Counts are absolute: an older one may be dropped for a newer one. Type -> the key that says whose.
MERGED_TYPES = {"feed.likes_changed": "id"}

BEAT = '{"type":"beat"}'


@dataclass(frozen=True, slots=True)
class EncodedUpdate:
    """An update as it goes over the wire, made once for all sockets."""

    number: int
    topics: frozenset[str]
    text: str
    byte_count: int
    merge_key: str | None = field(default=None)


def encode_update(number: int, type_: str, topics: str, payload: str) -> EncodedUpdate:
    """Put number and type in front of the payload, which `updates.append` encoded already."""
    rest = "}" if payload == "{}" else f",{payload[1:]}"
    text = f'{{"number":{number},"type":{json.dumps(type_)}{rest}'
    merge_key = None
    if type_ in MERGED_TYPES:
        whose = json.loads(payload).get(MERGED_TYPES[type_])
        merge_key = f"{type_} {topics} {whose}"
    return EncodedUpdate(number, frozenset(topics.split()), text, len(text.encode()), merge_key)


def encode_hello(number: int, epoch: str) -> str:
    """Return the first message on every socket."""
    return json.dumps({"type": "hello", "number": number, "epoch": epoch}, separators=(",", ":"))


def encode_reset(reason: str) -> str:
    """Return the message that tells a browser to load anew; the close follows."""
    return json.dumps({"type": "reset", "reason": reason}, separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """The browser has handled everything up to `number`."""

    number: int


@dataclass(frozen=True, slots=True)
class Beat:
    """The browser is there."""


@dataclass(frozen=True, slots=True)
class Token:
    """The browser, or rather an app, says who it is."""

    token: str


def parse_message(text: str | None) -> Acknowledgement | Beat | Token:
    """Return what a browser said; `text` is None for a binary frame. Raises HostileMessage."""
    if text is None:
        raise HostileMessage(CloseCode.BINARY, "messages are text")
    if len(text) > MAX_MESSAGE_BYTES or len(text.encode("utf-8", "replace")) > MAX_MESSAGE_BYTES:
        raise HostileMessage(CloseCode.TOO_BIG, f"a message has {MAX_MESSAGE_BYTES} bytes at most")
    try:
        said = json.loads(text)
    except (ValueError, RecursionError) as error:  # deep nesting; numbers of thousands of digits
        raise HostileMessage(CloseCode.MALFORMED, "a message is a JSON object") from error
    match said:
        case {"ack": int(number), **rest} if not rest and _is_number(number):
            return Acknowledgement(number)
        case {"beat": True, **rest} if not rest:
            return Beat()
        case {"token": str(token), **rest} if not rest:
            return Token(token)
    raise HostileMessage(CloseCode.MALFORMED, "a message is an ack, a beat or a token")


def parse_after(text: str | None) -> int | None:
    """Return the number in `?after=`, None when there is none. Raises HostileMessage."""
    if text is None:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) <= len(str(_MAX_NUMBER))):
        raise HostileMessage(CloseCode.MALFORMED, "after is the number of an update")
    return int(text)


def _is_number(number: int) -> bool:
    return not isinstance(number, bool) and 0 <= number <= _MAX_NUMBER
