"""Which rows of one set occur in another, exactly or nearly: by image, recording, text and whole pair.

A test set that lies in the training set tests nothing. Which rows are concerned is worked out over different media and
texts, so it is complete however often one is repeated; the pairs that are listed by name are cut at a few partners a
row. A blank image on both sides is no leak: many unrelated rows have one. It counts together with its text alone.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from mmcheck.config import DuplicatesConfig
from mmcheck.core.arrays import Floats, Mask, Rows
from mmcheck.core.pair_kinds import KIND_OF, PAIR_KINDS
from mmcheck.corpus.base import ShardTables
from mmcheck.corpus.content_keys import join_keys
from mmcheck.corpus.groups import is_new
from mmcheck.corpus.media_items import Items, to_items
from mmcheck.overlap.media import find_media
from mmcheck.overlap.pairs import ItemPairs, Members, SharedItems, Side, Step, collect, cross, read_side
from mmcheck.overlap.searched import Searched
from mmcheck.overlap.texts import find_texts

KINDS = (*KIND_OF, "text", "pair")
"""What can be shared."""
MAX_LISTED = 16
"""Rows of the first set that are listed for one row of the second. Our own choice: the table stays readable."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RowPairs:
    """Rows of the two sets that share something; arrays of shape (n,), by the second set's rows, the likest first."""

    train: Rows
    """0-based rows of the first set."""
    test: Rows
    """0-based rows of the second set."""
    exact: Mask
    """Whether it is shared exactly."""
    similarity: Floats
    """Likeness; 1 where exact."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What is shared of one kind and modality."""

    kind: str
    """One of ``KINDS``."""
    modality: str
    """Name of the kind of pair."""
    train_rows: Mask
    """Which rows of the first set are concerned, shape (rows,)."""
    test_rows: Mask
    """Which rows of the second set are concerned."""
    exact_train_rows: Mask
    """Which of the first set share it exactly."""
    exact_test_rows: Mask
    """Which of the second set share it exactly."""
    num_pairs: int
    """Pairs of rows in all."""
    num_exact_pairs: int
    """Those that share it exactly."""
    listed: RowPairs
    """The pairs that are named: every row concerned, with up to ``MAX_LISTED`` partners."""
    searched: Searched | None
    """How it was looked for; None for pairs, which come from what was found of media and texts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlap:
    """What two sets share."""

    parts: tuple[Part, ...]
    """By kind and modality, those that both sets hold."""
    compared: dict[str, tuple[int, int]]
    """``image``, ``audio``, ``caption``, ``transcript`` -> rows of either set that could be compared."""
    blank_test: Mask
    """Rows of the second set whose image is blank and occurs in the first one; not counted by image."""
    readable_test: Mask
    """Rows of the second set with a medium that was read."""
    is_cut: bool
    """Whether an item had more near partners than were looked at."""


def find_overlap(
    train: Sequence[ShardTables],
    test: Sequence[ShardTables],
    options: DuplicatesConfig,
    *,
    seed: int = 0,
    use_embeddings: Collection[str] = tuple(KIND_OF),
    step: Step = lambda: None,
) -> Overlap:
    """Return what two sets share.

    Args:
        train: Stored tables of the first set.
        test: Stored tables of the second set.
        options: Limits, the same as for near-duplicates within a set.
        seed: For an approximate index.
        use_embeddings: Modalities whose embeddings are of one model on both sides.
        step: Called often, for progress: about four times a shard of the larger set.
    """
    one, other = read_side(train), read_side(test)
    parts: list[Part] = []
    is_cut = False
    blank_test = np.zeros(other.num_rows, dtype=bool)
    for modality in KIND_OF:
        media = _search(one, other, modality, options, seed, modality in use_embeddings, step)
        texts = _search_texts(one, other, modality, options, step)
        is_cut |= media.is_cut or texts.is_cut
        sides = (one, other)
        if all(len(side.items[modality].first_row) for side in sides):
            telling, blank = _set_blank_aside(media.pairs, one, other, modality)
            blank_test |= _rows_of(other.items[modality], blank)
            found = SharedItems(telling, media.searched)
            parts.append(_part(modality, modality, found, *(side.items[modality] for side in sides)))
        if all(len(side.texts[modality].first_row) for side in sides):
            parts.append(_part("text", modality, texts, *(side.texts[modality] for side in sides)))
        combined = [_combine(side, modality) for side in sides]
        if all(len(items.first_row) for items in combined):
            joined = _join(media.pairs, texts.pairs, one, other, modality, *combined)
            parts.append(_part("pair", modality, SharedItems(joined, None), *combined))
    parts.sort(key=lambda part: KINDS.index(part.kind))
    return Overlap(
        parts=tuple(parts),
        compared=_count_compared(one, other),
        blank_test=blank_test,
        readable_test=_has_medium(other),
        is_cut=is_cut,
    )


def _search(
    one: Side, other: Side, modality: str, options: DuplicatesConfig, seed: int, use_embeddings: bool, step: Step
) -> SharedItems:
    is_turned = one.num_rows > other.num_rows
    small, large = (other, one) if is_turned else (one, other)
    found = find_media(small, large, modality, options, seed=seed, use_embeddings=use_embeddings, step=step)
    return _turned(found) if is_turned else found


def _search_texts(one: Side, other: Side, modality: str, options: DuplicatesConfig, step: Step) -> SharedItems:
    is_turned = one.num_rows > other.num_rows
    small, large = (other, one) if is_turned else (one, other)
    found = find_texts(small, large, modality, options, step=step)
    return _turned(found) if is_turned else found


def _turned(found: SharedItems) -> SharedItems:
    searched = None if found.searched is None else found.searched.turned()
    return SharedItems(found.pairs.turned(), searched, found.is_cut)


def _set_blank_aside(pairs: ItemPairs, one: Side, other: Side, modality: str) -> tuple[ItemPairs, Rows]:
    """Return the pairs of which neither is blank, and the items of the second set in the others."""
    blank = np.zeros(len(pairs.left), dtype=bool)
    for side, items in ((one, pairs.left), (other, pairs.right)):
        blank |= side.media[modality].is_blank[side.items[modality].first_row[items]]
    kept = ~blank
    telling = ItemPairs(
        left=pairs.left[kept], right=pairs.right[kept], exact=pairs.exact[kept], similarity=pairs.similarity[kept]
    )
    return telling, pairs.right[blank]


def _combine(side: Side, modality: str) -> Items:
    """Return the different pairs of medium and text as items."""
    rows = side.media[modality]
    both = (rows.key != 0) & (rows.text != 0)
    mixed = join_keys(rows.key, rows.text)
    return to_items(np.where(both, mixed, np.uint64(0)), np.arange(side.num_rows, dtype=np.int64))


def _join(
    media: ItemPairs, texts: ItemPairs, one: Side, other: Side, modality: str, first: Items, second: Items
) -> ItemPairs:
    """Return the pairs of which medium and text are shared both; the less alike of the two is their likeness."""
    own_medium, own_text = one.items[modality].of_row[first.first_row], one.texts[modality].of_row[first.first_row]
    num_texts = len(other.texts[modality].first_row)
    keys = other.items[modality].of_row[second.first_row] * num_texts + other.texts[modality].of_row[second.first_row]
    order = np.argsort(keys)
    keys = keys[order]
    by_medium = Members(own_medium, len(one.items[modality].first_row))
    partners = Members(texts.left, len(one.texts[modality].first_row))
    one_each = Members(np.arange(len(media.left)), len(media.left))
    blocks: list[tuple[Rows, Rows, Mask, Floats]] = []
    everything = np.iinfo(np.int64).max
    for _, combined, pair in _cross_all(by_medium, one_each, media.left, everything):
        text_of = own_text[combined]
        for number, _, shared in cross(
            Members(np.arange(len(combined)), len(combined)), partners, np.arange(len(combined)), text_of, everything
        ):
            wanted = media.right[pair[number]] * num_texts + texts.right[shared]
            place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
            hit = keys[place] == wanted
            both, text = pair[number][hit], shared[hit]
            blocks.append(
                (
                    combined[number][hit],
                    order[place[hit]],
                    media.exact[both] & texts.exact[text],
                    np.minimum(media.similarity[both], texts.similarity[text]),
                )
            )
    return collect(*([block[field] for block in blocks] for field in range(4)))  # type: ignore[arg-type]


def _cross_all(first: Members, second: Members, one: Rows, limit: int) -> Iterator[tuple[Rows, Rows, Rows]]:
    return cross(first, second, one, np.arange(len(one)), limit)


def _part(kind: str, modality: str, found: SharedItems, first: Items, second: Items) -> Part:
    pairs = found.pairs
    train = Members(first.of_row, len(first.first_row))
    test = Members(second.of_row, len(second.first_row))
    products = train.counts[pairs.left] * test.counts[pairs.right]
    return Part(
        kind=kind,
        modality=modality,
        train_rows=_rows_of(first, pairs.left),
        test_rows=_rows_of(second, pairs.right),
        exact_train_rows=_rows_of(first, pairs.left[pairs.exact]),
        exact_test_rows=_rows_of(second, pairs.right[pairs.exact]),
        num_pairs=int(products.sum()),
        num_exact_pairs=int(products[pairs.exact].sum()),
        listed=_list(pairs, train, test),
        searched=found.searched,
    )


def _rows_of(items: Items, chosen: Rows) -> Mask:
    is_chosen = np.zeros(len(items.first_row) + 1, dtype=bool)
    is_chosen[chosen] = True
    return is_chosen[items.of_row]  # rows without an item look at the last place, which is never chosen


def _list(pairs: ItemPairs, train: Members, test: Members) -> RowPairs:
    """Return up to ``MAX_LISTED`` partners of each row of the second set, and the best one of each of the first."""
    blocks = [*_partners(pairs, train, test, MAX_LISTED)]
    blocks += [(one, other, number) for other, one, number in _partners(pairs.turned(), test, train, 1)]
    none = np.zeros(0, dtype=np.int64)
    one, other, number = (np.concatenate([none, *(block[field] for block in blocks)]) for field in range(3))
    order = np.lexsort((one, -pairs.similarity[number], ~pairs.exact[number], other))
    one, other, number = one[order], other[order], number[order]
    _, first = np.unique(np.stack([one, other]), axis=1, return_index=True) if len(one) else (none, none)
    first = np.sort(first)
    number = number[first]
    return RowPairs(train=one[first], test=other[first], exact=pairs.exact[number], similarity=pairs.similarity[number])


def _partners(pairs: ItemPairs, left: Members, right: Members, limit: int) -> Iterator[tuple[Rows, Rows, Rows]]:
    """Yield (left row, right row, pair) with the ``limit`` likest left rows of each right row."""
    ranked = np.lexsort((pairs.left, -pairs.similarity, ~pairs.exact, pairs.right))
    ranked = ranked[_rank(pairs.right[ranked]) < limit]
    alone = Members(np.arange(len(ranked)), len(ranked))
    rows, numbers = [np.zeros(0, dtype=np.int64)], [np.zeros(0, dtype=np.int64)]
    for _, row, number in _cross_all(left, alone, pairs.left[ranked], limit):
        rows.append(row)
        numbers.append(ranked[number])
    row, number = np.concatenate(rows), np.concatenate(numbers)
    chosen = _rank(pairs.right[number]) < limit
    row, number = row[chosen], number[chosen]
    single = Members(np.arange(len(row)), len(row))
    for _, other, place in _cross_all(right, single, pairs.right[number], np.iinfo(np.int64).max):
        yield row[place], other, number[place]


def _rank(groups: Rows) -> Rows:
    """Return the place of each element within its group; groups stand together."""
    places = np.arange(len(groups))
    return np.asarray(places - np.maximum.accumulate(np.where(is_new(groups), places, 0)), dtype=np.int64)


def _count_compared(one: Side, other: Side) -> dict[str, tuple[int, int]]:
    found = {}
    for kind in PAIR_KINDS:
        found[kind.name] = tuple(int((side.items[kind.name].of_row >= 0).sum()) for side in (one, other))
        found[kind.text] = tuple(int((side.texts[kind.name].of_row >= 0).sum()) for side in (one, other))
    return found  # type: ignore[return-value]


def _has_medium(side: Side) -> Mask:
    found = np.zeros(side.num_rows, dtype=bool)
    for items in side.items.values():
        found |= items.of_row >= 0
    return found
