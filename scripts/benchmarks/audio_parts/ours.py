"""`mmcheck scan` as a user calls it, timed by its own timings.json: from the first clip to the last result stored."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from scripts.benchmarks.audio_parts.work import read_work

_LIMITS = ("mean_log_prob", "worst_word_log_prob", "end_log_prob", "tail_log_prob")
"""Metrics below whose limits a transcript is uncertain, as probes.transcript.uncertain names them."""


def main() -> None:
    """Scan the clips and tell how long measuring took.

    Model loading and start-up lie before that stage, analyses, rules and report behind it. The first batch is part of
    it, warm or not, and so is the writing of the results.
    """
    work = read_work("set", "device")
    settings = [f"probes.transcript.model={work.model}", *filter(None, work.options.set.split(";"))]
    with tempfile.TemporaryDirectory(prefix="bench-mmcheck-") as folder:
        out = Path(folder) / "run"
        scan(work.manifest, out, settings, limit=work.items, device=work.options.device)
        timings = json.loads((out / "timings.json").read_text("utf-8"))
        about = json.loads((out / "run.json").read_text("utf-8"))["probes"]["transcript"]["about"]
        limits = read_limits(out)
        measured = read_measured(out)
        anomaly = read_column(out, "speech", "anomaly")
    evidence = [json.loads(told) if told else {} for told in measured["evidence"]]
    scores = {"doubt": doubts(measured, limits), "anomaly": [-1.0 if value is None else value for value in anomaly]}
    work.tell(
        timings["seconds"]["measuring"],
        scores,
        transcribed=sum(bool(told.get("transcribed")) for told in evidence),
        model_seconds=timings["model_seconds"],
        stages=timings["seconds"],
        about=about,
    )


def scan(manifest: Path, out: Path, settings: Sequence[str], *, limit: int, device: str) -> None:
    """Run `mmcheck scan` with the transcript probe on the first clips of a manifest.

    Raises:
        SystemExit: If it fails.
    """
    command = [str(Path(sys.executable).with_name("mmcheck")), "scan", str(manifest), "--out", str(out), "--quiet"]
    command += ["--no-report", "--device", device, "--probes", "transcript"]
    command += ["--limit", str(limit)]
    for setting in settings:
        command += ["--set", setting]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 3):
        raise SystemExit(f"mmcheck scan ended with {done.returncode}: {done.stderr.strip()[-400:]}")


def read_measured(out: Path) -> dict[str, list[Any]]:
    """Return the columns that verification left in a run folder, and the evidence."""
    return {name: read_column(out, "transcript", name) for name in (*_LIMITS, "evidence")}


def read_column(out: Path, probe: str, name: str) -> list[Any]:
    """Return a column of all shards of a probe or an analysis, in order; empty if it was not there."""
    parts = [pq.read_table(part) for part in sorted((out / "measurements" / probe).glob("*.parquet"))]
    return [value for part in parts if name in part.column_names for value in part[name].to_pylist()]


def read_limits(out: Path) -> dict[str, float]:
    """Return the limits that the run used."""
    import yaml

    limits = yaml.safe_load((out / "config.yaml").read_text("utf-8"))["probes"]["transcript"]["uncertain"]
    return {name: float(limits[name]) for name in _LIMITS}


def doubts(measured: dict[str, list[Any]], limits: dict[str, float]) -> list[float]:
    """Return how far beyond its limit the worst of a clip's metrics lies: above 1 a clip is transcribed.

    A clip without metrics (nothing could be measured) gets the largest doubt of all: 1000.
    """
    return [
        max((row[name] / limits[name] for name in _LIMITS if row[name] is not None), default=1000.0)
        for row in ({name: measured[name][at] for name in _LIMITS} for at in range(len(measured["evidence"])))
    ]


if __name__ == "__main__":
    main()
