"""All benches, one after the other: image, audio, scale; then every target in one table.

A bench that fails does not stop the others; the exit code is 1 then. Options that are not this script's own go to each
bench (``--quick``, ``--repeats N``, ``--write``).
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from scripts.benchmarks.contest import ROOT, machine
from scripts.benchmarks.results import RESULTS, Target

BENCHES = ("image", "audio", "scale")


def main() -> None:
    """Run the benches and print the table of their targets."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few items, to see that everything runs")
    parser.add_argument("--repeats", type=int, default=None, help="rounds of each bench; default: its own")
    parser.add_argument("--full", action="store_true", help="also scan 100,000 rows (scale)")
    parser.add_argument("--write", action="store_true", help="update docs/benchmarks.md")
    options = parser.parse_args()
    passed = ["--quick"] * options.quick + ["--write"] * options.write
    if options.repeats is not None:
        passed += ["--repeats", str(options.repeats)]
    failures: dict[str, str] = {}
    fresh = []
    for name in BENCHES:
        own = ["--full"] if options.full and name == "scale" else []
        began = time.time()
        failure = run_bench(name, [*passed, *own])
        if failure:
            failures[name] = failure
        # Figures of an earlier run must not stand for those of a bench that crashed in this one.
        if (RESULTS / f"{name}.json").is_file() and (RESULTS / f"{name}.json").stat().st_mtime >= began:
            fresh.append(name)
    print(f"# Targets\n\nBy `scripts/bench all` on {machine()}.\n")
    print(table_of(targets_of(RESULTS, fresh)))
    for name, failure in failures.items():
        print(f"\n{name} FAILED: {failure}")
    sys.exit(1 if failures else 0)


def run_bench(name: str, options: Sequence[str]) -> str:
    """Run one bench, its output shown as it comes; return why it failed, "" if it did not."""
    script = ROOT / "scripts" / "benchmarks" / f"{name}.py"
    if not script.is_file():
        return f"there is no {script.relative_to(ROOT)}"
    print(f"=== {name} ===", flush=True)
    done = subprocess.run([sys.executable, str(script), *options], cwd=ROOT, check=False)
    return f"exit code {done.returncode}" if done.returncode else ""


def targets_of(folder: Path, names: Sequence[str]) -> list[tuple[str, Target]]:
    """Return the targets in the stored results of these benches, each with its bench; absent ones are left out."""
    found = []
    for name in names:
        file = folder / f"{name}.json"
        if file.is_file():
            found += [(name, Target(**target)) for target in json.loads(file.read_text("utf-8"))["targets"]]
    return found


def table_of(targets: Sequence[tuple[str, Target]]) -> str:
    """Return one markdown table of all targets."""
    if not targets:
        return "No bench told a target (quick runs are held against none)."
    lines = ["| bench | work | wanted | reached | |", "|---|---|---|---|---|"]
    lines += [
        f"| {name} | {t.work} | {t.wanted} | {t.reached} | {'met' if t.met else 'MISSED'} |" for name, t in targets
    ]
    met = sum(target.met for _, target in targets)
    return "\n".join([*lines, "", f"{met} of {len(targets)} targets are met."])


if __name__ == "__main__":
    main()
