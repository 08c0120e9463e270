"""Image-caption pairs against random re-pairings of the run's own images and captions.

The bank (a few thousand distinct pairs a slice) gives both the null and the neighbours that hubness is measured on.
Re-pairings stay inside the bank and never join halves that are nearly a true pair. A second pass scores every row
against the bank; nothing that is kept grows faster than some twenty bytes a row.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mmcheck.config.analyses import AlignmentConfig
from mmcheck.core.arrays import Mask
from mmcheck.core.constants import PROBABLE
from mmcheck.core.pair_kinds import IMAGE_CAPTION
from mmcheck.corpus.alignment.fit import SliceVerdict, judge_scores, unjudged
from mmcheck.corpus.alignment.image_scores import PairScorer, PairScores, Scores, Side, has_partners
from mmcheck.corpus.alignment.row_scores import RowScores
from mmcheck.corpus.alignment.slices import SlicedRows, gather_slices
from mmcheck.corpus.base import ShardTables, read_metric
from mmcheck.corpus.constants import MIN_STRANGERS
from mmcheck.metrics.caption_reach import NO_LIMITS, find_silent_limits

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


class ImageAlignment:
    """Scores and judges the image-caption pairs of a run.

    Args:
        options: Section ``analyses.alignment`` of the config.
        seed: Decides who is in the bank.
    """

    def __init__(self, options: AlignmentConfig, seed: int) -> None:
        self._options = options
        self._seed = seed
        self._scorer = PairScorer(options)
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
        sides = [Side.of(bank) for bank in rows.banks]
        scored = self._scorer.score_rows(shards, rows.codes, sides, np.ones(len(sides), dtype=bool))
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
                self._set_uninformative(
                    found, own & verdict.silent.are_silent(scored.reach, scored.fit), verdict.share, scored.rank
                )
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

    def _verdict(
        self,
        name: str,
        rows: SlicedRows,
        group: int,
        distinct: NDArray[np.int64],
        side: Side,
        scored: PairScores,
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
        null = self._scorer.score_random(side)
        if null.unlike < MIN_STRANGERS or np.ptp(null.score) < 1e-6:
            return self._all_alike(side, about)
        known = distinct[np.isfinite(scored.score[distinct]) & np.isfinite(scored.reach[distinct])]
        if not len(known):
            return self._all_alike(side, about)
        silent = find_silent_limits(scored.reach[known], scored.fit[known], scored.rank[known])
        telling = ~silent.are_silent(scored.reach[known], scored.fit[known])
        null_telling = ~silent.are_silent(null.reach, null.fit)
        if telling.sum() < self._options.min_pairs or null_telling.sum() < self._options.min_pairs:
            silent, telling, null_telling = NO_LIMITS, telling | True, null_telling | True
        num_silent = int((~telling).sum())
        known = known[telling]
        size = len(side.bank)
        in_bank = np.isin(known, side.bank.rows)
        # Others among the bank, scaled up to the set; exact where the bank is the set.
        others = (scored.copies[known] - in_bank) * (max(len(distinct) - 1, 1) / max(size - 1, 1))
        return judge_scores(
            null.score[null_telling],
            scored.score[known].astype(np.float64),
            1.0 / (1.0 + np.maximum(others, 0)),
            name=name,
            num_rows=num_rows,
            kind=IMAGE_CAPTION,
            seed=self._seed,
            has_partners=has_partners(side),
            silent=silent,
            num_silent=num_silent,
        )

    def _all_alike(self, side: Side, about: dict[str, object]) -> SliceVerdict:
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
