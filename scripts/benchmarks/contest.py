"""Several programs at the same work, taking turns on one machine, each in a process of its own.

Turns are interleaved, so that a machine that slows down slows all of them, and medians are compared, never single
runs. Each program says itself how long the work took once its model was loaded; the whole process is timed beside it.
Peers live in virtual environments of their own: their pinned packages must not change what we run.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / ".work" / "bench"
"""Virtual environments of peers, media and results; ignored by git."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One program of a contest.

    Its last line on standard output is a JSON object: ``items`` (how many it did), ``seconds`` (of work, model loading
    and start-up left out), and whatever else should be kept.
    """

    name: str
    command: tuple[str, ...]
    env: dict[str, str] = field(default_factory=dict)
    kind: str = "peer"
    """``ours``, ``peer`` or ``floor``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """What one run of an entry took."""

    items: int
    seconds: float
    wall: float
    """Seconds of the whole process."""
    cpu: float
    """Seconds of CPU of the whole process and its children."""
    peak_mib: float
    """Largest resident memory of one process, in MiB."""
    told: dict[str, Any]
    """Everything that the program said."""

    @property
    def rate(self) -> float:
        """Return items per second of work."""
        return self.items / self.seconds


@dataclass(slots=True)
class Standing:
    """All turns of one entry."""

    entry: Entry
    turns: list[Turn] = field(default_factory=list)
    failure: str = ""
    """Why it could not take part; "" if it did."""

    @property
    def rate(self) -> float:
        """Return the median of the items per second; NaN without a turn."""
        return statistics.median(turn.rate for turn in self.turns) if self.turns else float("nan")

    @property
    def spread(self) -> tuple[float, float]:
        """Return the least and the largest rate."""
        rates = [turn.rate for turn in self.turns]
        return min(rates), max(rates)

    @property
    def peak_mib(self) -> float:
        """Return the largest peak of memory."""
        return max(turn.peak_mib for turn in self.turns)

    def as_json(self) -> dict[str, Any]:
        """Return all of it fit for JSON."""
        return {
            "name": self.entry.name,
            "kind": self.entry.kind,
            "failure": self.failure,
            "rate": self.rate if self.turns else None,
            "turns": [
                {
                    "items": turn.items,
                    "seconds": round(turn.seconds, 4),
                    "wall": round(turn.wall, 3),
                    "cpu": round(turn.cpu, 3),
                    "peak_mib": round(turn.peak_mib, 1),
                    "told": turn.told,
                }
                for turn in self.turns
            ],
        }


def compete(entries: Sequence[Entry], *, repeats: int, limit: float = 1800.0) -> list[Standing]:
    """Let all entries take ``repeats`` turns, one after the other in each round.

    An entry that fails once is left out of the later rounds, and its failure is told.

    Args:
        entries: The programs.
        repeats: Rounds.
        limit: Seconds after which one turn is stopped and counts as failed.
    """
    standings = [Standing(entry) for entry in entries]
    for number in range(repeats):
        for standing in standings:
            if standing.failure:
                continue
            print(f"  round {number + 1} of {repeats}: {standing.entry.name} ...", file=sys.stderr, flush=True)
            try:
                turn = take_turn(standing.entry, limit)
            except RuntimeError as error:
                standing.failure = str(error)
                print(f"    failed: {error}", file=sys.stderr, flush=True)
                continue
            standing.turns.append(turn)
            print(f"    {turn.rate:.2f} items/s ({turn.wall:.1f} s in all)", file=sys.stderr, flush=True)
    return standings


_STARTER = """
import os, sys
pid = os.posix_spawnp(sys.argv[2], sys.argv[2:], os.environ)
_, status, usage = os.wait4(pid, 0)
with open(sys.argv[1], "w") as file:
    file.write(str(usage.ru_maxrss))
sys.exit(os.waitstatus_to_exitcode(status) & 255)
"""
"""Starts a program from a small process: the peak that Linux tells of a child begins with its parent's, and the bench,
which has made weights, may be larger than what it measures."""


