"""Below which reach captions fit any image alike, so that no score can tell a true pair from a random one.

A caption's reach is how far its best strangers lie above its mean stranger: a caption that says something has images
that it fits far better than the rest; "a nice photo" has none. Where reach is so small that even a caption's own image
ranks like any other, the pair is neither confirmed nor refuted. The limit is read off the set itself.

A caption that was written for another kind of images (a shop title under a holiday photo) has little reach as well, but
for another reason: it fits all these images badly. It is wrong, not uninformative, and its score shows it. Captions
that say nothing fit an average image at least as well as others do; captions from elsewhere fit it less.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mmcheck.core.arrays import Mask

Values = NDArray[np.floating]

_FOREIGN_PART, _USUAL_PART, _SURE_ERRORS = 0.3, 0.25, 1.5
"""Share of the captions of little reach that must fit an average image less than this quarter of the others does, and
standard errors beyond a quarter, before some are taken for captions from elsewhere. Measured: product titles under
photographs (10 to 50 %) have .40 to .71, captions made to say nothing .02 to .05."""
_SILENT_PART = 0.75
"""Share of the other captions that one of little reach must then fit an average image better than, to say nothing.
Measured: on the same, nearly all captions that say nothing do, and hardly any product title."""

TOP = 0.1
"""A caption whose own image is among this share of the bank's images is a hit; a random one is so this often. Our own
choice: a rank that weak models reach too."""
_LEAST_PAIRS = 20
"""Fewer captions that say nothing are not looked for, nor a limit in a set with less than five times as many pairs. Our
own choice: chance looks like a pattern in fewer."""
_LEAST_HITS = 0.2
"""Hits beyond chance that captions of great reach must have; else the model, not the caption, is at fault. Our own
choice: twice chance."""
_LEAST_GAIN = 10.0
"""Log-likelihood that a limit must gain over none. Measured: chance gains as much in fewer than one set of a
thousand."""
_ROOM = 0.03
"""Share of the pairs, on either side, within which the limit is moved into the widest gap. Our own choice: small beside
what it separates."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SilentLimits:
    """Which captions say nothing: those of little reach that fit an average image no worse than others do."""

    reach: float = -np.inf
    """Reach up to which a caption may say nothing; -inf if none does."""
    fit: float = -np.inf
    """Mean cosine with strange images below which it does say something; -inf if no caption comes from elsewhere."""
    num_foreign: int = 0
    """Captions of little reach that seem to be written for other images."""

    def are_silent(self, reach: Values, fit: Values) -> Mask:
        """Return which captions say nothing, shape (n,).

        Args:
            reach: Shape (n,).
            fit: Mean cosine with strange images, shape (n,).
        """
        return np.asarray((reach <= self.reach) & (fit >= self.fit))


NO_LIMITS = SilentLimits()
"""Of a set whose captions all say something."""


def find_silent_limits(reach: Values, fit: Values, ranks: Values) -> SilentLimits:
    """Return which captions say nothing, apart from those that were written for other images.

    Where clearly more captions of little reach fit an average image badly than others do, there are foreign ones among
    them. Then only those that fit it better than most others do may say nothing, and the limit of reach is looked for
    again without the rest.

    Args:
        reach: Of each caption, shape (n,), finite.
        fit: Mean cosine of each caption with strange images, shape (n,), finite.
        ranks: As in ``find_reach_limit``.
    """
    limit = find_reach_limit(reach, ranks)
    low = reach <= limit
    if not low.any() or low.all():
        return SilentLimits(reach=limit)
    total = int(low.sum())
    bad = int((fit[low] < np.quantile(fit[~low], _USUAL_PART)).sum())
    error = np.sqrt(total * _USUAL_PART * (1 - _USUAL_PART))
    if bad < _FOREIGN_PART * total or bad < _USUAL_PART * total + _SURE_ERRORS * error:
        return SilentLimits(reach=limit)
    num_foreign = int((fit[low] < np.median(fit[~low])).sum())
    least = float(np.quantile(fit[~low], _SILENT_PART))
    telling = ~low | (fit >= least)
    limit = min(limit, find_reach_limit(reach[telling], ranks[telling]))
    return SilentLimits(reach=limit, fit=least, num_foreign=num_foreign)


def find_reach_limit(reach: Values, ranks: Values) -> float:
    """Return the reach up to which captions say nothing; -inf if there are none, or too few pairs to see it.

    Below the limit a caption's own image is a hit by chance alone (TOP), above it with a probability that is fitted:
    the limit is the change point of greatest likelihood.

    Args:
        reach: Of each caption, shape (n,), finite.
        ranks: Share of strange images that fit the caption at least as well as its own, shape (n,), in [0, 1].
    """
    count = len(reach)
    if count < 5 * _LEAST_PAIRS:
        return -np.inf
    order = np.lexsort((ranks, reach))
    hits = np.cumsum(ranks[order] < TOP)
    total = int(hits[-1])
    below = np.arange(_LEAST_PAIRS, count - _LEAST_PAIRS)
    low, above = hits[below - 1], count - below
    rate = (total - low) / above
    likelihood = low * np.log(TOP) + (below - low) * np.log(1 - TOP) + _log_likelihood(total - low, above)
    best = int(np.argmax(likelihood))
    gain = float(likelihood[best] - _log_likelihood(np.array([total]), np.array([count]))[0])
    if gain < _LEAST_GAIN or rate[best] < TOP + _LEAST_HITS:
        return -np.inf
    return _widest_gap(np.asarray(reach[order], dtype=np.float64), int(below[best]))


def _log_likelihood(hits: NDArray[np.int64], count: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the log-likelihood of hits at their own rate."""
    rate = np.clip(hits / count, 1e-9, 1 - 1e-9)
    return np.asarray(hits * np.log(rate) + (count - hits) * np.log(1 - rate))


def _widest_gap(reach: NDArray[np.float64], place: int) -> float:
    """Return the middle of the widest gap near the change point; a few hits by chance move that point.

    Args:
        reach: Ascending, shape (n,).
        place: Number of captions below the change point.
    """
    room = max(5, int(_ROOM * len(reach)))
    near = reach[max(place - room, 0) : place + room]
    widest = int(np.argmax(np.diff(near)))
    return float((near[widest] + near[widest + 1]) / 2)
