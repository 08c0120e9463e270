"""How long `mmcheck judge` takes on stored rows, start-up and manifests included, and what a report adds."""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

from scripts.benchmarks.contest import CACHE
from scripts.benchmarks.results import Target
from scripts.benchmarks.scale_parts.process import MMCHECK, Took, measure
from scripts.benchmarks.scale_parts.stored_run import make_run

SECONDS = 15.0
MEMORY_MIB = 2048.0
ROWS = 1_000_000
_FOLDERS = {"keep": "clean", "flag": "flagged", "quarantine": "quarantine", "unchecked": "unchecked"}


def bench_judging(rows: int, repeats: int, *, shard_size: int = 512, preset: str = "default") -> Judging:
    """Make a run of ``rows`` rows, judge it ``repeats`` times without a report and once with one.

    Raises:
        RuntimeError: If judging fails, or a manifest does not hold the rows that the summary counts.
    """
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE) as folder:
        out = Path(folder) / "run"
        print(f"  making a run of {rows:,} rows ...", file=sys.stderr, flush=True)
        make_run(out, rows, shard_size=shard_size, preset=preset)
        plain = []
        for number in range(repeats):
            print(f"  judging, round {number + 1} of {repeats} ...", file=sys.stderr, flush=True)
            plain.append(measure([*MMCHECK, "judge", str(out), "--no-report", "--json", "-q"]))
        counts = _counts(out, json.loads(plain[-1].out))
        print("  judging with a report ...", file=sys.stderr, flush=True)
        reported = measure([*MMCHECK, "judge", str(out), "--json", "-q"])
        size = (out / "report.html").stat().st_size
    return Judging(rows, counts, plain, reported, size)


class Judging:
    """What judging took.

    Args:
        rows: Rows judged.
        counts: Action -> rows.
        plain: The rounds without a report.
        reported: The round with one.
        report_bytes: Size of that report.
    """

    def __init__(self, rows: int, counts: dict[str, int], plain: list[Took], reported: Took, report_bytes: int) -> None:
        self.rows = rows
        self.counts = counts
        self.plain = plain
        self.reported = reported
        self.report_bytes = report_bytes

    @property
    def seconds(self) -> float:
        """Return the median of the rounds."""
        return statistics.median(took.wall for took in self.plain)

    @property
    def peak_mib(self) -> float:
        """Return the largest memory of the rounds."""
        return max(took.peak_mib for took in self.plain)

    def table(self) -> str:
        """Return the markdown table."""
        walls = [took.wall for took in self.plain]
        cpu = statistics.median(took.cpu for took in self.plain)
        held = ", ".join(f"{count:,} {action}" for action, count in self.counts.items())
        return "\n".join(
            [
                f"`mmcheck judge` over {self.rows:,} stored rows ({held}); start-up, verdicts, summary and all four"
                " manifests included:",
                "",
                "| | seconds | least - most | rows/s | CPU, s | peak MiB |",
                "|---|---|---|---|---|---|",
                f"| without a report | {self.seconds:.1f} | {min(walls):.1f} - {max(walls):.1f} "
                f"| {self.rows / self.seconds:,.0f} | {cpu:.1f} | {self.peak_mib:.0f} |",
                f"| with one ({self.report_bytes / 1e6:.1f} MB) | {self.reported.wall:.1f} | one round "
                f"| {self.rows / self.reported.wall:,.0f} | {self.reported.cpu:.1f} | {self.reported.peak_mib:.0f} |",
            ]
        )

    def targets(self) -> list[Target]:
        """Return the targets, which are for a million rows."""
        if self.rows < ROWS:
            return []
        return [
            Target(
                work=f"judge {self.rows:,} rows",
                wanted=f"< {SECONDS:.0f} s",
                reached=f"{self.seconds:.1f} s",
                met=self.seconds < SECONDS,
            ),
            Target(
                work=f"judge {self.rows:,} rows, memory",
                wanted=f"< {MEMORY_MIB:.0f} MiB",
                reached=f"{self.peak_mib:.0f} MiB",
                met=self.peak_mib < MEMORY_MIB,
            ),
        ]

    def raw(self) -> dict[str, Any]:
        """Return all of it fit for JSON."""
        return {
            "rows": self.rows,
            "counts": self.counts,
            "rounds": [took.as_json() for took in self.plain],
            "with_report": {**self.reported.as_json(), "bytes": self.report_bytes},
        }


def _counts(out: Path, summary: dict[str, Any]) -> dict[str, int]:
    """Return the rows by action, once the manifests have been found to hold them."""
    found = {}
    for action, folder in _FOLDERS.items():
        found[action] = sum(_lines(file) for file in sorted((out / folder).glob("*.jsonl")))
        if found[action] != summary[action]:
            raise RuntimeError(f"{folder} holds {found[action]} rows, but the summary says {summary[action]}.")
    return found


def _lines(file: Path) -> int:
    with file.open("rb") as source:
        return sum(block.count(b"\n") for block in iter(lambda: source.read(1 << 20), b""))
