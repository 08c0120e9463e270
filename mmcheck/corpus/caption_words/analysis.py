"""Which word of a caption is wrong, told from the embeddings that are stored anyway: no model is run.

The set's own pairs show what each word adds to an image and to a caption. From that follows, for each word of each
caption, how much better the image fits the caption with another word in its place, or without it. How much is too much
is learned from wrong words planted in the set itself, and the weakest word is named. What words alone do not show, such
as which of two colours belongs to which of two things, is left to the cosine of the whole pair.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa

from mmcheck.config.analyses import CaptionWordsConfig
from mmcheck.core.arrays import Floats, Mask
from mmcheck.core.constants import PROBABLE
from mmcheck.core.json_types import JsonObject
from mmcheck.core.pair_kinds import IMAGE_CAPTION
from mmcheck.core.part_traits import AnalysisTraits
from mmcheck.corpus.base import ShardTables, analysis_table, digest_analysis, read_metric
from mmcheck.corpus.caption_words.learning import LearnedWords, NotLearned, learn_words
from mmcheck.corpus.caption_words.metrics import METRICS
from mmcheck.corpus.caption_words.weakest_words import WeakestWord, tell_words
from mmcheck.corpus.embeddings import gather_bank, half_keys, pair_keys, read_embeddings
from mmcheck.corpus.sample_ids import read_texts
from mmcheck.corpus.sentence_to_count import SentenceToCount
from mmcheck.metrics.word_places import Token, find_places, read_tokens
from mmcheck.store.schema import dump_json

VERSION = 2
_POSTERIOR = IMAGE_CAPTION.posterior.partition(".")[2]
_NO_PAIR = NotLearned(
    cause="nothing_to_compare",
    reason="the sample has no caption that was compared with its image",
    places=find_places((), least=1, most=1),
)
_LOOKED_AT = 4_000  # characters of a caption that are read; our own choice: bounds time, captions are shorter


class CaptionWords:
    """Measures which words of captions are wrong.

    Args:
        options: Section ``analyses.caption_words`` of the config.
        seed: For the choice of the pairs that are learned from, and for the words that are planted.
    """

    name = "caption_words"
    options_model = CaptionWordsConfig
    traits = AnalysisTraits(reads=(IMAGE_CAPTION.probe,), needs=("alignment",))
    metrics = METRICS

    def __init__(self, options: CaptionWordsConfig, seed: int) -> None:
        self._options = options
        self._seed = seed
        self._summary: JsonObject = {}

    def fingerprint(self) -> str:
        """Return a digest of code version, options and seed."""
        return digest_analysis(self.name, VERSION, self._options, seed=self._seed)

    def analyse(self, shards: Sequence[ShardTables]) -> Iterator[pa.Table]:
        """Yield one measurements table a shard, in order.

        Beside the metrics there are the columns ``word`` and ``other``: the weakest word as the caption has it, and
        what fits better in its place (null: nothing, it fits better without). Pairs that are probably mismatched as a
        whole have a score, but no probability. Evidence: under ``words`` a list of
        [first character, one past the last, probability] of the words that may be wrong.
        """
        learned = self._learn(shards)
        compared = 0
        for shard in shards:
            table, count = self._measure(shard, learned)
            compared += count
            yield table
        self._summary = _summarise(learned, compared)

    def summary(self) -> JsonObject:
        """Return what was learned from how many pairs, and the sentence whose number judging counts."""
        return self._summary

    def _learn(self, shards: Sequence[ShardTables]) -> LearnedWords | NotLearned:
        bank = gather_bank(
            shards, IMAGE_CAPTION.probe, ("image", "text"), size=self._options.bank_size, seed=self._seed
        )
        if not len(bank):
            return _NO_PAIR
        captions = read_texts(shards, IMAGE_CAPTION.text, bank.rows)
        is_sound = np.concatenate([_is_sound(shard) for shard in shards])[bank.rows]
        return learn_words(
            bank,
            [_tokens(captions[row]) for row in bank.rows.tolist()],
            is_sound,
            least=self._options.min_pairs,
            seed=self._seed,
        )

    def _measure(self, shard: ShardTables, learned: LearnedWords | NotLearned) -> tuple[pa.Table, int]:
        """Return a shard's table, and how many captions were judged."""
        ids = shard.samples(["id"])["id"].combine_chunks().cast(pa.string())
        values = {metric.name.partition(".")[2]: np.full(len(ids), np.nan) for metric in METRICS}
        found: list[WeakestWord | None] = [None] * len(ids)
        present, vectors = read_embeddings(shard, IMAGE_CAPTION.probe, ("image", "text"))
        rows = np.flatnonzero(present)
        told = [_tokens(text) for text in shard.samples([IMAGE_CAPTION.text])[IMAGE_CAPTION.text].to_pylist()]
        captions = [told[row] for row in rows.tolist()]
        presence = learned.places.presence(captions)
        values["known_words"][rows] = presence.sum(axis=1)
        if isinstance(learned, LearnedWords) and len(rows):
            images, texts = vectors["image"], vectors["text"]
            halves = half_keys(shard, IMAGE_CAPTION.probe, present, vectors, self._seed)
            evidence = learned.weigh(pair_keys(halves, ("image", "text")), images, presence)
            cosine = np.einsum("ij,ij->i", images, texts).astype(np.float64)
            judged = presence.any(axis=1)
            score = np.where(judged, learned.scale.score(evidence.worst(), cosine), np.nan)
            # Where the whole caption is another image's, no single word is wrong.
            is_sound = _is_sound(shard)[rows]
            values["score"][rows] = score
            values["wrong_word"][rows] = np.where(is_sound, learned.scale.probability(score), np.nan)
            for place, word in enumerate(tell_words(captions, evidence, cosine, learned)):
                found[rows[place]] = word if is_sound[place] else None
        table = analysis_table(
            ids,
            values,
            reasons=_NO_PAIR.reason,
            causes=_NO_PAIR.cause,
            evidence=[None if word is None else dump_json({"words": word.marks}) for word in found],
        )
        for name in ("word", "other"):
            told_words = [None if word is None else getattr(word, name) for word in found]
            table = table.append_column(name, pa.array(told_words, pa.string()))
        return table, int(np.isfinite(values["wrong_word"]).sum())


