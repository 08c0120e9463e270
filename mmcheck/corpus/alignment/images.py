"""Image-caption pairs against random re-pairings of the run's own images and captions.

The bank (a few thousand distinct pairs a slice) gives both the null and the neighbours that hubness is measured on.
Re-pairings stay inside the bank and never join halves that are nearly a true pair. A second pass scores every row
against the bank; nothing that is kept grows faster than some twenty bytes a row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mmcheck.config.analyses import AlignmentConfig
from mmcheck.core.arrays import Mask, Vectors
from mmcheck.core.constants import PROBABLE
from mmcheck.core.pair_kinds import IMAGE_CAPTION
from mmcheck.corpus.alignment.fit import SliceVerdict, judge_scores, unjudged
from mmcheck.corpus.alignment.row_scores import RowScores
from mmcheck.corpus.alignment.slices import SlicedRows, gather_slices
from mmcheck.corpus.base import ShardTables, read_metric
from mmcheck.corpus.constants import MIN_STRANGERS, PARTNER_ASYMMETRY
from mmcheck.corpus.embeddings import EmbeddingBank, read_embeddings
from mmcheck.metrics.caption_reach import find_reach_limit
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
_NO_WORDS = "the model does not know most words of the caption"
_SAYS_NOTHING = (
    "the caption fits most images of the set equally well, so its score says nothing, and too many other pairs are "
    "mismatched"
)
_NO_STRANGERS = "nearly every other pair has this image or this caption, so there is nothing to compare it with"
_NO_VECTORS = (
    "only a score was given for this pair and no vectors, so it cannot be compared with pairs made at random; raw "
    "limits can judge it"
)
_PARTNER_ROWS = 1024
"""Pairs of the bank among which best partners are looked for. Our own choice: a matrix of a million cosines."""

Scores = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Side:
    """A bank and from where on its halves are nearly the same."""

    bank: EmbeddingBank
    image_limit: float
    text_limit: float


@dataclass(frozen=True, slots=True)
class _Scored:
    """What is known of every row of the run, shape (n,) each; NaN where there is nothing."""

    score: Scores
    reach: Scores
    """How far the caption's best strangers lie above its mean one."""
    rank: Scores
    """Share of strange images that fit the caption at least as well."""
    copies: NDArray[np.int32]

    @classmethod
    def empty(cls, count: int) -> _Scored:
        score, reach, rank = (np.full(count, np.nan, dtype=np.float32) for _ in range(3))
        return cls(score, reach, rank, np.zeros(count, dtype=np.int32))


