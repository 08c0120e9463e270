"""Which share of pairs is random, and how probably each is: a mixture whose one half is known beforehand.

f(s) = share * f0(s) + (1 - share) * f1(s). The density f0 of random pairings is measured on re-pairings and stays as it
is (Efron, JASA 2004, calls it the theoretical null); only the share and the density f1 of the other pairs are fitted.
A plain mixture of two normals, with both halves free, takes a third of a clean set for wrong; this one has nothing to
hang such a half on. f1 is a mixture of one to three normals, because captions of mixed styles make it broad.

The likelihood ratio f1 / f0 is made monotone afterwards, so that a higher score never makes a pair more suspicious.
All works on a histogram of some hundred bins: the order of rows cannot matter, a million rows cost what a thousand do,
and the resampled intervals are cheap. Adding a constant to all scores shifts the bins and changes nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mmcheck.core.arrays import Floats

NUM_BINS = 400
"""Bins of the scores. Our own choice: finer than any shape that is fitted."""
MAX_COMPONENTS = 3
"""Normals for the true pairs. Our own choice: clear, weak and odd ones; more settle on noise."""
_ITERATIONS = 200  # rounds of expectation and maximisation; our own choice: it stops earlier where nothing moves
_SHORT = 15  # rounds of each start before the best goes on; our own choice: enough to rank them
_TOLERANCE = 1e-6  # gain of log-likelihood a row at which it stops; our own choice: below anything that moves a share
_TINY = 1e-300  # least density; our own choice: keeps logarithms finite
_FLOORS = (0.9, 0.975)
"""No normal of the true pairs is centred below this share of the random pairings; the second for several normals. Our
own choice: a model that centres them lower cannot judge anything; and random pairs that differ a little from the
re-pairings, as neighbours in a list do, would else be taken for a kind of true ones."""
_START_SHARES = (0.01, 0.1, 0.4, 0.8)
"""Shares of mismatched pairs that the fit is started from. Our own choice: few, some, half, most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NullMixture:
    """A fitted mixture, on a grid of scores."""

    edges: Floats
    """Borders of the bins, shape (b + 1,), ascending."""
    null_mass: Floats
    """Probability of each bin under random pairing, shape (b,), sum 1."""
    true_mass: Floats
    """Probability of each bin for the other pairs, shape (b,), sum 1."""
    pair_mass: Floats
    """Share of the observed pairs in each bin, shape (b,), sum 1."""
    num_pairs: float
    """Observed pairs, by weight."""
    share: float
    """Estimated share of random pairings among the pairs, in [0, 1]."""
    posteriors: Floats
    """Probability of a random pairing at each bin's middle, shape (b,), never rising."""
    components: tuple[tuple[float, float, float], ...]
    """Weight, mean and standard deviation of each normal in f1."""
    log_likelihood: float
    """Mean log-probability of an observed pair's bin."""

    @property
    def middles(self) -> Floats:
        """Return the bins' middles, shape (b,)."""
        return (self.edges[:-1] + self.edges[1:]) / 2

    def posterior(self, scores: NDArray[np.floating]) -> Floats:
        """Return the probability that each pair is a random pairing; never rising with the score.

        Args:
            scores: Shape (n,); NaN gives NaN.
        """
        known = np.isfinite(scores)
        found = np.interp(np.where(known, scores, self.edges[0]), self.middles, self.posteriors)
        return np.where(known, found, np.nan)

    def quarantined(self, limit: float) -> tuple[float, float, float]:
        """Return what a posterior above ``limit`` implies.

        Returns:
            The share of all pairs taken, the share of the true pairs taken, and the expected precision (NaN if none
            is taken).
        """
        taken = self.posteriors > limit
        wrong = self.share * float(self.null_mass[taken].sum())
        right = (1 - self.share) * float(self.true_mass[taken].sum())
        total = wrong + right
        precision = wrong / total if total > 0 else float("nan")
        return total, float(self.true_mass[taken].sum()), precision


