"""How many transcripts of a set a model wrote, told from the ones that are its own words.

A model that reads a text along with a recording knows whether it would have written every token of it itself. People's
transcripts are a model's own words where the model is right; how often that is, the model itself says: its probability
``q`` of its own words. Transcripts that the model wrote are its own words everywhere, also where it was unsure. So if
people had written the set, the texts that are *not* the model's own words would be at least ``1 - mean(q)`` of it, with
the mean over those that are (which have the larger ``q``, so this errs towards people). Where they are fewer, the
rest was written by the model.

Nothing here knows a limit for a model or a language: a better model has a larger ``q`` of its own. The idea is ours.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from mmcheck.core.arrays import Floats, Mask

SIGMAS = 3.0
"""Standard errors by which texts must be more often the model's own words than people's would be. Our own choice: a set
is hardly ever blamed by chance (one in a thousand)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnWords:
    """What a set's texts show."""

    num_texts: int
    """Texts that were looked at."""
    num_own: int
    """Those that are the model's own words."""
    expected_own: float
    """The most of them that would be, had people written all, as a share, 0 to 1."""
    share: float
    """Estimated share that the model wrote, 0 to 1; errs to the low side."""
    share_low: float
    """The least that it is, by ``SIGMAS`` standard errors; 0 where people may have written all."""


def estimate_self_made(is_own: Mask, confidences: Floats) -> OwnWords:
    """Return how many texts the model wrote.

    Args:
        is_own: Whether a text is the model's own words, shape (n,).
        confidences: The model's probability of the text, 0 to 1, shape (n,); looked at where it is its own words.
    """
    count, own = len(is_own), int(is_own.sum())
    if not own:
        return OwnWords(num_texts=count, num_own=0, expected_own=0.0, share=0.0, share_low=0.0)
    expected = float(np.clip(confidences[is_own].mean(), 0.0, 1.0 - 1e-9))
    # Wilson's interval (1927) of the share of other words; one-sided, since only an excess of own words is looked for.
    most_others = _wilson_upper(count - own, count, SIGMAS)

    def written(others: float) -> float:
        return min(1.0, max(0.0, 1.0 - others / (1.0 - expected)))

    return OwnWords(
        num_texts=count,
        num_own=own,
        expected_own=expected,
        share=written(1.0 - own / count),
        share_low=written(most_others),
    )


def _wilson_upper(hits: int, count: int, sigmas: float) -> float:
    share, square = hits / count, sigmas**2
    middle = share + square / (2 * count)
    half = sigmas * math.sqrt(share * (1 - share) / count + square / (4 * count**2))
    return min(1.0, (middle + half) / (1 + square / count))


def self_made_posteriors(is_own: Mask, confidences: Floats, share: float) -> Floats:
    """Return the probability that the model wrote each text, 0 to 1, shape (n,).

    Bayes' rule: the model's texts are always its own words, people's with the model's probability of them. A text in
    other words was not written by the model, or was edited, and gets 0.

    Args:
        is_own: As for ``estimate_self_made``.
        confidences: Likewise.
        share: Share of the set that the model wrote.
    """
    people = (1.0 - share) * np.clip(confidences, 0.0, 1.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        found = np.where(is_own & (share > 0), share / (share + people), 0.0)
    return np.asarray(found, dtype=np.float64)
