"""Near-duplicates of the run: the same image, recording or text in another guise, in groups with a kept representative.

Copies in a training set weigh their pair double, and copies across splits make a test worthless; re-saved, resized and
re-encoded copies escape every comparison of bytes. Equal files belong to the groups, too. What counts as the same is
strict: better to miss a heavily edited copy than to call two different pictures one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from mmcheck.config import DuplicatesConfig
from mmcheck.core.arrays import Floats, Rows
from mmcheck.core.json_types import JsonObject
from mmcheck.core.pair_kinds import KIND_OF
from mmcheck.core.part_traits import AnalysisTraits
from mmcheck.corpus.base import ShardTables, analysis_table, digest_analysis
from mmcheck.corpus.content_keys import normalise_texts
from mmcheck.corpus.duplicates.metrics import BY_ORDER, METRICS
from mmcheck.corpus.duplicates.near_images import ImageItems, NearImages
from mmcheck.corpus.duplicates.near_recordings import NearRecordings
from mmcheck.corpus.duplicates.near_texts import TextSignatures
from mmcheck.corpus.duplicates.summary import DuplicatesSummary, KindSummary, LargeGroup, Search
from mmcheck.corpus.groups import CopyGroups, ItemGroups, group_by_key, group_items, group_rows
from mmcheck.corpus.media_items import Items, MediaRows, read_index, read_media_rows, to_items
from mmcheck.corpus.name_order import rank_by_name
from mmcheck.corpus.sample_ids import read_ids
from mmcheck.store.schema import dump_json

VERSION = 8
NUM_EXAMPLES = 3
"""Others of a group that the evidence names. Our own choice: as the report shows."""
NUM_LARGEST = 5
"""Largest groups that the summary names. Our own choice: enough to see what is meant."""
_RECALL_QUERIES = 256
"""Rows on which the index's recall is measured. Our own choice: a recall of 0.99 is known to 0.6 points."""
_NOTHING = "the sample has no medium that could be read and no text, or its manifest row is broken"
_KINDS = (*KIND_OF, "text", "pair")


@dataclass(frozen=True, slots=True, kw_only=True)
class _KindGroups:
    """Groups of one kind."""

    rows: CopyGroups
    similarity: Floats | None
    """To the representative, shape (n,); NaN where the row is alone."""
    search: Search | None
    """How they were found; None where they follow from others."""


