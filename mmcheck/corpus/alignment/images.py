"""Image-caption pairs against random re-pairings of the run's own images and captions.

The bank (a few thousand distinct pairs a slice) gives both the null and the neighbours that hubness is measured on.
Where the images fall into domains that lie far apart, each domain has a bank of its own (see ``domains``).
Re-pairings stay inside the bank and never join halves that are nearly a true pair. A second pass scores every row
against the bank; nothing that is kept grows faster than some twenty bytes a row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from mmcheck.config.analyses import AlignmentConfig
from mmcheck.core.arrays import Mask
from mmcheck.core.constants import PROBABLE
from mmcheck.core.json_types import JsonObject
from mmcheck.core.pair_kinds import IMAGE_CAPTION
from mmcheck.corpus.alignment.domains import SplitSlices, describe_domains, split_slices
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
_NOTHING_TO_COMPARE = ("too_few_pairs", "captions_all_alike", "constant_embeddings")
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
        """Name of slice or domain -> verdict; ``all`` if there is but one, and empty if there are no pairs."""
        self.num_unverifiable = 0
        """Rows whose captions the model has no words for."""
        self.domains: JsonObject = {}
        """Domain -> size, share and examples; empty if there is but one."""
        self.domain_sentence = ""
        """What that is in words."""

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
        split = SplitSlices(rows=rows)
        if options.domains and not self._knows_few_words(rows):
            split = split_slices(shards, rows, size=options.bank_size, min_domain=options.min_domain)
        num_slices, rows = len(rows.names), split.rows
        sides = [Side.of(bank) for bank in rows.banks]
        scored = self._scorer.score_rows(shards, rows.codes, sides)
        for group, name in enumerate(rows.names[:num_slices]):
            label = name if num_slices > 1 else "all"
            if group in split.domains:
                self._judge_domains(shards, split, group, label, sides, scored, found)
                continue
            if not len(rows.distinct(group)) and (group or not self.num_unverifiable):
                continue
            verdict = self._verdict(label, rows, group, sides[group], scored)
            if label == "all" and verdict.state == "model_cannot_tell":
                found.set_verdict(unknown, verdict, scored.score)
            self._settle(label, verdict, rows.codes == group, scored, found)
        self.domains, self.domain_sentence = describe_domains(shards, split, self.verdicts)
        return found

    def _settle(self, label: str, verdict: SliceVerdict, own: Mask, scored: PairScores, found: RowScores) -> None:
        """Keep a verdict and give its rows their values."""
        self.verdicts[label] = verdict
        found.set_verdict(own, verdict, scored.score)
        if verdict.state == "judged":
            found.set_reason(own & ~np.isfinite(scored.score), "captions_all_alike", _NO_STRANGERS)
            silent = own & verdict.silent.are_silent(scored.reach, scored.fit)
            self._set_uninformative(found, silent, verdict.share, scored.rank)

    def _judge_domains(
        self,
        shards: Sequence[ShardTables],
        split: SplitSlices,
        group: int,
        label: str,
        sides: Sequence[Side],
        scored: PairScores,
        found: RowScores,
    ) -> None:
        """Judge a slice's domains, each on its own where it can be.

        A domain in which no pair can be told from a random one vouches for none: there, only what is worse than random
        pairs of the whole slice is mismatched, and the rest is left open. Where a domain holds nothing to compare, the
        slice is judged as one.
        """
        rows, places = split.rows, split.domains[group]
        verdicts = {place: self._verdict(rows.names[place], rows, place, sides[place], scored) for place in places}
        if all(verdict.state == "judged" for verdict in verdicts.values()):
            for place, verdict in verdicts.items():
                self._settle(rows.names[place], verdict, rows.codes == place, scored, found)
            return
        codes = np.where(np.isin(rows.codes, places), group, -1).astype(np.int16)
        together = self._scorer.score_rows(shards, codes, sides)
        whole = self._verdict(label, replace(rows, codes=codes), group, sides[group], together)
        if any(verdict.state in _NOTHING_TO_COMPARE for verdict in verdicts.values()):
            self._settle(label, whole, codes == group, together, found)
            return
        for place, verdict in verdicts.items():
            own = rows.codes == place
            self._settle(rows.names[place], verdict, own, scored, found)
            if verdict.state != "judged":
                with np.errstate(invalid="ignore"):
                    worse = own & (whole.posterior(together.score) > PROBABLE)
                found.set_verdict(worse, whole, together.score)
                found.reason[worse] = -1

    def _knows_few_words(self, rows: SlicedRows) -> bool:
        return self.num_unverifiable > 2 * max(1, int((rows.codes >= 0).sum()))

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
        side: Side,
        scored: PairScores,
    ) -> SliceVerdict:
        distinct = rows.distinct(group)
        num_rows = int((rows.codes == group).sum())
        about = {"name": name, "num_rows": num_rows, "num_pairs": len(distinct), "kind": IMAGE_CAPTION}
        if self._knows_few_words(rows) and name == "all":
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
