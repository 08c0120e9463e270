"""The tables of the online part: what was measured, and which targets are met. What did not run is not in them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from scripts.benchmarks.quality_parts.tables import Target, number, percent, table, target_table
from scripts.benchmarks.real_parts.online_images import METHODS, ImageOutcome
from scripts.benchmarks.real_parts.online_speech import SpeechOutcome

_PRODUCT = "mmcheck"
MOST_CLEAN = 0.005
"""Share of a sound set that may be quarantined: the target of the project."""
MOST_POINTS = 0.02
"""How far the estimated share may be off: the target of the project."""
LEAST_COVERAGE = 0.9
"""Share of sets whose interval holds the planted share: the target of the project."""


def write_images(outcomes: Sequence[ImageOutcome]) -> str:
    """Return the tables of COCO and Flickr30k."""
    lines = [target_table(_image_targets(outcomes)), ""]
    rows = []
    for key in dict.fromkeys((one.set, one.noise) for one in outcomes if one.noise != "none"):
        for method in METHODS:
            cells = [one for one in outcomes if (one.set, one.noise) == key and one.method == method]
            if cells:
                values = [[getattr(one, name) for one in cells] for name in ("auroc", "auprc", "f1")]
                figures = [f"{number(float(np.mean(v)))} +- {number(float(np.std(v)))}" for v in values]
                rows.append([f"{key[0]}, {key[1]} noise", method, f"{cells[0].rows:,}", str(len(cells)), *figures])
    lines.append(table(["set", "way", "rows", "seeds", "ROC-AUC", "AUPRC", "F1"], rows))
    lines.append("")
    lines.append(
        "F1 of mmcheck: what it quarantines, found without a label. Of the others: at their best cut, found with the "
        "labels. LEMoN fixed: k 30, beta = gamma 5, tau .1 and 5; tuned: the best of a grid, chosen with the labels."
    )
    return "\n".join(lines)


def _image_targets(outcomes: Sequence[ImageOutcome]) -> list[Target]:
    product = [one for one in outcomes if one.method == _PRODUCT]
    noisy = [one for one in product if one.noise != "none"]
    tuned = {(one.set, one.noise, one.seed): one.auroc for one in outcomes if one.method == METHODS[-1]}
    ahead = {
        f"{one.set}, {one.noise}, seed {one.seed}": one.auroc - tuned[one.set, one.noise, one.seed] for one in noisy
    }
    clean = {one.set: one.taken for one in product if one.noise == "none"}
    off = {f"{one.set}, {one.noise}, seed {one.seed}": abs(one.share - one.planted) for one in noisy}
    held = {
        name: float(np.mean([one.low <= one.planted <= one.high for one in noisy if one.set == name]))
        for name in dict.fromkeys(one.set for one in noisy)
    }
    return [
        _target("ROC-AUC above that of tuned LEMoN, without its labels (difference)", ahead, 0.0),
        _target("sound rows of the clean set quarantined", clean, MOST_CLEAN, at_least=False, as_percent=True),
        _target("estimated share off by", off, MOST_POINTS, at_least=False, as_percent=True),
        _target("interval holds the planted share", held, LEAST_COVERAGE, as_percent=True),
    ]


def write_speech(outcomes: Sequence[SpeechOutcome]) -> str:
    """Return the tables of LibriCrowd, Common Voice and the self matrix."""
    by_key = {(one.set, one.model, one.method): one for one in outcomes}
    ahead = {
        f"{one.set}, {one.model}": one.auprc - other.auprc
        for one in outcomes
        if one.method == _PRODUCT and (other := by_key.get((one.set, one.model, "transcribe and compare"))) is not None
    }
    targets = [_target("AUPRC above transcribe and compare, same weights (difference)", ahead, 0.0)]
    rows = [
        [one.set, one.model, one.method, f"{one.rows:,}", f"{one.faulty:,}", number(one.auprc), number(one.auroc)]
        for one in outcomes
    ]
    return "\n".join(
        [
            target_table(targets),
            "",
            table(["set", "verified by", "way", "recordings", "faulty", "AUPRC", "ROC-AUC"], rows),
        ]
    )


def _target(
    promise: str, cells: dict[str, float], limit: float, *, at_least: bool = True, as_percent: bool = False
) -> Target:
    known = {name: value for name, value in cells.items() if np.isfinite(value)}
    if not known:
        nan = float("nan")
        return Target(promise=promise, mean=nan, worst=nan, where="", limit=limit, at_least=at_least)
    where = (min if at_least else max)(known, key=lambda name: known[name])
    return Target(
        promise=promise,
        mean=float(np.mean(list(known.values()))),
        worst=known[where],
        where=where,
        limit=limit,
        at_least=at_least,
        as_percent=as_percent,
    )


def describe_share(outcomes: Sequence[ImageOutcome]) -> str:
    """Return one line on how much was planted, for the log."""
    shares = [one.planted for one in outcomes if one.noise != "none"]
    return f"planted: {percent(min(shares))} to {percent(max(shares))}" if shares else "nothing planted"
