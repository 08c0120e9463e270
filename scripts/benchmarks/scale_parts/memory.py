"""Peak memory of `mmcheck scan` on sets of growing size: what a scan holds must not grow with the rows.

Images are tiny and all different, captions too: equal ones would be measured once and would shrink the whole-set
analyses, whose memory is what is looked at here.
"""

from __future__ import annotations

import json
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from scripts.benchmarks.contest import CACHE
from scripts.benchmarks.results import Target
from scripts.benchmarks.scale_parts.process import MMCHECK, Took, measure
from scripts.synthetic.captions import COLOURS

GROWTH = 0.05
SIZES = (1_000, 10_000)
FULL_SIZES = (1_000, 10_000, 100_000)
_SHAPES = "circle square triangle star heart ring cross bar moon arrow".split()
_PLACES = "table wall floor road river field roof bench hill beach".split()


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """A scan of one size."""

    rows: int
    took: Took


def make_manifest(folder: Path, rows: int) -> Path:
    """Return a manifest of ``rows`` pairs of small distinct JPEGs and captions; files that are there are kept.

    Args:
        folder: Where images and manifest lie.
        rows: Pairs.
    """
    manifest = folder / f"rows-{rows}.jsonl"
    with manifest.open("w") as file:
        for number in range(rows):
            name = f"images/{number // 1000:03d}/{number:06d}.jpg"
            place = folder / name
            if not place.exists():
                place.parent.mkdir(parents=True, exist_ok=True)
                _picture(number).save(place, quality=75)
            file.write(json.dumps({"id": f"p{number}", "image": name, "caption": _caption(number)}) + "\n")
    return manifest


def _picture(number: int) -> Image.Image:
    """Return a 64x64 picture of a few coarse random blocks, so that no two are near-duplicates."""
    blocks = np.random.default_rng(number).integers(0, 256, (6, 6, 3), dtype=np.uint8)
    return Image.fromarray(blocks).resize((64, 64), Image.Resampling.BICUBIC)


def _caption(number: int) -> str:
    rng = np.random.default_rng(number)
    words = [
        words[int(rng.integers(len(words)))] for words in (list(COLOURS), _SHAPES, list(COLOURS), _SHAPES, _PLACES)
    ]
    return f"a {words[0]} {words[1]} and {int(rng.integers(2, 99))} {words[2]} {words[3]}s on a {words[4]}"


def bench_memory(sizes: tuple[int, ...]) -> list[Scan]:
    """Scan sets of these sizes with the bundled model, the report included; return what each took.

    Raises:
        RuntimeError: If a scan fails.
    """
    folder = CACHE / "scale"
    folder.mkdir(parents=True, exist_ok=True)
    scans = []
    for rows in sizes:
        print(f"  scanning {rows:,} rows ...", file=sys.stderr, flush=True)
        manifest = make_manifest(folder, rows)
        out = folder / f"run-{rows}"
        shutil.rmtree(out, ignore_errors=True)
        options = ["--config", "demo", "--set", "run.shard_size=512", "-q"]
        scans.append(Scan(rows=rows, took=measure([*MMCHECK, "scan", str(manifest), "--out", str(out), *options])))
        shutil.rmtree(out, ignore_errors=True)
    return scans


def memory_table(scans: list[Scan]) -> str:
    """Return the markdown table."""
    lines = [
        "`mmcheck scan` of distinct 64x64 images with the bundled model (start-up, analyses and report included):",
        "",
        "| rows | peak MiB | against the size before | seconds | rows/s |",
        "|---|---|---|---|---|",
    ]
    for number, scan in enumerate(scans):
        change = "" if not number else f"{scan.took.peak_mib / scans[number - 1].took.peak_mib - 1:+.1%}"
        lines.append(
            f"| {scan.rows:,} | {scan.took.peak_mib:.0f} | {change} | {scan.took.wall:.0f} "
            f"| {scan.rows / scan.took.wall:.0f} |"
        )
    return "\n".join(lines)


def memory_targets(scans: list[Scan]) -> list[Target]:
    """Return the target, which is for the step from 10,000 to 100,000 rows."""
    peaks = {scan.rows: scan.took.peak_mib for scan in scans}
    if not {10_000, 100_000} <= set(peaks):
        return []
    growth = peaks[100_000] / peaks[10_000] - 1
    wanted = f"grows by < {GROWTH:.0%}"
    return [
        Target(work="peak memory from 10k to 100k rows", wanted=wanted, reached=f"{growth:+.1%}", met=growth < GROWTH)
    ]


def memory_raw(scans: list[Scan]) -> list[dict[str, Any]]:
    """Return all of it fit for JSON."""
    return [{"rows": scan.rows, **scan.took.as_json()} for scan in scans]
