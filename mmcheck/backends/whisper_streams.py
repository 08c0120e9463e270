"""One recording on each core at a time, instead of one batch on all cores.

On a CPU a batch of Whisper's encoder wins nothing: the matrices of a single clip fill the caches already. Measured on
two cores with AVX2, the shape of whisper-base: 1.41 s of CPU time a clip alone, 1.64 s in batches of eight (full
windows), 0.47 and 0.65 s (fitted ones, where padding adds to it). Threads that share one matrix product wait for each
other at its end besides, which is ruinous as soon as another program takes a core. What is given up: a single recording
alone uses a single core.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from mmcheck.backends.devices import usable_cores

MAX_STREAMS = 16
"""Recordings at a time; beyond it, the cores are shared out among them. Our own choice: bounds memory."""

T = TypeVar("T")
R = TypeVar("R")


def share_cores(cores: int) -> tuple[int, int]:
    """Return how many recordings go at a time and how many threads each gets.

    Args:
        cores: Threads in all, at least 1.
    """
    streams = max(1, min(MAX_STREAMS, cores))
    return streams, max(1, cores // streams)


def allowed_threads() -> int:
    """Return how many threads models may use: OMP_NUM_THREADS if it is a number, else the usable cores."""
    asked = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    return max(1, int(asked)) if asked.isdigit() else usable_cores()


def split_recordings(order: Sequence[int], uses: Sequence[int], most: int) -> list[list[int]]:
    """Return the tasks of an order in parts of one recording each, of at most ``most`` tasks.

    Args:
        order: Tasks; those of one recording stand side by side.
        uses: For each task the first one with the same recording, see ``first_uses``.
        most: Tasks of a part.
    """
    parts: list[list[int]] = []
    for task in order:
        if not parts or uses[parts[-1][0]] != uses[task] or len(parts[-1]) == most:
            parts.append([])
        parts[-1].append(task)
    return parts


def map_streams(
    work: Callable[[T], R], parts: Sequence[T], streams: int, prepare: Callable[[], None] | None = None
) -> list[R]:
    """Return what ``work`` makes of each part, in order; the first error that a part raises is raised.

    Args:
        work: Called in several threads at once.
        parts: What it is called with.
        streams: Threads; with 1, or a single part, the caller's own does it all, without ``prepare``.
        prepare: Called once in each thread.
    """
    if min(streams, len(parts)) <= 1:
        return [work(part) for part in parts]
    with ThreadPoolExecutor(
        min(streams, len(parts)), thread_name_prefix="mmcheck-whisper", initializer=prepare or _nothing
    ) as pool:
        return list(pool.map(work, parts))


def _nothing() -> None:
    return
