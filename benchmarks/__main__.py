"""`make bench`: measure each part, print a row per target, write them to results.json."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Sequence

from benchmarks import rendering
from benchmarks.report import Row, print_rows, write_rows

PARTS: dict[str, Callable[[], Sequence[Row]]] = {"rendering": rendering.main}


def main() -> None:
    """Run the named part, or all."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("part", nargs="?", choices=PARTS, help="one part alone")
    chosen = parser.parse_args().part
    load_before = os.getloadavg()[0]
    rows = [row for name, run in PARTS.items() if chosen in (None, name) for row in run()]
    print_rows(rows)
    write_rows(rows, load_before)


if __name__ == "__main__":
    main()
