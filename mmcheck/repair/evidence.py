"""What a score says: how much likelier it is between a medium and its own text than between strangers.

Thresholds on scores would differ from model to model. Here the run shows both sides itself: random pairings, and the
pairs that are right. Where a file is displaced as a whole, its own pairs show nothing right; then the pairs that some
other arrangement of the file brings together take their place (see ``repair_orders``).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mmcheck.core.arrays import Floats32, Rows
from mmcheck.corpus.content_keys import join_keys, mix_keys
from mmcheck.metrics.null_mixture import fit_null_mixture, rising
from mmcheck.repair.constants import MAX_LOG_RATIO, MIN_RIGHT_PAIRS, ROW_LOG_RATIO, TRANSCRIPT_MEAN, TRANSCRIPT_SPREAD
from mmcheck.repair.scores import PairScores

_FIT_ROWS = 20_000  # pairs that the curve of right ones is learned from; our own choice: bounds time


@dataclass(frozen=True, slots=True, kw_only=True)
class Null:
    """Scores of random pairings."""

    scores: Floats32
    """Shape (m,), finite."""

    @property
    def is_constant(self) -> bool:
        """Return whether all random pairings score alike, so that scores say nothing."""
        return len(self.scores) < 2 or float(np.ptp(self.scores)) < 1e-6

    def standardise(self, scores: Floats32) -> Floats32:
        """Return scores in standard deviations from the mean of random pairings; NaN stays."""
        return np.asarray((scores - self.scores.mean()) / max(float(self.scores.std()), 1e-6), dtype=np.float32)


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Scores of a run as log-likelihood ratios."""

    scores: PairScores
    """Where scores come from."""
    grid: NDArray[np.float64]
    """Scores, ascending, shape (b,)."""
    log_ratios: NDArray[np.float64]
    """Log of the density of right pairs over that of random pairings at each, never falling, shape (b,)."""
    random_share: float
    """Estimated share of random pairings among the pairs as they stand, in [0, 1]."""

    def weigh(self, scores: Floats32, limit: float = ROW_LOG_RATIO) -> Floats32:
        """Return the log-likelihood ratio of each score in nats, within +-``limit``; 0 where there is none."""
        known = np.isfinite(scores)
        found = np.interp(np.where(known, scores, 0), self.grid, self.log_ratios)
        return np.where(known, np.clip(found, -limit, limit), 0).astype(np.float32)

    def own(self, rows: Rows) -> Floats32:
        """Return the log-likelihood ratio of the rows' own pairs, within +-ROW_LOG_RATIO, shape (n,)."""
        return self.weigh(self.scores.pairs(rows, rows))

    def wrong(self, rows: Rows) -> NDArray[np.float64]:
        """Return the probability that each row's own pair is a random pairing, by its score alone."""
        share = min(max(self.random_share, 1e-3), 1 - 1e-3)
        return np.asarray(share / (share + (1 - share) * np.exp(self.own(rows).astype(np.float64))))


def sample_null(scores: PairScores, media_of: Rows | None = None, texts_of: Rows | None = None) -> Null:
    """Return the scores of media with texts of other rows, neither of which is a copy of their own.

    Both are chosen by content, so the order of rows changes nothing.

    Args:
        scores: Scores of the run.
        media_of: Rows whose media are known to belong to another row's text, shape (k,).
        texts_of: These rows; such pairs are left out.
    """
    size = scores.null_rows
    media, texts = _distinct(scores.media_keys, size), _distinct(scores.text_keys, size)
    block = scores.block(media, texts)
    # A row's own text, and any text equal to it, is no stranger; neither is a text that stands with a copy of it.
    own = scores.text_keys[media][:, None] == scores.text_keys[texts][None]
    own |= scores.media_keys[media][:, None] == scores.media_keys[texts][None]
    if media_of is not None and texts_of is not None:
        known = dict(zip(scores.media_keys[media_of].tolist(), scores.text_keys[texts_of].tolist(), strict=True))
        partner = np.array([known.get(key, 0) for key in scores.media_keys[media].tolist()], dtype=np.uint64)
        own |= partner[:, None] == scores.text_keys[texts][None]
    found = block[~own & np.isfinite(block)]
    return Null(scores=found.astype(np.float32))


