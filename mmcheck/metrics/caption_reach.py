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

_SURE_ERRORS = 3.0
"""Standard errors by which more than half of the captions of little reach must fit an average image less than half of
the others do, before they are taken for captions from elsewhere. Our own choice: one in a thousand by chance."""

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
    """Mean cosine with strange images below which it comes from elsewhere instead; -inf if none does."""
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

    Of the captions of little reach, those that fit an average image less than the median telling caption does are taken
    for foreign if they are more than chance would put there. The limit of reach is then looked for without them.

    Args:
        reach: Of each caption, shape (n,), finite.
        fit: Mean cosine of each caption with strange images, shape (n,), finite.
        ranks: As in ``find_reach_limit``.
    """
    limit = find_reach_limit(reach, ranks)
    low = reach <= limit
    if not low.any() or low.all():
        return SilentLimits(reach=limit)
    usual = float(np.median(fit[~low]))
    foreign = low & (fit < usual)
    count, most = int(foreign.sum()), float(low.sum())
    if count < _LEAST_PAIRS or count - most / 2 < _SURE_ERRORS * np.sqrt(most) / 2:
        return SilentLimits(reach=limit)
    limit = min(limit, find_reach_limit(reach[~foreign], ranks[~foreign]))
    return SilentLimits(reach=limit, fit=usual, num_foreign=count)


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