def _tokens(caption: str | None) -> list[Token]:
    return read_tokens((caption or "")[:_LOOKED_AT])


def _is_sound(shard: ShardTables) -> Mask:
    """Return which pairs are probably no mismatched ones; all where nothing judged them."""
    num_rows = shard.samples(["id"]).num_rows
    table = shard.measurements(IMAGE_CAPTION.judged_by, [_POSTERIOR])
    if table is None:
        return np.ones(num_rows, dtype=bool)
    posterior: Floats = read_metric(table, _POSTERIOR, num_rows)
    with np.errstate(invalid="ignore"):
        return np.asarray(posterior <= PROBABLE)


def _summarise(learned: LearnedWords | NotLearned, compared: int) -> JsonObject:
    if isinstance(learned, NotLearned):
        return {
            "state": learned.cause,
            "reason": learned.reason,
            "compared": compared,
            "counted": [],
            "sentences": [],
        }
    sentence = SentenceToCount(
        metric="caption_words.wrong_word",
        compared=compared,
        one="{count:,} of {compared:,} captions has a word that does not fit its image.",
        many="{count:,} of {compared:,} captions have a word that does not fit their image.",
        place=0,
    )
    return {
        "state": "judged",
        "compared": compared,
        "num_pairs": learned.num_pairs,
        "num_words": len(learned.places.words),
        "told_apart": round(learned.told_apart, 4),
        "share": round(learned.scale.mixture.share, 5),
        "counted": [sentence.to_json()],
        "sentences": [],
    }
