"""One row per target, printed and kept in `results.json`; nothing is left out when it looks bad."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

RESULTS = Path(__file__).parent / "results.json"


@dataclass(frozen=True, kw_only=True)
class Row:
    """What was measured: ours against a named alternative that ran in the same rounds."""

    part: str
    target: str
    what: str
    ours: str
    alternative: str
    ratio: float
    ratio_range: tuple[float, float]
    wanted: str
    is_met: bool


def print_rows(rows: Sequence[Row]) -> None:
    """Print the table."""
    for row in rows:
        low, high = row.ratio_range
        verdict = "met" if row.is_met else "NOT met"
        print(
            f"{row.target:<4} {row.what}\n     ours {row.ours}; {row.alternative}\n"
            f"     ratio {row.ratio:.2f} ({low:.2f} to {high:.2f}), wanted {row.wanted}: {verdict}"
        )


def write_rows(rows: Sequence[Row], load_before: float) -> None:
    """Replace the rows of the parts that ran, keep those of the others."""
    ran = {row.part for row in rows}
    kept = json.loads(RESULTS.read_text()) if RESULTS.exists() else []
    machine = f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
    run = {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine,
        "load_before": round(load_before, 2),
    }
    fresh = [{**asdict(row), **run} for row in rows]
    merged = [row for row in kept if row["part"] not in ran] + fresh
    RESULTS.write_text(json.dumps(merged, indent=2, ensure_ascii=False) + "\n")
