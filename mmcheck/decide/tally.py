"""Counting verdicts and describing values as the shards go by: the content of summary.json."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mmcheck.config import RuleConfig
from mmcheck.core.errors import RunError
from mmcheck.core.pair_kinds import PAIR_KINDS, PairKind
from mmcheck.core.sentences import percent
from mmcheck.core.types import Action
from mmcheck.decide.metric_values import MetricValues
from mmcheck.store.run_summary import Counts, FalseQuarantine, TallySummary
from mmcheck.store.schema import metric_columns

_QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
"""Quantiles that the summary reports for every metric. Our own choice: the middle, the quarters and the tails."""


class Tally:
    """Counts as the shards go by; what grows (one float64 a value, for the quantiles) goes to disk if it is much.

    Args:
        folder: Where that goes; None: it stays in memory.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.actions: Counter[str] = Counter()
        self.codes: Counter[str] = Counter()
        self.manifests: dict[str, Counter[str]] = {}
        self.languages: dict[str, Counter[str]] = {}
        self.probes: dict[str, Counter[str]] = {}
        self.values = MetricValues(folder)

    def add(self, samples: pa.Table, measured: Mapping[str, pa.Table], verdicts: pa.Table) -> None:
        """Count one shard."""
        self.actions.update(_counts(verdicts["action"]))
        self.codes.update(_count_rows(verdicts["codes"]))
        for column, slices in (("manifest", self.manifests), ("language", self.languages)):
            pairs = pa.table({"slice": samples[column], "action": verdicts["action"]})
            for row in pairs.group_by(["slice", "action"]).aggregate([([], "count_all")]).to_pylist():
                name = row["slice"] if row["slice"] is not None else "(none)"
                slices.setdefault(name, Counter())[row["action"]] += row["count_all"]
        for name, table in measured.items():
            self.probes.setdefault(name, Counter()).update(_counts(table["status"]))
            for short in metric_columns(table):
                self.values.add(f"{name}.{short}", table[short].drop_null().to_numpy())

    def false_quarantine(self, rules: Mapping[str, RuleConfig]) -> dict[str, FalseQuarantine]:
        """Return, by kind of pair, what quarantining by the posterior is expected to cost; {} if no rule does so.

        A pair with posterior p is a true pair with probability 1 - p, so among the pairs above a limit the sum of
        1 - p is the expected number of true pairs taken (the estimate of Storey, 2003, of the positive false
        discovery rate, with posteriors in place of p-values).
        """
        found = {}
        for kind in PAIR_KINDS:
            limits = [
                rule.max
                for rule in rules.values()
                if rule.enabled and rule.metric == kind.posterior and rule.max is not None
                if rule.action == "quarantine"
            ]
            posteriors = self.values.get(kind.posterior) if limits else np.zeros(0)
            if len(posteriors):
                found[kind.name] = _cost(kind, min(limits), posteriors)
        return found

    def summary(self, rows: int, inactive: Sequence[str]) -> TallySummary:
        """Return the content of summary.json for a run of ``rows`` samples.

        Raises:
            RunError: If the four counts do not sum to the rows read.
        """
        counts = {action.value: self.actions.get(action.value, 0) for action in Action}
        if sum(counts.values()) != rows or set(self.actions) - set(counts):
            raise RunError(
                f"{rows} rows were read, but {dict(self.actions)} were judged: rows were lost.",
                hint="this is a defect of mmcheck; please report it with the run folder's run.json.",
            )
        return {
            **_slice(self.actions),
            "findings": dict(sorted(self.codes.items(), key=lambda item: (-item[1], item[0]))),
            "inactive_rules": list(inactive),
            "manifests": {name: _slice(found) for name, found in self.manifests.items()},
            "languages": {name: _slice(found) for name, found in sorted(self.languages.items())},
            "probes": {
                name: {status: found.get(status, 0) for status in ("measured", "not_applicable", "failed")}
                for name, found in self.probes.items()
            },
            "metrics": self._metrics(),
        }

    def _metrics(self) -> dict[str, dict[str, float]]:
        names = self.values.names()
        # Selecting quantiles runs outside Python; more threads would only hold more columns in memory.
        with ThreadPoolExecutor(2, thread_name_prefix="quantiles") as pool:
            return dict(zip(names, pool.map(lambda name: _describe(self.values.get(name)), names), strict=True))


def _cost(kind: PairKind, limit: float, posteriors: NDArray[np.float64]) -> FalseQuarantine:
    taken = posteriors[posteriors > limit]
    wrong = float((1.0 - taken).sum())
    true_pairs = float((1.0 - posteriors).sum())
    share = wrong / true_pairs if true_pairs > 0 else 0.0
    judged = f"{len(posteriors):,} judged {kind.pairs}"
    if len(taken):
        sentence = (
            f"The limit {limit:g} on the probability of a mismatch quarantines {len(taken):,} of {judged}; about "
            f"{wrong:.1f} of them are expected to be matched after all ({percent(share)} % of the matched pairs)."
        )
    else:
        sentence = f"The limit {limit:g} on the probability of a mismatch quarantines none of {judged}."
    return {
        "limit": limit,
        "judged": len(posteriors),
        "taken": len(taken),
        "expected_wrongly_taken": round(wrong, 3),
        "share_of_true_pairs": round(share, 6),
        "sentence": sentence,
    }


def _count_rows(codes: pa.ChunkedArray) -> dict[str, int]:
    """Return in how many rows each code stands: both pairs of a row may have the same one, side by side."""
    joined = codes.combine_chunks()
    flat = pc.list_flatten(joined)
    rows = pc.list_parent_indices(joined).to_numpy()
    words = pc.dictionary_encode(flat).indices.to_numpy()
    again = (rows[1:] == rows[:-1]) & (words[1:] == words[:-1])
    return _counts(flat.filter(pa.array(~np.insert(again, 0, False)[: len(flat)])) if again.any() else flat)


def _counts(column: pa.ChunkedArray) -> dict[str, int]:
    return {row["values"].as_py(): row["counts"].as_py() for row in pc.value_counts(column)}


def _slice(found: Counter[str]) -> Counts:
    return {
        "rows_read": sum(found.values()),
        "keep": found["keep"],
        "flag": found["flag"],
        "quarantine": found["quarantine"],
        "unchecked": found["unchecked"],
    }


def _describe(values: NDArray[np.float64]) -> dict[str, float]:
    low, high = float(values.min()), float(values.max())
    # Many metrics have one value in the whole set; zeros have a sign, so they are left to numpy.
    constant = low == high != 0.0
    quantiles = [low] * len(_QUANTILES) if constant else np.quantile(values, _QUANTILES).tolist()
    return {
        "count": len(values),
        "mean": float(values.mean()),
        "min": low,
        **{f"p{round(q * 100):02d}": value for q, value in zip(_QUANTILES, quantiles, strict=True)},
        "max": high,
    }
