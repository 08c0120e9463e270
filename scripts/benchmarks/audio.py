"""How many audio-transcript pairs a second: `mmcheck scan` against programs that transcribe, and against the floor.

All get the same clips, 5 % of them bad, and the same weights: the bundled tiny-whisper, and random ones of the shapes
of whisper-tiny and whisper-base. Beside the speed stands how well each finds planted faults (bundled model), so that
speed is never bought with quality. `--device cuda` runs ours and the floor, for the shapes of whisper-base and
whisper-large-v3-turbo.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from scripts.benchmarks.audio_parts.clip_sets import about, make_set, read_faults  # noqa: E402
from scripts.benchmarks.audio_parts.contestants import (  # noqa: E402
    NO_NULL,
    OURS,
    WINDOWS,
    Task,
    find,
    limits_for_share,
    make_entries,
)
from scripts.benchmarks.audio_parts.verdicts import (  # noqa: E402
    detection,
    detection_table,
    detection_targets,
    floor_targets,
    speed_table,
    speed_targets,
)
from scripts.benchmarks.audio_parts.weights import GPU_SHAPES, SHAPES, bundled_model, random_model  # noqa: E402
from scripts.benchmarks.contest import CACHE, Standing, compete  # noqa: E402
from scripts.benchmarks.results import Result, Target, publish  # noqa: E402

BUNDLED = "tiny-whisper"
DETECTION = "detection"
TARGET_SHAPE = "whisper-base"
_FOLDER = CACHE / "audio"
_BAD_EVERY = 20
"""5 % of the clips are bad where speed is measured."""
_FAULTY_EVERY = 4
"""More of them where detection is, or a handful of faults would decide."""
_USUAL_SHARE = 0.20
"""Of clips that ours transcribes, if the bundled model did not take part to tell."""


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
    cases = _CASES if options.device == "cpu" else tuple(shape.name for shape in GPU_SHAPES)
    wanted = [name for name in cases if options.case in (None, name)]
    if not wanted:
        print(f"error: {options.case} is not run on {options.device}; there are {', '.join(cases)}", file=sys.stderr)
        return 2
    tables: list[str] = []
    targets: list[Target] = []
    raw: dict[str, Any] = {}
    share = _USUAL_SHARE
    for name in wanted:
        task = _make_task(name, share, options.device, is_quick=options.quick)
        standings = _compete(task, 1 if name == DETECTION else rounds, options.only, has_floor=name != DETECTION)
        told: dict[str, Any] = {"clips": about(task.manifest), "settings": task.settings}
        if name == DETECTION:
            areas = detection(standings, read_faults(task.manifest))
            told["areas"] = areas
            tables.append(detection_table(_title(task, told["clips"]), areas))
            targets += detection_targets(areas)
        else:
            tables.append(speed_table(_title(task, told["clips"]), standings))
            if options.device == "cuda":
                targets += floor_targets(name, standings)
            elif name == TARGET_SHAPE:
                targets += speed_targets(name, standings)
            share = _transcribed(standings, share) if name == BUNDLED else share
        raw[name] = {**told, "standings": [standing.as_json() for standing in standings]}
    command = "scripts/bench audio" + (" --device cuda" if options.device == "cuda" else "")
    command += " --quick" if options.quick else f" --repeats {rounds}"
    is_whole = not (options.quick or options.case or options.only)
    if options.write and not is_whole:
        print("docs/benchmarks.md is left as it is: this was only a part of the benchmark", file=sys.stderr)
    # Some clips in one round say that everything runs, not how fast.
    kept = () if options.quick else tuple(targets)
    block = "audio" if options.device == "cpu" else "audio-gpu"
    result = Result(name=block, command=command, tables=tuple(tables), targets=kept, raw=raw)
    publish(result, write=options.write and is_whole)
    return 0


_TIMES_ON_GPU = 15
"""How many times more clips a GPU is given than a CPU: a rate needs seconds of work."""
_CASES = (BUNDLED, *(shape.name for shape in SHAPES), DETECTION)


def _make_task(name: str, share: float, device: str, *, is_quick: bool) -> Task:
    print(f"{name}: preparing clips and weights ...", file=sys.stderr, flush=True)
    clips, models = _FOLDER / "clips", _FOLDER / "models"
    if name in (BUNDLED, DETECTION):
        is_speed = name == BUNDLED
        items = (20 if is_quick else 60) if is_speed else (60 if is_quick else 120)
        manifest = make_set(
            clips, items, every=_BAD_EVERY if is_speed else _FAULTY_EVERY, seed=1 if is_speed else 2, most_sentences=2
        )
        return Task(
            name=name,
            model=bundled_model(models),
            manifest=manifest,
            items=items,
            slow=(5 if is_quick else 8) if is_speed else 0,
            language="",
            settings=(NO_NULL,) if is_speed else (),
        )
    items = 20 if is_quick else 40 * (_TIMES_ON_GPU if device == "cuda" else 1)
    manifest = make_set(clips, items, every=_BAD_EVERY, seed=1)
    shape = next(shape for shape in (*SHAPES, *GPU_SHAPES) if shape.name == name)
    model = random_model(models, shape, _mean_tokens(manifest))
    settings = (NO_NULL, *limits_for_share(model, manifest, share, device))
    return Task(
        name=name,
        model=model,
        manifest=manifest,
        items=items,
        slow=5 if is_quick else 8,
        language="en",
        settings=settings,
        device=device,
    )


def _mean_tokens(manifest: Path) -> int:
    from tokenizers import Tokenizer

    from scripts.benchmarks.audio_parts import weights

    tokenizer = Tokenizer.from_file(str(weights.BUNDLED / "tokenizer.json"))
    texts = [json.loads(line)["text"] for line in manifest.read_text("utf-8").splitlines()]
    return round(sum(len(tokenizer.encode(text).ids) for text in texts) / len(texts))


def _compete(task: Task, rounds: int, only: str | None, *, has_floor: bool) -> list[Standing]:
    scores = _FOLDER / "scores"
    scores.mkdir(parents=True, exist_ok=True)
    for old in scores.glob(f"{task.name}_*.json"):
        old.unlink()
    entries = [entry for entry in make_entries(task, scores, has_floor=has_floor) if only is None or only in entry.name]
    return compete(entries, repeats=rounds)


def _transcribed(standings: list[Standing], usual: float) -> float:
    """Return the share that ours transcribed with the bundled model under its own limits."""
    for window in WINDOWS:
        ours = find(standings, f"{OURS}, {window} windows")
        if ours is not None:
            return float(ours.turns[0].told["transcribed"]) / ours.turns[0].items
    return usual


def _title(task: Task, clips: dict[str, Any]) -> str:
    many = sum(clips["faults"].values())
    what = f"{clips['clips']} clips of {clips['seconds']:.1f} s and {clips['words']:.0f} words, {many} of them bad"
    if task.name == DETECTION:
        return f"**How well planted faults are found, {BUNDLED}** ({what})"
    model = "" if task.name == BUNDLED else ", random weights that end their texts after as many tokens as these have"
    return f"**{task.name}**{model} ({what})"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--quick", action="store_true", help="few clips, one round")
    parser.add_argument("--repeats", type=int, default=3, help="rounds")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="cuda: ours and the floor only")
    parser.add_argument(
        "--case", choices=(*_CASES, GPU_SHAPES[-1].name), help="only this model, or only the detection quality"
    )
    parser.add_argument("--only", metavar="TEXT", help="only contestants whose name has this in it")
    parser.add_argument("--write", action="store_true", help="put the table into docs/benchmarks.md")
    return parser


if __name__ == "__main__":
    sys.exit(main())
