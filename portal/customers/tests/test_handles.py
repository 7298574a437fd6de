"""Handles derived from names."""

from __future__ import annotations

import itertools

import pytest

from portal.customers.handles import (
    MAX_HANDLE_CHARACTERS,
    RESERVED,
    handle_candidates,
    handle_from,
)
from portal.customers.models import Customer

ODD_NAMES = ["", "  ", "李小龍", "🌈", "___", "é" * 80, "a" * 80, "Ada (Aurora)", "a_" * 40, "-x-"]


@pytest.mark.parametrize(
    ("name", "handle"),
    [
        ("Ada Aurora", "ada_aurora"),
        ("Zoë D'Été", "zoe_d_ete"),
        ("  R2-D2 ", "r2_d2"),
        ("李小龍", "friend"),
        ("🌈", "friend"),
    ],
)
def test_a_handle_is_made_from_a_name(name, handle):
    assert handle_from(name) == handle


@pytest.mark.parametrize("name", ODD_NAMES)
def test_every_candidate_is_a_valid_handle(name):
    field = Customer._meta.get_field("handle")

    for candidate in itertools.islice(handle_candidates(name), 5):
        field.run_validators(candidate)
        assert len(candidate) <= MAX_HANDLE_CHARACTERS


def test_our_own_words_are_never_offered():
    assert not set(handle_candidates("Settings")) & RESERVED