def fit_evidence(scores: PairScores, null: Null, right: Floats32 | None = None) -> Evidence | None:
    """Return the evidence of embeddings' scores, or None if no pair stands out from random pairings.

    Args:
        scores: Scores of the run.
        null: Scores of random pairings.
        right: Scores of pairs most of which are right; None: of the pairs as they stand.
    """
    if null.is_constant:
        return None
    own = own_scores(scores)
    shown = own if right is None else right
    if len(shown) < MIN_RIGHT_PAIRS:
        return None
    mixture = fit_null_mixture(null.scores, shown)
    if (1 - mixture.share) * len(shown) < MIN_RIGHT_PAIRS:
        return None
    ratio = np.maximum(mixture.true_mass, 1e-12) / mixture.null_mass
    smooth = rising(ratio, mixture.true_mass + mixture.null_mass)
    log_ratios = np.clip(np.log(np.maximum(smooth, 1e-12)), -MAX_LOG_RATIO, MAX_LOG_RATIO)
    share = mixture.share if right is None else _random_share(np.interp(own, mixture.middles, log_ratios))
    return Evidence(scores=scores, grid=mixture.middles, log_ratios=log_ratios, random_share=float(share))


def fit_transcript_evidence(scores: PairScores, null: Null) -> Evidence | None:
    """Return the evidence of transcripts' likeness to what was recognised, or None if there is nothing to compare.

    Only doubtful recordings may have been transcribed, so the run's own pairs do not show what right ones look like;
    a fixed normal does (any recogniser that is of use), against the random pairings' own.
    """
    if null.is_constant:
        return None
    grid = np.linspace(0, 1, 201)
    mean, spread = float(null.scores.mean()), max(float(null.scores.std()), 0.04)
    random = np.exp(-0.5 * ((grid - mean) / spread) ** 2) / spread + 1e-4
    wanted = np.exp(-0.5 * ((np.minimum(grid, TRANSCRIPT_MEAN) - TRANSCRIPT_MEAN) / TRANSCRIPT_SPREAD) ** 2)
    ratio = rising((wanted / TRANSCRIPT_SPREAD + 1e-4) / random, np.ones(len(grid)))
    log_ratios = np.clip(np.log(ratio), -MAX_LOG_RATIO, MAX_LOG_RATIO)
    own = own_scores(scores)
    share = float((np.interp(own, grid, log_ratios) < 0).mean()) if len(own) else 1.0
    return Evidence(scores=scores, grid=grid, log_ratios=log_ratios, random_share=share)


def own_scores(scores: PairScores) -> Floats32:
    """Return the scores of (at most some thousand distinct) pairs as they stand, chosen by content."""
    rows = np.flatnonzero(scores.has_medium & scores.has_text)
    keys = join_keys(scores.media_keys[rows], scores.text_keys[rows])
    chosen = rows[np.unique(keys, return_index=True)[1][:_FIT_ROWS]]
    found = scores.pairs(chosen, chosen)
    return found[np.isfinite(found)]


def _random_share(log_ratios: NDArray[np.float64]) -> float:
    """Return the share of random pairings by maximum likelihood, both densities known (one-parameter EM)."""
    share = 0.5
    for _ in range(100):
        if len(log_ratios):
            share = float((share / (share + (1 - share) * np.exp(log_ratios))).mean())
    return share


def _distinct(keys: NDArray[np.uint64], size: int) -> Rows:
    """Return the first row of each of the smallest keys but 0."""
    present = np.flatnonzero(keys)
    first = np.unique(mix_keys(keys[present]), return_index=True)[1]
    return np.asarray(present[first[:size]], dtype=np.int64)
