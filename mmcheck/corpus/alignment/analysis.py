"""Is a pair mismatched? Learned by pairing the dataset's own texts at random, without labels or thresholds.

Every peer asks the user for a number that depends on model and domain. Here the dataset itself shows what random pairs
score; a mixture with that null says how probable it is that a pair is one of them. A small p-value alone would mostly
mark uninformative captions, so rules read the posterior. A sample that holds a pair of each kind has values of each.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pyarrow as pa

from mmcheck.config.analyses import AlignmentConfig
from mmcheck.core.json_types import JsonObject
from mmcheck.core.pair_kinds import AUDIO_TRANSCRIPT, IMAGE_CAPTION, PAIR_KINDS, PairKind
from mmcheck.core.part_traits import AnalysisTraits
from mmcheck.core.sentences import count_noun
from mmcheck.corpus.alignment.fit import SliceVerdict, describe_slices
from mmcheck.corpus.alignment.images import ImageAlignment
from mmcheck.corpus.alignment.metrics import METRICS
from mmcheck.corpus.alignment.recordings import SpeechAlignment
from mmcheck.corpus.alignment.row_scores import RowScores
from mmcheck.corpus.base import ShardTables, analysis_table, digest_analysis

VERSION = 9
_NOTHING = "the sample has no pair whose alignment was measured"


class Alignment:
    """Judges image-caption pairs and recordings with transcripts by comparing them with random pairs.

    Args:
        options: Section ``analyses.alignment`` of the config.
        seed: Decides which pairs stand for the whole set.
    """

    name = "alignment"
    options_model = AlignmentConfig
    traits = AnalysisTraits(reads=tuple(kind.probe for kind in PAIR_KINDS))
    metrics = METRICS

    def __init__(self, options: AlignmentConfig, seed: int) -> None:
        self._options = options
        self._seed = seed
        self._summary: JsonObject = {}

    def fingerprint(self) -> str:
        """Return a digest of the code version, the options and the seed."""
        return digest_analysis(self.name, VERSION, self._options, seed=self._seed)

    def analyse(self, shards: Sequence[ShardTables]) -> Iterator[pa.Table]:
        """Yield one measurements table a shard, in order.

        For each kind of pair whose probe ran there are its metrics and, where a pair was not judged, the columns
        ``<kind>_reason`` and ``<kind>_cause``.
        """
        image = ImageAlignment(self._options, self._seed)
        speech = SpeechAlignment(self._options, self._seed)
        values = {IMAGE_CAPTION: image.judge(shards), AUDIO_TRANSCRIPT: speech.judge(shards)}
        verdicts = {IMAGE_CAPTION: image.verdicts, AUDIO_TRANSCRIPT: speech.verdicts}
        self._summary = summarise(verdicts, image.num_unverifiable, image.domains, image.domain_sentence)
        compared = [kind for kind in PAIR_KINDS if _has_run(kind, shards)]
        start = 0
        for shard in shards:
            ids = shard.samples(["id"])["id"].combine_chunks().cast(pa.string())
            yield _table(ids, {kind: values[kind] for kind in compared}, slice(start, start + len(ids)))
            start += len(ids)

    def summary(self) -> JsonObject:
        """Return, by modality and slice, state, shares, bins and sentences."""
        return self._summary


def summarise(
    verdicts: Mapping[PairKind, Mapping[str, SliceVerdict]],
    num_unverifiable: int,
    domains: JsonObject,
    domain_sentence: str,
) -> JsonObject:
    """Return the summary fit for JSON: a part a kind (its slices under ``slices``), and all sentences."""
    found: JsonObject = {}
    sentences: list[str] = []
    for kind, slices in verdicts.items():
        if not slices:
            continue
        part, said = describe_slices(slices, kind)
        if kind is IMAGE_CAPTION and num_unverifiable and part["state"] != "model_cannot_tell":
            text = (
                f"{count_noun(num_unverifiable, 'caption consists', 'captions consist')} mostly of words that the "
                f"model does not know; {'it was' if num_unverifiable == 1 else 'they were'} not judged."
            )
            part["num_unverifiable"] = num_unverifiable
            said.append(text)
            part["sentences"] = said
        if kind is IMAGE_CAPTION and domains:
            part["domains"] = domains
            said.append(domain_sentence)
            part["sentences"] = said
        found[kind.name] = part
        sentences += said
    return {**found, "sentences": sentences}


def _has_run(kind: PairKind, shards: Sequence[ShardTables]) -> bool:
    return any(shard.measurements(kind.probe, ["status"]) is not None for shard in shards)


def _table(ids: pa.Array, values: Mapping[PairKind, RowScores], rows: slice) -> pa.Table:
    columns = {}
    words: dict[str, list[str | None]] = {}
    reasons: list[str | None] = [_NOTHING] * len(ids)
    causes: list[str | None] = [None] * len(ids)
    for kind, scores in reversed(list(values.items())):
        told = [scores.reasons[place] if place >= 0 else (None, None) for place in scores.reason[rows].tolist()]
        words[kind.cause_column] = [cause for cause, _ in told]
        words[kind.reason_column] = [reason for _, reason in told]
        reasons = [own or other for (_, own), other in zip(told, reasons, strict=True)]
        causes = [own or other for (own, _), other in zip(told, causes, strict=True)]
    for kind, scores in values.items():
        for name in ("posterior", "score", "p_value"):
            columns[f"{kind.name}_{name}"] = getattr(scores, name)[rows]
        if scores.bases:
            judged = np.isfinite(scores.posterior[rows]).tolist()
            words[kind.basis_column] = [scores.bases[0] if known else None for known in judged]
    table = analysis_table(ids, columns, reasons=reasons, causes=causes)
    for name in sorted(words):
        table = table.append_column(name, pa.array(words[name], pa.string()))
    return table
