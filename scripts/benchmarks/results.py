"""Tables and JSON of the contests, printed, stored, and put into docs/benchmarks.md between their markers."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scripts.benchmarks.contest import CACHE, ROOT, Standing, machine
from scripts.benchmarks.quality_parts.tables import put_block

DOCUMENT = ROOT / "docs" / "benchmarks.md"
RESULTS = CACHE / "results"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A ratio that was to be reached."""

    work: str
    """``image-caption against Data-Juicer's op, 500x375``."""
    wanted: str
    """``>= 6x``."""
    reached: str
    met: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What one bench found."""

    name: str
    """Name of the block and of the JSON file, e.g. ``image``."""
    command: str
    """How to run it again."""
    tables: tuple[str, ...]
    """Markdown, in order."""
    targets: tuple[Target, ...] = ()
    raw: Mapping[str, Any] = field(default_factory=dict)


def standings_table(title: str, standings: Sequence[Standing], unit: str) -> str:
    """Return the markdown table of a contest: rates, ratios of ours to each, share of the floor, memory.

    Args:
        title: Line above the table.
        standings: Exactly one entry of kind ``ours`` is what ratios are of; the first if there are several.
        unit: What an item is, e.g. ``pairs``.
    """
    ours = next((s for s in standings if s.entry.kind == "ours" and s.turns), None)
    floor = next((s for s in standings if s.entry.kind == "floor" and s.turns), None)
    lines = [
        f"{title}",
        "",
        f"| program | {unit}/s | least - most | ours is faster by | of the floor | whole process, s | peak MiB |",
        "|---|---|---|---|---|---|---|",
    ]
    for standing in standings:
        name = f"**{standing.entry.name}**" if standing is ours else standing.entry.name
        if not standing.turns:
            lines.append(f"| {name} | failed: {standing.failure} | | | | | |")
            continue
        low, high = standing.spread
        ratio = "" if ours is None or standing is ours else f"{ours.rate / standing.rate:.2f}x"
        share = "" if floor is None else f"{standing.rate / floor.rate:.2f}"
        wall = sorted(turn.wall for turn in standing.turns)[len(standing.turns) // 2]
        lines.append(
            f"| {name} | {standing.rate:.1f} | {low:.1f} - {high:.1f} | {ratio} | {share} "
            f"| {wall:.1f} | {standing.peak_mib:.0f} |"
        )
    return "\n".join(lines)


def targets_table(targets: Sequence[Target]) -> str:
    """Return the markdown table of what was to be reached."""
    lines = ["| work | wanted | reached | |", "|---|---|---|---|"]
    lines += [f"| {t.work} | {t.wanted} | {t.reached} | {'met' if t.met else 'MISSED'} |" for t in targets]
    return "\n".join(lines)


def publish(result: Result, *, write: bool) -> None:
    """Print a result, store it as JSON, and put it into docs/benchmarks.md if ``write``."""
    block = "\n\n".join(
        [
            f"By `{result.command}` on {machine()}.",
            *result.tables,
            *([targets_table(result.targets)] * bool(result.targets)),
        ]
    )
    print(f"## {result.name}\n\n{block}\n")
    RESULTS.mkdir(parents=True, exist_ok=True)
    stored = {
        "machine": machine(),
        "command": result.command,
        "targets": [{"work": t.work, "wanted": t.wanted, "reached": t.reached, "met": t.met} for t in result.targets],
        **result.raw,
    }
    (RESULTS / f"{result.name}.json").write_text(json.dumps(stored, indent=2) + "\n")
    if write:
        write_block(DOCUMENT, result.name, block)


def write_block(document: Path, name: str, block: str) -> None:
    """Replace one named block of a markdown file that has its markers."""
    document.write_text(put_block(document.read_text("utf-8"), name, block), "utf-8")
