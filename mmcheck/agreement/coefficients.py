"""Coefficients of agreement for answers without an order, each with a bootstrap interval over the rows.

All of them are sums over rows, so a resample is one weight a row, and a thousand resamples are one product of matrices.
A coefficient is None where chance alone would agree always: if everybody gave one and the same answer, nothing tells
agreement from habit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from mmcheck.core.arrays import Floats, Rows

_RESAMPLES = 1000
"""Resamples of a bootstrap. Taken from Efron and Tibshirani (1993), who ask for a thousand for percentile intervals."""
_TAIL = 0.025
"""Part of the resamples beyond either end. Given by an interval of 95 %."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Coefficient:
    """A coefficient with its interval."""

    value: float | None
    """At most 1; 0 is what chance gives (of the percentage: in [0, 1]). None where it is not defined."""
    low: float | None
    high: float | None
    """The interval of 95 %; None where it is not defined."""
    rows: int
    """Rows that it is based on."""


_Formula = Callable[[Floats], Floats]
"""Weights, shape (resamples, patterns) -> the coefficient of each resample, NaN where it is not defined."""


def percent_agreement(counts: Rows) -> Coefficient:
    """Return the mean share of pairs of people who gave the same answer to a row.

    Args:
        counts: How many people gave which answer, shape (rows, answers); rows with fewer than two are passed over.
    """
    found, weights = _patterns(counts)
    return _bootstrapped(_agreeing(found), weights)


def krippendorff_alpha(counts: Rows) -> Coefficient:
    """Return Krippendorff's alpha for nominal data (Content Analysis, 2004, chapter 11); any number of people a row.

    Args:
        counts: How many people gave which answer, shape (rows, answers); rows with fewer than two are passed over.
    """
    found, weights = _patterns(counts)
    people = found.sum(axis=1)
    same = (found * (found - 1)).sum(axis=1) / np.maximum(people - 1, 1)

    def formula(taken: Floats) -> Floats:
        total, answers = taken @ people, taken @ found
        observed = 1 - _ratio(taken @ same, total)
        expected = 1 - _ratio((answers * (answers - 1)).sum(axis=1), total * (total - 1))
        return 1 - _ratio(observed, expected)

    return _bootstrapped(formula, weights)


def fleiss_kappa(counts: Rows) -> tuple[Coefficient, int]:
    """Return Fleiss' kappa (1971, Psychological Bulletin 76(5)) and of how many people a row.

    It needs equally many people a row: of the rows that at least two people answered, those with the most frequent
    number of people are taken.

    Args:
        counts: How many people gave which answer, shape (rows, answers).
    """
    people = counts.sum(axis=1)
    several = people[people >= 2]
    number = int(np.bincount(several).argmax()) if len(several) else 0
    found, weights = _patterns(counts[people == number] if number else counts[:0])
    agreeing = _agreeing(found)

    def formula(taken: Floats) -> Floats:
        answers = taken @ found
        expected = (_ratio(answers, answers.sum(axis=1, keepdims=True)) ** 2).sum(axis=1)
        return _ratio(agreeing(taken) - expected, 1 - expected)

    return _bootstrapped(formula, weights), number


def cohen_kappa(first: Sequence[int], second: Sequence[int], answers: int) -> Coefficient:
    """Return Cohen's kappa (1960, Educational and Psychological Measurement 20(1)) of two people.

    Args:
        first: Numbers of the answers of one, in [0, answers).
        second: Those of the other, to the same rows.
        answers: How many answers there are.
    """
    table = np.zeros((answers, answers))
    np.add.at(table, (np.array(first, dtype=np.int64), np.array(second, dtype=np.int64)), 1)

    def formula(taken: Floats) -> Floats:
        shares = _ratio(taken, taken.sum(axis=1, keepdims=True)).reshape(-1, answers, answers)
        observed = shares.diagonal(axis1=1, axis2=2).sum(axis=1)
        expected = (shares.sum(axis=1) * shares.sum(axis=2)).sum(axis=1)
        return _ratio(observed - expected, 1 - expected)

    return _bootstrapped(formula, table.ravel())


def _patterns(counts: Rows) -> tuple[Floats, Floats]:
    """Return the different rows of counts with two people at least, and how often each occurs."""
    several = counts[counts.sum(axis=1) >= 2]
    found, times = np.unique(several, axis=0, return_counts=True)
    return found.astype(np.float64), times.astype(np.float64)


def _agreeing(found: Floats) -> _Formula:
    people = found.sum(axis=1)
    share = (found * (found - 1)).sum(axis=1) / np.maximum(people * (people - 1), 1)
    return lambda taken: _ratio(taken @ share, taken.sum(axis=1))


def _bootstrapped(formula: _Formula, weights: Floats) -> Coefficient:
    rows = int(weights.sum())
    if not rows:
        return Coefficient(value=None, low=None, high=None, rows=0)
    value = float(formula(weights[None, :])[0])
    if np.isnan(value):
        return Coefficient(value=None, low=None, high=None, rows=rows)
    drawn = np.random.default_rng(0).multinomial(rows, weights / rows, size=_RESAMPLES).astype(np.float64)
    found = formula(drawn)
    defined = found[~np.isnan(found)]
    low, high = np.quantile(defined, (_TAIL, 1 - _TAIL)).tolist() if rows > 1 and len(defined) else (None, None)
    return Coefficient(value=value, low=low, high=high, rows=rows)


def _ratio(top: Floats, bottom: Floats) -> Floats:
    # Sums of resamples that should be 0 are off by rounding; a chance of 1 within it is a chance of 1.
    with np.errstate(divide="ignore", invalid="ignore"):
        found: Floats = np.where(np.abs(bottom) > 1e-12, top / bottom, np.nan)
    return found
