"""How long `mmcheck judge` takes on stored rows: a run folder with made-up measurements of every probe is judged anew.

The values are random, about one row in ten breaks a rule of the preset. Prints seconds a stage and rows a second.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

import numpy as np

import mmcheck
from mmcheck.config import load_config
from mmcheck.core.parts import ANALYSES, PROBES
from mmcheck.core.types import Measurement, MediaRef, Sample, Shard, Status
from mmcheck.store.schema import measurements_to_table, samples_to_table, write_part


def make_run(out: Path, rows: int, shard_size: int, preset: str) -> None:
    """Write a run folder of ``rows`` image-caption samples with random measurements."""
    rng = np.random.default_rng(0)
    parts = {name: PROBES.get(name).metrics for name in ("media", "caption_text", "image_text")}
    analyses = {name: ANALYSES.get(name).metrics for name in ANALYSES.names()}
    manifest = out.parent / "rows.jsonl"
    manifest.write_text("{}\n")
    for number, start in enumerate(range(0, rows, shard_size)):
        stop = min(start + shard_size, rows)
        shard = Shard(index=number, start=start, stop=stop)
        samples = [
            Sample(
                id=f"s{n}",
                manifest=str(manifest),
                row_number=n + 1,
                image=MediaRef(uri=f"/data/images/{n}.jpg"),
                caption=f"a photo of thing number {n} on a table",
                row={"id": f"s{n}", "image": f"images/{n}.jpg", "caption": f"a photo of thing number {n} on a table"},
            )
            for n in range(start, stop)
        ]
        write_part(out / "samples" / shard.part, samples_to_table(samples, start), {"identity": "x"})
        for name, metrics in {**parts, **analyses}.items():
            measured = []
            for sample in samples:
                values = _values(rng)
                kept = {key: value for key, value in values.items() if f"{name}.{key}" in {m.name for m in metrics}}
                measured.append(Measurement(sample_id=sample.id, probe=name, status=Status.MEASURED, values=kept))
            table = measurements_to_table(measured, metrics)
            write_part(out / "measurements" / name / shard.part, table, {"fingerprint": "x"})
    described = {name: {"fingerprint": "x", "metrics": [asdict(m) for m in metrics]} for name, metrics in parts.items()}
    analysed = {name: {"fingerprint": "x", "metrics": [asdict(m) for m in ms]} for name, ms in analyses.items()}
    value = {
        "mmcheck_version": mmcheck.__version__,
        "state": "complete",
        "identity": "x",
        "rows": rows,
        "shard_size": shard_size,
        "inputs": [{"manifest": str(manifest), "format": "jsonl", "rows": rows}],
        "probes": described,
        "analyses": analysed,
    }
    (out / "run.json").write_text(json.dumps(value))
    (out / "config.yaml").write_text(load_config(preset).to_yaml())


def _values(rng: np.random.Generator) -> dict[str, float]:
    """Return values that a healthy pair might have; about one pair in ten falls below a limit."""
    return {
        **{"width": 640.0, "height": 480.0, "short_side": 480.0, "aspect_ratio": 1.33, "brightness": 0.5},
        **{"blankness": float(rng.uniform(0, 0.95)), "contrast": 0.2, "wrong_suffix": 0.0, "is_animated": 0.0},
        **{"num_words": 8.0, "num_chars": 40.0, "content_words": 3.0, "specificity": float(rng.uniform(0.3, 1.0))},
        **{"filename_likeness": 0.0, "markup_ratio": 0.0, "num_urls": 0.0, "unique_word_ratio": 1.0},
        **{"repeated_bigram_ratio": 0.0, "letter_ratio": 0.8, "mean_word_frequency": 4.0},
        **{"similarity": float(rng.normal(0.3, 0.03)), "worst_similarity": 0.3, "num_windows": 1.0},
        **{"caption_count": 1.0, "media_count": 1.0, "media_order": 1.0, "pair_count": 1.0, "pair_order": 1.0},
    }


def main() -> None:
    """Make the run, judge it in a process of its own, print what it took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--shard-size", type=int, default=load_config("default").run.shard_size)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--config", default="default")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        make_run(out, options.rows, options.shard_size, options.config)
        seconds = []
        for _ in range(options.repeats):
            began = time.perf_counter()
            command = [sys.executable, "-m", "mmcheck.cli.app", "judge", str(out), "--no-report", "--json", "-q"]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            seconds.append(time.perf_counter() - began)
        summary = json.loads(done.stdout)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = (used.ru_utime + used.ru_stime) / options.repeats
    peak = used.ru_maxrss / 1e6
    counts = {name: summary[name] for name in ("keep", "flag", "quarantine", "unchecked")}
    print(f"judge {options.rows} rows in shards of {options.shard_size}: {counts}")
    walls = ", ".join(f"{s:.2f}" for s in seconds)
    print(f"seconds: {walls} (start-up and manifests included), {cpu:.2f} of CPU; peak {peak:.2f} GB")
    print(f"rows/s at best: {options.rows / min(seconds):.0f}")


if __name__ == "__main__":
    main()
