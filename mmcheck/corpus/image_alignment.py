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
from mmcheck.corpus.alignment_fit import SliceVerdict, Words, judge_scores, unjudged
from mmcheck.corpus.base import ShardTables
from mmcheck.corpus.embeddings import EmbeddingBank, Mask, Vectors, read_embeddings
from mmcheck.corpus.row_scores import RowScores
from mmcheck.corpus.slices import SlicedRows, gather_slices
from mmcheck.metrics.hubness import (
    Neighbourhood,
    cross_centred_asymmetry,
    csls,
    find_neighbourhoods,
    near_limit,
    s_clip_loss,
)

PROBE = "image_text"
WORDS = Words(
    pairs="image-caption pairs",
    data="this data",
    hint="try another model, e.g. probes.image_text.model: ViT-L-14 with pretrained: openai, or a SigLIP model",
)
REPAIRINGS = 64
"""Re-pairings of each image in the bank: a quarter of a million scores from 4,096 pairs."""
_MIN_STRANGERS = 0.1
"""Share of random re-pairings of the bank that must join unlike halves."""
_NO_WORDS = "the model has no words for most of the caption, so nothing can be said of it"
_NO_STRANGERS = "nearly every other pair has this image or this caption, so there is nothing to compare it with"
_PARTNER_ROWS = 1024
_PARTNER_ASYMMETRY = 1.25
"""Farther by this factor lie best partners above expectation than worst ones below, if the model knows the data."""