class ImageAlignment:
    """Scores and judges the image-caption pairs of a run.

    Args:
        options: Section ``analyses.alignment`` of the config.
        seed: Decides who is in the bank.
    """

    def __init__(self, options: AlignmentConfig, seed: int) -> None:
        self._options = options
        self._seed = seed
        self.verdicts: dict[str, SliceVerdict] = {}
        """Slice name -> verdict, the rest first (called ``all`` if there is no other); empty if there are no pairs."""
        self.num_unverifiable = 0
        """Rows whose captions the model has no words for."""

    def judge(self, shards: Sequence[ShardTables]) -> RowScores:
        """Return the values of every row."""
        options = self._options
        rows = gather_slices(
            shards,
            IMAGE_CAPTION.probe,
            ("image", "text"),
            size=options.bank_size,
            seed=self._seed,
            slice_by=options.slice_by,
            min_slice=options.min_slice,
            min_rest=options.min_pairs,
            usable=self._usable,
        )
        found = RowScores.empty(len(rows.codes))
        unknown = np.concatenate([np.zeros(0, dtype=bool), *(self._unverifiable(shard) for shard in shards)])
        self.num_unverifiable = int(unknown.sum())
        found.set_reason(unknown, "unverifiable_caption", _NO_WORDS)
        scored_alone = np.concatenate([np.zeros(0, dtype=bool), *(_has_score(shard) for shard in shards)])
        found.set_reason(scored_alone & (rows.codes < 0) & ~unknown, "no_vectors", _NO_VECTORS)
        sides = [self._prepare(bank) for bank in rows.banks]
        scored = self._score(shards, rows, sides)
        for group, name in enumerate(rows.names):
            distinct = rows.distinct(group)
            if not len(distinct) and (group or not self.num_unverifiable):
                continue
            label = name if len(rows.names) > 1 else "all"
            verdict = self._verdict(label, rows, group, distinct, sides[group], scored)
            self.verdicts[label] = verdict
            own = rows.codes == group
            if label == "all" and verdict.state == "model_cannot_tell":
                own |= unknown
            found.set_verdict(own, verdict, scored.score)
            if verdict.state == "judged":
                found.set_reason(own & ~np.isfinite(scored.score), "captions_all_alike", _NO_STRANGERS)
                self._set_uninformative(found, own & (scored.reach <= verdict.reach_limit), verdict.share, scored.rank)
        return found

    def _set_uninformative(self, found: RowScores, rows: Mask, share: float, rank: Scores) -> None:
        """Give captions that say nothing the share as their posterior, or none where the share alone would decide."""
        found.p_value[rows] = rank[rows]
        found.posterior[rows] = share
        if share > PROBABLE:
            for column in (found.posterior, found.p_value, found.score):
                column[rows] = np.nan
            found.set_reason(rows, "unverifiable_caption", _SAYS_NOTHING)

    def _unverifiable(self, shard: ShardTables) -> Mask:
        """Return which rows have captions of words that the model does not know."""
        num_rows = shard.samples(["id"]).num_rows
        table = shard.measurements(IMAGE_CAPTION.probe, ["unknown_token_ratio"])
        if table is None or "unknown_token_ratio" not in table.column_names:
            return np.zeros(num_rows, dtype=bool)
        ratio = table["unknown_token_ratio"].to_numpy(zero_copy_only=False).astype(np.float64)
        with np.errstate(invalid="ignore"):
            return np.asarray(ratio > self._options.max_unknown_tokens)

    def _usable(self, shard: ShardTables) -> Mask:
        return ~self._unverifiable(shard)

    def _prepare(self, bank: EmbeddingBank) -> _Side:
        images, texts = bank.vectors["image"], bank.vectors["text"]
        return _Side(bank=bank, image_limit=near_limit(images), text_limit=near_limit(texts))

    def _neighbours(self, bank: EmbeddingBank) -> int:
        # In a small set ten neighbours would be half of it.
        return max(1, min(self._options.neighbours, len(bank) // 5))

    def _score(self, shards: Sequence[ShardTables], rows: SlicedRows, sides: Sequence[_Side]) -> _Scored:
        """Return the score of each row, and what else is to be known of it."""
        scored = _Scored.empty(len(rows.codes))
        start = 0
        for shard in shards:
            present, found = read_embeddings(shard, IMAGE_CAPTION.probe, ("image", "text"))
            code = rows.codes[start : start + len(present)]
            places = np.flatnonzero(present)
            for group, side in enumerate(sides):
                own = code[present] == group
                if own.any():
                    here = start + places[own]
                    self._score_block(found["image"][own], found["text"][own], side, scored, here)
            start += len(present)
        return scored

    def _score_block(
        self, images: Vectors, texts: Vectors, side: _Side, scored: _Scored, here: NDArray[np.int64]
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
        scored.copies[here] = found.copies
        scored.rank[here] = found.rank
        scored.reach[here] = level - found.text.mean
        if self._options.score == "cosine":
            scored.score[here] = own
        elif self._options.score == "s_clip_loss":
            scored.score[here] = s_clip_loss(own, found.image, found.text)
        else:
            scored.score[here] = csls(own, found.image.level(neighbours), level)

    def _null(self, side: _Side) -> tuple[NDArray[np.float64], Scores, float]:
        """Return re-pairings inside the bank: scores, reach of the captions, and the share that joins unlike halves."""
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
        null, reach = scores[found.unlike].astype(np.float64), (found.text_level - found.text_mean)[found.unlike]
        known = np.isfinite(null) & np.isfinite(reach)
        return null[known], reach[known], len(null) / max(1, found.unlike.size)

    def _verdict(
        self,
        name: str,
        rows: SlicedRows,
        group: int,
        distinct: NDArray[np.int64],
        side: _Side,
        scored: _Scored,
    ) -> SliceVerdict:
        num_rows = int((rows.codes == group).sum())
        about = {"name": name, "num_rows": num_rows, "num_pairs": len(distinct), "kind": IMAGE_CAPTION}
        if self.num_unverifiable > 2 * max(1, len(rows.codes[rows.codes >= 0])) and name == "all":
            reason = (
                "this model cannot judge this data: it does not know most of the words in "
                f"{self.num_unverifiable} of {self.num_unverifiable + num_rows} captions"
            )
            return unjudged("model_cannot_tell", reason, hint=IMAGE_CAPTION.hint, **about)  # type: ignore[arg-type]
        if len(distinct) < self._options.min_pairs:
            reason = (
                f"there are only {len(distinct)} distinct image-caption pairs; at least "
                f"{self._options.min_pairs} are needed to tell matched from mismatched ones"
            )
            return unjudged("too_few_pairs", reason, **about)  # type: ignore[arg-type]
        null, reach_of_null, unlike = self._null(side)
        if unlike < MIN_STRANGERS or np.ptp(null) < 1e-6:
            return self._all_alike(side, about)
        known = distinct[np.isfinite(scored.score[distinct]) & np.isfinite(scored.reach[distinct])]
        if not len(known):
            return self._all_alike(side, about)
        limit = find_reach_limit(scored.reach[known], scored.rank[known])
        telling, null_telling = scored.reach[known] > limit, reach_of_null > limit
        if telling.sum() < self._options.min_pairs or null_telling.sum() < self._options.min_pairs:
            limit, telling, null_telling = -np.inf, telling | True, null_telling | True
        num_silent = int((~telling).sum())
        known = known[telling]
        size = len(side.bank)
        in_bank = np.isin(known, side.bank.rows)
        # Others among the bank, scaled up to the set; exact where the bank is the set.
        others = (scored.copies[known] - in_bank) * (max(len(distinct) - 1, 1) / max(size - 1, 1))
        return judge_scores(
            null[null_telling],
            scored.score[known].astype(np.float64),
            1.0 / (1.0 + np.maximum(others, 0)),
            name=name,
            num_rows=num_rows,
            kind=IMAGE_CAPTION,
            seed=self._seed,
            has_partners=self._has_partners(side),
            reach_limit=limit,
            num_silent=num_silent,
        )

    def _has_partners(self, side: _Side) -> bool:
        images = side.bank.vectors["image"][:_PARTNER_ROWS]
        texts = side.bank.vectors["text"][:_PARTNER_ROWS]
        return cross_centred_asymmetry(images @ texts.T) >= PARTNER_ASYMMETRY

    def _all_alike(self, side: _Side, about: dict[str, object]) -> SliceVerdict:
        """Return why there are no strangers: equal captions, or embeddings that hardly differ."""
        texts, images = side.bank.vectors["text"], side.bank.vectors["image"]
        middle = [float(np.linalg.norm(block.mean(axis=0))) for block in (images, texts)]
        if middle[1] >= middle[0]:
            reason = "the captions are all the same, or nearly, so no pair can fit better than another"
            return unjudged("captions_all_alike", reason, **about)  # type: ignore[arg-type]
        reason = "the model gives all images the same embedding, or nearly: a broken model, or one image many times"
        return unjudged("constant_embeddings", reason, **about)  # type: ignore[arg-type]


def _has_score(shard: ShardTables) -> Mask:
    """Return which rows of a shard have a raw score, shape (n,)."""
    num_rows = shard.samples(["id"]).num_rows
    table = shard.measurements(IMAGE_CAPTION.probe, [IMAGE_CAPTION.score])
    return np.isfinite(read_metric(table, IMAGE_CAPTION.score, num_rows))
