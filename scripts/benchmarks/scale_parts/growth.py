"""What scanning a dataset that grew by one percent costs, when the earlier run is at hand (`mmcheck scan --reuse`).

Photographs of the usual size and ViT-B/32 with random weights: with a tiny model, reading the files would be most of
the work in any case. The new pairs are spread over the manifest.
"""

from __future__ import annotations

import json
import shutil
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from scripts.benchmarks.contest import CACHE
from scripts.benchmarks.image_parts.pictures import make_set
from scripts.benchmarks.image_parts.weights import make_models
from scripts.benchmarks.results import Target
from scripts.benchmarks.scale_parts.process import MMCHECK, measure

ROWS = 1_000
_EVERY = 100
"""One pair in so many is new."""
_WANTED = 0.05
"""Of the time of measuring the whole; one percent is the least possible."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Growth:
    """Seconds of the stage that measures, as timings.json tells them."""

    rows: int
    """Rows of the grown manifest."""
    new: int
    """Rows that the earlier run has not seen."""
    whole: float
    """All rows measured."""
    grown: float
    """The earlier run's taken over."""

    @property
    def share(self) -> float:
        """Return ``grown`` as a share of ``whole``."""
        return self.grown / self.whole


def bench_growth(rows: int) -> Growth:
    """Scan all but one percent of ``rows`` pairs, then all of them on top of it, then all of them from nothing.

    Raises:
        RuntimeError: If a scan fails.
    """
    folder = CACHE / "scale" / "growth"
    folder.mkdir(parents=True, exist_ok=True)
    model = make_models(CACHE / "image" / "models", "ViT-B-32")
    pairs = make_set(CACHE / "image" / "500x375", rows, 500, 375)
    listed = [json.loads(line) for line in pairs.read_text("utf-8").splitlines()[:rows]]
    all_rows = [{**row, "image": str(pairs.parent / row["image"])} for row in listed]
    old = [row for number, row in enumerate(all_rows) if number % _EVERY]
    earlier = _scan(folder, "earlier", old, model)
    grown = _scan(folder, "grown", all_rows, model, "--reuse", str(earlier))
    whole = _scan(folder, "whole", all_rows, model)
    taken = json.loads((grown / "run.json").read_text("utf-8"))["reused"]["measurements"]["image_text"]
    if taken != len(old):
        raise RuntimeError(f"{taken} of {len(old)} known pairs were taken over")
    found = Growth(rows=rows, new=rows - len(old), whole=_measuring(whole), grown=_measuring(grown))
    shutil.rmtree(folder)
    return found


def _scan(folder: Path, name: str, rows: list[dict[str, Any]], model: Path, *options: str) -> Path:
    print(f"  scanning {len(rows):,} rows ({name}) ...", file=sys.stderr, flush=True)
    manifest, out = folder / f"{name}.jsonl", folder / name
    manifest.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    shutil.rmtree(out, ignore_errors=True)
    command = [*MMCHECK, "scan", str(manifest), "--out", str(out), "--probes", "media,caption_text,image_text"]
    command += ["--set", f"probes.image_text.model={model / 'open_clip'}", "--set", "probes.image_text.pretrained=null"]
    measure([*command, "--device", "cpu", "--quiet", "--no-report", *options])
    return out


def _measuring(out: Path) -> float:
    return float(json.loads((out / "timings.json").read_text("utf-8"))["seconds"]["measuring"])


def growth_table(found: Growth) -> str:
    """Return the markdown table."""
    return "\n".join(
        [
            f"A dataset that grew by {found.new / found.rows:.0%} (500x375 JPEGs, ViT-B/32; seconds of measuring):",
            "",
            "| | seconds | share |",
            "|---|---|---|",
            f"| all {found.rows:,} rows measured | {found.whole:.2f} | 100 % |",
            f"| `--reuse` of a run without {found.new:,} of them | {found.grown:.2f} | {found.share:.1%} |",
        ]
    )


def growth_targets(found: Growth) -> list[Target]:
    """Return the target."""
    return [
        Target(
            work="a dataset that grew by 1 %, against measuring it whole",
            wanted=f"<= {_WANTED:.0%}",
            reached=f"{found.share:.1%}",
            met=found.share <= _WANTED,
        )
    ]


def growth_raw(found: Growth) -> dict[str, Any]:
    """Return all of it fit for JSON."""
    return asdict(found)
