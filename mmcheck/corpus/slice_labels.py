"""Which rows belong together: the values of columns that the config names, and which of them are groups of their own.

At most MAX_SLICES are told apart, so that summaries stay readable and memory flat however many values a column has.
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from mmcheck.corpus.base import ShardTables
from mmcheck.store.schema import load_json

MAX_SLICES = 16
"""Slices judged on their own, the largest ones. Our own choice: the summary stays readable."""
REST = "rest"
"""Name of what no slice of its own holds."""
COLUMNS = ("language", "manifest")
"""Keys that are columns of the samples; all others are keys of the manifest rows."""
_MAX_VALUES = 10_000
"""Different values that are counted one by one; more are counted in buckets. Our own choice: bounds memory."""
_BUCKETS = 1 << 20  # buckets of values when there are too many; our own choice: 8 MB
_MAX_CHARS = 40  # characters of a value in a slice's name; our own choice: names stay readable


def read_labels(shard: ShardTables, slice_by: Sequence[str]) -> list[str]:
    """Return the label of each row's slice, e.g. ``language=en, source=album-a``; "" where all keys are absent.

    Args:
        shard: The shard.
        slice_by: ``language`` or ``manifest`` (columns of the samples), or keys of the manifest rows.
    """
    keys = list(dict.fromkeys(slice_by))
    columns = [key for key in keys if key in COLUMNS]
    table = shard.samples(["id", *columns, *(["row"] if len(columns) < len(keys) else [])])
    parts: list[list[str]] = []
    for key in keys:
        if key in columns:
            values = table[key].to_pylist()
        else:
            values = [_find(text, key) for text in table["row"].to_pylist()]
        # Paths of manifests differ at the end.
        kept = slice(-_MAX_CHARS, None) if key == "manifest" else slice(_MAX_CHARS)
        parts.append(["" if value in (None, "") else f"{key}={str(value)[kept]}" for value in values])
    if not parts:
        return [""] * int(table.num_rows)
    return [", ".join(part for part in row if part) for row in zip(*parts, strict=True)]


def _find(row: str | None, key: str) -> object:
    value = load_json(row) if row else None
    found = value.get(key) if isinstance(value, dict) else None
    return found if isinstance(found, str | int | bool) else None


def choose_slices(labels: Callable[[], Iterator[list[str]]], min_slice: int) -> tuple[list[str], dict[str, int]]:
    """Return the names of the groups, the rest first, and the group of each label that has one of its own.

    Args:
        labels: Gives the labels of each shard's rows that can be judged, from the beginning at each call.
        min_slice: Fewer rows are no slice.
    """
    counts = _count(labels, min_slice)
    large = sorted(
        (label for label, count in counts.items() if count >= min_slice), key=lambda name: (-counts[name], name)
    )
    if len(counts) <= 1:
        large = []
    chosen = sorted(label for label in large[:MAX_SLICES] if label)
    return [REST, *chosen], {label: number for number, label in enumerate(chosen, start=1)}


def _count(labels: Callable[[], Iterator[list[str]]], min_slice: int) -> Counter[str]:
    """Return how often each label occurs; of very many different ones only those that may reach ``min_slice``."""
    counts: Counter[str] = Counter()
    for part in labels():
        counts.update(part)
        if len(counts) > _MAX_VALUES:
            break
    else:
        return counts
    # A column with nearly a value a row: numbers of hashes in flat memory first, names only where there is enough.
    # Dropping rare names on the way instead would make the slices depend on the order of the rows.
    buckets = np.zeros(_BUCKETS, dtype=np.int64)
    for part in labels():
        buckets += np.bincount([_bucket(label) for label in part], minlength=_BUCKETS)
    counts = Counter()
    for part in labels():
        counts.update(label for label in part if buckets[_bucket(label)] >= min_slice)
    # More than one value there is for certain, whatever remained.
    counts.setdefault("", 0)
    return counts


def _bucket(label: str) -> int:
    return zlib.crc32(label.encode("utf-8", "surrogatepass")) % _BUCKETS
