"""Which device runs the models, and how many threads torch gets.

torch counts the machine's cores; in a container with a share of them that makes it several times slower, so
the share is read from the scheduler and the control group.
"""

from __future__ import annotations

import os
from pathlib import Path

from mmcheck.backends.libraries import require
from mmcheck.core.errors import UserError

_QUOTA = Path("/sys/fs/cgroup/cpu.max")


def resolve_device(asked: str) -> str:
    """Return ``cpu`` or ``cuda`` for ``auto``, ``cpu`` or ``cuda``.

    Raises:
        MissingDependency: If torch cannot be loaded.
        UserError: If cuda is asked for and absent, or the word is unknown.
    """
    require("torch")
    import torch

    present = torch.cuda.is_available()
    if asked == "auto":
        return "cuda" if present else "cpu"
    if asked == "cpu" or (asked == "cuda" and present):
        return asked
    if asked == "cuda":
        build = "with" if torch.version.cuda or torch.version.hip else "without"
        raise UserError(
            f"device 'cuda' was asked for, but torch {torch.__version__} (built {build} CUDA) sees no GPU.",
            hint="use --device auto or --device cpu, or check `nvidia-smi` and the installed torch.",
        )
    raise UserError(f"unknown device {asked!r}; use auto, cpu or cuda.")


def usable_cores() -> int:
    """Return how many cores this process may use (affinity and control group), at least 1."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = _QUOTA.read_text("ascii").split()[:2]
        if quota != "max":
            cores = min(cores, -(-int(quota) // int(period)))
    except (OSError, ValueError, ZeroDivisionError):
        return max(1, cores)
    return max(1, cores)


def set_threads() -> int:
    """Give torch as many threads as there are usable cores and return the number; OMP_NUM_THREADS wins.

    Raises:
        MissingDependency: If torch cannot be loaded.
    """
    require("torch")
    import torch

    if not os.environ.get("OMP_NUM_THREADS"):
        torch.set_num_threads(usable_cores())
    return int(torch.get_num_threads())
