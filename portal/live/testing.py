"""What tests and benchmarks need to fill the table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from portal.live import updates


def append_update(
    *,
    type: str = "notice",  # noqa: A002
    topics: Iterable[str] = (updates.FEED,),
    payload: Mapping[str, Any] | None = None,
) -> int:
    """Append one update in its own transaction and return the newest number after it."""
    with updates.transaction():
        updates.append(type=type, topics=topics, payload=payload or {})
    return updates.newest_number()
