"""How uncertain the verdict of each row is: near which limit its scores lie.

A person's look is worth most where the scores do not say: the probability of a mismatch near the limit, a raw score
near one. Limits on sizes, lengths and counts are left out: those are known exactly, and nobody need look.
"""

from __future__ import annotations

import numpy as np

from mmcheck.config import Config
from mmcheck.core.arrays import Floats
from mmcheck.core.pair_kinds import PAIR_KINDS
from mmcheck.review.run_columns import read_metric
from mmcheck.store.run_folder import RunFolder

BORDERLINE = 0.1
"""Uncertainty from which a row is on the border. Our own choice: probabilities of 0.05 to 0.95 around a limit of
0.5."""
_REACH = 0.25
"""Robust standard deviations around the limit of a raw score within which a row is uncertain. Our own choice: about a
fifth of the rows where the limit lies in the middle, hardly any in the tails."""
_NORMAL_IQR = 1.349  # interquartile range of a normal distribution, in standard deviations; given by the definition


def measure_uncertainty(run: RunFolder, config: Config) -> Floats:
    """Return how uncertain each verdict is, 0 (sure, or not compared) to 1 (on a limit), shape (rows,).

    Raises:
        RunError: If a part of the run folder is missing or damaged.
    """
    uncertainty = np.zeros(run.record.rows)
    stored = run.metrics()
    for rule in config.rules.values():
        if not rule.enabled or rule.metric is None or rule.metric not in stored:
            continue
        if not any(kind.is_of(rule.metric) for kind in PAIR_KINDS):
            continue
        values = read_metric(run, rule.metric)
        for limit in (rule.min, rule.max):
            if limit is not None:
                near = _near_probability(values, limit) if _is_probability(rule.metric) else _near(values, limit)
                np.maximum(uncertainty, np.nan_to_num(near, nan=0.0), out=uncertainty)
    return uncertainty


def _is_probability(metric: str) -> bool:
    posteriors = {kind.posterior for kind in PAIR_KINDS}
    return metric in posteriors | {kind.second.posterior for kind in PAIR_KINDS if kind.second is not None}


def _near_probability(values: Floats, limit: float) -> Floats:
    """Return 1 at the limit, falling to 0 at the certainties on either side."""
    if not 0 < limit < 1:
        return np.zeros(len(values))
    return np.asarray(
        1 - np.where(values < limit, limit - values, 0) / limit - np.maximum(values - limit, 0) / (1 - limit)
    )


def _near(values: Floats, limit: float) -> Floats:
    known = values[np.isfinite(values)]
    if not known.size:
        return np.zeros(len(values))
    low, high = np.quantile(known, [0.25, 0.75])
    spread = float(high - low) / _NORMAL_IQR or float(known.std())
    if spread <= 0:
        return np.zeros(len(values))
    return np.asarray(np.clip(1 - np.abs(values - limit) / (_REACH * spread), 0, 1))
