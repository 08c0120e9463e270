"""How well images and captions fit each other, against a bank: every row of a run, and random pairs of the bank."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mmcheck.config.analyses import AlignmentConfig
from mmcheck.core.arrays import Floats, Vectors
from mmcheck.core.pair_kinds import IMAGE_CAPTION
from mmcheck.corpus.base import ShardTables
from mmcheck.corpus.constants import PARTNER_ASYMMETRY
from mmcheck.corpus.embeddings import EmbeddingBank, read_embeddings
from mmcheck.metrics.hubness import (
    cross_centred_asymmetry,
    csls,
    find_neighbourhoods,
    near_limit,
    s_clip_loss,
)
from mmcheck.metrics.repairings import find_repairings, first_copies

REPAIRINGS = 64
"""Re-pairings of each image in the bank. Our own choice: a quarter of a million scores from 4,096 pairs."""
_PARTNER_ROWS = 1024
"""Pairs of the bank among which best partners are looked for. Our own choice: a matrix of a million cosines."""

Scores = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """A bank and from where on its halves are nearly the same."""

    bank: EmbeddingBank
    image_limit: float
    text_limit: float

    @classmethod
    def of(cls, bank: EmbeddingBank) -> Side:
        """Return a bank with its limits."""
        images, texts = bank.vectors["image"], bank.vectors["text"]
        return cls(bank=bank, image_limit=near_limit(images), text_limit=near_limit(texts))


@dataclass(frozen=True, slots=True)
class PairScores:
    """What is known of every row of the run, shape (n,) each; NaN where there is nothing."""

    score: Scores
    reach: Scores
    """How far the caption's best strangers lie above its mean one."""
    fit: Scores
    """How well the caption fits strange images on average (cosine)."""
    rank: Scores
    """Share of strange images that fit the caption at least as well."""
    copies: NDArray[np.int32]

    @classmethod
    def empty(cls, count: int) -> PairScores:
        """Return values for rows of which nothing is known."""
        score, reach, fit, rank = (np.full(count, np.nan, dtype=np.float32) for _ in range(4))
        return cls(score, reach, fit, rank, np.zeros(count, dtype=np.int32))


@dataclass(frozen=True, slots=True, kw_only=True)
class RandomScores:
    """Random pairs of a bank, shape (m,) each, finite."""

    score: Floats
    reach: Scores
    """Of the caption, as in ``PairScores``."""
    fit: Scores
    """Likewise."""
    unlike: float
    """Share of the random pairs that join unlike halves; only those are in the arrays."""


class PairScorer:
    """Scores pairs as the config says.

    Args:
        options: Section ``analyses.alignment`` of the config.
    """

    def __init__(self, options: AlignmentConfig) -> None:
        self._options = options

    def score_rows(self, shards: Sequence[ShardTables], groups: NDArray[np.int16], sides: Sequence[Side]) -> PairScores:
        """Return what is known of each row, in one pass over the stored embeddings.

        Args:
            shards: The run's shards.
            groups: Side of each row, shape (n,); -1 for none.
            sides: By number.
        """
        scores = PairScores.empty(len(groups))
        start = 0
        for shard in shards:
            present, found = read_embeddings(shard, IMAGE_CAPTION.probe, ("image", "text"))
            code = groups[start : start + len(present)]
            places = np.flatnonzero(present)
            for group, side in enumerate(sides):
                own = code[present] == group
                if own.any():
                    self._score_block(found["image"][own], found["text"][own], side, scores, start + places[own])
            start += len(present)
        return scores

    def _score_block(
        self, images: Vectors, texts: Vectors, side: Side, scores: PairScores, here: NDArray[np.int64]
    ) -> None:
        neighbours = self._neighbours(side.bank)
        own = np.einsum("ij,ij->i", images, texts)
        found = find_neighbourhoods(
            images,
            texts,
            side.bank.vectors["image"],
            side.bank.vectors["text"],
            neighbours=neighbours,
            image_limit=side.image_limit,
            text_limit=side.text_limit,
            with_exponentials=self._options.score == "s_clip_loss",
        )
        level = found.text.level(neighbours)
        scores.copies[here] = found.copies
        scores.rank[here] = found.rank
        scores.reach[here] = level - found.text.mean
        scores.fit[here] = found.text.mean
        if self._options.score == "cosine":
            scores.score[here] = own
        elif self._options.score == "s_clip_loss":
            scores.score[here] = s_clip_loss(own, found.image, found.text)
        else:
            scores.score[here] = csls(own, found.image.level(neighbours), level)

    def score_random(self, side: Side) -> RandomScores:
        """Return re-pairings inside a bank, scored as the run's own pairs are."""
        images, texts = side.bank.vectors["image"], side.bank.vectors["text"]
        limits = side.image_limit, side.text_limit
        # Near-copies count once among the set's pairs, and so they do here.
        first = first_copies(images, texts, *limits)
        # The bank is ordered by content keys, so neighbours in that order are strangers by chance.
        found = find_repairings(
            images,
            texts,
            first,
            max(0, min(REPAIRINGS, len(first) - 1)),
            neighbours=self._neighbours(side.bank),
            image_limit=limits[0],
            text_limit=limits[1],
            with_exponentials=self._options.score == "s_clip_loss",
        )
        if self._options.score == "cosine":
            scores = found.own
        elif found.image is not None and found.text is not None:
            scores = s_clip_loss(found.own, found.image, found.text)
        else:
            scores = csls(found.own, found.image_level, found.text_level)
        null, fit = scores[found.unlike].astype(np.float64), found.text_mean[found.unlike]
        reach = found.text_level[found.unlike] - fit
        known = np.isfinite(null) & np.isfinite(reach)
        return RandomScores(
            score=null[known],
            reach=reach[known],
            fit=fit[known],
            unlike=len(null) / max(1, found.unlike.size),
        )

    def _neighbours(self, bank: EmbeddingBank) -> int:
        # In a small set ten neighbours would be half of it.
        return max(1, min(self._options.neighbours, len(bank) // 5))


def has_partners(side: Side) -> bool:
    """Return whether images have clear partners among the texts of the bank, whoever they stand beside."""
    images = side.bank.vectors["image"][:_PARTNER_ROWS]
    texts = side.bank.vectors["text"][:_PARTNER_ROWS]
    return cross_centred_asymmetry(images @ texts.T) >= PARTNER_ASYMMETRY
