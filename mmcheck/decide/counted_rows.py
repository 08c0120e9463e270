"""Counting the rows that an analysis has a sentence on: those beyond the limits of the rules that judge the run.

An analysis does not know the rules. It leaves sentences with room for a number; the number is that of the limits in
force, so that a sentence and the findings of its rule cannot drift apart.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mmcheck.config import RuleConfig
from mmcheck.metrics.caption_words import count_words
from mmcheck.store.run_folder import RunFolder
from mmcheck.store.run_summary import AnalysisSummary, CountedSentence


class CountedRows:
    """Counts as the shards go by. What no enabled rule looks at is not counted, and nothing is said of it.

    Args:
        rules: The rules of the config; only their limits matter, not the conditions under which they apply.
        summaries: Analysis -> what it says of the set.
    """

    def __init__(self, rules: Mapping[str, RuleConfig], summaries: Mapping[str, AnalysisSummary]) -> None:
        looking = [rule for rule in rules.values() if rule.enabled and rule.metric is not None]
        self._rules = {
            entry["metric"]: [rule for rule in looking if rule.metric == entry["metric"]]
            for summary in summaries.values()
            for entry in summary.get("counted", [])
        }
        self._entries = [entry for summary in summaries.values() for entry in summary.get("counted", [])]
        self._counts: Counter[str] = Counter()

    @classmethod
    def of_run(cls, run: RunFolder, rules: Mapping[str, RuleConfig]) -> CountedRows:
        """Return the counter of a run.

        Args:
            run: The run.
            rules: The rules that it is judged with, without those whose probe did not run.
        """
        return cls(rules, {name: run.find_analysis_summary(name) for name in run.record.analyses})

    def add(self, samples: pa.Table, measured: Mapping[str, pa.Table]) -> None:
        """Count one group of shards."""
        for entry in self._entries:
            analysis, _, short = entry["metric"].partition(".")
            rules = self._rules[entry["metric"]]
            if not rules or analysis not in measured or short not in measured[analysis].column_names:
                continue
            values = pc.fill_null(pc.cast(measured[analysis][short], pa.float64()), np.nan).to_numpy()
            rows = np.flatnonzero(_is_beyond(values, rules))
            if "worded" in entry:
                texts = samples[entry["worded"]].take(pa.array(rows)).to_pylist()
                rows = rows[np.array([count_words(text or "") > 0 for text in texts], dtype=bool)]
            self._counts[entry["metric"]] += len(rows)

    def complete(self, summary: AnalysisSummary) -> AnalysisSummary:
        """Return the summary with ``counts`` in place of ``counted``, and with the sentences on them in their places.

        Args:
            summary: What an analysis says of the set.
        """
        if "counted" not in summary:
            return summary
        found = summary.copy()
        counted = [entry for entry in found.pop("counted") if self._rules[entry["metric"]]]
        found["counts"] = {entry["metric"]: self._counts[entry["metric"]] for entry in counted}
        sentences = list(found.get("sentences", []))
        for entry in reversed(counted):
            if count := self._counts[entry["metric"]]:
                sentences.insert(entry["place"], _tell(entry, count))
        found["sentences"] = sentences
        return found


def _is_beyond(values: NDArray[np.float64], rules: list[RuleConfig]) -> NDArray[np.bool_]:
    found = np.zeros(len(values), dtype=bool)
    for rule in rules:
        if rule.min is not None:
            found |= values < rule.min
        if rule.max is not None:
            found |= values > rule.max
    return found


def _tell(entry: CountedSentence, count: int) -> str:
    template = entry["one"] if count == 1 else entry["many"]
    return template.format(count=count, compared=entry["compared"], share=count / max(entry["compared"], 1))