def fit_null_mixture(
    null_scores: NDArray[np.floating],
    scores: NDArray[np.floating],
    weights: NDArray[np.floating] | None = None,
    *,
    null_weights: NDArray[np.floating] | None = None,
    max_components: int = MAX_COMPONENTS,
) -> NullMixture:
    """Return the mixture of the fixed null and one to ``max_components`` normals that explains the scores best.

    The number of normals is the one with the smallest AIC. BIC left a skewed hill one normal too few, and the missing
    tail went to the random pairs.

    Args:
        null_scores: Scores of random pairings, shape (m,), finite, at least 2 distinct.
        scores: Scores of the pairs, shape (n,), finite, n at least 1.
        weights: What each pair counts, shape (n,); by default 1.
        null_weights: What each random pairing counts, shape (m,); by default 1.
        max_components: At most so many normals.
    """
    edges = make_edges(null_scores, scores)
    null_mass = smooth_mass(null_scores, edges, null_weights)
    counts = bin_counts(scores, edges, weights)
    return fit_binned(edges, null_mass, counts, max_components=max_components)


def fit_binned(
    edges: Floats, null_mass: Floats, counts: Floats, *, max_components: int = MAX_COMPONENTS
) -> NullMixture:
    """Return the mixture for binned scores (see ``fit_null_mixture``).

    Args:
        edges: Shape (b + 1,).
        null_mass: Shape (b,), positive, sum 1.
        counts: Pairs in each bin, shape (b,).
        max_components: At most so many normals.
    """
    # Positions in units of bins: the fit is the same wherever the scores lie and whatever their scale.
    best, least = _Fit.empty(len(null_mass)), np.inf
    for number in range(1, max_components + 1):
        # Short runs from every start, a long one from the best of them (Biernacki, Celeux and Govaert, 2003).
        starts = _starts(null_mass, counts, number)
        tried = [_run(null_mass, counts, start, iterations=_SHORT) for start in starts]
        fit = _run(null_mass, counts, max(tried, key=_likelihood))
        criterion = -2 * fit.log_likelihood + 2 * (3 * number)
        if criterion < least:
            best, least = fit, criterion
    return _finish(edges, null_mass, counts, best)


def share_interval(
    mixture: NullMixture, *, level: float = 0.95, resamples: int = 200, seed: int = 0
) -> tuple[float, float]:
    """Return the sampling interval of the share: percentiles over resampled histograms (Efron's bootstrap).

    It says how far chance in who is in the set moves the estimate. Whatever moves all sets alike is not in it: a model
    that takes some right pairs for random ones, or re-pairings that are not what random pairs of this set are.

    Args:
        mixture: The fit; each refit starts from it.
        level: Coverage.
        resamples: How often the pairs are drawn anew.
        seed: For the draws.
    """
    rng = np.random.default_rng(seed)
    counts = mixture.pair_mass * mixture.num_pairs
    width = mixture.edges[1] - mixture.edges[0]
    parts = [(w, (mean - mixture.edges[0]) / width - 0.5, sd / width) for w, mean, sd in mixture.components]
    start = _Fit(mixture.share, np.array(parts).reshape(-1, 3), 0.0)
    shares = []
    for _ in range(resamples):
        drawn = rng.poisson(counts).astype(np.float64)
        if drawn.sum() == 0:
            continue
        shares.append(_run(mixture.null_mass, drawn, start, iterations=60).share)
    if not shares:
        return 0.0, 1.0
    low, high = np.quantile(shares, [(1 - level) / 2, (1 + level) / 2])
    # No count rules out what three in n would show ("rule of three"; Hanley and Lippman-Hand, JAMA 1983).
    return float(low), float(min(1.0, max(high, 3 / max(mixture.num_pairs, 3))))


def make_edges(null_scores: NDArray[np.floating], scores: NDArray[np.floating], num_bins: int = NUM_BINS) -> Floats:
    """Return equally wide bins over all scores but far outliers, shape (num_bins + 1,)."""
    low, high = np.inf, -np.inf
    for values in (null_scores, scores):
        first, last = np.quantile(values, [0.001, 0.999])
        room = 0.25 * (last - first) + 1e-9
        low, high = min(low, max(values.min(), first - room)), max(high, min(values.max(), last + room))
    room = 0.03 * (high - low) + 1e-6
    return np.linspace(low - room, high + room, num_bins + 1)


