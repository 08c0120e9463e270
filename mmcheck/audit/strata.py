"""The strata that an audit draws from: what the rules said, and how probable a mismatch is."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from mmcheck.audit.rows import NAMES, Judged, JudgedRows
from mmcheck.core.arrays import Rows
from mmcheck.people.allocation import Demand, share_out
from mmcheck.people.draw import Draw, Strata, draw_rows

_EDGES = (0.01, 0.1, 0.5, 0.9)
"""Probabilities of a mismatch between which strata are cut. Our own choice: kept rows with any doubt are few and hold
most of what was missed, so they get a stratum of their own."""
_PARTS = {"precision": 0.4, "missed": 0.5, "rest": 0.1}
"""Part of the sample that tells how right the quarantine is, what was missed among the other rows, and the rest. Our
own choice: what was missed is rare and needs more rows."""
_PURPOSE = {
    Judged.MISMATCHED: "precision",
    Judged.OTHERWISE: "rest",
    Judged.FLAG: "missed",
    Judged.KEEP: "missed",
    Judged.UNCHECKED: "rest",
}
_DOUBT = 0.02
"""Share of mismatched rows, or of matched ones, that a stratum is taken to have at least. Our own choice: what an audit
is for is that the probabilities may be wrong."""


def find_strata(rows: JudgedRows) -> Strata:
    """Return the strata of a run; rows that a person cannot compare are in none."""
    judged_only = np.isnan(rows.posterior)
    bands = np.where(judged_only, len(_EDGES) + 1, np.digitize(rows.posterior, _EDGES))
    keys = rows.judged * (len(_EDGES) + 2) + bands
    keys = np.where(rows.comparable, keys, -1)
    found = [key for key in np.unique(keys).tolist() if key >= 0]
    of_row = np.full(len(keys), -1, dtype=np.int64)
    for number, key in enumerate(found):
        of_row[keys == key] = number
    return Strata(names=tuple(_name(key) for key in found), of_row=of_row)


def draw_sample(
    rows: JudgedRows,
    strata: Strata,
    ids: pa.ChunkedArray,
    count: int,
    *,
    seed: int,
    identity: str,
    earlier: Draw | None = None,
) -> Draw:
    """Return a sample of ``count`` rows, shared out so that all that an audit measures gets enough of them.

    Args:
        rows: The rows of the run, as they were judged when the strata were made.
        strata: The strata.
        ids: The ids of the rows.
        count: Rows to draw.
        seed: Of the random order.
        identity: Of the run.
        earlier: A smaller sample of the same strata, which is enlarged.
    """
    at_least = dict.fromkeys(strata.names, 0) | ({s.name: s.drawn for s in earlier.strata} if earlier else {})
    demands = [
        Demand(rows=size, spread=_spread(rows, of), purpose=_purpose(name), at_least=at_least[name])
        for name, size, of in zip(strata.names, strata.sizes(), _members(strata), strict=True)
    ]
    return draw_rows(strata, share_out(count, demands, _PARTS), ids, seed=seed, identity=identity, earlier=earlier)


def _members(strata: Strata) -> list[Rows]:
    return [np.flatnonzero(strata.of_row == number) for number in range(len(strata.names))]


def _spread(rows: JudgedRows, members: Rows) -> float:
    found = rows.posterior[members]
    share = 0.5 if np.isnan(found).all() else min(max(float(np.nanmean(found)), _DOUBT), 1 - _DOUBT)
    return float(np.sqrt(share * (1 - share)))


def _purpose(name: str) -> str:
    return next(_PURPOSE[one] for one in Judged if name.partition(",")[0] == NAMES[one])


def _name(key: int) -> str:
    judged, band = divmod(key, len(_EDGES) + 2)
    if band > len(_EDGES):
        return NAMES[Judged(judged)]
    ends = (0.0, *_EDGES, 1.0)
    return f"{NAMES[Judged(judged)]}, {ends[band]:g} to {ends[band + 1]:g}"
