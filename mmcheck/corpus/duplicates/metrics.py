"""What the duplicates analysis measures."""

from __future__ import annotations

from mmcheck.core.pair_kinds import PAIR_KINDS
from mmcheck.core.types import Metric


def _medium_metrics(modality: str, noun: str) -> tuple[Metric, ...]:
    return (
        Metric(
            name=f"duplicates.{modality}_group",
            description=f"Number of the group of near-duplicates that the {noun} belongs to, in the order of their "
            f"first rows; absent where the {noun} has no copy.",
            unit="1",
            low=1,
        ),
        Metric(
            name=f"duplicates.{modality}_group_size",
            description=f"Number of exact and near copies of this {noun}; one with several texts counts once (1: no "
            "other copy).",
            unit="copy",
            low=1,
            higher_is_better=False,
        ),
        Metric(
            name=f"duplicates.{modality}_order",
            description=f"Which of the near-duplicates this {noun} is; 1 is the one that represents them, the best by "
            "`analyses.duplicates.keep`.",
            unit="1",
            low=1,
            higher_is_better=False,
        ),
        Metric(
            name=f"duplicates.{modality}_similarity",
            description=f"Similarity of the {noun} to the one that represents its group; absent where it has no copy.",
            low=-1,
            high=1,
            higher_is_better=False,
        ),
    )


def _other_metrics(kind: str, unit: str, meaning: str) -> tuple[Metric, ...]:
    return (
        Metric(
            name=f"duplicates.{kind}_group_size",
            description=f"Number of {meaning} (1: no other).",
            unit=unit,
            low=1,
            higher_is_better=False,
        ),
        Metric(
            name=f"duplicates.{kind}_order",
            description=f"Which of the {meaning} this is; 1 is the one that represents them.",
            unit="1",
            low=1,
            higher_is_better=False,
        ),
    )


METRICS = (
    *(metric for kind in PAIR_KINDS for metric in _medium_metrics(kind.name, kind.medium_noun)),
    *_other_metrics("text", "row", "rows with exactly or nearly this caption or transcript"),
    *_other_metrics("pair", "copy", "exact and near copies of this pair"),
)
BY_ORDER = tuple(metric.name.partition(".")[2] for metric in METRICS if metric.name.endswith("_group"))
"""Those that number the groups as they come."""
