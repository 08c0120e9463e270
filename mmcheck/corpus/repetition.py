"""How often the same text or the same bytes occur in the run.

One caption over many pictures (a placeholder, a shop's boilerplate, a join gone wrong) and one picture under many names
are faults that no single sample shows. Equal means equal after plain normalisation for texts, and equal SHA-256 of the
file for media; looking alike is not this file's business.

Memory holds some 8-byte hashes a sample and nothing else that grows. Two different texts share a hash with a
probability of n^2 / 2^65 over n texts (3e-8 at a million), which is accepted.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mmcheck.config import RepetitionConfig
from mmcheck.core.digests import digest_value
from mmcheck.core.part_traits import AnalysisTraits
from mmcheck.core.types import Status
from mmcheck.corpus.base import ShardTables
from mmcheck.corpus.repetition_metrics import METRICS
from mmcheck.store.schema import dump_json, load_json

Hashes = NDArray[np.uint64]
Rows = NDArray[np.int64]

VERSION = 3
NUM_EXAMPLES = 3
"""Other rows that the evidence names. Our own choice: as the report shows."""
_MODALITIES = {"image": "caption", "audio": "transcript"}
_COLUMNS = ("id", "image", "audio", "caption", "transcript", "problem")


class Repetition:
    """Counts equal texts, equal media and equal pairs over the whole run.

    Args:
        options: Section ``analyses.repetition`` of the config.
        seed: Not used: counting involves no chance.
    """

    name = "repetition"
    options_model = RepetitionConfig
    traits = AnalysisTraits(in_manifests=False, by_order=("media_order", "pair_order"))
    metrics = METRICS

    def __init__(self, options: RepetitionConfig, seed: int) -> None:
        self._options = options
        self._summary: dict[str, Any] = {}

    def fingerprint(self) -> str:
        """Return a digest of the code version; there are no options."""
        return digest_value({"analysis": self.name, "version": VERSION})

    def analyse(self, shards: Sequence[ShardTables]) -> Iterator[pa.Table]:
        """Yield one measurements table a shard, in order.

        Evidence holds the ids of up to three others under ``caption``, ``transcript``, ``media`` and ``pair``.
        """
        sizes, keys = _read_keys(shards)
        starts = np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)])
        values: dict[str, NDArray[np.float64]] = {}
        groups: dict[str, _Groups] = {}
        for modality, text in _MODALITIES.items():
            groups[text] = _group(keys[text], keys[f"{modality}.content"])
            values[f"{text}_count"] = groups[text].count
        values["captions_of_image"] = _group(keys["image.content"], keys["caption"]).count
        for kind, group, members in (("media", "same_text", "ref"), ("pair", "pair", "row")):
            parts = [_group(keys[f"{modality}.{group}"], keys[f"{modality}.{members}"]) for modality in _MODALITIES]
            # A row with two pairs repeats others only where both do: one picture may have many recordings, and back.
            values[f"{kind}_count"] = np.fmin(parts[0].count, parts[1].count)
            values[f"{kind}_order"] = np.fmin(parts[0].order, parts[1].order)
            for modality, part in zip(_MODALITIES, parts, strict=True):
                groups[f"{kind}.{modality}"] = part
        places = [_group(keys[f"{modality}.content"], keys[f"{modality}.ref"]).count for modality in _MODALITIES]
        values["media_count"] = np.fmax(*places)
        names = [metric.name.partition(".")[2] for metric in self.metrics]
        self._summary = _summarise(values)
        ids = _read_ids(shards, starts, [group.examples for group in groups.values()])
        for shard, start, stop in zip(shards, starts[:-1].tolist(), starts[1:].tolist(), strict=True):
            sample_ids = shard.samples(["id"])["id"].combine_chunks().cast(pa.string())
            yield _table(
                sample_ids,
                {name: values[name][start:stop] for name in names},
                _evidence(groups, ids, start, stop),
            )

    def summary(self) -> dict[str, Any]:
        """Return how many rows repeat an earlier file or pair, and a sentence about it."""
        return self._summary


def _summarise(values: Mapping[str, NDArray[np.float64]]) -> dict[str, Any]:
    """Return the rows beyond the first of each group of equal files and equal pairs."""
    copies = {kind: int((values[f"{kind}_order"] > 1).sum()) for kind in ("media", "pair")}
    sentences = []
    if copies["media"]:
        sentences.append(f"{copies['media']} rows have a copy of an earlier row's file with the same text.")
    if copies["pair"]:
        sentences.append(f"{copies['pair']} rows repeat an earlier pair of file and text exactly.")
    return {"media_copies": copies["media"], "pair_copies": copies["pair"], "sentences": sentences}


@dataclass(frozen=True, slots=True)
class _Groups:
    """Rows grouped by one key and, inside a group, by another ("member")."""

    count: NDArray[np.float64]
    """Number of different members in the row's group; NaN where the row is in none."""
    order: NDArray[np.float64]
    """1-based number of the row's member in its group, by first occurrence; NaN as above."""
    index: Rows
    """Which line of ``examples`` belongs to the row; -1 where the row's member is alone."""
    examples: Rows
    """First rows of the first members of each group that has several; -1 where there are fewer."""


