"""How often the same text or the same bytes occur in the run.

One caption over many pictures (a placeholder, a shop's boilerplate, a join gone wrong) and one picture under many names
are faults that no single sample shows. Equal means equal after plain normalisation for texts, and equal SHA-256 of the
file for media; looking alike is not this file's business.

Memory holds some 8-byte keys a sample (see ``content_keys``) and nothing else that grows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mmcheck.config import RepetitionConfig
from mmcheck.core.arrays import Keys, Mask, Rows
from mmcheck.core.digests import digest_value
from mmcheck.core.json_types import JsonObject
from mmcheck.core.pair_kinds import IMAGE_CAPTION, KIND_OF, MEDIA, PAIR_KINDS, TEXTS
from mmcheck.core.part_traits import AnalysisTraits
from mmcheck.core.types import Status
from mmcheck.corpus.base import ShardTables
from mmcheck.corpus.content_keys import DIGEST_COLUMNS, join_keys, medium_keys, place_keys, text_keys
from mmcheck.corpus.groups import is_new
from mmcheck.corpus.name_order import rank_by_name
from mmcheck.corpus.repetition_metrics import METRICS
from mmcheck.corpus.repetition_summary import RepetitionSummary
from mmcheck.store.schema import dump_json

VERSION = 4
NUM_EXAMPLES = 3
"""Other rows that the evidence names. Our own choice: as the report shows."""
_COLUMNS = ("id", *MEDIA, *TEXTS, "problem")


class Repetition:
    """Counts equal texts, equal media and equal pairs over the whole run.

    Args:
        options: Section ``analyses.repetition`` of the config.
        seed: Not used: counting involves no chance.
    """

    name = "repetition"
    options_model = RepetitionConfig
    traits = AnalysisTraits(in_manifests=False)
    metrics = METRICS

    def __init__(self, options: RepetitionConfig, seed: int) -> None:
        self._options = options
        self._summary: RepetitionSummary | None = None

    def fingerprint(self) -> str:
        """Return a digest of the code version; there are no options."""
        return digest_value({"analysis": self.name, "version": VERSION})

    def analyse(self, shards: Sequence[ShardTables]) -> Iterator[pa.Table]:
        """Yield one measurements table a shard, in order.

        Evidence holds the ids of up to three others under ``caption``, ``transcript``, ``media`` and ``pair``.
        """
        sizes, keys = _read_keys(shards)
        rank = rank_by_name(shards, _are_repeated(keys))
        starts = np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)])
        values: dict[str, NDArray[np.float64]] = {}
        groups: dict[str, _Groups] = {}
        for pair in PAIR_KINDS:
            groups[pair.text] = _group(keys[pair.text], keys[f"{pair.name}.content"], rank)
            values[f"{pair.text}_count"] = groups[pair.text].count
        values["captions_of_image"] = _group(
            keys[f"{IMAGE_CAPTION.name}.content"], keys[IMAGE_CAPTION.text], rank
        ).count
        for kind, group, members in (("media", "same_text", "ref"), ("pair", "pair", "row")):
            parts = [_group(keys[f"{modality}.{group}"], keys[f"{modality}.{members}"], rank) for modality in KIND_OF]
            # A row with two pairs repeats others only where both do: one picture may have many recordings, and back.
            values[f"{kind}_count"] = reduce(np.fmin, [part.count for part in parts])
            values[f"{kind}_order"] = reduce(np.fmin, [part.order for part in parts])
            for modality, part in zip(KIND_OF, parts, strict=True):
                groups[f"{kind}.{modality}"] = part
        places = [_group(keys[f"{modality}.content"], keys[f"{modality}.ref"], rank).count for modality in KIND_OF]
        values["media_count"] = reduce(np.fmax, places)
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

    def summary(self) -> JsonObject:
        """Return how many rows repeat an earlier file or pair, and a sentence about it."""
        return {} if self._summary is None else self._summary.to_json()


def _summarise(values: Mapping[str, NDArray[np.float64]]) -> RepetitionSummary:
    """Return the rows beyond the first, by name, of each group of equal files and equal pairs."""
    copies = {kind: int((values[f"{kind}_order"] > 1).sum()) for kind in ("media", "pair")}
    sentences = []
    if copies["media"]:
        sentences.append(f"{copies['media']} rows have a copy of another row's file with the same text.")
    if copies["pair"]:
        sentences.append(f"{copies['pair']} rows repeat another row's pair of file and text exactly.")
    return RepetitionSummary(media_copies=copies["media"], pair_copies=copies["pair"], sentences=sentences)


@dataclass(frozen=True, slots=True)
class _Groups:
    """Rows grouped by one key and, inside a group, by another ("member")."""

    count: NDArray[np.float64]
    """Number of different members in the row's group; NaN where the row is in none."""
    order: NDArray[np.float64]
    """1-based number of the row's member in its group, by the names of the rows; NaN as above."""
    index: Rows
    """Which line of ``examples`` belongs to the row; -1 where the row's member is alone."""
    examples: Rows
    """First rows of the first members of each group that has several; -1 where there are fewer."""


