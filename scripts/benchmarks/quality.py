"""How well mmcheck finds what is wrong: fresh synthetic sets with planted faults, against simpler ways.

Pictures and clips are drawn from seeds that no model was trained on, encoded by the bundled models and cached; faults
are planted at row level and the product's own analyses and rules judge the stored tables. A full run rewrites the
generated parts of docs/quality.md; `--quick` only prints.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
# Small matrices: threads cost more than they give, and equal sums want equal threads.
os.environ.setdefault("OMP_NUM_THREADS", "1")

from scripts.benchmarks.quality_parts import (  # noqa: E402
    audio,
    contradictions,
    image_tables,
    images,
    label_tables,
    moves,
    near_duplicates,
    other_tables,
    vague,
)
from scripts.benchmarks.quality_parts.clips import Pair, can_speak, load_clips  # noqa: E402
from scripts.benchmarks.quality_parts.pairs import Pool, load_pool  # noqa: E402
from scripts.benchmarks.quality_parts.tables import update_document  # noqa: E402

PARTS = ("images", "captions", "repair", "audio", "duplicates", "consistency")
LABELS = ("duplicates", "consistency")
"""Parts that draw sets of their own, of one size."""
SIZES = (50, 300, 3000, 20_000)
QUICK_SIZES = (50, 300)
SMALL_POOL = 3600
HUGE_POOL = 22_000
HUGE_SEED = 7001
"""Sets of 20,000 rows share their pictures and differ in their faults, or drawing would take an hour."""
CLIPS = 150
CLIP_SEED = 8100
_QUICK_POOL = 500
_QUICK_CLIPS = 40
_QUICK_JOINS = near_duplicates.Sizes(pictures=140, sounds=20, texts=60, each=20, pairs=300)
_QUICK_LABELS = contradictions.Sizes(ordinary=150, groups=6, sound_groups=36, repeated=3, sounds=10)


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    options = _parser().parse_args(arguments)
    if options.seeds < 1 or options.jobs < 1 or min(options.sizes or (50,)) < 50:
        print(
            f"error: --seeds is {options.seeds}, --jobs {options.jobs} and --sizes {options.sizes}; wanted are 1 or "
            "more, 1 or more, and 50 rows or more\n\nhint: no detector judges fewer than 50 pairs",
            file=sys.stderr,
        )
        return 2
    sizes = tuple(options.sizes or (QUICK_SIZES if options.quick else SIZES))
    seeds = range(1, (min(options.seeds, 2) if options.quick else options.seeds) + 1)
    parts = options.only or list(PARTS)
    began = time.monotonic()

    def log(line: str) -> None:
        print(f"[{time.monotonic() - began:5.0f} s] {line}", file=sys.stderr, flush=True)

    pool_of = _pool_maker(options.cache, log, quick=options.quick)
    blocks: dict[str, str] = {}
    raw: dict[str, Any] = {}
    # Small sets say little about vagueness and displacement; huge ones cost more than they add.
    middle = [size for size in sizes if 300 <= size <= 5000] or [min(sizes)]
    if "images" in parts:
        outcomes = images.measure(
            pool_of, images.settings(sizes, quick=options.quick), list(seeds), log, jobs=options.jobs
        )
        blocks["images"] = image_tables.write(outcomes)
        raw["images"] = [outcome.plain() for outcome in outcomes]
    if "captions" in parts:
        found = vague.measure(pool_of, middle, seeds, log)
        blocks["captions"] = other_tables.write_vague(found)
        raw["captions"] = [asdict(outcome) for outcome in found]
    if "repair" in parts:
        proposed = moves.measure(pool_of, [min(1000, max(middle))], seeds, log)
        blocks["repair"] = other_tables.write_moves(proposed)
        raw["repair"] = [asdict(outcome) for outcome in proposed]
    if "audio" in parts:
        blocks["audio"], raw["audio"] = _audio(options, seeds, log)
    blocks = {name: f"{_command(options, sizes, seeds, parts)}\n\n{block}" for name, block in blocks.items()}
    labels = _labels(options, parts, seeds, log)
    told = _label_command(options, seeds)
    blocks |= {name: f"{told}\n\n{block}" for name, (block, _) in labels.items()}
    raw |= {name: rows for name, (_, rows) in labels.items()}
    for name, block in blocks.items():
        print(f"## {name}\n\n{block}\n")
    if options.json:
        options.json.write_text(json.dumps(raw, indent=1, default=str) + "\n", "utf-8")
    if not options.quick and not options.no_write:
        update_document(ROOT / "docs" / "quality.md", blocks)
    return 0


def _audio(options: argparse.Namespace, seeds: range, log: Callable[[str], None]) -> tuple[str, dict[str, Any]]:
    size = _QUICK_CLIPS if options.quick else CLIPS

    def pairs_of(seed: int) -> list[Pair]:
        return load_clips(options.cache, seed=CLIP_SEED + seed, size=size)

    from scripts.synthetic.speech import SpeechUnavailableError

    try:
        areas, sets = audio.measure(pairs_of, seeds, log)
    except SpeechUnavailableError:
        if can_speak():
            raise
        log("audio: espeak-ng is not on the PATH and the cache lacks the clips: left out (apt-get install espeak-ng)")
        return "Not measured: espeak-ng, which speaks the clips, is not installed.", {}
    return other_tables.write_audio(areas, sets), {
        "areas": [asdict(row) for row in areas],
        "sets": [asdict(row) for row in sets],
    }


def _labels(
    options: argparse.Namespace,
    parts: Sequence[str],
    seeds: range,
    log: Callable[[str], None],
) -> dict[str, tuple[str, list[dict[str, Any]]]]:
    """Return the block and the single outcomes of each of LABELS that is wanted."""

    def pool_of(seed: int, size: int) -> Pool:
        # The same pictures as those of the other parts, but no more of them than one set needs.
        return load_pool(options.cache, seed=7100 + seed, size=size)

    wanted = [name for name in LABELS if name in parts]
    with_speech = can_speak()
    if wanted and not with_speech:
        log("recordings: espeak-ng is not on the PATH: left out (apt-get install espeak-ng)")
    found: dict[str, tuple[str, list[dict[str, Any]]]] = {}
    if "duplicates" in wanted:
        sizes = _QUICK_JOINS if options.quick else near_duplicates.Sizes()
        joins = near_duplicates.measure_joins(seeds, sizes, log, with_speech=with_speech)
        verdicts = near_duplicates.measure_verdicts(pool_of, seeds, sizes, log)
        rows = [asdict(one) for outcomes in (joins, verdicts) for one in outcomes]
        found["duplicates"] = label_tables.write_duplicates(joins, verdicts), rows
    if "consistency" in wanted:
        flagged = contradictions.measure(
            seeds, _QUICK_LABELS if options.quick else contradictions.Sizes(), log, with_speech=with_speech
        )
        block = label_tables.write_consistency(flagged, with_speech=with_speech)
        found["consistency"] = block, [asdict(one) for one in flagged]
    return found


def _label_command(options: argparse.Namespace, seeds: range) -> str:
    quick = " --quick" if options.quick else ""
    return f"By `scripts/bench quality{quick} --only {' '.join(LABELS)} --seeds {len(seeds)}`."


def _pool_maker(cache_dir: Path, log: Callable[[str], None], *, quick: bool) -> Callable[[int, int], Pool]:
    @cache
    def load(seed: int, size: int) -> Pool:
        log(f"pictures of seed {seed}: {size} (drawn once, then cached in {cache_dir})")
        return load_pool(cache_dir, seed=seed, size=size)

    def pool_of(seed: int, size: int) -> Pool:
        if size > SMALL_POOL:
            return load(HUGE_SEED, max(HUGE_POOL, size))
        small = max(_QUICK_POOL, size) if quick else SMALL_POOL
        return load(7100 + seed, small)

    return pool_of


def _command(options: argparse.Namespace, sizes: tuple[int, ...], seeds: range, parts: list[str]) -> str:
    only = f" --only {' '.join(parts)}" if options.only else ""
    quick = " --quick" if options.quick else ""
    command = f"scripts/bench quality{quick}{only} --seeds {len(seeds)} --sizes {' '.join(map(str, sizes))}"
    return f"By `{command}` (picture seeds 7101 to {7100 + len(seeds)}, {HUGE_SEED} above 3,600 rows)."


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="scripts/bench quality", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small sets, two seeds, nothing written: some minutes")
    parser.add_argument("--seeds", type=int, default=3, help="how many (default: 3)")
    parser.add_argument("--sizes", type=int, nargs="+", help=f"rows of the sets (default: {SIZES})")
    parser.add_argument("--only", nargs="+", choices=PARTS, help="these parts only")
    parser.add_argument("--jobs", type=int, default=1, help="processes for the image part (default: 1)")
    parser.add_argument("--json", type=Path, help="write every single outcome to this file")
    parser.add_argument("--no-write", action="store_true", help="leave docs/quality.md as it is")
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    parser.add_argument(
        "--cache", type=Path, default=home / "mmcheck-bench", help="drawn and encoded data (default: %(default)s)"
    )
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
