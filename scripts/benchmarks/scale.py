"""Scale: judging a million stored rows, memory of scans of growing size, a set that grew, start-up of each command.

Scanning 100,000 rows takes a while, so that the last step of the memory bench is made only with ``--full``.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from scripts.benchmarks.results import Result, Target, publish
from scripts.benchmarks.scale_parts import growth
from scripts.benchmarks.scale_parts.judging import ROWS, bench_judging
from scripts.benchmarks.scale_parts.memory import (
    FULL_SIZES,
    SIZES,
    bench_memory,
    memory_raw,
    memory_table,
    memory_targets,
)
from scripts.benchmarks.scale_parts.startup import bench_startup, startup_raw, startup_table

PARTS = ("judge", "growth", "startup", "memory")
Found = tuple[str, list[Target], Any]


def main() -> None:
    """Run the wanted parts, print and store what they found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="50,000 rows, scans of 200 and 1,000, two rounds")
    parser.add_argument("--repeats", type=int, default=0, help="rounds; 0: 3 of judging, 5 of start-up")
    parser.add_argument("--full", action="store_true", help="also scan 100,000 rows")
    parser.add_argument("--only", choices=PARTS, help="this part alone")
    parser.add_argument("--write", action="store_true", help="update docs/benchmarks.md")
    options = parser.parse_args()
    quick = options.quick
    sizes = (200, 1_000) if quick else FULL_SIZES if options.full else SIZES
    parts: dict[str, Callable[[], Found]] = {
        "judge": lambda: _judge(50_000 if quick else ROWS, options.repeats or (2 if quick else 3)),
        "growth": lambda: _growth(200 if quick else growth.ROWS),
        "startup": lambda: _startup(options.repeats or (2 if quick else 5)),
        "memory": lambda: _memory(sizes),
    }
    tables: list[str] = []
    targets: list[Target] = []
    raw: dict[str, Any] = {"quick": quick}
    failed = False
    used = [f"--{name}" for name in ("quick", "full") if getattr(options, name)]
    used += [f"--only {options.only}"] if options.only else []
    command = " ".join(["scripts/bench scale", *used])
    for name, part in parts.items():
        if options.only not in (None, name):
            continue
        try:
            table, reached, found = part()
        except RuntimeError as error:
            # One part that fails must not hide the others' figures; the exit code tells.
            print(f"{name} failed: {error}", file=sys.stderr)
            tables.append(f"{name} failed: {error}")
            failed = True
            continue
        tables.append(table)
        targets += reached
        raw[name] = found
        # After each part: the last one takes a while, and what was measured before is kept if that is stopped.
        publish(
            Result(name="scale", command=command, tables=tuple(tables), targets=tuple(targets), raw=raw),
            write=options.write,
        )
    sys.exit(1 if failed else 0)


def _judge(rows: int, repeats: int) -> Found:
    found = bench_judging(rows, repeats)
    return found.table(), found.targets(), found.raw()


def _memory(sizes: tuple[int, ...]) -> Found:
    scans = bench_memory(sizes)
    return memory_table(scans), memory_targets(scans), memory_raw(scans)


def _growth(rows: int) -> Found:
    found = growth.bench_growth(rows)
    return growth.growth_table(found), growth.growth_targets(found), growth.growth_raw(found)


def _startup(repeats: int) -> Found:
    starts = bench_startup(repeats)
    return startup_table(starts), [], startup_raw(starts)


if __name__ == "__main__":
    main()