class Duplicates:
    """Groups rows by near-duplicate image, recording, text and pair.

    Args:
        options: Section ``analyses.duplicates`` of the config.
        seed: For the choice of rows that stand for the set in an approximate index.
    """

    name = "duplicates"
    options_model = DuplicatesConfig
    traits = AnalysisTraits(needs=("repetition",), in_manifests=False, by_order=BY_ORDER)
    metrics = METRICS

    def __init__(self, options: DuplicatesConfig, seed: int) -> None:
        self._options = options
        self._seed = seed
        self._summary: DuplicatesSummary | None = None

    def fingerprint(self) -> str:
        """Return a digest of code version, options and seed."""
        return digest_analysis(self.name, VERSION, self._options, seed=self._seed)

    def analyse(self, shards: Sequence[ShardTables]) -> Iterator[pa.Table]:
        """Yield one measurements table a shard, in order.

        Evidence holds under ``image``, ``audio``, ``text`` and ``pair`` the ids of others of the group: the
        representative first, then up to three more.
        """
        sizes, media = read_media_rows(shards)
        found: dict[str, list[_KindGroups]] = {kind: [] for kind in _KINDS}
        by_name = rank_by_name(shards)
        for modality, rows in media.items():
            rank = rows.rank(self._options.keep, by_name)
            file_number, pair_number = rows.repeats(rank)
            items = to_items(rows.key, rank)
            medium, medium_key = self._group_media(shards, modality, rows, rank, items, file_number)
            text, text_key = self._group_texts(shards, modality, rows, rank)
            found[modality].append(medium)
            found["text"].append(text)
            pairs = _group_pairs(medium_key, text_key, rank, _copies(items, pair_number))
            found["pair"].append(pairs)
        values = _values(found)
        starts = np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)])
        heads = [_heads(part.rows) for parts in found.values() for part in parts]
        ids = read_ids(shards, *heads)
        self._summary = _summarise(found, ids, values)
        for shard, start, stop in zip(shards, starts[:-1].tolist(), starts[1:].tolist(), strict=True):
            yield analysis_table(
                shard.samples(["id"])["id"].combine_chunks().cast(pa.string()),
                {name: column[start:stop] for name, column in values.items()},
                reasons=_NOTHING,
                causes="nothing_to_compare",
                evidence=_evidence(found, ids, start, stop),
            )

    def summary(self) -> JsonObject:
        """Return groups, rows in them, copies, largest groups and how they were found, by kind; and sentences."""
        return {} if self._summary is None else self._summary.to_json()

    def _group_media(
        self,
        shards: Sequence[ShardTables],
        modality: str,
        rows: MediaRows,
        rank: Rows,
        items: Items,
        file_number: Rows,
    ) -> tuple[_KindGroups, Rows]:
        index, place = read_index(shards, modality, items, self._seed)
        first = items.first_row
        near: NearImages | NearRecordings
        if KIND_OF[modality].is_seen:
            look = ImageItems(
                phash=rows.phash[first],
                colours=rows.colours[first],
                views=rows.views[first],
                has_hash=rows.has_hash[first],
                place=place,
                index=index,
            )
            near = NearImages(look, self._options)
        else:
            near = NearRecordings(index, place, rows.size[first], self._options)
        left, right = near.find_pairs()
        altered = near.are_altered(left, right) if isinstance(near, NearImages) else None
        groups = group_items(len(first), left, right, items.rank, near.compare, altered)
        if len(index):
            least = getattr(self._options, f"{modality}_similarity")
            index.measure_recall(floor=least, num_queries=_RECALL_QUERIES)
        search = Search(items=len(first), limits=near.describe(), index=index.facts() if len(index) else None)
        return _found(items, groups, rank, search, _copies(items, file_number))

    def _group_texts(
        self, shards: Sequence[ShardTables], modality: str, rows: MediaRows, rank: Rows
    ) -> tuple[_KindGroups, Rows]:
        items, text = to_items(rows.text, rank), KIND_OF[modality].text
        signatures = TextSignatures()
        wanted = np.sort(items.first_row)
        start = 0
        for shard in shards:
            column = shard.samples([text])[text].combine_chunks().cast(pa.string())
            here = wanted[np.searchsorted(wanted, start) : np.searchsorted(wanted, start + len(column))]
            if len(here):
                signatures.add(normalise_texts(column.take(pa.array(here - start))).to_pylist())
            start += len(column)
        near = signatures.near(self._options.text_similarity, np.searchsorted(wanted, items.first_row))
        groups = group_items(len(items.first_row), *near.find_pairs(), items.rank, near.compare)
        search = Search(items=len(items.first_row), limits={"similarity": self._options.text_similarity})
        # Texts of one manifest row are no copies of each other.
        source = np.unique(rows.source, return_inverse=True)[1].astype(np.int64)
        return _found(items, groups, rank, search, source)


def _copies(items: Items, number: Rows) -> Rows:
    """Return one number for each item and each repetition of it."""
    return np.asarray(items.of_row * (number.max(initial=0) + 1) + number)


def _found(
    items: Items, groups: ItemGroups, rank: Rows, search: Search, copies: Rows | None = None
) -> tuple[_KindGroups, Rows]:
    """Return the groups of rows, and for each row the item that represents its own (-1: it has none)."""
    rows = group_rows(items.of_row, groups, rank, copies)
    similarity = np.full(len(items.of_row), np.nan)
    key = np.full(len(items.of_row), -1, dtype=np.int64)
    has_item = items.of_row >= 0
    key[has_item] = groups.centre[items.of_row[has_item]]
    grouped = rows.number > 0
    similarity[grouped] = groups.similarity[items.of_row[grouped]]
    return _KindGroups(rows=rows, similarity=similarity, search=search), key


def _group_pairs(medium: Rows, text: Rows, rank: Rows, copies: Rows) -> _KindGroups:
    both = (medium >= 0) & (text >= 0)
    key = np.where(both, medium * (text.max(initial=0) + 1) + text, -1)
    return _KindGroups(rows=group_by_key(key, rank, copies), similarity=None, search=None)