def _group(group: Hashes, member: Hashes) -> _Groups:
    size = len(group)
    count, order = np.full(size, np.nan), np.full(size, np.nan)
    index = np.full(size, -1, dtype=np.int64)
    rows = np.flatnonzero((group != 0) & (member != 0))
    if not len(rows):
        return _Groups(count, order, index, np.zeros((0, NUM_EXAMPLES + 1), dtype=np.int64))
    # lexsort is stable, so the rows of one member stay ascending and its first row comes first.
    by_key = np.lexsort((member[rows], group[rows]))
    sorted_rows = rows[by_key]
    new_group = _changes(group[sorted_rows])
    new_member = new_group | _changes(member[sorted_rows])
    member_of_row = np.cumsum(new_member) - 1
    first_row = sorted_rows[new_member]
    group_of_member = (np.cumsum(new_group) - 1)[new_member]
    members_in_group = np.bincount(group_of_member)
    by_occurrence = np.lexsort((first_row, group_of_member))
    group_starts = np.concatenate([[0], np.cumsum(members_in_group)[:-1]])
    rank = np.empty(len(first_row), dtype=np.int64)
    rank[by_occurrence] = np.arange(len(first_row)) - group_starts[group_of_member[by_occurrence]]
    count[sorted_rows] = members_in_group[group_of_member[member_of_row]]
    order[sorted_rows] = rank[member_of_row] + 1
    line_of_group = np.where(members_in_group > 1, np.cumsum(members_in_group > 1) - 1, -1)
    index[sorted_rows] = line_of_group[group_of_member[member_of_row]]
    examples = np.full((int((members_in_group > 1).sum()), NUM_EXAMPLES + 1), -1, dtype=np.int64)
    shown = (members_in_group[group_of_member] > 1) & (rank <= NUM_EXAMPLES)
    examples[line_of_group[group_of_member[shown]], rank[shown]] = first_row[shown]
    return _Groups(count, order, index, examples)


def _changes(values: Hashes) -> NDArray[np.bool_]:
    found = np.ones(len(values), dtype=bool)
    found[1:] = values[1:] != values[:-1]
    return found


def _read_keys(shards: Sequence[ShardTables]) -> tuple[list[int], dict[str, Hashes]]:
    sizes: list[int] = []
    parts: dict[str, list[Hashes]] = {}
    for shard in shards:
        samples = shard.samples(_COLUMNS)
        media = shard.measurements("media", ("evidence",))
        digests = _digests(media, samples.num_rows)
        sound = pc.is_null(samples["problem"]).to_numpy()
        start = sum(sizes)
        for modality, text in _MODALITIES.items():
            texts = _hash(normalise_texts(samples[text].combine_chunks().cast(pa.string())), sound)
            ref = _hash(_refs(samples[modality].combine_chunks()), sound)
            content = _hash(digests[modality], sound)
            content = np.where((content == 0) | (ref == 0), ref, content)
            same_text = np.where(content != 0, _mix(texts, content), np.uint64(0))
            pair = np.where(texts != 0, same_text, np.uint64(0))
            row = np.arange(start + 1, start + samples.num_rows + 1, dtype=np.uint64)
            found = {text: texts, "ref": ref, "content": content, "same_text": same_text, "pair": pair, "row": row}
            for key, values in found.items():
                parts.setdefault(key if key == text else f"{modality}.{key}", []).append(values)
        sizes.append(samples.num_rows)
    empty = np.zeros(0, dtype=np.uint64)
    names = [name for m, text in _MODALITIES.items() for name in (text, *(f"{m}.{k}" for k in _PER_MODALITY))]
    return sizes, {name: np.concatenate([empty, *parts.get(name, [])]) for name in names}


_PER_MODALITY = ("ref", "content", "same_text", "pair", "row")


def normalise_texts(texts: pa.Array) -> pa.Array:
    """Return texts as they are compared: NFKC, lower case, every run of space and punctuation one space.

    A text that is then empty becomes null: nothing is not a repetition of nothing.
    """
    plain = pc.utf8_lower(pc.utf8_normalize(texts, form="NFKC"))
    plain = pc.utf8_trim_whitespace(pc.replace_substring_regex(plain, r"[\s\p{Z}\p{P}\p{C}]+", " "))
    return pc.if_else(pc.equal(plain, ""), pa.scalar(None, pa.string()), plain)