def bin_counts(scores: NDArray[np.floating], edges: Floats, weights: NDArray[np.floating] | None = None) -> Floats:
    """Return the weight in each bin, shape (b,); what lies outside counts at the ends."""
    inside = np.clip(scores, edges[0], edges[-1])
    return np.histogram(inside, edges, weights=weights)[0].astype(np.float64)


def smooth_mass(scores: NDArray[np.floating], edges: Floats, weights: NDArray[np.floating] | None = None) -> Floats:
    """Return a kernel estimate of the bins' probabilities, shape (b,), all positive, sum 1.

    Normal kernel, half of Silverman's bandwidth (the tail next to the true pairs must not be smeared into them), and a
    trace of a wide normal, so that no score is impossible.

    Args:
        scores: Shape (m,).
        edges: Shape (b + 1,).
        weights: What each score counts, shape (m,); by default 1.
    """
    counts = bin_counts(scores, edges, weights)
    total = float(counts.sum())
    width = edges[1] - edges[0]
    low, middle, high = _quantiles(scores, [0.25, 0.5, 0.75], weights)
    deviation = float(np.sqrt(np.average((scores - np.average(scores, weights=weights)) ** 2, weights=weights)))
    narrow = (high - low) / 1.34
    scale = min(deviation, narrow) if narrow > 0 else deviation
    bandwidth = max(0.45 * scale * total**-0.2 / width, 1.0)
    reach = int(np.ceil(4 * bandwidth))
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / bandwidth) ** 2)
    padded = np.pad(counts, reach)
    smooth = np.convolve(padded, kernel / kernel.sum(), mode="same")[reach : reach + len(counts)]
    middles = (edges[:-1] + edges[1:]) / 2
    wide = np.exp(-0.5 * ((middles - middle) / max(2 * deviation, width)) ** 2) + 1e-9
    mass = smooth / smooth.sum() + wide / wide.sum() / total
    return np.asarray(mass / mass.sum())


def _quantiles(scores: NDArray[np.floating], wanted: list[float], weights: NDArray[np.floating] | None) -> list[float]:
    if weights is None:
        return [float(value) for value in np.quantile(scores, wanted)]
    order = np.argsort(scores, kind="stable")
    reached = np.cumsum(weights[order]) - weights[order] / 2
    return [float(np.interp(q * weights.sum(), reached, scores[order])) for q in wanted]


@dataclass(frozen=True, slots=True)
class _Fit:
    share: float
    parts: Floats
    """Weight, mean and standard deviation in bins, shape (k, 3)."""
    log_likelihood: float

    @classmethod
    def empty(cls, size: int) -> _Fit:
        return cls(0.0, np.array([[1.0, size / 2, size / 4]]), 0.0)


def _likelihood(fit: _Fit) -> float:
    return fit.log_likelihood


def _starts(null_mass: Floats, counts: Floats, number: int) -> list[_Fit]:
    """Return starting points: a few shares, the normals on what the null leaves over at each."""
    place = np.arange(len(counts), dtype=np.float64)
    observed = counts / counts.sum()
    found = []
    for share in _START_SHARES:
        rest = np.maximum(observed - share * null_mass, 0)
        if share > 0.01:
            # What random pairings reach now and then is no evidence of true pairs; start above it.
            rest = rest * (np.cumsum(null_mass) > 0.5)
        total = rest.sum()
        if total <= 0:
            continue
        cumulative = np.cumsum(rest) / total
        cuts = [float(np.interp(q, cumulative, place)) for q in (np.arange(number) + 0.5) / number]
        mean = float((rest * place).sum() / total)
        spread = float(np.sqrt(max((rest * (place - mean) ** 2).sum() / total, 4.0)))
        parts = np.array([[1 / number, cut, spread / (1 if number == 1 else 1.5)] for cut in cuts])
        found.append(_Fit(share, parts, -np.inf))
    return found or [_Fit(0.5, np.array([[1.0, len(counts) * 0.75, len(counts) / 8]] * number), -np.inf)]