def _values(found: Mapping[str, list[_KindGroups]]) -> dict[str, Floats]:
    values: dict[str, Floats] = {}
    for kind, parts in found.items():
        if kind in KIND_OF:
            values[f"{kind}_group"] = _known(parts[0].rows.number)
        # A row with two pairs is a copy only where both are: one picture may have many recordings, and back.
        join = np.fmin if kind == "pair" else np.fmax
        for name in ("size", "order"):
            columns = [_known(getattr(part.rows, name)) for part in parts]
            column = columns[0] if len(columns) == 1 else join(*columns)
            values[f"{kind}_{'group_size' if name == 'size' else name}"] = column
        if kind in KIND_OF and parts[0].similarity is not None:
            values[f"{kind}_similarity"] = parts[0].similarity
    return values


def _known(numbers: Rows) -> Floats:
    return np.where(numbers > 0, numbers, np.nan)


def _heads(groups: CopyGroups) -> Rows:
    """Return the first rows of each group, as many as evidence may name."""
    if len(groups.starts) < 2:
        return np.zeros(0, dtype=np.int64)
    places = groups.starts[:-1, None] + np.arange(NUM_EXAMPLES + 2)[None]
    return np.asarray(groups.members[places[places < groups.starts[1:, None]]], dtype=np.int64)


def _evidence(
    found: Mapping[str, list[_KindGroups]], ids: Mapping[int, str], start: int, stop: int
) -> list[str | None]:
    entries: list[dict[str, list[str]]] = [{} for _ in range(stop - start)]
    for kind, parts in found.items():
        for part in parts:
            numbers = part.rows.number[start:stop]
            for row in np.flatnonzero(numbers).tolist():
                others = part.rows.examples(start + row, NUM_EXAMPLES)
                entries[row].setdefault(kind, [ids[other] for other in others])
    return [dump_json(entry) if entry else None for entry in entries]


def _summarise(
    found: Mapping[str, list[_KindGroups]], ids: Mapping[int, str], values: Mapping[str, Floats]
) -> DuplicatesSummary:
    kinds: dict[str, KindSummary] = {}
    sentences: list[str] = []
    for kind, parts in found.items():
        for modality, part in zip((kind,) if kind in KIND_OF else KIND_OF, parts, strict=True):
            if not part.rows.size.any():
                continue
            name = kind if kind in KIND_OF else KIND_OF[modality].text if kind == "text" else f"{modality}_pair"
            sizes = np.diff(part.rows.starts)
            largest = np.argsort(-sizes, kind="stable")[:NUM_LARGEST]
            is_copy = part.rows.order > 1
            if kind == "pair":
                is_copy &= values["pair_order"] > 1
            copies = int(is_copy.sum())
            kinds[name] = KindSummary(
                groups=len(sizes),
                rows=int((part.rows.number > 0).sum()),
                copies=copies,
                largest=[_tell_group(part.rows, number, int(sizes[number]), ids) for number in largest.tolist()],
                search=part.search,
            )
            groups = len(np.unique(part.rows.number[is_copy]))
            sentences += _sentences(kind, modality, groups, copies, part.search)
    return DuplicatesSummary(kinds=kinds, sentences=sentences)


def _tell_group(rows: CopyGroups, number: int, size: int, ids: Mapping[int, str]) -> LargeGroup:
    first = rows.members[rows.starts[number] :][: min(size, NUM_EXAMPLES + 1)]
    return LargeGroup(group=number + 1, size=size, ids=[ids[row] for row in first.tolist()])


def _sentences(kind: str, modality: str, groups: int, copies: int, search: Search | None) -> list[str]:
    sentences = []
    pair = KIND_OF[modality]
    noun = {"text": pair.texts_noun, "pair": f"pairs of {pair.medium_noun} and text"}.get(kind, pair.media_noun)
    if copies:
        grouped = "1 group" if groups == 1 else f"{groups} groups"
        rows, are = ("row", "repeats") if copies == 1 else ("rows", "repeat")
        sentences.append(f"{copies} {rows} {are} other rows' {noun} exactly or nearly ({grouped}).")
    index = None if search is None else search.index
    if index is not None and index.kind == "approximate":
        sentences.append(
            f"Near-duplicate {noun} were looked up in an approximate index, which found {index.recall:.1%} of "
            f"{index.recall_checked} copies in a sample; it may have missed the rest."
        )
    return sentences
