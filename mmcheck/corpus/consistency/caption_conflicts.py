"""Captions of one image (or of near-duplicates of it) that contradict each other, and captions of unlike images."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mmcheck.core.arrays import Floats, Rows, Vectors
from mmcheck.corpus.base import ShardTables
from mmcheck.corpus.consistency.batched_vectors import BatchedVectors
from mmcheck.corpus.consistency.member_groups import MemberGroups, batch_numbers, batches, group_members, read_vectors
from mmcheck.corpus.consistency.row_keys import RowKeys
from mmcheck.corpus.consistency.set_scale import SetScale
from mmcheck.metrics.caption_vagueness import pick_unlike
from mmcheck.metrics.label_conflict import (
    ConflictScale,
    fit_conflict_scale,
    mean_pair_cosine,
    median_of_others,
    rate_conflict,
    unlikeness,
)

NUM_OTHERS = 3
"""Other rows that the evidence names. Our own choice: as the report shows."""
_NUM_EXAMPLES = 2048  # rows of the set's own groups that the scale is learned from; our own choice: as the bank
_MAX_IMAGES = 32  # images of one caption that are compared; our own choice: bounds time; more tell nothing new
_CELLS = 4_000_000  # cosines in one go; our own choice: bounds memory (16 MB)
_LEAST_SPREAD = 1e-3
"""Distance of random images below which they are all alike. Given by half precision, which keeps 11 bits: smaller ones
are rounding."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RowFigure:
    """One figure a row and the rows that it is about."""

    values: Floats
    """NaN where there is none, shape (n,)."""
    others: Rows
    """Up to three other rows, -1 where there are fewer, shape (n, 3)."""

    @classmethod
    def nothing(cls, count: int) -> RowFigure:
        """Return no figure for any row."""
        return cls(values=np.full(count, np.nan), others=np.full((count, NUM_OTHERS), -1, dtype=np.int64))


def find_caption_conflicts(
    shards: Sequence[ShardTables], keys: RowKeys, probe: str, scale: SetScale | None
) -> tuple[RowFigure, ConflictScale | None]:
    """Return how much each caption contradicts the others of its image (0 to 1), and the scale that was used.

    Args:
        shards: The run's shards.
        keys: Their keys.
        probe: The probe that stored embeddings.
        scale: What is usual in the set; None, or a model that cannot judge the data, gives no figure.
    """
    found = RowFigure.nothing(len(keys.image))
    if scale is None or not scale.is_judged:
        return found, None
    pairs = keys.pair
    groups = group_members(keys.image_group, pairs)
    text_cosines, gaps = _examples(shards, keys, probe, groups)
    conflict_scale = fit_conflict_scale(
        text_cosines, gaps, random_text_cosine=scale.random_text, random_gap=scale.random_gap
    )
    if conflict_scale is None:
        return found, None
    in_groups = np.where(pairs != 0, groups.group, -1)
    with BatchedVectors(shards, keys.sizes, probe, ["image", "text"], batch_numbers(groups, in_groups)) as stored:
        for batch, numbers in enumerate(batches(groups)):
            members = groups.members[numbers]
            rows, texts = _gather(stored.read(batch), "text", members)
            places = _places(rows, members)
            for here, own in stored.read(batch):
                for part in _parts(here, members.shape[1] * texts.shape[1]):
                    lines = groups.group[here[part]] - numbers[0]
                    is_other = (places[lines] >= 0) & (
                        pairs[np.maximum(members[lines], 0)] != pairs[here[part]][:, None]
                    )
                    others = texts[np.maximum(places[lines], 0)].astype(np.float32)
                    rated = _rate(own["image"][part], own["text"][part], others, conflict_scale)
                    found.values[here[part]] = median_of_others(rated, is_other)
                    found.others[here[part]] = _worst(rated, is_other, members[lines])
    return found, conflict_scale


def find_unlike_images(shards: Sequence[ShardTables], keys: RowKeys, probe: str, scale: SetScale | None) -> RowFigure:
    """Return how unlike the images of each row's caption are, 0 to 1, where it has several.

    Args:
        shards: The run's shards.
        keys: Their keys.
        probe: The probe that stored embeddings.
        scale: What is usual in the set; None gives no figure.
    """
    found = RowFigure.nothing(len(keys.image))
    groups = group_members(keys.caption, keys.image, _MAX_IMAGES)
    # Embeddings that are all alike have no unlike images; rounding would decide.
    if scale is None or 1 - scale.random_image < _LEAST_SPREAD or not len(groups.members):
        return found
    cosines = np.full(len(groups.members), np.nan)
    shown = np.full((len(groups.members), NUM_OTHERS + 1), -1, dtype=np.int64)
    of_member = np.full(len(keys.image), -1, dtype=np.int64)
    group, column = np.nonzero(groups.members >= 0)
    of_member[groups.members[group, column]] = group
    with BatchedVectors(shards, keys.sizes, probe, ["image"], batch_numbers(groups, of_member)) as stored:
        for batch, numbers in enumerate(batches(groups)):
            members = groups.members[numbers]
            rows, images = _gather(stored.read(batch), "image", members)
            for number, line in zip(numbers.tolist(), _places(rows, members), strict=True):
                inside = line[line >= 0]
                if len(inside) >= 2:
                    block = images[inside].astype(np.float32)
                    cosines[number] = mean_pair_cosine(block)
                    picks = pick_unlike(block, np.arange(1, len(block)), block[0], NUM_OTHERS)
                    shown[number, : len(picks) + 1] = rows[inside[[0, *picks]]]
    has_group = groups.group >= 0
    lines = groups.group[has_group]
    found.values[has_group] = unlikeness(cosines[lines], scale.random_image)
    own = keys.image[has_group]
    is_other = (shown[lines] >= 0) & (keys.image[np.maximum(shown[lines], 0)] != own[:, None])
    found.others[has_group] = _first(shown[lines], is_other)
    return found


