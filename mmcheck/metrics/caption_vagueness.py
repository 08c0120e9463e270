"""How vague a caption is, from how many images a model finds it to fit and from its words.

A caption is held against other images, never against its own: a specific caption of another image singles images out as
well as a right one does, so vague and misaligned cannot be confused. Everything is measured against the spread that the
specific captions of the same set have under the same model, since cosines of two models have nothing in common.

Two weak witnesses make one strong one: a flat distribution alone may mean that the model does not know the words, and
few words alone may name something rare.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mmcheck.core.arrays import Floats

Cosines = NDArray[np.float32]

SMALLEST_SPREAD = 1e-3
"""Standard deviation of cosines below which only rounding is seen. Given by half precision, which keeps 11 bits."""
REFERENCE_QUANTILE = 0.9
"""Quantile of the spreads that stands for a specific caption. Our own choice: the upper end, without the extremes."""
_FLOOR = -80.0  # smallest exponent; our own choice: below it single precision has nothing left
_APART, _APART_ERRORS = 0.25, 3.0
"""Mean standardised cosine, in standard deviations and in its own standard errors, above which a model tells pairs
apart. Our own choice: the weakest model that is of use, and one chance in a thousand."""
_MIN_CHARACTERS = 4
"""Characters below which fragments say nothing. Our own choice: a short word is often one fragment a letter."""
_FRAGMENTED = 1.2
"""Tokens a character from which a script is unknown to the tokenizer. Our own choice: known scripts have well under
one."""


@dataclass(frozen=True, slots=True)
class Fit:
    """How captions fit a set of images."""

    entropy: Floats
    """Entropy of the distribution over the images divided by its maximum: 0 one image, 1 all alike; shape (n,)."""
    spread: Floats
    """Standard deviation of the cosines, shape (n,)."""
    mean: Floats
    """Mean of the cosines, shape (n,)."""
    num_fitting: Floats
    """Images that fit about equally well, 1 to m: (sum p)^2 / sum p^2, the Hill number of order 2 (Hill, Ecology 1973),
    which counts k of m equal ones as k and, unlike the exponential of the entropy, hardly counts a long tail; (n,)."""


def measure_spread(cosines: Cosines, own: NDArray[np.int64]) -> tuple[Floats, Floats]:
    """Return mean and standard deviation of each caption's cosines over all images but its own.

    Args:
        cosines: Array of shape (n, m), m >= 3.
        own: Column of each caption's own image, -1 where it is not among them, shape (n,).
    """
    count = cosines.shape[1] - (own >= 0)
    rows = np.arange(len(cosines))
    # Around each row's own middle, or single precision loses what little a vague caption varies.
    middle = cosines.mean(axis=1, dtype=np.float64)
    centred = cosines - middle[:, None].astype(np.float32)
    apart = np.where(own >= 0, centred[rows, np.maximum(own, 0)], 0.0).astype(np.float64)
    offset = (centred.sum(axis=1, dtype=np.float64) - apart) / count
    squares = np.einsum("ij,ij->i", centred, centred) - apart**2
    return middle + offset, np.sqrt(np.maximum(squares / count - offset**2, 0.0))


def measure_fit(cosines: Cosines, own: NDArray[np.int64], temperature: float) -> Fit:
    """Return entropy and spread of each caption over all images but its own.

    The distribution is ``softmax(cosine / temperature)`` as in CLIP (Radford et al., ICML 2021) and the entropy
    Shannon's. Nothing changes where a constant is added to all cosines.

    Args:
        cosines: Array of shape (n, m), m >= 3.
        own: Column of each caption's own image, -1 where it is not among them, shape (n,).
        temperature: Above 0; see ``fit_temperature``.
    """
    mean, spread = measure_spread(cosines, own)
    rows = np.flatnonzero(own >= 0)
    scaled = cosines / np.float32(temperature)
    scaled[rows, own[rows]] = -np.inf
    scaled -= scaled.max(axis=1, keepdims=True)
    np.maximum(scaled, np.float32(_FLOOR), out=scaled)
    weights = np.exp(scaled)
    total = weights.sum(axis=1, dtype=np.float64)
    inner = np.einsum("ij,ij->i", weights, scaled)
    entropy = np.maximum(np.log(total) - inner / total, 0.0)
    highest = np.log(cosines.shape[1] - (own >= 0))
    return Fit(
        entropy=np.clip(entropy / highest, 0.0, 1.0),
        spread=spread,
        mean=mean,
        num_fitting=np.maximum(total**2 / np.einsum("ij,ij->i", weights, weights), 1.0),
    )


def fit_temperature(spreads: Floats, num_images: int) -> tuple[float, float]:
    """Return the temperature at which a specific caption of this set has half of the highest entropy, and its spread.

    For cosines with standard deviation s that are about normally distributed, the entropy over m images is
    ``log m - s^2 / (2 T^2)``; half of ``log m`` is left at ``T = s / sqrt(log m)``. The spread s of the specific
    captions is the 0.9 quantile of all, so that it stays theirs where most captions say nothing.

    Args:
        spreads: Of distinct captions, shape (k,), k >= 1.
        num_images: m, at least 3.
    """
    spread = float(np.quantile(spreads, REFERENCE_QUANTILE))
    return spread / math.sqrt(math.log(num_images)), spread


def flatness(entropy: Floats) -> Floats:
    """Return how little the images are told apart: 0 as by a specific caption of the set, 1 not at all.

    Args:
        entropy: Normalised, at the temperature of ``fit_temperature``, any shape.
    """
    return np.clip(2.0 * entropy - 1.0, 0.0, 1.0)


def repetition_share(counts: Floats, num_images: int) -> Floats:
    """Return how boilerplate-like a caption's count is: 0 where it is unique, 1 where it stands with every image.

    Args:
        counts: Different images with this caption, NaN where unknown, any shape.
        num_images: Different images of the set.
    """
    known = np.maximum(np.nan_to_num(counts, nan=1.0), 1.0)
    return np.minimum(np.log(known) / math.log(max(num_images, 2)), 1.0)


def lexical_vagueness(specificity: Floats, filename_likeness: Floats, repetition: Floats) -> Floats:
    """Return how little the words alone say, 0 to 1.

    Few and general words, a file name, or the words that stand with many images: the three are joined as independent
    signs (noisy or), except that a file name is no milder for having many parts.

    Args:
        specificity: From ``measure_specificity``.
        filename_likeness: From ``caption_residue``.
        repetition: From ``repetition_share``.
    """
    return 1.0 - (1.0 - np.maximum(1.0 - specificity, filename_likeness)) * (1.0 - repetition)


def weigh_repetition(repetition: Floats, flat: Floats) -> Floats:
    """Return how much a caption's repetition speaks against it, 0 to 1.

    A short caption that is often true ("a cat") and boilerplate are both repeated; only the latter fits all images
    alike. So repetition counts the more, the flatter the distribution is: sqrt(repetition) flatness^2, our own choice.
    Where flatness is unknown (NaN) it does not count at all: a specific caption that stands with two images is no
    vaguer for it, and how often one stands is told by ``repetition.caption_count``.

    Args:
        repetition: From ``repetition_share``.
        flat: From ``flatness``.
    """
    return np.where(np.isnan(flat), 0.0, np.sqrt(repetition) * np.nan_to_num(flat) ** 2)


def trust_model(mean_own_z: float) -> float:
    """Return how far a model's flatness is to be trusted, 0 to 1.

    A weak model tells all captions apart badly, and its noise gives vague ones as much spread as others have. Where
    captions fit their own image two standard deviations better than others, flatness is trusted wholly; at half of one,
    not at all (in trials with noise added to a small CLIP the two separate vague captions as well as ever, and no
    longer).

    Args:
        mean_own_z: Mean of (own cosine - mean) / spread over distinct captions.
    """
    return min(max((mean_own_z - 0.5) / 1.5, 0.0), 1.0)


def combine_vagueness(flat: Floats, lexical: Floats, trust: float) -> Floats:
    """Return the weighted geometric mean of flatness and lexical vagueness, so that neither suffices.

    Args:
        flat: From ``flatness``; NaN where it is unknown, which leaves the lexical one.
        lexical: From ``lexical_vagueness``.
        trust: From ``trust_model``: 1 gives both the same weight, 0 leaves the lexical one.
    """
    weight = trust / 2.0
    return np.where(np.isnan(flat), lexical, np.nan_to_num(flat) ** weight * lexical ** (1.0 - weight))


def unexplained_flatness(flat: Floats, lexical: Floats) -> Floats:
    """Return how much a caption says in words that the model does not understand, 0 to 1; NaN where flatness is."""
    return flat * np.sqrt(1.0 - lexical)


def fragmentation(num_tokens: Floats, num_characters: Floats) -> Floats:
    """Return the sureness that a tokenizer broke a text into bytes, 0 to 1; NaN where a count is.

    Words that a tokenizer knows have several characters a token, Chinese ones about one; from 1.2 tokens a character
    upwards it has no pieces of the script at all (byte-level BPE: up to 3 a character). Very short texts give 0.

    Args:
        num_tokens: Tokens without the special ones.
        num_characters: Characters, blanks included.
    """
    ratio = num_tokens / np.maximum(num_characters, 1.0)
    sure = np.where((ratio >= _FRAGMENTED) & (num_characters >= _MIN_CHARACTERS), np.minimum(ratio - 0.4, 1.0), 0.0)
    return np.where(np.isnan(ratio), np.nan, sure)


def tells_pairs_apart(own_z: Floats) -> bool:
    """Return whether captions fit their own image better than others, beyond chance.

    The mean standardised cosine must exceed a quarter of a standard deviation and three of its own standard errors
    (a one-sided z test); captions that all say nothing, random pairings and a model that cannot see the data do not.

    Args:
        own_z: (own cosine - mean) / spread of distinct pairs, shape (k,).
    """
    if len(own_z) < 3:
        return False
    mean, error = float(own_z.mean()), float(own_z.std(ddof=1)) / math.sqrt(len(own_z))
    return mean > max(_APART, _APART_ERRORS * error)


def pick_unlike(vectors: Cosines, candidates: NDArray[np.int64], own: Cosines, count: int) -> list[int]:
    """Return candidates that are least like the own image and each other, greedily (farthest-first, Gonzalez 1985).

    Args:
        vectors: Images, rows of unit length, shape (m, d).
        candidates: Rows of it to choose from, shape (c,).
        own: The own image, shape (d,).
        count: How many to return at most.
    """
    chosen: list[int] = []
    block = vectors[candidates]
    nearest = block @ own
    while len(chosen) < min(count, len(candidates)):
        place = int(np.argmin(nearest))
        chosen.append(int(candidates[place]))
        nearest = np.maximum(nearest, block @ block[place])
        nearest[place] = np.inf
    return chosen
