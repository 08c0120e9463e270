"""The benches that a GPU can take part in, one after the other: image-caption, then audio-transcript, both on CUDA.

Without a GPU this says so at once. ``--quick`` sees that everything runs; ``--write`` puts the tables into
docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from scripts.benchmarks.all import run_bench, table_of, targets_of
from scripts.benchmarks.results import RESULTS

BENCHES = {"image": "image-gpu", "audio": "audio-gpu"}
"""Bench -> name of its results on a GPU."""


def main() -> int:
    """Run the benches and print the table of their targets; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--quick", action="store_true", help="few items, one round")
    parser.add_argument("--repeats", type=int, default=3, help="rounds")
    parser.add_argument("--write", action="store_true", help="update docs/benchmarks.md")
    options = parser.parse_args()
    import torch

    if not torch.cuda.is_available():
        print(f"error: torch {torch.__version__} sees no GPU here; nothing was measured", file=sys.stderr)
        return 2
    print(f"on {torch.cuda.get_device_name()}, torch {torch.__version__}", flush=True)
    passed = ["--device", "cuda", "--repeats", str(options.repeats)]
    passed += ["--quick"] * options.quick + ["--write"] * options.write
    failures = {name: failure for name in BENCHES if (failure := run_bench(name, passed))}
    print(table_of(targets_of(RESULTS, [told for name, told in BENCHES.items() if name not in failures])))
    for name, failure in failures.items():
        print(f"\n{name} FAILED: {failure}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
