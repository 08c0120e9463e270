"""What a row is known by in another run: 64 bits for each half of its content, for its id and for its place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mmcheck.core.arrays import Keys, Mask
from mmcheck.core.pair_kinds import MEDIA, TEXTS
from mmcheck.core.progress import Progress
from mmcheck.corpus.content_keys import DIGEST_COLUMNS, hash_texts, join_keys, medium_keys, place_keys
from mmcheck.store.run_folder import RunFolder, column_names, read_part

_PROBE = "media"


@dataclass(frozen=True, slots=True, kw_only=True)
class RowKeys:
    """The rows of a run, shape (n,) each."""

    id: Keys
    own_id: Mask
    """Whether the manifest gives the id; else it was made of the path or the row's number."""
    medium: Keys
    """Of all media together; 0 where there is none."""
    text: Keys
    """Of all texts together, letter by letter; 0 where there is none."""
    content: Keys
    """Of media and texts; of the whole row where it has neither. Never 0."""
    place: Keys
    """Of the manifest's name and the row's number."""

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.id)


def has_digests(run: RunFolder) -> bool:
    """Return whether media are known by their bytes; True for a run without a row."""
    shards = run.shards()
    if not shards:
        return True
    return _PROBE in run.record.probes and set(DIGEST_COLUMNS) <= set(
        column_names(run.measurements_part(_PROBE, shards[0]))
    )


def read_keys(run: RunFolder, *, by_bytes: bool, progress: Progress) -> RowKeys:
    """Return the keys of all rows.

    Args:
        run: The run.
        by_bytes: Whether media are known by their bytes; else by where they lie.
        progress: Told of each shard.

    Raises:
        RunError: If a part is missing or damaged.
    """
    names = ("id", "own_id", "medium", "text", "content", "place")
    parts: dict[str, list[NDArray[Any]]] = {name: [] for name in names}
    for shard in run.shards():
        columns = ["id", "own_id", "manifest", "row_number", *MEDIA, *TEXTS]
        table = read_part(run.samples_part(shard), columns)
        media = read_part(run.measurements_part(_PROBE, shard), list(DIGEST_COLUMNS)) if by_bytes else None
        everywhere = np.ones(table.num_rows, dtype=bool)
        places = {name: place_keys(table[name], everywhere) for name in MEDIA}
        found = _join([medium_keys(media, name, places[name]) if by_bytes else places[name] for name in MEDIA])
        text = _join([hash_texts(table[name].combine_chunks().cast(pa.string())) for name in TEXTS])
        content = join_keys(found, text)
        bare = (found == 0) & (text == 0)
        if bare.any():
            rows = read_part(run.samples_part(shard), ["row"])["row"].combine_chunks().cast(pa.string())
            content[bare] = join_keys(hash_texts(rows), np.zeros(table.num_rows, dtype=np.uint64))[bare]
        parts["id"].append(hash_texts(table["id"].combine_chunks()))
        parts["own_id"].append(pc.fill_null(table["own_id"], False).to_numpy())
        parts["medium"].append(found)
        parts["text"].append(text)
        parts["content"].append(content)
        parts["place"].append(_place(table))
        progress.advance(table.num_rows)
    kinds = {"own_id": np.bool_}
    joined = {
        name: np.concatenate([np.zeros(0, dtype=kinds.get(name, np.uint64)), *found]) for name, found in parts.items()
    }
    return RowKeys(**joined)


def _join(keys: list[Keys]) -> Keys:
    """Return one key of several, which tells them apart by their order; 0 where all are."""
    joined = np.zeros(len(keys[0]), dtype=np.uint64)
    for number, key in enumerate(keys, start=1):
        with np.errstate(over="ignore"):
            own = join_keys(key, np.full(len(key), number, dtype=np.uint64))
        joined = np.where(key != 0, join_keys(joined, own), joined)
    return joined


def _place(table: pa.Table) -> Keys:
    manifests = pc.utf8_rtrim(table["manifest"].combine_chunks(), "/")
    names = pc.replace_substring_regex(manifests, r"^(?s:.*)/", "")
    return hash_texts(pc.binary_join_element_wise(names, table["row_number"].combine_chunks().cast(pa.string()), "\n"))