def _examples(shards: Sequence[ShardTables], keys: RowKeys, probe: str, groups: MemberGroups) -> tuple[Floats, Floats]:
    """Return how like two different captions of one image are, and how differently they fit it."""
    members = groups.members[:_NUM_EXAMPLES]
    if not len(members):
        return np.zeros(0), np.zeros(0)
    texts = np.where(members >= 0, keys.text[np.maximum(members, 0)], np.uint64(0))
    differs = (members >= 0) & (texts != texts[:, :1])
    usable = differs.any(axis=1)
    first, second = members[usable, 0], members[usable][np.arange(usable.sum()), differs[usable].argmax(axis=1)]
    rows, vectors = read_vectors(shards, keys.sizes, probe, ["image", "text"], np.concatenate([first, second]))
    if not len(rows):
        return np.zeros(0), np.zeros(0)
    one, two = np.searchsorted(rows, first), np.searchsorted(rows, second)
    image = vectors["image"][one].astype(np.float32)
    text, other = vectors["text"][one].astype(np.float32), vectors["text"][two].astype(np.float32)
    gaps = np.abs(np.einsum("ij,ij->i", image, text) - np.einsum("ij,ij->i", image, other))
    return np.einsum("ij,ij->i", text, other).astype(np.float64), gaps.astype(np.float64)


def _gather(
    chunks: Iterator[tuple[Rows, dict[str, Vectors]]], name: str, members: Rows
) -> tuple[Rows, NDArray[np.float16]]:
    """Return those of the rows that are members, ascending, shape (k,), and their vectors in half precision."""
    wanted = np.unique(members)
    rows, found = [np.zeros(0, dtype=np.int64)], []
    for here, vectors in chunks:
        is_wanted = wanted[np.minimum(np.searchsorted(wanted, here), len(wanted) - 1)] == here
        rows.append(here[is_wanted])
        found.append(vectors[name][is_wanted].astype(np.float16))
    return np.concatenate(rows), np.concatenate(found or [np.zeros((0, 0), dtype=np.float16)])


def _rate(image: Vectors, text: Vectors, others: Vectors, scale: ConflictScale) -> Floats:
    """Return the conflict of n captions with k others each, shape (n, k)."""
    likeness = np.einsum("nd,nkd->nk", text, others).astype(np.float64)
    own_fit = np.einsum("nd,nd->n", image, text).astype(np.float64)
    fits = np.einsum("nd,nkd->nk", image, others).astype(np.float64)
    return rate_conflict(likeness, fits - own_fit[:, None], scale)


def _worst(rated: Floats, is_other: NDArray[np.bool_], members: Rows) -> Rows:
    order = np.argsort(np.where(is_other, -rated, np.inf), axis=1, kind="stable")[:, :NUM_OTHERS]
    chosen = np.take_along_axis(members, order, axis=1)
    return _padded(np.where(np.take_along_axis(is_other, order, axis=1), chosen, -1))


def _first(rows: Rows, is_kept: NDArray[np.bool_]) -> Rows:
    order = np.argsort(~is_kept, axis=1, kind="stable")[:, :NUM_OTHERS]
    return _padded(np.where(np.take_along_axis(is_kept, order, axis=1), np.take_along_axis(rows, order, axis=1), -1))


def _padded(rows: Rows) -> Rows:
    return np.pad(rows, ((0, 0), (0, NUM_OTHERS - rows.shape[1])), constant_values=-1)


def _places(rows: Rows, members: Rows) -> Rows:
    """Return where each member's row stands in ``rows`` (ascending), -1 where it does not."""
    if not len(rows):
        return np.full(members.shape, -1, dtype=np.int64)
    places = np.minimum(np.searchsorted(rows, members), len(rows) - 1)
    return np.where((members >= 0) & (rows[places] == members), places, -1).astype(np.int64)


def _parts(rows: Rows, width: int) -> list[slice]:
    size = max(1, _CELLS // max(width, 1))
    return [slice(start, min(start + size, len(rows))) for start in range(0, len(rows), size)]