def _refs(column: pa.Array) -> pa.Array:
    """Return where each medium lies (file, member, segment) as a text; null where there is no medium."""
    parts = [pc.struct_field(column, name).cast(pa.string()) for name in ("member", "start", "duration", "channel")]
    filled = [pc.fill_null(part, "") for part in parts]
    return pc.binary_join_element_wise(pc.struct_field(column, "uri"), *filled, "\n")


def _digests(media: pa.Table | None, num_rows: int) -> dict[str, pa.Array]:
    """Return the SHA-256 of each sample's image and recording as the media probe stored them."""
    found: dict[str, list[str | None]] = {modality: [None] * num_rows for modality in _MODALITIES}
    if media is not None and "evidence" in media.column_names:
        for row, text in enumerate(media["evidence"].to_pylist()):
            evidence = load_json(text) if text else {}
            for modality, digests in found.items():
                digests[row] = evidence.get(f"{modality}_sha256")
    return {modality: pa.array(digests, pa.string()) for modality, digests in found.items()}


def _hash(texts: pa.Array, sound: NDArray[np.bool_]) -> Hashes:
    """Return 64 bits a text; 0 where there is none or the row is broken."""
    encoded = texts.dictionary_encode()
    digests = b"".join(
        hashlib.blake2b(text.encode(), digest_size=8).digest() for text in encoded.dictionary.to_pylist()
    )
    unique = np.concatenate([[np.uint64(0)], np.maximum(np.frombuffer(digests, dtype="<u8"), 1)]).astype(np.uint64)
    places = pc.fill_null(encoded.indices, -1).to_numpy(zero_copy_only=False) + 1
    return np.where(sound, unique[places], np.uint64(0))


def _mix(first: Hashes, second: Hashes) -> Hashes:
    """Return one hash of two (multiply and fold, as in splitmix64); never 0."""
    mixed = first * np.uint64(0x9E3779B97F4A7C15) + second
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    return np.maximum(mixed ^ (mixed >> np.uint64(27)), np.uint64(1))


def _read_ids(shards: Sequence[ShardTables], starts: Rows, examples: Sequence[Rows]) -> dict[int, str]:
    wanted = np.unique(np.concatenate([np.zeros(0, dtype=np.int64), *(part.ravel() for part in examples)]))
    wanted = wanted[wanted >= 0]
    found: dict[int, str] = {}
    for shard, start, stop in zip(shards, starts[:-1], starts[1:], strict=True):
        rows = wanted[np.searchsorted(wanted, start) : np.searchsorted(wanted, stop)]
        if len(rows):
            ids = shard.samples(["id"])["id"].take(pa.array(rows - start)).to_pylist()
            found.update(zip(rows.tolist(), ids, strict=True))
    return found


def _evidence(groups: Mapping[str, _Groups], ids: Mapping[int, str], start: int, stop: int) -> list[str | None]:
    found: list[dict[str, list[str]]] = [{} for _ in range(stop - start)]
    for name, group in groups.items():
        label = name.partition(".")[0]
        lines = group.index[start:stop]
        rows = np.flatnonzero(lines >= 0)
        for row, number, line in zip(
            rows.tolist(),
            group.order[start:stop][rows].tolist(),
            group.examples[lines[rows]].tolist(),
            strict=True,
        ):
            others = [ids[example] for rank, example in enumerate(line, start=1) if example >= 0 and rank != number]
            found[row].setdefault(label, others[:NUM_EXAMPLES])
    return [dump_json(entry) if entry else None for entry in found]


def _table(sample_ids: pa.Array, values: Mapping[str, NDArray[np.float64]], evidence: list[str | None]) -> pa.Table:
    present = np.zeros(len(sample_ids), dtype=bool)
    for column in values.values():
        present |= ~np.isnan(column)
    measured, absent = Status.MEASURED.value, Status.NOT_APPLICABLE.value
    reason = "the sample has no medium, or its manifest row is broken"
    return pa.table(
        {
            "sample_id": sample_ids,
            "status": pa.array([measured if seen else absent for seen in present.tolist()], pa.string()),
            "reason": pa.array([None if seen else reason for seen in present.tolist()], pa.string()),
            "cause": pa.nulls(len(sample_ids), pa.string()),
            **{name: pa.array(column, pa.float64(), from_pandas=True) for name, column in values.items()},
            "evidence": pa.array(evidence, pa.string()),
        }
    )
