"""How well mmcheck does on real recordings, pictures and CLIP vectors, with planted faults, against simpler ways.

The data and the weights are no part of the project: recordings, pictures and vectors lie in `data` below
MMCHECK_SHARED (or `--data`), Whisper's weights where scripts/real_weights puts them. What is absent is left out and
said. All that a model says is kept (`--cache`), so a run that was stopped goes on, and a change of the product is
measured again without running a model. A full run rewrites the parts `real-*` of docs/quality.md; `--quick` only
prints. `--online` measures published sets instead, which it fetches.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
# Small matrices: threads cost more than they give, and equal sums want equal threads.
os.environ.setdefault("OMP_NUM_THREADS", "1")

from scripts.benchmarks.quality_parts.tables import update_document  # noqa: E402
from scripts.benchmarks.real_parts import (  # noqa: E402
    images,
    online,
    self_made,
    speech,
    speech_tables,
    vector_tables,
    vectors,
)
from scripts.benchmarks.real_parts.kept_probe import BACKENDS, MODELS  # noqa: E402
from scripts.benchmarks.real_parts.measured import Setting  # noqa: E402
from scripts.benchmarks.real_parts.mixing import choose_clips  # noqa: E402
from scripts.benchmarks.real_parts.recordings import NoRealDataError, find_data, load_clips  # noqa: E402
from scripts.benchmarks.real_parts.translations import translate_all  # noqa: E402

PARTS = ("speech", "self_made", "vectors", "images")
WINDOWS = ("full", "padded", "fitted")
SEEDS = 20
_QUICK_CLIPS = 8
_QUICK_SEEDS = 2
_QUICK_PICTURES = 12
_QUICK_ROWS = 500
"""Rows of the largest mix of vectors in a quick run."""

Log = Callable[[str], None]


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    words = sys.argv[1:] if arguments is None else arguments
    if "--online" in words:
        return online.main([word for word in words if word != "--online"])
    options = _parser().parse_args(words)
    if options.seeds < 1 or (options.clips is not None and options.clips < 1):
        print(f"error: --seeds is {options.seeds} and --clips {options.clips}; wanted are 1 or more", file=sys.stderr)
        return 2
    began = time.monotonic()

    def log(line: str) -> None:
        print(f"[{time.monotonic() - began:5.0f} s] {line}", file=sys.stderr, flush=True)

    blocks: dict[str, str] = {}
    raw: dict[str, Any] = {}
    parts = {"speech": _speech, "self_made": _self_made, "vectors": _vectors, "images": _images}
    for name in options.only or PARTS:
        try:
            block, raw[name] = parts[name](options, log)
        except NoRealDataError as error:
            log(f"{name}: left out: {error}")
            continue
        blocks[f"real-{name}"] = f"{_command(options, name)}\n\n{block}"
    for name, block in blocks.items():
        print(f"## {name}\n\n{block}\n")
    if options.json:
        options.json.write_text(json.dumps(raw, indent=1, default=str) + "\n", "utf-8")
    if not options.quick and not options.no_write and blocks:
        update_document(ROOT / "docs" / "quality.md", blocks)
    return 0


def _speech(options: argparse.Namespace, log: Log) -> tuple[str, list[Any]]:
    clips = load_clips(find_data(options.data))
    sizes = speech.Sizes(
        clips=options.clips or (_QUICK_CLIPS if options.quick else None),
        faults=options.faults,
        seeds=min(options.seeds, _QUICK_SEEDS) if options.quick else options.seeds,
    )
    found = []
    for setting in _settings(options):
        translations = {}
        try:
            if not setting.model.endswith(".en"):
                translations = translate_all(choose_clips(clips, setting.model, sizes.clips), options.cache)
            found.append(speech.measure(setting, clips, translations, sizes, options.cache, log))
        except NoRealDataError as error:
            log(f"{setting.title}: left out: {error}")
    if not found:
        raise NoRealDataError("no real weights; scripts/real_weights fetches them")
    return speech_tables.write_speech(found), [outcome.plain() for outcome in found]


def _self_made(options: argparse.Namespace, log: Log) -> tuple[str, list[Any]]:
    clips = load_clips(find_data(options.data))
    most = options.clips or (_QUICK_CLIPS if options.quick else None)
    backends = options.backends or (["ctranslate2"] if options.quick else list(BACKENDS))
    found = [self_made.measure(backend, clips, options.cache, log, most=most) for backend in backends]
    return self_made.write_self_made(found), [outcome.plain() for outcome in found]


def _settings(options: argparse.Namespace) -> list[Setting]:
    models = options.models or (["tiny.en"] if options.quick else list(MODELS))
    backends = options.backends or (["ctranslate2"] if options.quick else list(BACKENDS))
    windows = options.windows or (["full"] if options.quick else list(WINDOWS))
    return [
        Setting(model=model, backend=backend, window=window)
        for window in windows
        for backend in backends
        for model in models
    ]


def _vectors(options: argparse.Namespace, log: Log) -> tuple[str, list[Any]]:
    sets = vectors.load_sets(find_data(options.data))
    seeds = range(1, (1 if options.quick else options.vector_seeds) + 1)
    found = vectors.measure(sets, seeds, log, only_largest=_QUICK_ROWS if options.quick else None)
    return vector_tables.write_vectors(found), [outcome.plain() for outcome in found]


def _images(options: argparse.Namespace, log: Log) -> tuple[str, list[Any]]:
    found = images.measure(find_data(options.data), log, most=_QUICK_PICTURES if options.quick else None)
    return images.write_images(found), images.plain(found)


def _command(options: argparse.Namespace, part: str) -> str:
    words = ["scripts/bench real", "--only", part]
    words += ["--quick"] if options.quick else []
    if part == "speech":
        words += [f"--clips {options.clips}"] if options.clips else []
        words += [f"--faults {options.faults} --seeds {options.seeds}"]
        for name in ("models", "backends", "windows"):
            words += [f"--{name} {' '.join(getattr(options, name))}"] if getattr(options, name) else []
    elif part == "self_made":
        words += [f"--clips {options.clips}"] if options.clips else []
        words += [f"--backends {' '.join(options.backends)}"] if options.backends else []
    elif part == "vectors":
        words.append(f"--vector-seeds {options.vector_seeds}")
    return f"By `{' '.join(words)}`, on {_machine()}."


def _machine() -> str:
    name = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
        name = next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        pass
    return f"{name} ({platform.system()}, one thread)"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="scripts/bench real", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a few recordings and mixes, nothing written: minutes")
    parser.add_argument(
        "--online", action="store_true", help="published sets, fetched when needed, instead; `--online --help`"
    )
    parser.add_argument("--only", nargs="+", choices=PARTS, help="these parts only")
    parser.add_argument("--data", type=Path, help="folder with real-speech*, real-images, real-clip-embeddings")
    parser.add_argument("--clips", type=int, help="so many recordings only, drawn evenly")
    parser.add_argument("--faults", type=int, default=5, help="planted faults of each recording (default: 5 of 10)")
    parser.add_argument("--seeds", type=int, default=SEEDS, help=f"sets of each share of moved texts ({SEEDS})")
    parser.add_argument("--vector-seeds", type=int, default=5, help="sets of each mix of vectors (default: 5)")
    parser.add_argument("--models", nargs="+", choices=MODELS, help="Whispers (default: all)")
    parser.add_argument("--backends", nargs="+", choices=BACKENDS, help="libraries that verify (default: all)")
    parser.add_argument("--windows", nargs="+", choices=WINDOWS, help="windows (default: all)")
    parser.add_argument("--json", type=Path, help="write every single outcome to this file")
    parser.add_argument("--no-write", action="store_true", help="leave docs/quality.md as it is")
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    parser.add_argument(
        "--cache", type=Path, default=home / "mmcheck-bench" / "real", help="what models said (default: %(default)s)"
    )
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
