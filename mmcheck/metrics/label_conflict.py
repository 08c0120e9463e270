"""When several texts of one image or recording contradict each other, and when images of one text are unlike.

Other words are no contradiction: what counts as unlike is read off the set itself, between how like the texts of one
image usually are and how like those of random images are. And a caption of which the image shows as much as of the
others is another true one, whatever its words; only one that fits clearly worse contradicts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mmcheck.core.arrays import Floats

MAD_TO_STD = 1.4826
"""Median absolute deviation to standard deviation. Given by the normal distribution (Hampel, JASA 1974)."""
_WIDTH = 3.0  # robust deviations within which the labels of one image are alike; our own choice: the usual three
_MIN_EXAMPLES = 10
"""Fewer groups of the set do not show what is usual. Our own choice: a median of fewer is too uncertain."""
_SMALLEST = 1e-6  # least distance that is divided by; our own choice: smaller ones are rounding


@dataclass(frozen=True, slots=True, kw_only=True)
class ConflictScale:
    """From where to where likeness falls and a gap in fit grows, between other words and other contents."""

    like: float
    """Cosine of two texts from which they count as the same in other words."""
    unlike: float
    """Cosine of texts of random images."""
    small_gap: float
    """How much worse than another a true caption may fit the same image, as a difference of cosines."""
    large_gap: float
    """How much worse random captions fit than true ones."""


def fit_conflict_scale(
    text_cosines: Floats,
    fit_gaps: Floats,
    *,
    random_text_cosine: float,
    random_gap: float,
) -> ConflictScale | None:
    """Return the scale of a set, or None where random texts are as like as equal ones or fit as well as true ones.

    The usual is median -+ 3 robust standard deviations, so that a fifth of contradictions among the examples does not
    move it far; it never leaves the half that is nearer to "equal". Fewer than 10 examples teach nothing: then only
    equal texts count as wholly alike.

    Args:
        text_cosines: Of two different texts of one image, shape (k,).
        fit_gaps: How differently these two fit it, absolute differences of cosines, shape (k,).
        random_text_cosine: Median cosine of the texts of random images.
        random_gap: Median cosine of true pairs minus that of random ones.
    """
    if 1.0 - random_text_cosine < 1e-3 or random_gap < 1e-3:
        return None
    like, small_gap = 1.0, 0.0
    if len(text_cosines) >= _MIN_EXAMPLES:
        like = max(_usual(text_cosines, -_WIDTH), (1.0 + random_text_cosine) / 2.0)
        small_gap = min(_usual(fit_gaps, _WIDTH), random_gap / 2.0)
    return ConflictScale(like=like, unlike=random_text_cosine, small_gap=small_gap, large_gap=random_gap)


def rate_conflict(text_cosines: Floats, fit_gaps: Floats, scale: ConflictScale) -> Floats:
    """Return 0 (says the same, or fits as well) to 1 (as unlike and as unfitting as a random caption).

    The geometric mean of both signs, since neither suffices.

    Args:
        text_cosines: Of a caption and the others of its image, any shape.
        fit_gaps: Cosine of the best of the others with the image minus the caption's own, same shape.
        scale: The set's.
    """
    unlike = _ramp(text_cosines, scale.like, scale.unlike)
    worse = _ramp(fit_gaps, scale.small_gap, scale.large_gap)
    return np.sqrt(unlike * worse)


def median_of_others(values: Floats, is_other: NDArray[np.bool_]) -> Floats:
    """Return each row's median over the columns that count, NaN where none does.

    The median is a vote: who agrees with most is not blamed for the odd one.

    Args:
        values: Shape (n, k).
        is_other: Which columns count, shape (n, k).
    """
    found = np.full(len(values), np.nan)
    some = is_other.any(axis=1)
    if some.any():
        found[some] = np.nanmedian(np.where(is_other[some], values[some], np.nan), axis=1)
    return found


def unlikeness(mean_cosine: Floats, random_cosine: float) -> Floats:
    """Return how unlike the images of one caption are: 0 the same, 1 as random images of the set.

    Args:
        mean_cosine: Mean cosine of two of them, any shape.
        random_cosine: Median cosine of two random images.
    """
    return _ramp(mean_cosine, 1.0, min(random_cosine, 1.0 - _SMALLEST))


def mean_pair_cosine(vectors: NDArray[np.float32]) -> float:
    """Return the mean cosine of two different rows of unit length, shape (k, d), k >= 2 (in one pass: (|sum|^2-k))."""
    count = len(vectors)
    total = vectors.sum(axis=0, dtype=np.float64)
    return float((total @ total - count) / (count * (count - 1)))


def robust_z(values: Floats, others: Floats, smallest_deviation: float) -> Floats:
    """Return how many robust standard deviations each value lies above the median of its others.

    Args:
        values: Shape (n,).
        others: Shape (n, k); NaN where one is absent.
        smallest_deviation: Floor of the standard deviation, above 0: ten like neighbours are no proof of no spread.

    Returns:
        Shape (n,); NaN where fewer than half of the others are there.
    """
    enough = np.isfinite(others).sum(axis=1) * 2 >= max(others.shape[1], 1)
    found = np.full(len(values), np.nan)
    middle, deviation = median_and_deviation(others[enough])
    found[enough] = (values[enough] - middle) / np.maximum(deviation, smallest_deviation)
    return found


def median_and_deviation(others: Floats) -> tuple[Floats, Floats]:
    """Return each row's median and its robust standard deviation (scaled MAD), passing over NaN."""
    if not others.size:
        return np.zeros(len(others)), np.zeros(len(others))
    middle = np.nanmedian(others, axis=1)
    return middle, MAD_TO_STD * np.nanmedian(np.abs(others - middle[:, None]), axis=1)


def transcript_distance(first: list[str], second: list[str]) -> float:
    """Return the edit distance of two lists of words (or characters) over the longer length, 0 equal to 1."""
    from rapidfuzz.distance import Levenshtein

    return float(Levenshtein.normalized_distance(first, second))


def _usual(values: Floats, width: float) -> float:
    middle = float(np.median(values))
    return middle + width * MAD_TO_STD * float(np.median(np.abs(values - middle)))


def _ramp(values: Floats, zero: float, one: float) -> Floats:
    return np.clip((values - zero) / (one - zero if abs(one - zero) > _SMALLEST else _SMALLEST), 0.0, 1.0)
