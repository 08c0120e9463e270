"""Which rows a person is asked to look at, in which order, and with which probability each was drawn."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from shlex import quote

import numpy as np
import pyarrow as pa

from mmcheck.config import Config
from mmcheck.core.arrays import Floats, Rows
from mmcheck.core.errors import UserError
from mmcheck.core.types import Action
from mmcheck.people.draw import DRAW_FILE, find_draw
from mmcheck.review.run_columns import RunColumns
from mmcheck.review.uncertainty import BORDERLINE, measure_uncertainty
from mmcheck.store.run_folder import RunFolder

RANDOM_ROWS = 200
"""Rows of a random sample where nobody says how many. Our own choice: an hour's work, and a share of 5 % is then known
within 3 points."""


class Sampling(StrEnum):
    """How rows come to be looked at."""

    BORDERLINE = "borderline"
    """Rows whose scores lie near a limit, the most uncertain first."""
    FLAGGED = "flagged"
    """Flagged rows, the most uncertain first."""
    QUARANTINE = "quarantine"
    """Quarantined rows, the most uncertain first."""
    RANDOM = "random"
    """Rows drawn at random, so that shares of the whole set can be told from them."""
    AUDIT = "audit"
    """The sample that ``mmcheck audit`` drew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Worklist:
    """Rows in the order in which they are shown."""

    sampling: Sampling
    rows: Rows
    """0-based numbers in the run, shape (n,)."""
    probabilities: Floats
    """Probability with which each was drawn; NaN: it was chosen, not drawn; shape (n,)."""
    strata: tuple[str, ...] = ()
    """Stratum of each; empty: there are none."""

    def probability(self, place: int) -> float | None:
        """Return the probability of the row at a place of the list; None if it was chosen."""
        found = float(self.probabilities[place])
        return None if np.isnan(found) else found


def choose_rows(
    run: RunFolder, config: Config, columns: RunColumns, sampling: Sampling, count: int | None = None
) -> Worklist:
    """Return the rows of a sample.

    Args:
        run: A judged run.
        config: The config that it was judged with.
        columns: Its ids and verdicts.
        sampling: Which sample.
        count: How many rows at most; None: all, or ``RANDOM_ROWS`` of a random sample.

    Raises:
        UserError: If the audit's sample is missing or does not fit the run.
        RunError: If a part of the run folder is missing or damaged.
    """
    if sampling is Sampling.AUDIT:
        return _read_audit(run, columns, count)
    if sampling is Sampling.RANDOM:
        rows = np.flatnonzero(~columns.broken)
        drawn = _shuffle(columns, rows, run.record.seed)[: RANDOM_ROWS if count is None else count]
        share = len(drawn) / len(rows) if len(rows) else 1.0
        return Worklist(sampling=sampling, rows=drawn, probabilities=np.full(len(drawn), share))
    uncertainty = measure_uncertainty(run, config)
    if sampling is Sampling.BORDERLINE:
        rows = np.flatnonzero((uncertainty >= BORDERLINE) & ~columns.broken)
    else:
        rows = columns.with_action(Action.FLAG if sampling is Sampling.FLAGGED else Action.QUARANTINE)
    rows = rows[np.argsort(-uncertainty[rows], kind="stable")][:count]
    return Worklist(sampling=sampling, rows=rows, probabilities=np.full(len(rows), np.nan))


def _read_audit(run: RunFolder, columns: RunColumns, count: int | None) -> Worklist:
    again = f"`mmcheck audit {quote(str(run.path))} --n 150` makes it."
    draw = find_draw(run)
    if draw is None:
        raise UserError(f"{run.path} has no audit sample.", hint=again)
    drawn = draw.samples[:count]
    rows = np.array([one.index for one in drawn], dtype=np.int64)
    names = [one.sample_id for one in drawn]
    if len(rows) and (rows.max() >= len(columns.ids) or columns.ids.take(pa.array(rows)).to_pylist() != names):
        raise UserError(f"the audit sample {DRAW_FILE} was drawn from other rows than this run has.", hint=again)
    return Worklist(
        sampling=Sampling.AUDIT,
        rows=rows,
        probabilities=np.array([one.probability for one in drawn], dtype=np.float64),
        strata=tuple(one.stratum for one in drawn),
    )


def _shuffle(columns: RunColumns, rows: Rows, seed: int) -> Rows:
    """Return rows in an order that depends on their ids and the seed, and not on where they stand.

    A larger sample then begins with the smaller one, and a row keeps its place when others come or go.
    """
    start = f"{seed}\0".encode()
    names = columns.ids.to_pylist()
    keys = [hashlib.blake2b(start + names[row].encode(), digest_size=8).digest() for row in rows.tolist()]
    order = np.argsort(np.frombuffer(b"".join(keys), dtype=">u8"), kind="stable")
    return rows[order]
