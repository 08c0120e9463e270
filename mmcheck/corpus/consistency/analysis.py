"""Whether like images have like captions, like recordings like transcripts, and like captions like images.

Labels that contradict each other are found without knowing which is right: the finding shows the others, and a person
decides. Everything is calibrated on the set itself and compared within small groups, so no pair of rows outside a group
is ever looked at. A caption that is merely vague contradicts nothing and is left to the analysis ``caption``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mmcheck.config import ConsistencyConfig
from mmcheck.core.arrays import Floats
from mmcheck.core.json_types import JsonObject
from mmcheck.core.part_traits import AnalysisTraits
from mmcheck.corpus.base import ShardTables, analysis_table, digest_analysis, read_metric
from mmcheck.corpus.consistency.caption_breadth import find_breadth
from mmcheck.corpus.consistency.caption_conflicts import RowFigure, find_caption_conflicts, find_unlike_images
from mmcheck.corpus.consistency.metrics import METRICS
from mmcheck.corpus.consistency.row_keys import read_row_keys
from mmcheck.corpus.consistency.set_scale import SetScale, measure_scale
from mmcheck.corpus.consistency.summary import ConsistencySummary
from mmcheck.corpus.consistency.transcript_conflicts import find_transcript_conflicts
from mmcheck.corpus.embeddings import gather_bank
from mmcheck.corpus.evidence_rows import worst_rows
from mmcheck.corpus.sample_ids import read_ids, read_texts
from mmcheck.corpus.sentence_to_count import SentenceToCount
from mmcheck.metrics.label_conflict import ConflictScale
from mmcheck.store.schema import dump_json

VERSION = 6
NUM_EXAMPLES = 3
"""Examples of each kind. Our own choice: enough to see what is meant."""
PROBE = "image_text"
BANK_SIZE = 2048
"""Pairs that stand for the set. Our own choice: as analyses.caption.bank_size."""
_ABSENT = "no other row shares the image, the recording or the caption, and there are no similar images to compare with"
_MAX_TEXT = 300  # characters of another's text in the evidence; our own choice: bounds the size of the run


class Consistency:
    """Measures contradictions between labels of the same or like media.

    Args:
        options: Section ``analyses.consistency`` of the config.
        seed: For the choice of the pairs that stand for the set.
    """

    name = "consistency"
    options_model = ConsistencyConfig
    traits = AnalysisTraits(needs=("repetition", "duplicates", "caption"), in_manifests=False)
    metrics = METRICS

    def __init__(self, options: ConsistencyConfig, seed: int) -> None:
        self._options = options
        self._seed = seed
        self._summary: ConsistencySummary | None = None

    def fingerprint(self) -> str:
        """Return a digest of code version, options and seed."""
        return digest_analysis(self.name, VERSION, self._options, seed=self._seed)

    def analyse(self, shards: Sequence[ShardTables]) -> Iterator[pa.Table]:
        """Yield one measurements table a shard, in order.

        Evidence of the worst rows of each figure: under the metric's short name the ids of up to three other rows, and
        under ``captions`` or ``transcripts`` what these say.
        """
        keys = read_row_keys(shards, PROBE, self._seed)
        bank = gather_bank(shards, PROBE, ["image", "text"], size=BANK_SIZE, seed=self._seed)
        scale = measure_scale(bank)
        conflicts, conflict_scale = find_caption_conflicts(shards, keys, PROBE, scale)
        is_vague = _is_vague(shards, keys.sizes, self._options.vague_from)
        conflicts.values[is_vague & np.isfinite(conflicts.values)] = 0.0
        found = {
            "caption_conflict": conflicts,
            "transcript_conflict": find_transcript_conflicts(shards, keys),
            "unlike_images": find_unlike_images(shards, keys, PROBE, scale),
            "breadth": find_breadth(shards, keys, PROBE, bank),
        }
        told = {name: worst_rows(np.abs(figure.values)) for name, figure in found.items()}
        others = {name: np.where(told[name][:, None], figure.others, -1) for name, figure in found.items()}
        worst = {name: _worst(figure.values, told[name]) for name, figure in found.items()}
        ids = read_ids(shards, *others.values(), *worst.values())
        texts = {
            "captions": read_texts(shards, "caption", others["caption_conflict"], others["breadth"]),
            "transcripts": read_texts(shards, "transcript", others["transcript_conflict"]),
        }
        self._summary = _summarise(found, worst, ids, scale, conflict_scale)
        start = 0
        for shard, size in zip(shards, keys.sizes, strict=True):
            stop = start + size
            evidence = [
                _evidence({name: rows[row] for name, rows in others.items() if told[name][row]}, ids, texts)
                for row in range(start, stop)
            ]
            yield analysis_table(
                shard.samples(["id"])["id"].combine_chunks().cast(pa.string()),
                {name: figure.values[start:stop] for name, figure in found.items()},
                reasons=_ABSENT,
                causes="nothing_to_compare",
                evidence=[dump_json(entry) if entry else None for entry in evidence],
            )
            start = stop

    def summary(self) -> JsonObject:
        """Return how many rows were compared, the worst ones, and sentences, whose numbers judging counts."""
        return {} if self._summary is None else self._summary.to_json()


def _is_vague(shards: Sequence[ShardTables], sizes: Sequence[int], limit: float) -> NDArray[np.bool_]:
    parts = [np.zeros(0, dtype=bool)]
    for shard, size in zip(shards, sizes, strict=True):
        vagueness = read_metric(shard.measurements("caption", ["vagueness"]), "vagueness", size)
        parts.append(np.nan_to_num(vagueness) >= limit)
    return np.concatenate(parts)


def _worst(values: Floats, told: NDArray[np.bool_]) -> NDArray[np.int64]:
    rows = np.flatnonzero(told)
    return rows[np.argsort(-np.abs(values[rows]), kind="stable")[:NUM_EXAMPLES]]


def _evidence(
    others: dict[str, NDArray[np.int64]], ids: dict[int, str], texts: dict[str, dict[int, str | None]]
) -> JsonObject:
    found: JsonObject = {}
    told: dict[str, dict[str, str]] = {}
    for name, rows in others.items():
        kept = rows[rows >= 0].tolist()
        found[name] = [ids[row] for row in kept]
        kind = {"caption_conflict": "captions", "breadth": "captions", "transcript_conflict": "transcripts"}.get(name)
        if kind is not None:
            said = told.setdefault(kind, {})
            found[kind] = said
            said.update({ids[row]: (texts[kind][row] or "")[:_MAX_TEXT] for row in kept})
    return found


_SENTENCES = {
    "caption_conflict": "{count:,} of {compared:,} captions {verb} others of the same or a near-duplicate image.",
    "transcript_conflict": "{count:,} of {compared:,} transcripts {verb} from other transcripts of the same recording.",
    "unlike_images": "{count:,} of {compared:,} rows with a repeated caption {verb} it with very different images.",
    "breadth": "{count:,} of {compared:,} captions {verb} much broader or narrower than those of similar images.",
}
_VERBS = {
    "caption_conflict": ("contradicts", "contradict"),
    "transcript_conflict": ("differs", "differ"),
    "unlike_images": ("shares", "share"),
    "breadth": ("is", "are"),
}
"""What one does, and what several do."""


def _summarise(
    found: dict[str, RowFigure],
    worst: dict[str, NDArray[np.int64]],
    ids: dict[int, str],
    scale: SetScale | None,
    conflict_scale: ConflictScale | None,
) -> ConsistencySummary:
    compared = {name: int(np.isfinite(figure.values).sum()) for name, figure in found.items()}
    counted = [
        SentenceToCount(
            metric=f"consistency.{name}",
            compared=number,
            one=_SENTENCES[name].replace("{verb}", _VERBS[name][0]),
            many=_SENTENCES[name].replace("{verb}", _VERBS[name][1]),
            place=0,
        )
        for name, number in compared.items()
    ]
    sentences: list[str] = []
    if scale is not None and not scale.is_judged:
        sentences.append(
            "Captions of one image are not compared: for this model they fit their own images no better than others."
        )
    return ConsistencySummary(
        compared=compared,
        examples={name: [ids[row] for row in rows.tolist()] for name, rows in worst.items()},
        counted=counted,
        scale=conflict_scale,
        sentences=sentences,
    )
