"""How many image-caption pairs a second: `mmcheck scan` against other programs and against the forward pass alone.

All get the same JPEG files and the same weights: random ones of the real architecture, because speed does not depend on
what they have learned. `--device cuda` runs ours and the floor, for ViT-B-32 and ViT-L-14.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from scripts.benchmarks.contest import CACHE, compete  # noqa: E402
from scripts.benchmarks.image_parts.contestants import QUICK_SIZES, SIZES, make_entries  # noqa: E402
from scripts.benchmarks.image_parts.pictures import make_set  # noqa: E402
from scripts.benchmarks.image_parts.verdicts import agreement_line, compare_scores, make_targets  # noqa: E402
from scripts.benchmarks.image_parts.weights import make_models  # noqa: E402
from scripts.benchmarks.results import Result, Target, publish, standings_table  # noqa: E402

ARCHITECTURES = {"cpu": ("ViT-B-32",), "cuda": ("ViT-B-32", "ViT-L-14")}
_TIMES_ON_GPU = 20
"""How many times more pairs a GPU is given than a CPU: a rate needs seconds of work."""


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    options = _parser().parse_args(arguments)
    if options.repeats < 1:
        print(f"error: --repeats is {options.repeats}; wanted is 1 or more", file=sys.stderr)
        return 2
    # Every contestant uses the machine as it does by itself.
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.pop(name, None)
    rounds = 1 if options.quick else options.repeats
    tables: list[str] = []
    targets: list[Target] = []
    raw: dict[str, Any] = {}
    for architecture in ARCHITECTURES[options.device]:
        for size in QUICK_SIZES if options.quick else SIZES:
            if options.size not in (None, size.name):
                continue
            standings, compared = _run(architecture, size, rounds, options)
            tables.append(
                standings_table(f"**{architecture}, {size.name} JPEGs, {options.device}**", standings, "pairs")
            )
            if options.device == "cpu":
                tables.append(agreement_line(size, compared))
            targets += make_targets(size, standings, options.device)
            raw[f"{architecture} {size.name}"] = {"standings": [s.as_json() for s in standings], "scores": compared}
    name = "image" if options.device == "cpu" else "image-gpu"
    command = "scripts/bench image" + (" --device cuda" if options.device == "cuda" else "")
    command += " --quick" if options.quick else f" --repeats {rounds}"
    result = Result(name=name, command=command, tables=tuple(tables), targets=tuple(targets), raw=raw)
    is_whole = not (options.quick or options.size or options.only)
    if options.write and not is_whole:
        print("docs/benchmarks.md is left as it is: this was only a part of the benchmark", file=sys.stderr)
    publish(result, write=options.write and is_whole)
    return 0


def _run(architecture: str, size: Any, rounds: int, options: argparse.Namespace) -> tuple[Any, dict[str, Any]]:
    folder = CACHE / "image"
    print(f"{architecture}, {size.name}: preparing files and weights ...", file=sys.stderr, flush=True)
    model = make_models(folder / "models", architecture)
    if options.device == "cuda" and not options.quick:
        size = size.times(_TIMES_ON_GPU)
    manifest = make_set(folder / size.name, size.ours, size.width, size.height)
    scores = folder / "scores"
    scores.mkdir(exist_ok=True)
    for old in scores.glob(f"{size.name}_*.json"):
        old.unlink()
    entries = [
        entry
        for entry in make_entries(size, manifest, model, scores, options.device)
        if options.only is None or options.only in entry.name
    ]
    standings = compete(entries, repeats=rounds)
    return standings, compare_scores(standings)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--quick", action="store_true", help="few pairs, one round")
    parser.add_argument("--repeats", type=int, default=3, help="rounds")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="cuda: ours and the floor only")
    parser.add_argument("--size", choices=[size.name for size in SIZES], help="only pictures of this size")
    parser.add_argument("--only", metavar="TEXT", help="only contestants whose name has this in it")
    parser.add_argument("--write", action="store_true", help="put the table into docs/benchmarks.md")
    return parser


if __name__ == "__main__":
    sys.exit(main())
