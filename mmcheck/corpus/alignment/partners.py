"""Whether what was heard in recordings is the text of other recordings, where no transcript fits its own.

A model that understands nothing and a manifest whose transcripts all stand at the wrong recordings look the same to
teacher forcing: every pair scores like a random one. What was heard tells them apart: heard words that are clearly
closer to one other transcript than to any second one cannot come from a model that hears nothing. Only a sample of
recordings is looked at, and at most some ten thousand transcripts, nearest rows first: enough to know, and bounded.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mmcheck.core.arrays import Rows
from mmcheck.corpus.base import ShardTables
from mmcheck.corpus.constants import PARTNER_MIN_HEARD, PARTNER_MIN_LEAD, PARTNER_MIN_SHARE, PARTNER_MIN_SIMILARITY
from mmcheck.corpus.sample_ids import read_texts
from mmcheck.metrics.text_normalization import normalize
from mmcheck.store.schema import load_json

_HEARD = 200  # recordings that are looked at; our own choice: a share of 0.3 is known to 3 points
_TEXTS = 20_000  # transcripts that they are compared with; our own choice: bounds time
_NEAR = 40  # rows on each side that are always among them; our own choice: most displacements are short


def has_heard_partners(shards: Sequence[ShardTables], rows: NDArray[np.bool_], probe: str = "transcript") -> bool:
    """Return whether many of the recordings say what stands beside another recording.

    Similarity is 1 - Levenshtein distance / length of the longer text, over normalised characters.

    Args:
        shards: The run's shards.
        rows: Which rows are meant, shape (n,), over the whole run.
        probe: The probe whose evidence holds ``hypothesis``.
    """
    heard = _read_heard(shards, rows, probe)
    if len(heard) < PARTNER_MIN_HEARD:
        return False
    near = np.fromiter(heard, dtype=np.int64)
    texts = read_texts(shards, "transcript", _candidates(np.flatnonzero(rows), near))
    keys = sorted({key for text in texts.values() if (key := normalize(text or "", None))})
    own = {row: normalize(text or "", None) for row, text in read_texts(shards, "transcript", near).items()}
    if len(keys) < 3:
        return False
    return _count_partners(heard, own, keys) >= PARTNER_MIN_SHARE * len(heard)


def _count_partners(heard: dict[int, str], own: dict[int, str], keys: list[str]) -> int:
    from rapidfuzz.distance import Levenshtein
    from rapidfuzz.process import cdist

    place = {key: number for number, key in enumerate(keys)}
    scores = cdist(list(heard.values()), keys, scorer=Levenshtein.normalized_similarity, dtype=np.float32)
    for line, row in enumerate(heard):
        if own.get(row, "") in place:
            scores[line, place[own[row]]] = 0.0
    best = np.partition(scores, -2, axis=1)[:, -2:]
    return int(((best[:, 1] >= PARTNER_MIN_SIMILARITY) & (best[:, 1] - best[:, 0] >= PARTNER_MIN_LEAD)).sum())


def _read_heard(shards: Sequence[ShardTables], rows: NDArray[np.bool_], probe: str) -> dict[int, str]:
    """Return row -> normalised words of a sample of the recordings that were transcribed, chosen by their words."""
    found: list[tuple[bytes, int, str]] = []
    start = 0
    for shard in shards:
        count = int(shard.samples(["id"]).num_rows)
        table = shard.measurements(probe, ["evidence"])
        if table is not None and "evidence" in table.column_names:
            for row, evidence in enumerate(table["evidence"].to_pylist(), start):
                if not evidence or not rows[row]:
                    continue
                told = load_json(evidence).get("hypothesis")
                text = normalize(told, None) if isinstance(told, str) else ""
                if text:
                    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
                    found.append((digest, row, text))
            found = sorted(found)[:_HEARD]
        start += count
    return {row: text for _, row, text in found}


def _candidates(rows: Rows, heard: Rows) -> Rows:
    """Return the rows whose transcripts are compared: all, or the neighbours of the heard and an even sample."""
    if len(rows) <= _TEXTS:
        return rows
    place = np.searchsorted(rows, heard)
    near = np.unique(np.clip(place[:, None] + np.arange(-_NEAR, _NEAR + 1), 0, len(rows) - 1))
    even = np.linspace(0, len(rows) - 1, _TEXTS - min(len(near), _TEXTS // 2)).astype(np.int64)
    return np.asarray(rows[np.union1d(near, even)])
