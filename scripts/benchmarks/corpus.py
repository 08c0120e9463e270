"""What the corpus stage costs: a run folder with synthetic embeddings is analysed by what is registered.

The pairs are random unit vectors around some thousand directions, their texts turned a little away from their images;
one pair in twenty is joined wrongly. They cost what real ones cost and mean nothing. Prints rows a second and the peak
of memory, in all and an analysis.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pyarrow as pa

import mmcheck
from mmcheck.config import load_config
from mmcheck.core.parts import PROBES
from mmcheck.core.types import Shard
from mmcheck.corpus.base import ANALYSES
from mmcheck.store.run_folder import RunFolder, StoredShard
from mmcheck.store.schema import SAMPLES, write_part

SHARD_SIZE = 5000
CLUSTERS = 2000
WRONG = 0.05


def make_run(out: Path, rows: int, dim: int) -> None:
    """Write the samples and the image_text measurements of ``rows`` pairs, shard by shard."""
    rng = np.random.default_rng(0)
    centres = rng.standard_normal((CLUSTERS, dim), dtype=np.float32)
    for number, start in enumerate(range(0, rows, SHARD_SIZE)):
        shard = Shard(index=number, start=start, stop=min(start + SHARD_SIZE, rows))
        count = shard.stop - start
        place = rng.integers(0, CLUSTERS, count)
        meaning = centres[place] + rng.standard_normal((count, dim), dtype=np.float32)
        images = _unit(meaning + rng.standard_normal((count, dim), dtype=np.float32))
        wrong = np.flatnonzero(rng.random(count) < WRONG)
        meaning[wrong] = meaning[np.roll(wrong, 1)]
        texts = _unit(meaning + rng.standard_normal((count, dim), dtype=np.float32))
        write_part(out / "samples" / shard.part, _samples(start, count), {"identity": "x"})
        write_part(out / "measurements" / "image_text" / shard.part, _measured(start, images, texts), {})
    metrics = [asdict(metric) for metric in PROBES.get("image_text").metrics]
    value = {
        "mmcheck_version": mmcheck.__version__,
        "state": "complete",
        "identity": "x",
        "rows": rows,
        "shard_size": SHARD_SIZE,
        "inputs": [{"manifest": "/data/rows.jsonl", "format": "jsonl", "rows": rows}],
        "probes": {"image_text": {"fingerprint": "x", "metrics": metrics}},
        "analyses": {},
    }
    (out / "run.json").write_text(json.dumps(value))


def _unit(vectors: np.ndarray) -> np.ndarray:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


def _samples(start: int, count: int) -> pa.Table:
    numbers = range(start, start + count)
    empty = {"member": None, "offset": None, "size": None, "start": None, "duration": None}
    columns = {
        "index": list(numbers),
        "id": [f"s{n}" for n in numbers],
        "manifest": ["/data/rows.jsonl"] * count,
        "row_number": [n + 1 for n in numbers],
        "own_id": [True] * count,
        "image": [{"uri": f"/data/images/{n}.jpg", **empty} for n in numbers],
        "audio": [None] * count,
        "caption": [f"a photo of thing number {n} near thing {n * 7919 % 10007}" for n in numbers],
        "transcript": [None] * count,
        "language": ["en"] * count,
        "row": ["{}"] * count,
        "problem": [None] * count,
    }
    return pa.table(columns, schema=SAMPLES)


def _measured(start: int, images: np.ndarray, texts: np.ndarray) -> pa.Table:
    count, dim = images.shape
    columns = {
        "sample_id": [f"s{n}" for n in range(start, start + count)],
        "status": ["measured"] * count,
        "reason": pa.nulls(count, pa.string()),
        "cause": pa.nulls(count, pa.string()),
        "similarity": np.einsum("ij,ij->i", images, texts).astype(np.float64),
        "evidence": pa.nulls(count, pa.string()),
    }
    for name, vectors in (("image", images), ("text", texts)):
        flat = pa.array(vectors.astype(np.float16).reshape(-1))
        columns[f"embedding.{name}"] = pa.FixedSizeListArray.from_arrays(flat, dim)
    return pa.table(columns)


def analyse(out: Path, names: list[str]) -> None:
    """Run the named analyses one after another and print what each costs."""
    run, options = RunFolder(out), load_config("default").analyses
    rows = run.record.rows
    probes = tuple(run.record.probes)
    done: list[str] = []
    total = 0.0
    for entry in ANALYSES:
        if names and entry.name not in names:
            continue
        began, worked = time.perf_counter(), time.process_time()
        analysis = ANALYSES.get(entry.name)(getattr(options, entry.name), 0)
        shards = [StoredShard(run, shard, (*probes, *done)) for shard in run.shards()]
        for shard, table in zip(run.shards(), analysis.analyse(shards), strict=True):
            write_part(run.measurements_part(entry.name, shard), table, {"fingerprint": "x"})
        seconds = time.perf_counter() - began
        total += seconds
        done.append(entry.name)
        busy = time.process_time() - worked
        speed = f"{rows / seconds:10,.0f} rows/s"
        print(f"{entry.name:12s} {seconds:8.1f} s ({busy:.0f} s of CPU) {speed}   peak {_peak():.2f} GiB", flush=True)
        for sentence in analysis.summary().get("sentences", [])[:3]:
            print(f"             {sentence}")
    print(f"{'corpus stage':12s} {total:8.1f} s {rows / max(total, 1e-9):10,.0f} rows/s   peak {_peak():.2f} GiB")


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def main() -> int:
    """Make the run folder, analyse it, print figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--dim", type=int, default=512)
    parser.add_argument("--only", nargs="*", default=[], help="names of analyses (default: all registered)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        began = time.perf_counter()
        make_run(out, options.rows, options.dim)
        print(f"{options.rows:,} pairs of {options.dim} numbers written in {time.perf_counter() - began:.0f} s")
        analyse(out, options.only)
    return 0


if __name__ == "__main__":
    sys.exit(main())
