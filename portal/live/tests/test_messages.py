"""Tests that the messages of docs/live-updates.md are the ones of the code."""

from __future__ import annotations

import json
import re

import pytest
from django.conf import settings

from portal.live.errors import CloseCode
from portal.live.messages import (
    BEAT,
    Acknowledgement,
    Beat,
    encode_hello,
    encode_reset,
    encode_update,
    parse_message,
)

DOCUMENT = (settings.BASE_DIR / "docs" / "live-updates.md").read_text()
SERVERS, CLIENTS = (
    block.splitlines() for block in re.findall(r"```json\n(.*?)\n```", DOCUMENT, flags=re.DOTALL)
)


@pytest.mark.parametrize("example", SERVERS)
def test_documented_message_is_what_the_encoder_makes(example):
    said = json.loads(example)

    match said:
        case {"type": "hello", "number": number, "epoch": epoch}:
            made = encode_hello(number, epoch)
        case {"type": "beat"}:
            made = BEAT
        case {"type": "reset", "reason": reason}:
            made = encode_reset(reason)
        case {"number": number, "type": type_, **payload}:
            made = encode_update(
                number, type_, "feed", json.dumps(payload, separators=(",", ":"))
            ).text

    assert made == example


def test_documented_answers_are_understood():
    assert [parse_message(text) for text in CLIENTS] == [Acknowledgement(1048), Beat()]


def test_every_close_code_is_documented():
    documented = {int(code) for code in re.findall(r"^\| (\d{4}) \|", DOCUMENT, flags=re.MULTILINE)}

    assert documented == set(CloseCode)


def test_update_without_payload_is_an_object():
    update = encode_update(5, "notice", "feed staff", "{}")

    assert json.loads(update.text) == {"number": 5, "type": "notice"}
    assert update.topics == {"feed", "staff"}
