"""What else a run holds of the media of its errata: equal pairs that stay, and the other texts of the same medium.

Without it, a removal of one of two equal rows would remove both from somebody's copy, and a copy from which one of five
captions of a picture is gone already would look like one with other texts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence

import numpy as np
import pyarrow.compute as pc

from mmcheck.core.arrays import Keys
from mmcheck.core.pair_kinds import MEDIA, PAIR_KINDS
from mmcheck.corpus.content_keys import DIGEST_COLUMNS, medium_keys, place_keys
from mmcheck.errata.record import text_digest
from mmcheck.store.run_folder import RunFolder, read_part

_PROBE = "media"

PairKey = tuple[str, int]
"""Kind of pair and key of the medium's content (64 bits)."""


def keys_of_rows(run: RunFolder, indices: Sequence[int]) -> dict[tuple[int, str], PairKey]:
    """Return the key of each medium of some rows, by row and kind of pair; rows without a readable place have none.

    Args:
        run: The run.
        indices: 0-based numbers of rows, in order.

    Raises:
        RunError: If a part is missing or damaged.
    """
    wanted = np.asarray(indices, dtype=np.int64)
    found: dict[tuple[int, str], PairKey] = {}
    for start, keys in _keys(run):
        for name, values in keys.items():
            first, last = np.searchsorted(wanted, (start, start + len(values)))
            for row in wanted[first:last].tolist():
                if values[row - start]:
                    found[row, name] = (name, int(values[row - start]))
    return found


def texts_of_media(run: RunFolder, media: Collection[PairKey]) -> dict[PairKey, Counter[bytes]]:
    """Return the digests of the texts that the run holds of some media, each with the rows that have it.

    Raises:
        RunError: If a part is missing or damaged.
    """
    wanted = {
        kind.name: np.array(sorted({key for name, key in media if name == kind.name}), dtype=np.uint64)
        for kind in PAIR_KINDS
    }
    found: dict[PairKey, Counter[bytes]] = {}
    shards = iter(run.shards())
    for _, keys in _keys(run):
        shard = next(shards)
        for kind in PAIR_KINDS:
            rows = np.flatnonzero(np.isin(keys[kind.name], wanted[kind.name]))
            if not len(rows):
                continue
            texts = read_part(run.samples_part(shard), [kind.text])[kind.text].take(rows).to_pylist()
            for row, text in zip(rows.tolist(), texts, strict=True):
                key = (kind.name, int(keys[kind.name][row]))
                found.setdefault(key, Counter())[text_digest(text)] += 1
    return found


def _keys(run: RunFolder) -> Iterator[tuple[int, dict[str, Keys]]]:
    """Yield the first row of each shard and the keys of its rows' media, by kind of pair; 0 where there is none."""
    has_digests = _PROBE in run.probes()
    for shard in run.shards():
        samples = read_part(run.samples_part(shard), [*MEDIA, "problem"])
        media = read_part(run.measurements_part(_PROBE, shard), ["sample_id", *DIGEST_COLUMNS]) if has_digests else None
        sound = pc.is_null(samples["problem"]).to_numpy()
        yield (
            shard.start,
            {
                kind.name: medium_keys(media, kind.medium, place_keys(samples[kind.medium], sound))
                for kind in PAIR_KINDS
            },
        )