def take_turn(entry: Entry, limit: float) -> Turn:
    """Run one entry once.

    Raises:
        RuntimeError: If it fails, takes longer than ``limit`` seconds, or tells no result.
    """
    began = time.perf_counter()
    with (
        tempfile.TemporaryFile("w+") as out,
        tempfile.TemporaryFile("w+") as err,
        tempfile.NamedTemporaryFile("r") as peak,
    ):
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _STARTER, peak.name, *entry.command],
            stdout=out,
            stderr=err,
            env={**os.environ, **entry.env},
            cwd=ROOT,
            start_new_session=True,
        )
        status, usage = _wait(process, began + limit)
        wall = time.perf_counter() - began
        out.seek(0)
        err.seek(0)
        lines, errors = out.read().splitlines(), err.read().splitlines()
        peak_kib = float(peak.read() or 0)
    if status is None:
        raise RuntimeError(f"stopped after {limit:.0f} s")
    told = _last_object(lines)
    if status != 0 or told is None:
        raise RuntimeError(f"exit code {status}: {' / '.join(errors[-3:])[-300:] or 'no result was told'}")
    return Turn(
        items=int(told["items"]),
        seconds=float(told["seconds"]),
        wall=wall,
        cpu=usage.ru_utime + usage.ru_stime,
        peak_mib=max(peak_kib / 1024, float(told.get("peak_mib", 0.0))),
        told=told,
    )


def _wait(process: subprocess.Popen[bytes], until: float) -> tuple[int | None, Any]:
    """Return exit code (None if it was stopped) and the resources of the process and of what it waited for."""
    while True:
        pid, status, usage = os.wait4(process.pid, os.WNOHANG)
        if pid:
            process.returncode = os.waitstatus_to_exitcode(status)
            return process.returncode, usage
        if time.perf_counter() > until:
            os.killpg(process.pid, 9)
            _, _, usage = os.wait4(process.pid, 0)
            process.returncode = -9
            return None, usage
        time.sleep(0.02)


def _last_object(lines: Sequence[str]) -> dict[str, Any] | None:
    for line in reversed(lines):
        if line.startswith("{"):
            try:
                found = json.loads(line)
            except ValueError:
                return None
            return found if isinstance(found, dict) and {"items", "seconds"} <= set(found) else None
    return None


def peer_python(name: str, requirements: Sequence[str]) -> Path:
    """Return the interpreter of a peer's own virtual environment, made on first use.

    Args:
        name: Name of the environment.
        requirements: What is installed into it, as for pip.

    Raises:
        RuntimeError: If the packages cannot be installed.
    """
    folder = CACHE / "venvs" / name
    python = folder / "bin" / "python"
    stamp = folder / "requirements.txt"
    wanted = "\n".join(requirements) + "\n"
    if python.exists() and stamp.exists() and stamp.read_text() == wanted:
        return python
    print(f"  installing {', '.join(requirements)} into an environment of its own", file=sys.stderr, flush=True)
    shutil.rmtree(folder, ignore_errors=True)
    uv = [sys.executable, "-m", "uv"] if _has_uv() else None
    make = [*uv, "venv", "-q", "--seed", str(folder)] if uv else [sys.executable, "-m", "venv", str(folder)]
    install = (
        [*uv, "pip", "install", "-q", "--python", str(python)] if uv else [str(python), "-m", "pip", "install", "-q"]
    )
    for command in (make, [*install, *requirements]):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"{name} cannot be installed: {done.stderr.strip()[-300:]}")
    stamp.write_text(wanted)
    return python


def _has_uv() -> bool:
    return subprocess.run([sys.executable, "-m", "uv", "--version"], capture_output=True, check=False).returncode == 0


def machine() -> str:
    """Return processor, cores and memory in one line."""
    name = "unknown processor"
    flags: list[str] = []
    for line in Path("/proc/cpuinfo").read_text("utf-8", "replace").splitlines():
        if line.startswith("model name"):
            name = line.partition(":")[2].strip()
        elif line.startswith("flags"):
            flags = line.partition(":")[2].split()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    known = [flag for flag in ("amx_bf16", "avx512_bf16", "avx512f", "avx2") if flag in flags]
    cores = len(os.sched_getaffinity(0))
    return f"{name}, {cores} cores ({', '.join(known[:2]) or 'no vector flags'}), {memory:.0f} GiB"
