"""Equal recordings whose transcripts differ, by word errors after the usual normalisation."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from mmcheck.corpus.base import ShardTables
from mmcheck.corpus.consistency.caption_conflicts import NUM_OTHERS, RowFigure
from mmcheck.corpus.consistency.row_keys import RowKeys
from mmcheck.metrics.label_conflict import transcript_distance
from mmcheck.metrics.text_normalization import is_scriptio_continua, normalize
from mmcheck.metrics.transcript_cleaning import clean_transcript

_MAX_MEMBERS = 8
"""Transcripts of one recording that are compared. Our own choice: bounds time, which grows with the square."""
_MAX_CHARACTERS = 5_000
"""Characters of a transcript that are compared. Our own choice: bounds time; five minutes of speech."""

_Words = tuple[str, ...]


def find_transcript_conflicts(shards: Sequence[ShardTables], keys: RowKeys) -> RowFigure:
    """Return the median word error rate of each transcript against the others of its recording, 0 to 1.

    Only different pairs of recording and transcript vote, so a row that stands twice counts once; of a group with many
    different ones, the eight first in alphabetical order are compared. Scripts without spaces are compared by
    characters.

    Args:
        shards: The run's shards.
        keys: Their keys.
    """
    found = RowFigure.nothing(len(keys.audio))
    _, numbers, counts = np.unique(keys.audio_group, return_inverse=True, return_counts=True)
    shared = np.flatnonzero((keys.audio_group != 0) & (counts[numbers] > 1))
    words = _read_words(shards, keys.sizes, shared)
    groups: dict[int, list[int]] = {}
    for row in words:
        groups.setdefault(int(numbers[row]), []).append(row)
    for rows in groups.values():
        _compare(rows, words, keys, found)
    return found


def _compare(rows: list[int], words: dict[int, _Words], keys: RowKeys, found: RowFigure) -> None:
    members: dict[tuple[_Words, int], int] = {}
    for row in rows:
        members.setdefault((words[row], int(keys.audio[row])), row)
    if len(members) < 2:
        return
    voters = sorted(members)[:_MAX_MEMBERS]
    rated: dict[tuple[_Words, int], tuple[float, list[int]]] = {}
    for row in rows:
        own = (words[row], int(keys.audio[row]))
        if own not in rated:
            others = [other for other in voters if other != own]
            distances = [transcript_distance(list(own[0]), list(other[0])) for other in others]
            worst = sorted(range(len(others)), key=lambda place: -distances[place])[:NUM_OTHERS]
            rated[own] = float(np.median(distances)), [members[others[place]] for place in worst]
        found.values[row], partners = rated[own]
        found.others[row, : len(partners)] = partners


def _read_words(shards: Sequence[ShardTables], sizes: Sequence[int], rows: np.ndarray) -> dict[int, _Words]:
    """Return the words of the wanted rows that have a transcript."""
    found: dict[int, _Words] = {}
    start = 0
    for shard, size in zip(shards, sizes, strict=True):
        here = rows[np.searchsorted(rows, start) : np.searchsorted(rows, start + size)]
        if len(here):
            table = shard.samples(["transcript", "language"]).take(pa.array(here - start))
            for row, text, language in zip(
                here.tolist(), table["transcript"].to_pylist(), table["language"].to_pylist(), strict=True
            ):
                if text is not None and text.strip():
                    found[row] = _split(text[:_MAX_CHARACTERS], language)
        start += size
    return found


def _split(text: str, language: str | None) -> _Words:
    plain = normalize(clean_transcript(text, language), language)
    return tuple(plain.replace(" ", "")) if is_scriptio_continua(language, plain) else tuple(plain.split())
