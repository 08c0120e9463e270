"""Which kept pairs the page shows, so that a reader sees what the thresholds let through.

The lowest-scoring kept pairs show whether a limit is too lax; a few from the middle show what a kept pair looks like.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mmcheck.config import Config
from mmcheck.core.pair_kinds import PAIR_KINDS
from mmcheck.core.types import Action, Metric
from mmcheck.report.histograms import ACTIONS, Codes, Floats

NUM_LOWEST = 6
"""Kept samples of the lowest scores that are shown. Our own choice: one line."""
NUM_TYPICAL = 3
"""Kept samples of middling scores that are shown. Our own choice: enough to compare with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptStrip:
    """Kept pairs, chosen by one metric."""

    metric: Metric
    """The metric that they are ordered by."""
    lowest: tuple[int, ...]
    """The kept pairs that it speaks for least, worst first (0-based rows)."""
    typical: tuple[int, ...]
    """Kept pairs around its median."""


def choose_kept(
    config: Config, metrics: Mapping[str, Metric], values: Callable[[str], Floats], actions: Codes
) -> list[KeptStrip]:
    """Return a strip for each kind of pair that was compared and has a metric to order them by.

    Args:
        config: Tells which metrics have a limit; such a one is preferred.
        metrics: The metrics of the run by full name.
        values: Gives the values of a metric, NaN where absent.
        actions: Shape (rows,); index into ``ACTIONS``.
    """
    limited = {rule.metric for rule in config.rules.values() if rule.enabled and rule.metric}
    strips = []
    for kind in PAIR_KINDS:
        own = [name for name in metrics if name.partition(".")[0] == kind.probe]
        own = [name for name in own if metrics[name].higher_is_better is not None]
        ranked = [name for short in kind.shown_by if (name := f"{kind.probe}.{short}") in own]
        ranked += [name for name in own if name in limited and name not in ranked]
        kept = actions == ACTIONS.index(Action.KEEP)
        for name in ranked:
            chosen = _choose(values(name), kept, metrics[name])
            if chosen is not None:
                strips.append(chosen)
                break
    return strips


def _choose(values: Floats, kept: npt.NDArray[np.bool_], metric: Metric) -> KeptStrip | None:
    rows = np.flatnonzero(kept & np.isfinite(values))
    if not rows.size:
        return None
    support = values[rows] if metric.higher_is_better else -values[rows]
    ordered = rows[np.argsort(support, kind="stable")]
    lowest = ordered[:NUM_LOWEST]
    middle = max((ordered.size - NUM_TYPICAL) // 2, NUM_LOWEST)
    typical = ordered[middle : middle + NUM_TYPICAL]
    return KeptStrip(metric=metric, lowest=tuple(lowest.tolist()), typical=tuple(typical.tolist()))
