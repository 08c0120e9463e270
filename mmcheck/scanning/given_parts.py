"""One shard's measurements made of vectors and scores that were given, in the shape that the probe would store."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mmcheck.core.arrays import Floats, Mask, Rows, Vectors
from mmcheck.core.pair_kinds import IMAGE_CAPTION
from mmcheck.core.types import Status
from mmcheck.probe.image_text_metrics import METRICS
from mmcheck.scanning.given_matching import Matched
from mmcheck.store.schema import EMBEDDING_PREFIX, dump_json, vectors_column
from mmcheck.vectors.arrays import Stacked
from mmcheck.vectors.checks import ABSENT, REASONS, SOUND, check_vectors
from mmcheck.vectors.source import VectorSource

_SCORE = IMAGE_CAPTION.score
_MOST_SCORE = 1.001  # a cosine in half precision may lie a little beyond 1; our own choice
_NOUNS = (IMAGE_CAPTION.medium_noun, IMAGE_CAPTION.text_noun)
_BY_SCORE = dump_json({"given": "score"})
_OTHER = "its vector was made of another caption"
_SHARED = "several rows have this vector, and nothing says whose caption it was made of"


@dataclass(frozen=True, slots=True)
class GivenPart:
    """The measurements of one shard."""

    table: pa.Table
    counts: dict[str, int]
    """What is told of the whole run: rows compared, by score alone, without; vectors that were normalised."""
    odd_score: float | None
    """A score that is no cosine, where none of the shard is one."""


def make_part(
    samples: pa.Table, source: VectorSource | None, matched: Matched | None, row_scores: Floats | None
) -> GivenPart:
    """Return the measurements of one shard.

    Args:
        samples: Its samples: id, caption, problem.
        source: The vectors; None where only a column of the manifest's scores was given.
        matched: Which of them belong to the rows.
        row_scores: Raw cosines from the manifest, NaN where there is none, shape (n,).
    """
    count = samples.num_rows
    reasons = np.full(count, None, dtype=object)
    images, texts = _Half.empty(count), _Half.empty(count)
    scores = np.full(count, np.nan) if row_scores is None else row_scores.copy()
    if source is not None and matched is not None:
        _set(reasons, matched.row < 0, "the vectors that were given have none for this row")
        if source.halves is not None:
            images, texts = (_take(half, matched.row, source.size or 0) for half in source.halves)
            for noun, half in zip(_NOUNS, (images, texts), strict=True):
                for state, told in REASONS.items():
                    _set(
                        reasons,
                        (half.state == state) & (matched.row >= 0),
                        f"the {noun}'s vector {told}",
                    )
        if source.score is not None and row_scores is None:
            known = matched.row >= 0
            scores[known] = source.score[matched.row[known]]
            scores[matched.other_caption | matched.shared] = np.nan
        for mask, told in ((matched.other_caption, _OTHER), (matched.shared, _SHARED)):
            reasons[mask] = told
            texts.state[mask] = ABSENT
    blank = _blank(samples, reasons)
    texts.state[blank] = ABSENT
    sound = samples["problem"].is_null().to_numpy()
    images.state[~sound], texts.state[~sound] = ABSENT, ABSENT
    by_vectors = (images.state == SOUND) & (texts.state == SOUND)
    usable = np.isfinite(scores) & (np.abs(scores) <= _MOST_SCORE)
    odd = np.isfinite(scores) & ~usable & ~by_vectors & sound & ~blank
    by_score = usable & ~by_vectors & sound & ~blank
    for row in np.flatnonzero(odd).tolist():
        reasons[row] = f"the score that was given is {scores[row]:.4g}, which is no cosine (-1 to 1)"
    _set(reasons, ~by_vectors & ~by_score, "no score was given for this row")
    similarity = np.where(by_score, np.clip(scores, -1, 1), np.nan)
    if by_vectors.any():
        own = np.einsum("ij,ij->i", images.unit[by_vectors], texts.unit[by_vectors])
        similarity[by_vectors] = np.clip(own, -1, 1)
    measured = by_vectors | by_score
    table = _table(samples["id"], similarity, measured, by_score, reasons, (images, texts))
    counts = {
        "compared": int(by_vectors.sum()),
        "by_score": int(by_score.sum()),
        "without": int((~measured).sum()),
        "normalised": images.num_normalised + texts.num_normalised,
    }
    return GivenPart(table, counts, float(scores[odd][0]) if odd.any() and not usable.any() else None)


@dataclass(slots=True)
class _Half:
    """The vectors of one half of the rows of a shard."""

    unit: Vectors
    state: NDArray[np.int8]
    num_normalised: int = 0

    @classmethod
    def empty(cls, count: int) -> _Half:
        return cls(np.zeros((count, 0), dtype=np.float32), np.full(count, ABSENT, dtype=np.int8))


def _take(half: Stacked, row: Rows, size: int) -> _Half:
    known = row >= 0
    found = _Half(np.zeros((len(row), size), dtype=np.float32), np.full(len(row), ABSENT, dtype=np.int8))
    checked = check_vectors(half.take(row[known]))
    found.unit[known], found.state[known] = checked.unit, checked.state
    found.num_normalised = checked.num_normalised
    return found


def _blank(samples: pa.Table, reasons: NDArray[np.object_]) -> Mask:
    """Return which rows have no caption to compare, and say so."""
    blank = np.zeros(samples.num_rows, dtype=bool)
    for row, text in enumerate(samples[IMAGE_CAPTION.text].to_pylist()):
        if text is None or not text.strip():
            blank[row] = True
            reasons[row] = "the sample has no caption" if text is None else "the caption is empty"
    reasons[samples["problem"].is_valid().to_numpy()] = "the manifest row is broken"
    return blank


def _set(reasons: NDArray[np.object_], rows: Mask, reason: str) -> None:
    """Give rows a reason that have none yet."""
    for row in np.flatnonzero(rows).tolist():
        reasons[row] = reasons[row] or reason


def _table(
    ids: pa.ChunkedArray,
    similarity: Floats,
    measured: Mask,
    by_score: Mask,
    reasons: NDArray[np.object_],
    halves: tuple[_Half, _Half],
) -> pa.Table:
    count = len(ids)
    words = np.where(measured, Status.MEASURED.value, Status.NOT_APPLICABLE.value)
    reasons[measured] = None
    columns: dict[str, pa.Array | pa.ChunkedArray] = {
        "sample_id": ids,
        "status": pa.array(words.tolist(), pa.string()),
        "reason": pa.array(reasons.tolist(), pa.string()),
        "cause": pa.nulls(count, pa.string()),
    }
    for metric in METRICS:
        short = metric.name.partition(".")[2]
        is_known = measured if short == _SCORE else np.zeros(count, dtype=bool)
        columns[short] = pa.array(similarity, pa.float64(), mask=~is_known)
    columns["evidence"] = pa.array([_BY_SCORE if alone else None for alone in by_score.tolist()], pa.string())
    for name, half in zip(("image", "text"), halves, strict=True):
        sound = half.state == SOUND
        if half.unit.shape[1] and sound.any():
            columns[EMBEDDING_PREFIX + name] = vectors_column(half.unit.astype(np.float16), ~sound)
    return pa.table(columns)
