"""Does the order of the rows change a verdict? Or the batch size, the threads, the shards?

The same rows are scanned as they are given, in two other orders, with other batches and threads, and with all of that
at once, each in a process of its own; verdicts, findings and values are compared row by row. A full run rewrites the
part `order` of docs/quality.md; exit code 1 if any verdict or finding differs.

    scripts/bench order                     # some minutes; real data where they are at hand
    scripts/bench order --only "demo images" --no-write
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from mmcheck.api import open_run
from scripts.benchmarks.contest import ROOT, machine
from scripts.benchmarks.order_parts.compare import Difference, compare_runs
from scripts.benchmarks.order_parts.sets import OrderSet, read_sets
from scripts.benchmarks.quality_parts.tables import table, update_document
from scripts.benchmarks.real_parts.recordings import NoRealDataError, find_data


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """One way to scan the same rows."""

    name: str
    seed: int | None = None
    """Of the order; None: as given."""
    batch: int | None = None
    """Pairs at once; None: the config's."""
    threads: int = 1
    """Of torch, OpenMP and CTranslate2."""
    workers: int = 2
    """Threads that decode."""
    shard: int | None = None
    """Rows of a shard; None: the config's."""

    def settings(self) -> list[str]:
        """Return the arguments of ``mmcheck scan``."""
        found = [f"run.workers={self.workers}"]
        if self.batch is not None:
            found += [f"probes.{probe}.batch_size={self.batch}" for probe in ("image_text", "transcript")]
        if self.shard is not None:
            found.append(f"run.shard_size={self.shard}")
        return [part for setting in found for part in ("--set", setting)]


GIVEN = Variant(name="as given")
VARIANTS = (
    Variant(name="other order", seed=1),
    Variant(name="another order", seed=2),
    Variant(name="batches of 1", batch=1),
    Variant(name="batches of 7", batch=7),
    Variant(name="batches of 32", batch=32),
    Variant(name="two threads, four decoding", threads=2, workers=4),
    Variant(name="shards of 37 rows", shard=37),
    Variant(
        name="other order, batches of 7, two threads, one decoding, shards of 50",
        seed=3,
        batch=7,
        threads=2,
        workers=1,
        shard=50,
    ),
)
_OF_ORDER = ("other order", "another order", "shards of 37 rows")
"""What says something where no model measures."""


def scan(own: OrderSet, variant: Variant, work: Path) -> Path:
    """Scan a set in one way and return the run folder."""
    out = work / "run"
    manifest = own.write(work, variant.seed)
    environment = {
        **os.environ,
        "OMP_NUM_THREADS": str(variant.threads),
        "KMP_BLOCKTIME": "0",
        "MKL_NUM_THREADS": str(variant.threads),
    }
    command = [sys.executable, "-m", "mmcheck", "scan", str(manifest), "--out", str(out), "--config", "demo"]
    command += ["--overwrite", "--quiet", *variant.settings(), *own.options]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{own.name}, {variant.name}: exit code {done.returncode}\n{done.stderr[-2000:]}")
    return out


def measure(own: OrderSet, variants: Sequence[Variant], work: Path) -> list[tuple[Variant, Difference]]:
    """Return how each way differs from the rows as given."""
    began = time.monotonic()
    first = open_run(scan(own, GIVEN, work / "given"))
    found = []
    for number, variant in enumerate(variants):
        if not own.has_models and variant.name not in _OF_ORDER:
            continue
        difference = compare_runs(first, open_run(scan(own, variant, work / str(number))))
        told = f"{difference.verdicts} verdicts, {difference.codes} findings, {len(difference.values)} metrics differ"
        line = f"[{time.monotonic() - began:5.0f} s] {own.name}, {variant.name}: {told} {difference.example}"
        print(line, file=sys.stderr, flush=True)
        found.append((variant, difference))
    return found


def tell(found: Sequence[tuple[OrderSet, Variant, Difference]]) -> str:
    """Return the markdown table."""
    rows = []
    for own, variant, difference in found:
        largest = max(difference.values.values(), default=0.0)
        rows.append(
            [
                f"{own.name}, {variant.name}",
                str(difference.rows),
                str(difference.verdicts),
                str(difference.codes),
                str(len(difference.values)),
                "none" if not difference.values else f"{largest:.1e}",
            ]
        )
    head = [
        "set, and what is not as given",
        "rows",
        "other verdicts",
        "other findings",
        "metrics that differ",
        "largest difference",
    ]
    return table(head, rows)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the bench; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", help="names of sets; default: all that are at hand")
    parser.add_argument(
        "--variants", type=int, nargs="+", help=f"numbers of ways, 0 to {len(VARIANTS) - 1}; default: all"
    )
    parser.add_argument("--data", type=Path, help="folder with the real data; default: as scripts/bench real")
    parser.add_argument("--work", type=Path, help="folder that keeps the runs; default: a temporary one")
    parser.add_argument("--json", type=Path, help="also write all differences to this file")
    parser.add_argument("--no-write", action="store_true", help="leave docs/quality.md as it is")
    options = parser.parse_args(arguments)
    variants = VARIANTS if options.variants is None else [VARIANTS[number] for number in options.variants]
    try:
        data: Path | None = find_data(options.data)
    except NoRealDataError as error:
        print(f"{error}; the demo data alone are scanned", file=sys.stderr)
        data = None
    found: list[tuple[OrderSet, Variant, Difference]] = []
    with tempfile.TemporaryDirectory() as temporary:
        work = options.work or Path(temporary)
        for own in read_sets(data, work):
            if options.only is None or own.name in options.only:
                folder = work / own.name.replace(" ", "-")
                found += [(own, variant, difference) for variant, difference in measure(own, variants, folder)]
    block = f"By `scripts/bench order`, on {machine()}.\n\n{tell(found)}"
    print(block)
    if options.json:
        listed = [{"set": own.name, "variant": way.name, **difference.plain()} for own, way, difference in found]
        options.json.write_text(json.dumps(listed, indent=1) + "\n", "utf-8")
    if not options.no_write and options.only is None and options.variants is None:
        update_document(ROOT / "docs" / "quality.md", {"order": block})
    return int(any(difference.verdicts or difference.codes for _, _, difference in found))


if __name__ == "__main__":
    sys.exit(main())
