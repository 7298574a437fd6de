"""One owner for each event name."""

from __future__ import annotations

import pytest

from particle_integration.handlers import DuplicateHandler, HandlerRegistry


def make_registry() -> HandlerRegistry:
    registry = HandlerRegistry()

    @registry.handles("picture")
    def picture(events):
        return {}

    @registry.handles("spark/", prefix=True)
    def spark(events):
        return {}

    @registry.handles("spark/status", prefix=True)
    def status(events):
        return {}

    @registry.handles("spark/status")
    def exact_status(events):
        return {}

    return registry


@pytest.mark.parametrize(
    ("name", "owner"),
    [
        ("picture", "picture"),
        ("picture/part", None),
        ("Picture", None),
        ("pictur", None),
        ("spark/", "spark"),
        ("spark/flash/status", "spark"),
        ("spark/status", "exact_status"),
        ("spark/status/safe-mode", "status"),
        ("spark", None),
        ("", None),
    ],
)
def test_the_longest_match_owns_an_event(name, owner):
    handler = make_registry().find(name)

    assert (handler and handler.handle.__name__) == owner


@pytest.mark.parametrize(("pattern", "prefix"), [("picture", False), ("spark/", True)])
def test_a_second_owner_is_refused(pattern, prefix):
    registry = make_registry()

    with pytest.raises(DuplicateHandler, match=pattern):
        registry.handles(pattern, prefix=prefix)(lambda events: {})


def test_handlers_are_listed_by_pattern():
    listed = [str(handler) for handler in make_registry().all()]

    assert [line.split(" → ")[0] for line in listed] == [
        "picture",
        "spark/*",
        "spark/status",
        "spark/status*",
    ]
