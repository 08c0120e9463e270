"""What a contest shows: ratios against what was wanted, and whether the contestants did the same work."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from scripts.benchmarks.contest import Standing
from scripts.benchmarks.image_parts.contestants import DATA_JUICER, FLOOR, LOOP, OURS, Size, find, scores_path
from scripts.benchmarks.results import Target

AGAINST_DATA_JUICER = 6.0
AGAINST_LOOP = 4.0
SHARE_ON_GPU = 0.70
TOLERANCE = 0.005
"""By which a similarity may differ from the plain loop's."""


def make_targets(size: Size, standings: Sequence[Standing], device: str) -> list[Target]:
    """Return what was to be reached on one size; contestants that failed give no target.

    Args:
        size: Of the pictures.
        standings: Of all contestants.
        device: ``cpu`` or ``cuda``.
    """
    ours = find(standings, f"{OURS} --probes image_text")
    if ours is None:
        return []
    found = []
    for peer, name, wanted in (
        (DATA_JUICER, "Data-Juicer's op at its best", AGAINST_DATA_JUICER),
        (LOOP, "the plain open_clip loop", AGAINST_LOOP),
    ):
        other = find(standings, peer)
        if other is not None:
            found.append(_target(f"image-caption {size.name} against {name}", ours.rate / other.rate, wanted, "x"))
    floor = find(standings, FLOOR)
    if floor is not None:
        wanted = SHARE_ON_GPU if device == "cuda" else size.share_of_floor
        found.append(_target(f"image-caption {size.name}, share of the floor", ours.rate / floor.rate, wanted, ""))
    return found


def _target(work: str, reached: float, wanted: float, unit: str) -> Target:
    return Target(
        work=work, wanted=f">= {wanted:.2f}{unit}", reached=f"{reached:.2f}{unit}", met=round(reached, 2) >= wanted
    )


def compare_scores(standings: Sequence[Standing]) -> dict[str, dict[str, Any]]:
    """Return how far each contestant's similarities lie from the plain loop's, on the pairs that both scored.

    Where a contestant only tells means of groups of pairs, means are compared.

    Returns:
        By name: ``pairs``, ``largest_difference``, ``mean_difference``, ``correlation`` (None where there is none) and
        ``agrees``. Empty if the loop took no turn.
    """
    loop = find(standings, LOOP)
    if loop is None:
        return {}
    reference = _read(scores_path(loop.entry))
    told = {}
    for standing in standings:
        if standing is loop or not standing.turns:
            continue
        scores = _read(scores_path(standing.entry))
        group = int(standing.turns[0].told.get("grouped", 1))
        shared = min(len(scores), len(reference)) // group * group
        if shared:
            told[standing.entry.name] = _compare(*(_means(part[:shared], group) for part in (scores, reference)))
    return told


def _read(path: Path) -> np.ndarray:
    return np.asarray(json.loads(path.read_text("utf-8")), dtype=np.float64) if path.exists() else np.zeros(0)


def _means(scores: np.ndarray, group: int) -> np.ndarray:
    means: np.ndarray = scores.reshape(-1, group).mean(axis=1)
    return means


def _compare(scores: np.ndarray, reference: np.ndarray) -> dict[str, Any]:
    apart = np.abs(scores - reference)
    varies = len(scores) > 2 and scores.std() > 0 and reference.std() > 0
    return {
        "pairs": len(scores),
        "largest_difference": float(apart.max()),
        "mean_difference": float(apart.mean()),
        "correlation": float(np.corrcoef(scores, reference)[0, 1]) if varies else None,
        "agrees": bool(apart.max() <= TOLERANCE),
    }


def agreement_line(size: Size, compared: dict[str, dict[str, Any]]) -> str:
    """Return one sentence on the contestants' similarities."""
    if not compared:
        return f"{size.name}: no similarities to compare."
    parts = [
        f"{name} {found['largest_difference']:.1e}{'' if found['agrees'] else ' (TOO FAR)'}"
        for name, found in compared.items()
    ]
    return f"Largest difference of a similarity from the plain loop's, {size.name}: {'; '.join(parts)}."