Scores = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Side:
    """A bank with what each of its halves reaches among strangers."""

    bank: EmbeddingBank
    image: Neighbourhood
    text: Neighbourhood
    image_limit: float
    text_limit: float


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
            PROBE,
            ("image", "text"),
            size=options.bank_size,
            seed=self._seed,
            slice_by=options.slice_by,
            min_slice=options.min_slice,
            usable=self._usable,
        )
        found = RowScores.empty(len(rows.codes))
        unknown = np.concatenate([np.zeros(0, dtype=bool), *(self._unverifiable(shard) for shard in shards)])
        self.num_unverifiable = int(unknown.sum())
        found.set_reason(unknown, "unverifiable_caption", _NO_WORDS)
        sides = [self._prepare(bank) for bank in rows.banks]
        scores, copies = self._score(shards, rows, sides)
        for group, name in enumerate(rows.names):
            distinct = rows.distinct(group)
            if not len(distinct) and (group or not self.num_unverifiable):
                continue
            label = name if len(rows.names) > 1 else "all"
            verdict = self._verdict(label, rows, group, distinct, sides[group], scores, copies)
            self.verdicts[label] = verdict
            own = rows.codes == group
            if label == "all" and verdict.state == "model_cannot_tell":
                own |= unknown
            found.set_verdict(own, verdict, scores)
            if verdict.state == "judged":
                found.set_reason(own & ~np.isfinite(scores), "captions_all_alike", _NO_STRANGERS)
        return found

    def _unverifiable(self, shard: ShardTables) -> Mask:
        """Return which rows have captions of words that the model does not know."""
        num_rows = shard.samples(["id"]).num_rows
        table = shard.measurements(PROBE, ["unknown_token_ratio"])
        if table is None or "unknown_token_ratio" not in table.column_names:
            return np.zeros(num_rows, dtype=bool)
        ratio = table["unknown_token_ratio"].to_numpy(zero_copy_only=False).astype(np.float64)
        with np.errstate(invalid="ignore"):
            return np.asarray(ratio > self._options.max_unknown_tokens)

    def _usable(self, shard: ShardTables) -> Mask:
        return ~self._unverifiable(shard)

    def _prepare(self, bank: EmbeddingBank) -> _Side:
        images, texts = bank.vectors["image"], bank.vectors["text"]
        limits = near_limit(images), near_limit(texts)
        found = find_neighbourhoods(
            images,
            texts,
            images,
            texts,
            neighbours=self._neighbours(bank),
            image_limit=limits[0],
            text_limit=limits[1],
            with_exponentials=self._options.score == "s_clip_loss",
        )
        return _Side(bank=bank, image=found.image, text=found.text, image_limit=limits[0], text_limit=limits[1])

    def _neighbours(self, bank: EmbeddingBank) -> int:
        # In a small set ten neighbours would be half of it.
        return max(1, min(self._options.neighbours, len(bank) // 5))

    def _score(
        self, shards: Sequence[ShardTables], rows: SlicedRows, sides: Sequence[_Side]
    ) -> tuple[Scores, NDArray[np.int32]]:
        """Return the score of each row, and how many rows of the bank are near-copies of it."""
        scores = np.full(len(rows.codes), np.nan, dtype=np.float32)
        copies = np.zeros(len(rows.codes), dtype=np.int32)
        start = 0
        for shard in shards:
            present, found = read_embeddings(shard, PROBE, ("image", "text"))
            code = rows.codes[start : start + len(present)]
            places = np.flatnonzero(present)
            for group, side in enumerate(sides):
                own = code[present] == group
                if own.any():
                    here = start + places[own]
                    scores[here], copies[here] = self._score_block(found["image"][own], found["text"][own], side)
            start += len(present)
        return scores, copies

    def _score_block(self, images: Vectors, texts: Vectors, side: _Side) -> tuple[Scores, NDArray[np.int32]]:
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
        if self._options.score == "cosine":
            return own, found.copies
        if self._options.score == "s_clip_loss":
            return s_clip_loss(own, found.image, found.text), found.copies
        return csls(own, found.image.level(neighbours), found.text.level(neighbours)), found.copies

    def _null(self, side: _Side) -> tuple[NDArray[np.float64], float]:
        """Return the scores of re-pairings inside the bank, and the share of re-pairings that join unlike halves."""
        images, texts = side.bank.vectors["image"], side.bank.vectors["text"]
        size, neighbours = len(side.bank), self._neighbours(side.bank)
        found: list[Scores] = []
        offsets = range(1, min(REPAIRINGS, size - 1) + 1)
        # The bank is ordered by content keys, so neighbours in that order are strangers by chance.
        for offset in offsets:
            j = (np.arange(size) + offset) % size
            unlike = np.einsum("ij,ij->i", images, images[j]) <= side.image_limit
            unlike &= np.einsum("ij,ij->i", texts, texts[j]) <= side.text_limit
            i = np.flatnonzero(unlike)
            j = j[i]
            own = np.einsum("ij,ij->i", images[i], texts[j])
            if self._options.score == "cosine":
                found.append(own)
                continue
            image, text = side.image.take(i), side.text.take(j)
            if self._options.score == "s_clip_loss":
                found.append(s_clip_loss(own, image, text, is_among=True))
            else:
                found.append(csls(own, image.level_without(neighbours, own), text.level_without(neighbours, own)))
        null = np.concatenate([np.zeros(0, dtype=np.float32), *found]).astype(np.float64)
        return null[np.isfinite(null)], len(null) / max(1, size * len(offsets))

    def _verdict(
        self,
        name: str,
        rows: SlicedRows,
        group: int,
        distinct: NDArray[np.int64],
        side: _Side,
        scores: Scores,
        copies: NDArray[np.int32],
    ) -> SliceVerdict:
        num_rows = int((rows.codes == group).sum())
        about = {"name": name, "num_rows": num_rows, "num_pairs": len(distinct), "words": WORDS}
        if self.num_unverifiable > 2 * max(1, len(rows.codes[rows.codes >= 0])) and name == "all":
            reason = (
                f"this model cannot judge this data: it has no words for the captions of {self.num_unverifiable} rows"
            )
            return unjudged("model_cannot_tell", reason, hint=WORDS.hint, **about)  # type: ignore[arg-type]
        if len(distinct) < self._options.min_pairs:
            reason = (
                f"there are only {len(distinct)} distinct image-caption pairs, and fewer than "
                f"{self._options.min_pairs} say nothing about random ones"
            )
            return unjudged("too_few_pairs", reason, **about)  # type: ignore[arg-type]
        null, unlike = self._null(side)
        if unlike < _MIN_STRANGERS or np.ptp(null) < 1e-6:
            return self._all_alike(side, about)
        known = distinct[np.isfinite(scores[distinct])]
        if not len(known):
            return self._all_alike(side, about)
        size = len(side.bank)
        in_bank = np.isin(known, side.bank.rows)
        # Others among the bank, scaled up to the set; exact where the bank is the set.
        others = (copies[known] - in_bank) * (max(len(distinct) - 1, 1) / max(size - 1, 1))
        return judge_scores(
            null,
            scores[known].astype(np.float64),
            1.0 / (1.0 + np.maximum(others, 0)),
            name=name,
            num_rows=num_rows,
            words=WORDS,
            seed=self._seed,
            has_partners=self._has_partners(side),
        )

    def _has_partners(self, side: _Side) -> bool:
        images = side.bank.vectors["image"][:_PARTNER_ROWS]
        texts = side.bank.vectors["text"][:_PARTNER_ROWS]
        return cross_centred_asymmetry(images @ texts.T) >= _PARTNER_ASYMMETRY

    def _all_alike(self, side: _Side, about: dict[str, object]) -> SliceVerdict:
        """Return why there are no strangers: equal captions, or embeddings that hardly differ."""
        texts, images = side.bank.vectors["text"], side.bank.vectors["image"]
        middle = [float(np.linalg.norm(block.mean(axis=0))) for block in (images, texts)]
        if middle[1] >= middle[0]:
            reason = "the captions are all the same, or nearly, so no pairing is better than another"
            return unjudged("captions_all_alike", reason, **about)  # type: ignore[arg-type]
        reason = "the model gives all images the same embedding, or nearly: a broken model, or one image many times"
        return unjudged("constant_embeddings", reason, **about)  # type: ignore[arg-type]
