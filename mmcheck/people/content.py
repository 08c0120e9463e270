"""The key by which a decision knows what it was about: a row whose picture or text has changed is another one."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import pyarrow as pa

from mmcheck.core.digests import digest_value
from mmcheck.core.pair_kinds import TEXTS
from mmcheck.core.types import Shard
from mmcheck.store.media_columns import DIGESTS
from mmcheck.store.run_folder import RunFolder, read_part

_MEDIA = "media"
"""The probe that stores digests of the media."""
_PLACE = ("uri", "member", "start", "duration", "channel")


def content_keys(run: RunFolder, shard: Shard, samples: pa.Table, rows: Sequence[int]) -> list[str]:
    """Return the content keys of some rows of a shard.

    Args:
        run: The run.
        shard: The shard.
        samples: Its samples, with their media and texts.
        rows: 0-based numbers in the shard.

    Raises:
        RunError: If a stored part is missing or damaged.
    """
    chosen = pa.array(rows, pa.int64())
    found = samples.select([*DIGESTS, *TEXTS]).take(chosen).to_pylist()
    digests = [{} for _ in found] if _MEDIA not in run.probes() else _digests(run, shard, chosen)
    return [content_key(row, digest) for row, digest in zip(found, digests, strict=True)]


def find_content_keys(run: RunFolder, indices: Collection[int]) -> dict[int, str]:
    """Return the content keys of some rows of a run, by their 0-based numbers; only their shards are read.

    Raises:
        RunError: If a stored part is missing or damaged.
    """
    found: dict[int, str] = {}
    by_shard: dict[int, list[int]] = {}
    for index in sorted(set(indices)):
        by_shard.setdefault(index // run.record.shard_size, []).append(index)
    shards = run.shards() if by_shard else []
    for number, members in by_shard.items():
        shard = shards[number]
        samples = read_part(run.samples_part(shard), [*DIGESTS, *TEXTS])
        keys = content_keys(run, shard, samples, [index - shard.start for index in members])
        found.update(zip(members, keys, strict=True))
    return found


def content_key(row: dict[str, object], digests: dict[str, object]) -> str:
    """Return the key of one row: SHA-256 over its media (digests, else where they lie) and texts, 64 hex digits.

    Args:
        row: Its media and texts.
        digests: Name of a digest column -> bytes, as far as they are known.
    """
    media: list[object] = []
    for modality, column in DIGESTS.items():
        digest = digests.get(column.name)
        place = row.get(modality)
        if isinstance(digest, bytes):
            media.append(digest.hex())
        else:
            media.append([place[name] for name in _PLACE] if isinstance(place, dict) else None)
    return digest_value([media, *(row.get(name) for name in TEXTS)])


def _digests(run: RunFolder, shard: Shard, rows: pa.Array) -> list[dict[str, object]]:
    names = [column.name for column in DIGESTS.values()]
    found: list[dict[str, object]] = read_part(run.measurements_part(_MEDIA, shard), names).take(rows).to_pylist()
    return found
