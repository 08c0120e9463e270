"""How long each command takes to start, and which heavy modules it imports on the way."""

from __future__ import annotations

import re
import statistics
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scripts.benchmarks.contest import CACHE
from scripts.benchmarks.scale_parts.process import MMCHECK, measure
from scripts.benchmarks.scale_parts.stored_run import make_run

HEAVY = (
    *("torch", "transformers", "open_clip", "ctranslate2", "faster_whisper", "onnxruntime", "datasets", "pandas"),
    *("scipy", "sklearn", "faiss", "numba", "av", "PIL", "pyarrow", "numpy", "huggingface_hub", "jinja2", "pydantic"),
)
"""Packages whose import is felt."""
_ROWS = 200
_LINE = re.compile(r"import time:\s*(\d+) \|\s*(\d+) \|\s*([\w.]+)$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """One command."""

    name: str
    """``mmcheck`` left out."""
    walls: list[float]
    """Seconds of each round."""
    heavy: dict[str, float]
    """Heavy package -> seconds that its import took, what it imports included."""

    @property
    def seconds(self) -> float:
        """Return the median."""
        return statistics.median(self.walls)


def commands(run: Path) -> dict[str, list[str]]:
    """Return the commands that are timed: name -> arguments. ``run`` is a small finished run."""
    helps = ["demo", "scan", "judge", "report", "repair", "overlap", "coverage", "list", "doctor", "models", "config"]
    return {
        "--version": ["--version"],
        "--help": ["--help"],
        **{f"{name} --help": [name, "--help"] for name in helps},
        "list": ["list"],
        "config show": ["config", "show"],
        "config check": ["config", "check", "default"],
        "models list": ["models", "list"],
        "doctor": ["doctor"],
        f"judge ({_ROWS} rows)": ["judge", str(run), "--no-report", "-q"],
        f"report ({_ROWS} rows)": ["report", str(run)],
    }


def bench_startup(repeats: int) -> list[Start]:
    """Time each command ``repeats`` times, one after the other in each round, once more before for bytecode and cache.

    A command that fails is told on standard error and left out.
    """
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE) as folder:
        run = Path(folder) / "run"
        make_run(run, _ROWS)
        wanted = commands(run)
        walls: dict[str, list[float]] = {name: [] for name in wanted}
        heavy: dict[str, dict[str, float]] = {}
        for name, arguments in list(wanted.items()):
            try:
                measure([*MMCHECK, *arguments])
                traced = measure([sys.executable, "-X", "importtime", *MMCHECK[1:], *arguments])
            except RuntimeError as error:
                print(f"  {error}", file=sys.stderr, flush=True)
                del wanted[name], walls[name]
                continue
            heavy[name] = heavy_imports(traced.err)
        for number in range(repeats):
            print(f"  start-up, round {number + 1} of {repeats} ...", file=sys.stderr, flush=True)
            for name, arguments in wanted.items():
                walls[name].append(measure([*MMCHECK, *arguments]).wall)
    return [Start(name=name, walls=found, heavy=heavy[name]) for name, found in walls.items()]


def heavy_imports(trace: str) -> dict[str, float]:
    """Return the heavy packages of ``python -X importtime``, the dearest first, with their seconds."""
    whole: dict[str, float] = {}
    parts: dict[str, float] = {}
    for line in trace.splitlines():
        match = _LINE.search(line)
        if match is None:
            continue
        package = match[3].partition(".")[0]
        if package in HEAVY:
            parts[package] = parts.get(package, 0.0) + int(match[1]) / 1e6
        if match[3] in HEAVY:
            whole[match[3]] = int(match[2]) / 1e6
    # Some packages have no line of their own, only their modules have: the sum of these is the least it took.
    found = {**parts, **whole}
    return dict(sorted(found.items(), key=lambda item: -item[1]))


def startup_table(starts: list[Start]) -> str:
    """Return the markdown table."""
    lines = [
        "Start-up of each command, median; the heavy packages it imports with their seconds (each includes what it"
        " imports itself):",
        "",
        "| `mmcheck ...` | seconds | least - most | heavy imports |",
        "|---|---|---|---|",
    ]
    for start in starts:
        told = ", ".join(f"{name} {seconds:.2f}" for name, seconds in start.heavy.items()) or "none"
        lines.append(
            f"| `{start.name}` | {start.seconds:.2f} | {min(start.walls):.2f} - {max(start.walls):.2f} | {told} |"
        )
    return "\n".join(lines)


def startup_raw(starts: list[Start]) -> list[dict[str, Any]]:
    """Return all of it fit for JSON."""
    return [{"name": s.name, "walls": [round(w, 3) for w in s.walls], "heavy": s.heavy} for s in starts]
