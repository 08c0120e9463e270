"""Which clips are judged by limits of their own: a language, a source, a speaker.

A telephone line, a shy speaker or a language that the model knows less well gives worse values to sound transcripts,
and limits of the whole set would accuse them, or hide what is wrong among the others. What a slice is too small to show
is judged by the whole set's limits, and the summary says so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mmcheck.corpus.base import ShardTables
from mmcheck.corpus.slice_labels import COLUMNS, MAX_SLICES, choose_slices, read_labels
from mmcheck.corpus.speech.clips import SpeechClips

_MAX_COUNTED = 10_000
"""Smaller slices that are counted one by one. Our own choice: bounds memory where each row has a value of its own."""
NO_VALUE = "(no value)"
"""Name of the rows that have none of the columns."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SmallSlice:
    """A slice that the whole set's limits judge."""

    name: str
    num_clips: int
    """Verified clips, copies counted."""
    reason: str
    """Why it has no limits of its own, a sentence part."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipSlices:
    """The verified clips of a set in slices."""

    names: tuple[str, ...] = ()
    """Those large enough for limits of their own."""
    codes: NDArray[np.int16]
    """Place in ``names`` of each row of the set, shape (n,); -1 where it is in none of them."""
    small: tuple[SmallSlice, ...] = ()
    """Some of the others, the largest first."""
    num_unnamed: int = 0
    """Clips of slices that are not listed there."""
    absent: tuple[str, ...] = ()
    """Keys of the manifest rows of which no row has a value."""

    @property
    def are_told_apart(self) -> bool:
        """Return whether there is more than one slice."""
        return len(self.names) + len(self.small) > 1 or self.num_unnamed > 0


def find_slices(
    shards: Sequence[ShardTables], clips: SpeechClips, slice_by: Sequence[str], min_slice: int
) -> ClipSlices:
    """Return the slices of a run's verified clips.

    Args:
        shards: The run's shards, in order.
        clips: What was read of them.
        slice_by: Columns whose values tell them apart (see ``read_labels``).
        min_slice: Fewer distinct clips have no limits of their own.
    """
    verified = clips.is_verified
    codes = np.full(len(verified), -1, dtype=np.int16)
    if not slice_by or not verified.any():
        return ClipSlices(codes=codes)

    def labels() -> Iterator[list[str]]:
        start = 0
        for shard in shards:
            named = read_labels(shard, slice_by)
            rows = np.flatnonzero(verified[start : start + len(named)]).tolist()
            yield [named[row] for row in rows]
            start += len(named)

    chosen, places = choose_slices(labels, min_slice)
    rows = np.flatnonzero(verified)
    counts: Counter[str] = Counter()
    num_unnamed = start = 0
    for part in labels():
        codes[rows[start : start + len(part)]] = [places.get(label, 0) - 1 for label in part]
        start += len(part)
        for label in part:
            if label in places:
                continue
            if label in counts or len(counts) < _MAX_COUNTED:
                counts[label] += 1
            else:
                num_unnamed += 1
    names = chosen[1:]
    small = [
        SmallSlice(name=label or NO_VALUE, num_clips=count, reason=_why(label, count, min_slice))
        for label, count in counts.items()
    ]
    kept = []
    for place, name in enumerate(names):
        inside = codes == place
        distinct = len(np.unique(clips.numbers[inside]))
        if distinct >= min_slice:
            kept.append(place)
            continue
        codes[inside] = -1
        reason = f"only {distinct} of its clips are distinct, fewer than {min_slice}"
        small.append(SmallSlice(name=name, num_clips=int(inside.sum()), reason=reason))
    seen = [*names, *counts]
    absent = [key for key in slice_by if key not in COLUMNS and not any(_has_key(label, key) for label in seen)]
    small.sort(key=lambda part: (-part.num_clips, part.name))
    num_unnamed += sum(part.num_clips for part in small[MAX_SLICES:])
    renamed = np.full(len(names) + 1, -1, dtype=np.int16)
    renamed[kept] = np.arange(len(kept), dtype=np.int16)
    return ClipSlices(
        names=tuple(names[place] for place in kept),
        codes=renamed[codes],
        small=tuple(small[:MAX_SLICES]),
        num_unnamed=num_unnamed,
        absent=tuple(absent),
    )


def _has_key(label: str, key: str) -> bool:
    return any(part.startswith(f"{key}=") for part in label.split(", "))


def _why(label: str, count: int, min_slice: int) -> str:
    if count < min_slice:
        return f"it has fewer than {min_slice} clips"
    if not label:
        return "its rows have no value to tell them by"
    return f"only the {MAX_SLICES} largest slices have limits of their own"
