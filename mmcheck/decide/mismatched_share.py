"""The mismatched share that an analysis estimated for a run, or for one of its slices."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mmcheck.core.pair_kinds import PairKind
from mmcheck.store.run_folder import RunFolder


@dataclass(frozen=True, slots=True, kw_only=True)
class MismatchedShare:
    """How much is mismatched."""

    share: float
    """In [0, 1]."""
    low: float
    """Lower end of the 95 % interval."""
    high: float
    """Upper end."""
    pairs: int
    """Pairs that it is of."""


def find_mismatched_share(run: RunFolder, kind: PairKind, label: str = "") -> MismatchedShare | None:
    """Return what the analysis that judges a kind of pair estimated; None if it estimated nothing.

    Args:
        run: A judged run.
        kind: Whose pairs.
        label: A slice that the analysis told apart, such as ``language=de``; "": the whole run.
    """
    by = kind.compared_by(run.record.probes)
    if by is None:
        return None
    told: object = run.summary.get("analyses", {}).get(by.judged_by, {}).get(kind.name)
    if label and isinstance(told, Mapping):
        slices = told.get("slices")
        told = slices.get(label) if isinstance(slices, Mapping) else None
    if not isinstance(told, Mapping):
        return None
    share, low, high = (told.get(key) for key in ("share", "share_low", "share_high"))
    pairs = told.get("num_pairs_in_share", told.get("num_pairs"))
    if not (
        isinstance(pairs, int)
        and isinstance(share, int | float)
        and isinstance(low, int | float)
        and isinstance(high, int | float)
    ):
        return None
    return MismatchedShare(share=share, low=low, high=high, pairs=pairs)
