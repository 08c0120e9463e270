"""The worst pairs of a run, by a metric or by the verdicts, read shard by shard with flat memory."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mmcheck.core.pair_kinds import PAIR_KINDS, PairKind
from mmcheck.core.types import Action, Shard
from mmcheck.judge.precedence import SEVERITY
from mmcheck.rows.metric_choice import Ordering, find_metric, order_metric
from mmcheck.store.run_folder import RunFolder, read_part
from mmcheck.store.stored_rows import StoredRow, read_rows

Floats = NDArray[np.float64]
_Badness = Callable[[Shard], tuple[Floats, Floats]]
"""Gives two values a row of a shard, least first; NaN in the first: the row is left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorstRow:
    """One of the worst rows."""

    id: str
    index: int
    """0-based number in the run."""
    manifest: str
    row_number: int
    """1-based line or row in that manifest."""
    text: str | None
    """Its caption or transcript."""
    path: str | None
    """Where its medium is."""
    metric: str | None
    """What it was chosen by; None: its verdict."""
    value: float | None
    action: str
    codes: tuple[str, ...]
    reason: str
    """The sentences of its findings; "" if it has none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorstTable:
    """The worst rows by one metric, worst first."""

    title: str
    metric: str | None
    rows: tuple[WorstRow, ...]


def find_worst(
    run: RunFolder,
    count: int,
    *,
    by: str | None = None,
    lowest_first: bool | None = None,
    only: Collection[Action] = (),
) -> list[WorstTable]:
    """Return the worst rows: by one metric, or for each kind of pair by what judges it best.

    Args:
        run: A judged run.
        count: How many rows a table has at most, 1 or more.
        by: Name of a metric; None: the probability of a mismatch, the model's score where nothing could be judged, and
            the verdicts where no model ran.
        lowest_first: Which end of the metric is bad; None: what is known of it.
        only: Rows with these verdicts alone; empty: all.

    Raises:
        ConfigError: If ``by`` is no metric of the run.
        RunError: If the run was not judged, or is damaged.
    """
    config, measured = run.config(), run.summary["metrics"]
    if by is not None:
        ordering = order_metric(find_metric(run, by), config, lowest_first)
        return [_by_metric(run, ordering, count, only, _kind_of(ordering.metric.name))]
    tables = []
    for kind in PAIR_KINDS:
        raw = [f"{kind.probe}.{name}" for name in kind.comparisons]
        name = next((metric for metric in (kind.posterior, *raw) if metric in measured), None)
        if name is not None:
            tables.append(_by_metric(run, order_metric(run.metrics()[name], config), count, only, kind))
    return tables or [_by_verdict(run, count, only)]


def _kind_of(metric: str) -> PairKind | None:
    """Return the kind of pair that a metric is about, where it is one of those that judge pairs."""
    return next((kind for kind in PAIR_KINDS if metric in (kind.posterior, *kind.raw_metrics)), None)


def _by_metric(
    run: RunFolder, ordering: Ordering, count: int, only: Collection[Action], kind: PairKind | None
) -> WorstTable:
    name = ordering.metric.name
    probe, _, short = name.partition(".")
    # Many pairs have the same probability: the score that it is based on tells them apart.
    finer = kind.posterior.replace("_posterior", "_score").partition(".")[2] if kind and name == kind.posterior else ""
    sign = 1.0 if ordering.lowest_first else -1.0

    def badness(shard: Shard) -> tuple[Floats, Floats]:
        table = read_part(run.measurements_part(probe, shard), [short, finer])
        rows = shard.stop - shard.start
        return sign * _floats(table, short, rows), np.nan_to_num(_floats(table, finer, rows), nan=0.0)

    chosen = _choose(run, badness, count, only)
    stored = read_rows(run, chosen, {probe: [short]})
    end = "lowest" if ordering.lowest_first else "highest"
    return WorstTable(
        title=f"by {name}, {end} first ({ordering.why})",
        metric=name,
        rows=tuple(_row(stored[index], kind, name, stored[index].measured[probe][short]) for index in chosen),
    )


def _by_verdict(run: RunFolder, count: int, only: Collection[Action]) -> WorstTable:
    ranks = {action.value: -float(rank) for rank, action in enumerate(SEVERITY) if action is not Action.KEEP}

    def badness(shard: Shard) -> tuple[Floats, Floats]:
        table = read_part(run.verdicts_part(shard), ["action", "codes"])
        worst = [ranks.get(action, np.nan) for action in table["action"].to_pylist()]
        findings = pc.fill_null(pc.list_value_length(table["codes"]), 0).to_numpy().astype(np.float64)
        return np.array(worst, dtype=np.float64), -findings

    chosen = _choose(run, badness, count, only)
    stored = read_rows(run, chosen, {})
    return WorstTable(
        title="by verdict and number of findings (no model compared the pairs of this run)",
        metric=None,
        rows=tuple(_row(stored[index], None, None, None) for index in chosen),
    )


def _choose(run: RunFolder, badness: _Badness, count: int, only: Collection[Action]) -> list[int]:
    """Return the numbers of the rows with the least values, the first of the two values first."""
    best: tuple[Floats, Floats, NDArray[np.int64]] = (np.zeros(0), np.zeros(0), np.zeros(0, dtype=np.int64))
    wanted = pa.array([action.value for action in only], pa.string())
    for shard in run.shards():
        first, second = badness(shard)
        rows = np.isfinite(first)
        if only:
            actions = read_part(run.verdicts_part(shard), ["action"])["action"]
            rows &= pc.is_in(actions, value_set=wanted).to_numpy()
        places = np.flatnonzero(rows)
        joined = (
            np.concatenate([best[0], first[places]]),
            np.concatenate([best[1], second[places]]),
            np.concatenate([best[2], places + shard.start]),
        )
        order = np.lexsort((joined[2], joined[1], joined[0]))[:count]
        best = (joined[0][order], joined[1][order], joined[2][order])
    return [int(index) for index in best[2]]


def _floats(table: pa.Table, name: str, rows: int) -> Floats:
    if name not in table.column_names:
        return np.full(rows, np.nan)
    return np.asarray(pc.cast(table[name], pa.float64()).to_numpy(), dtype=np.float64)


def _row(row: StoredRow, kind: PairKind | None, metric: str | None, value: float | None) -> WorstRow:
    sample = row.sample
    kinds: Sequence[PairKind] = (
        [kind] if kind is not None else [one for one in PAIR_KINDS if one.medium_of(sample) is not None]
    )
    medium = next((found for one in kinds if (found := one.medium_of(sample)) is not None), None)
    text = next((said for one in kinds or PAIR_KINDS if (said := one.text_of(sample)) is not None), None)
    return WorstRow(
        id=sample.id,
        index=row.index,
        manifest=sample.manifest,
        row_number=sample.row_number,
        text=text,
        path=None if medium is None else medium.place,
        metric=metric,
        value=value,
        action=row.verdict["action"],
        codes=tuple(row.verdict["codes"] or ()),
        reason=" ".join(finding["message"] or "" for finding in row.verdict["findings"] or ()),
    )
