"""Running one command and telling what it took: seconds, CPU, and the largest memory of any of its processes."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass

from scripts.benchmarks.contest import ROOT

MMCHECK = (sys.executable, "-m", "mmcheck.cli.app")


@dataclass(frozen=True, slots=True, kw_only=True)
class Took:
    """What a command took."""

    wall: float
    """Seconds."""
    cpu: float
    """Seconds of CPU, of its children too."""
    peak_mib: float
    """Largest resident memory of one process, in MiB."""
    out: str
    err: str

    def as_json(self) -> dict[str, float]:
        """Return the figures alone."""
        return {"wall": round(self.wall, 3), "cpu": round(self.cpu, 3), "peak_mib": round(self.peak_mib, 1)}


def measure(command: Sequence[str]) -> Took:
    """Run a command to its end.

    Compiled bytecode is kept as on anybody's machine, even where the environment forbids it: otherwise start-up would
    mostly measure Python's compiler.

    Raises:
        RuntimeError: If it fails.
    """
    env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    began = time.perf_counter()
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        process = subprocess.Popen(list(command), stdout=out, stderr=err, env=env, cwd=ROOT)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        err.seek(0)
        told, complaint = out.read(), err.read()
    if process.returncode:
        raise RuntimeError(f"{' '.join(command[1:])}: exit code {process.returncode}: {complaint.strip()[-300:]}")
    cpu = usage.ru_utime + usage.ru_stime
    return Took(wall=wall, cpu=cpu, peak_mib=usage.ru_maxrss / 1024, out=told, err=complaint)