def _run(null_mass: Floats, counts: Floats, start: _Fit, iterations: int = _ITERATIONS) -> _Fit:
    """Return the end of expectation-maximisation (Dempster, Laird and Rubin, 1977) from one start."""
    place = np.arange(len(counts), dtype=np.float64)
    total = counts.sum()
    share = start.share
    weight, mean, deviation = (start.parts[:, column].copy() for column in range(3))
    floor = float(np.searchsorted(np.cumsum(null_mass), _FLOORS[min(len(weight), len(_FLOORS)) - 1]))
    # A normal narrower than this would sit on single rows.
    least = max(1.5, 0.02 * len(null_mass))
    before = -np.inf
    likelihood = before
    for _ in range(iterations):
        deviation = np.maximum(deviation, least)
        z = (place[:, None] - mean) / deviation
        parts = weight * np.exp(-0.5 * z * z) / (deviation * np.sqrt(2 * np.pi)) + _TINY
        true = parts.sum(axis=1)
        # Rising within each step, not only at the end: a normal that settles on the null's own bulk would win there.
        risen = rising(true / null_mass, null_mass) * null_mass
        mixed = share * null_mass + (1 - share) * risen
        likelihood = float((counts * np.log(mixed)).sum())
        if abs(likelihood - before) < _TOLERANCE * total:
            break
        before = likelihood
        owned = parts * (counts * (1 - share) * risen / true / mixed)[:, None]
        sums = owned.sum(axis=0) + 1e-12
        share = float(np.clip((counts * share * null_mass / mixed).sum() / total, 0.0, 1.0))
        weight = sums / sums.sum()
        mean = np.maximum((owned * place[:, None]).sum(axis=0) / sums, floor)
        deviation = np.sqrt((owned * (place[:, None] - mean) ** 2).sum(axis=0) / sums)
    return _Fit(share, np.stack([weight, mean, np.maximum(deviation, least)], axis=1), likelihood)


def _finish(edges: Floats, null_mass: Floats, counts: Floats, fit: _Fit) -> NullMixture:
    place = np.arange(len(counts), dtype=np.float64)
    width = edges[1] - edges[0]
    z = (place[:, None] - fit.parts[:, 1]) / fit.parts[:, 2]
    true_mass = (fit.parts[:, 0] * np.exp(-0.5 * z * z) / fit.parts[:, 2]).sum(axis=1) + _TINY
    ratio = rising(true_mass / true_mass.sum() / null_mass, null_mass)
    true_mass = ratio * null_mass
    pair_mass = counts / counts.sum()
    share = fit.share
    posteriors = share / np.maximum(share + (1 - share) * ratio, _TINY)
    parts = [(float(w), float(edges[0] + (mean + 0.5) * width), float(sd * width)) for w, mean, sd in fit.parts]
    return NullMixture(
        edges=edges,
        null_mass=null_mass,
        true_mass=true_mass,
        pair_mass=pair_mass,
        num_pairs=float(counts.sum()),
        share=share,
        posteriors=np.clip(posteriors, 0.0, 1.0),
        components=tuple(parts),
        log_likelihood=fit.log_likelihood / float(counts.sum()),
    )


def rising(values: Floats, weights: Floats) -> Floats:
    """Return the closest never-falling sequence in weighted least squares (pool adjacent violators; Ayer et al., 1955).

    Args:
        values: Shape (b,).
        weights: Positive, shape (b,).
    """
    levels, masses = values, weights
    lengths = np.ones(len(values), dtype=np.int64)
    # Adjacent violators may be pooled in any order, so a whole falling run is pooled at once.
    while (falls := levels[1:] < levels[:-1]).any():
        block = np.concatenate([[0], np.cumsum(~falls)])
        sums = np.bincount(block, weights=levels * masses)
        masses = np.bincount(block, weights=masses).astype(np.float64)
        lengths = np.bincount(block, weights=lengths).astype(np.int64)
        levels = np.asarray(sums / masses, dtype=np.float64)
    return np.repeat(levels, lengths)
