"""Which text belongs to which suspect medium, where their places tell nothing.

Only suspects are compared with suspects, so that no good pair is broken. Each edge's odds come from its likelihood
ratio and from a prior that the run itself supplies: the share of suspects whose text is among the candidates at all.
Where captions were replaced by outsiders, that share goes to nothing, and with it every proposal.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mmcheck.core.arrays import Keys, Rows
from mmcheck.metrics.soft_matching import match_probabilities
from mmcheck.repair.constants import LEAST_CHANCE, LEAST_RATIO, LEAST_SHARE, MAX_LOG_RATIO, MOST_SHARE
from mmcheck.repair.evidence import Evidence
from mmcheck.repair.scores import CANDIDATES

_ROUNDS = 20
"""Rounds in which the share of matched pairs is learned. Our own choice: it stops earlier where nothing moves."""
_EDGES = 6_000_000  # candidates that are held; our own choice: bounds memory


@dataclass(frozen=True, slots=True, kw_only=True)
class Matching:
    """The likeliest partner of each medium that has one."""

    media: Rows
    """Rows whose medium is given a text, shape (m,)."""
    texts: Rows
    """Rows whose text it is given, shape (m,); no row twice."""
    probability: NDArray[np.float64]
    """Probability that it is the right one, shape (m,)."""
    partner_share: float
    """Estimated share of the media whose text is among the candidates."""


def match_suspects(evidence: Evidence, media: Rows, texts: Rows, wrong: NDArray[np.float64]) -> Matching:
    """Return the likeliest one-to-one partners.

    Args:
        evidence: Scores as likelihood ratios.
        media: Rows with a medium that wants a text, shape (a,), distinct.
        texts: Rows with a text that is free, shape (b,), distinct.
        wrong: Probability that each medium's own pair is wrong, shape (a,); its own text is not proposed, but competes.
    """
    scores = evidence.scores
    media, wrong = media[scores.has_medium[media]], wrong[scores.has_medium[media]]
    texts = texts[scores.has_text[texts]]
    if not len(media) or not len(texts):
        return _nothing()
    count = int(min(max(CANDIDATES, _EDGES // (2 * (len(media) + len(texts)))), 512))
    left, right = scores.candidates(media, texts, count)
    # An equal text under another row is the same proposal as leaving things as they are.
    differs = scores.text_keys[media[left]] != scores.text_keys[texts[right]]
    left, right = left[differs], right[differs]
    ratios = np.exp(evidence.weigh(scores.pairs(media[left], texts[right]), MAX_LOG_RATIO).astype(np.float64))
    # Strangers' ratios are about 1 in the mean, nearly all of it from few large ones.
    telling = ratios > LEAST_RATIO
    left, right, ratios = left[telling], right[telling], ratios[telling]
    own_place = _places(texts, media)
    has_own = np.flatnonzero(own_place >= 0)
    own_odds = (1 - wrong[has_own]) / np.maximum(wrong[has_own], 1e-3)
    rows = np.concatenate([left, has_own])
    columns = np.concatenate([right, own_place[has_own]])
    share, chance = 0.5, np.zeros(len(left))
    for _ in range(_ROUNDS):
        odds = ratios / len(texts) * share / (1 - share)
        every = match_probabilities(
            rows, columns, np.concatenate([odds, own_odds]), num_rows=len(media), num_columns=len(texts)
        )
        chance = every[: len(left)]
        before, share = share, float(np.clip(chance.sum() / len(media), LEAST_SHARE, MOST_SHARE))
        if abs(before - share) < 1e-3:
            break
    chosen, probability = _choose(left, right, chance, scores.media_keys[media], scores.text_keys[texts])
    return Matching(media=media[left[chosen]], texts=texts[right[chosen]], probability=probability, partner_share=share)


def _choose(
    left: Rows, right: Rows, chance: NDArray[np.float64], media_keys: Keys, text_keys: Keys
) -> tuple[Rows, NDArray[np.float64]]:
    """Return one edge a medium, none sharing a text, likeliest first.

    Equal texts share their probability, and so do the rows of one medium: which of an image's captions stands in which
    of its rows does not matter.
    """
    joint = np.maximum(_shared(left, text_keys[right], chance), _shared(right, media_keys[left], chance))
    order = np.lexsort((right, left, -chance, -joint))
    has_medium, has_text = np.zeros(len(media_keys), dtype=bool), np.zeros(len(text_keys), dtype=bool)
    chosen = []
    for edge in order[joint[order] > LEAST_CHANCE].tolist():
        if not has_medium[left[edge]] and not has_text[right[edge]]:
            has_medium[left[edge]] = has_text[right[edge]] = True
            chosen.append(edge)
    picked = np.array(sorted(chosen, key=lambda edge: int(left[edge])), dtype=np.int64)
    return picked, joint[picked]


def _shared(places: Rows, keys: Keys, chance: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the probability of each edge and of those that join the same place to an equal key."""
    _, kind = np.unique(keys, return_inverse=True)
    _, group = np.unique(places * (int(kind.max(initial=0)) + 1) + kind, return_inverse=True)
    return np.minimum(np.bincount(group, chance, int(group.max(initial=0)) + 1)[group], 1.0)


def _places(rows: Rows, wanted: Rows) -> Rows:
    """Return the place of each wanted row in ``rows``; -1 where it is not there."""
    order = np.argsort(rows, kind="stable")
    found = np.searchsorted(rows[order], wanted)
    inside = np.minimum(found, len(rows) - 1)
    return np.asarray(np.where(rows[order][inside] == wanted, order[inside], -1), dtype=np.int64)


def _nothing() -> Matching:
    empty = np.zeros(0, dtype=np.int64)
    return Matching(media=empty, texts=empty, probability=np.zeros(0), partner_share=0.0)