def _are_repeated(keys: Mapping[str, Keys]) -> Mask:
    """Return which rows share a text or the content of a medium with others."""
    shared = [pair.text for pair in PAIR_KINDS] + [f"{pair.name}.content" for pair in PAIR_KINDS]
    found = np.zeros(len(keys[shared[0]]), dtype=bool)
    for name in shared:
        _, of_row, counts = np.unique(keys[name], return_inverse=True, return_counts=True)
        found |= (keys[name] != 0) & (counts[of_row] > 1)
    return found


def _group(group: Keys, member: Keys, rank: Rows) -> _Groups:
    size = len(group)
    count, order = np.full(size, np.nan), np.full(size, np.nan)
    index = np.full(size, -1, dtype=np.int64)
    rows = np.flatnonzero((group != 0) & (member != 0))
    if not len(rows):
        return _Groups(count, order, index, np.zeros((0, NUM_EXAMPLES + 1), dtype=np.int64))
    by_key = np.lexsort((rank[rows], member[rows], group[rows]))
    sorted_rows = rows[by_key]
    new_group = is_new(group[sorted_rows])
    new_member = new_group | is_new(member[sorted_rows])
    member_of_row = np.cumsum(new_member) - 1
    first_row = sorted_rows[new_member]
    group_of_member = (np.cumsum(new_group) - 1)[new_member]
    members_in_group = np.bincount(group_of_member)
    by_occurrence = np.lexsort((rank[first_row], group_of_member))
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


def _read_keys(shards: Sequence[ShardTables]) -> tuple[list[int], dict[str, Keys]]:
    sizes: list[int] = []
    parts: dict[str, list[Keys]] = {}
    for shard in shards:
        samples = shard.samples(_COLUMNS)
        media = shard.measurements("media", DIGEST_COLUMNS)
        sound = pc.is_null(samples["problem"]).to_numpy()
        start = sum(sizes)
        for pair_kind in PAIR_KINDS:
            modality, text = pair_kind.name, pair_kind.text
            texts = text_keys(samples[text], sound)
            ref = place_keys(samples[pair_kind.medium], sound)
            content = medium_keys(media, pair_kind.medium, ref)
            same_text = np.where(content != 0, join_keys(content, texts), np.uint64(0))
            pair = np.where(texts != 0, same_text, np.uint64(0))
            row = np.arange(start + 1, start + samples.num_rows + 1, dtype=np.uint64)
            found = {text: texts, "ref": ref, "content": content, "same_text": same_text, "pair": pair, "row": row}
            for key, values in found.items():
                parts.setdefault(key if key == text else f"{modality}.{key}", []).append(values)
        sizes.append(samples.num_rows)
    empty = np.zeros(0, dtype=np.uint64)
    names = [name for kind in PAIR_KINDS for name in (kind.text, *(f"{kind.name}.{k}" for k in _PER_MODALITY))]
    return sizes, {name: np.concatenate([empty, *parts.get(name, [])]) for name in names}


_PER_MODALITY = ("ref", "content", "same_text", "pair", "row")


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
