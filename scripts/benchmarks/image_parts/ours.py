"""`mmcheck scan` as a user calls it, timed by its own timings.json: from the first item to the last result stored."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import pyarrow.parquet as pq

from scripts.benchmarks.image_parts.work import read_work


def main() -> None:
    """Scan the pairs and tell how long measuring took.

    Model loading and start-up lie before that stage, analyses, rules and report behind it. The first batch is part of
    it, warm or not, and so is the writing of the results.
    """
    work = read_work("probes", "device")
    with tempfile.TemporaryDirectory(prefix="bench-mmcheck-") as folder:
        out = Path(folder) / "run"
        command = [str(Path(sys.executable).with_name("mmcheck")), "scan", str(work.manifest), "--out", str(out)]
        command += ["--probes", work.options.probes, "--device", work.options.device, "--limit", str(work.items)]
        command += ["--set", f"probes.image_text.model={work.model / 'open_clip'}"]
        command += ["--set", "probes.image_text.pretrained=null", "--quiet", "--no-report"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode not in (0, 3):
            raise SystemExit(f"mmcheck scan ended with {done.returncode}: {done.stderr.strip()[-400:]}")
        timings = json.loads((out / "timings.json").read_text("utf-8"))
        run = json.loads((out / "run.json").read_text("utf-8"))
        parts = sorted((out / "measurements" / "image_text").glob("*.parquet"))
        scores = [value for part in parts for value in pq.read_table(part)["similarity"].to_pylist()]
    about = run["probes"]["image_text"]["about"]
    work.tell(
        timings["seconds"]["measuring"],
        scores,
        precision=about["precision"],
        model_seconds=timings["model_seconds"],
        stages=timings["seconds"],
    )


if __name__ == "__main__":
    main()
