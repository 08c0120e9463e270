"""How long `mmcheck judge` takes on stored rows: a run folder with made-up measurements of every probe is judged anew.

The values are random, about one row in ten breaks a rule of the preset. The same as the first part of
``scripts/bench scale``, for any number of rows, shard size and preset.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from mmcheck.config import load_config
from scripts.benchmarks.scale_parts.judging import bench_judging


def main() -> None:
    """Make the run, judge it in processes of its own, print what it took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--shard-size", type=int, default=load_config("default").run.shard_size)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--config", default="default")
    options = parser.parse_args()
    found = bench_judging(options.rows, options.repeats, shard_size=options.shard_size, preset=options.config)
    print(found.table())


if __name__ == "__main__":
    main()
