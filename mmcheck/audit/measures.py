"""What an audit measures, and what was promised of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mmcheck.audit.rows import Judged, JudgedRows
from mmcheck.core.arrays import Mask
from mmcheck.people.draw import Strata
from mmcheck.people.stratified import Cell, Parts, Share, estimate_share

_ALL = tuple(Judged)
_LEFT_IN = (Judged.KEEP, Judged.FLAG)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """A share that is measured: of some rows, those in some verdicts."""

    name: str
    title: str
    verb: str
    """What happens to the rows, in one or two words behind a number: ``lost``."""
    meaning: str
    part: tuple[Judged, ...]
    part_is_mismatched: bool | None
    """Which rows of these verdicts count: mismatched, matched; None: both."""
    whole: tuple[Judged, ...]
    whole_is_mismatched: bool | None
    promised: bool = True
    """Whether the probabilities of a mismatch promise a value."""


MEASURES = (
    Measure(
        name="mismatched_share",
        title="mismatched share",
        verb="mismatched",
        meaning="of all rows that were compared, those whose medium and text do not belong together",
        part=_ALL,
        part_is_mismatched=True,
        whole=_ALL,
        whole_is_mismatched=None,
    ),
    Measure(
        name="precision",
        title="precision of quarantine",
        verb="rightly quarantined",
        meaning="of the rows quarantined as mismatched, those that are",
        part=(Judged.MISMATCHED,),
        part_is_mismatched=True,
        whole=(Judged.MISMATCHED,),
        whole_is_mismatched=None,
    ),
    Measure(
        name="lost",
        title="sound rows lost",
        verb="lost",
        meaning="of the matched rows, those quarantined as mismatched",
        part=(Judged.MISMATCHED,),
        part_is_mismatched=False,
        whole=_ALL,
        whole_is_mismatched=False,
    ),
    Measure(
        name="missed",
        title="missed faults",
        verb="missed",
        meaning="of the mismatched rows, those that were kept or flagged",
        part=_LEFT_IN,
        part_is_mismatched=True,
        whole=_ALL,
        whole_is_mismatched=True,
    ),
    Measure(
        name="left_in_clean",
        title="mismatched in clean/",
        verb="mismatched in clean/",
        meaning="of the kept rows, those that are mismatched",
        part=(Judged.KEEP,),
        part_is_mismatched=True,
        whole=(Judged.KEEP,),
        whole_is_mismatched=None,
    ),
    Measure(
        name="lost_otherwise",
        title="sound rows lost for other reasons",
        verb="lost for other reasons",
        meaning="of the matched rows, those quarantined for other reasons alone: copies, file names, bad sound ...",
        part=(Judged.OTHERWISE,),
        part_is_mismatched=False,
        whole=_ALL,
        whole_is_mismatched=False,
        promised=False,
    ),
)
"""All of them, in the order in which they are told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What people said of a drawn row."""

    index: int
    is_mismatched: bool | None
    """None: they looked and cannot tell."""


def make_cells(rows: JudgedRows, strata: Strata, seen: Sequence[Seen]) -> dict[tuple[int, Judged], Cell]:
    """Return the parts of the run that the sample says something about by itself: stratum by verdict.

    A run that was judged again has other verdicts than its strata. Within a stratum the rows of one verdict are drawn
    at random as well, and how many they are is known: they are strata after the fact (Cochran, 1977, section 5A.9).

    Args:
        rows: The rows of the run, as they are judged now.
        strata: The strata that were drawn from.
        seen: The drawn rows that people decided about; those who cannot tell are passed over.
    """
    width = len(Judged)
    inside = strata.of_row >= 0
    keys = strata.of_row * width + rows.judged
    sizes = np.bincount(keys[inside], minlength=width * len(strata.names))
    known = np.where(np.isnan(rows.posterior), 0.5, rows.posterior)
    sums = np.bincount(keys[inside], weights=known[inside], minlength=len(sizes))
    drawn, wrong = np.zeros(len(sizes), np.int64), np.zeros(len(sizes), np.int64)
    for one in seen:
        if one.is_mismatched is not None and inside[one.index]:
            drawn[keys[one.index]] += 1
            wrong[keys[one.index]] += one.is_mismatched
    return {
        (key // width, Judged(key % width)): Cell(
            rows=float(sizes[key]),
            drawn=int(drawn[key]),
            mismatched=int(wrong[key]),
            expected=float(sums[key] / sizes[key]),
        )
        for key in np.flatnonzero(sizes).tolist()
    }


def measure(cells: Mapping[tuple[int, Judged], Cell], one: Measure) -> Share:
    """Return a measure as the sample says it."""
    return estimate_share(
        list(cells.values()),
        _parts(cells, one.part, one.part_is_mismatched),
        _parts(cells, one.whole, one.whole_is_mismatched),
    )


def promise(rows: JudgedRows, drawn_from: Mask, one: Measure) -> float | None:
    """Return what the probabilities of a mismatch say of a measure; None if they say nothing.

    A pair with the posterior p is mismatched with probability p (Storey, 2003, Annals of Statistics 31(6)).

    Args:
        rows: The rows of the run, as they are judged now.
        drawn_from: Rows that the audit speaks of, shape (rows,).
        one: The measure.
    """
    if not one.promised:
        return None
    counts = drawn_from & ~np.isnan(rows.posterior)
    part, whole = (
        _expected(rows, counts, verdicts, which)
        for verdicts, which in ((one.part, one.part_is_mismatched), (one.whole, one.whole_is_mismatched))
    )
    return part / whole if whole > 0 else None


def _parts(cells: Mapping[tuple[int, Judged], Cell], verdicts: Sequence[Judged], which: bool | None) -> Parts:
    inside = [judged in verdicts for _, judged in cells]
    return Parts(
        matched=[one and which is not True for one in inside],
        mismatched=[one and which is not False for one in inside],
    )


def _expected(rows: JudgedRows, counts: Mask, verdicts: Sequence[Judged], which: bool | None) -> float:
    chosen = rows.posterior[counts & np.isin(rows.judged, [int(one) for one in verdicts])]
    if which is None:
        return float(len(chosen))
    return float(chosen.sum() if which else (1.0 - chosen).sum())
