"""What summary.json says of the set as a whole: the analyses' plain sentences, and what the limits in force imply."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from mmcheck.config import Config
from mmcheck.decide.counted_rows import CountedRows
from mmcheck.decide.tally import Tally
from mmcheck.store.run_folder import RunFolder
from mmcheck.store.run_summary import AnalysisSummary, PairSummary, SetSummary, Status

_PLOT_ONLY = "bins"
_FIRST = ("alignment", "speech", "caption", "caption_words", "consistency")
"""Analyses whose sentences come first: what most people ask."""


def describe_set(
    run: RunFolder, config: Config, tally: Tally, counted: CountedRows, pairs: Mapping[str, PairSummary]
) -> SetSummary:
    """Return what summary.json says of the set as a whole.

    Args:
        run: The run.
        config: The config that it is judged with.
        tally: What was counted, the posteriors beyond the limits included.
        counted: The rows that the analyses have sentences on.
        pairs: How many pairs of each kind were compared and judged.
    """
    names = list(run.record.analyses)
    names.sort(key=lambda name: _FIRST.index(name) if name in _FIRST else len(_FIRST))
    found = {name: counted.complete(run.find_analysis_summary(name)) for name in names}
    warnings = [part["warning"] for part in pairs.values() if "warning" in part]
    warnings += [sentence for part in found.values() for sentence in part.get("warnings", [])]
    notes = warnings + [sentence for part in found.values() for sentence in part.get("sentences", [])]
    notes += [part["note"] for part in pairs.values() if "note" in part]
    implied = tally.false_quarantine(config.rules)
    notes += [part["sentence"] for part in implied.values()]
    return {
        "status": _status(pairs) if run.record.rows else "empty",
        "warnings": warnings,
        "notes": notes,
        "pairs": dict(pairs),
        "analyses": {name: cast(AnalysisSummary, _without_plots(part)) for name, part in found.items()},
        "expected_false_quarantine": implied,
    }


def _status(pairs: Mapping[str, PairSummary]) -> Status:
    warned = [part for part in pairs.values() if "warning" in part]
    if not warned:
        return "complete"
    return "partly_judged" if all(part["compared"] for part in warned) else "not_compared"


def _without_plots(value: object) -> object:
    """Return the summary without what only a plot needs, at any depth."""
    if isinstance(value, dict):
        return {key: _without_plots(item) for key, item in value.items() if key not in (_PLOT_ONLY, "fingerprint")}
    if isinstance(value, list):
        return [_without_plots(item) for item in value]
    return value
