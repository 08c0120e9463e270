"""What was located, opened: the vectors of both halves, scores, and the columns by which rows are matched.

Shapes are checked here: counts that differ are told with both numbers and both files.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mmcheck.config.embeddings import BY_ORDER, EmbeddingsConfig
from mmcheck.core.arrays import Keys
from mmcheck.core.errors import UserError
from mmcheck.vectors.arrays import Stacked, StoredArray, read_npy, read_npz
from mmcheck.vectors.columns import (
    array_hashes,
    array_numbers,
    copy_vectors,
    is_key_type,
    is_number_type,
    is_vector_type,
    open_table,
    store_flat,
    table_hashes,
    table_numbers,
)
from mmcheck.vectors.locate import Located, VectorPart
from mmcheck.vectors.names import CAPTIONS, KEYS, SCORES, pair_names, split_half

_MAX_NAMED = 12  # names that a message lists; our own choice: a message stays readable


@dataclass(frozen=True, slots=True)
class _Opened:
    """One part: what of it is where."""

    num_rows: int
    vectors: dict[str, StoredArray | Path]
    """Name -> array of shape (n, d), or the table that has it as a column."""
    numbers: dict[str, StoredArray | Path]
    texts: dict[str, StoredArray | Path]
    other: tuple[str, ...] = ()
    """Arrays that are none of these, as messages name them: "image (int8, 100 x 512)"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VectorSource:
    """Vectors and scores of all parts, in their order."""

    num_rows: int
    """Rows in all."""
    halves: tuple[Stacked, Stacked] | None
    """The images' and the captions' vectors; None if there are only scores."""
    names: tuple[str, ...]
    """What was chosen: names of the arrays or columns."""
    score: NDArray[np.float64] | None
    """Raw cosines, NaN where unknown, shape (n,)."""
    keys: tuple[str, ...]
    """Columns by which rows can be matched, the surest first."""
    notes: tuple[str, ...]
    """What was chosen of several."""
    _parts: Sequence[_Opened] = field(repr=False)
    _scratch: Path = field(repr=False)

    @property
    def size(self) -> int | None:
        """Return the length of a vector."""
        return None if self.halves is None else self.halves[0].arrays[0].shape[1]

    @property
    def captions(self) -> str | None:
        """Return the column of captions, if there is one."""
        return next((name for name in CAPTIONS if all(name in part.texts for part in self._parts)), None)

    def hashes(self, name: str) -> Keys:
        """Return the hashes of a column of keys or captions, mapped, shape (n,)."""
        blocks = (block for part in self._parts for block in _hashes(part.texts[name], name))
        place = self._scratch / f"hashes-{list(self._parts[0].texts).index(name)}.npy"
        return store_flat(blocks, self.num_rows, place, np.uint64).astype(np.uint64, copy=False)


def open_source(located: Located, options: EmbeddingsConfig, scratch: Path) -> VectorSource:
    """Return the vectors that were located.

    Args:
        located: Where they lie.
        options: Section ``input.embeddings`` of the config.
        scratch: A folder for what must be unpacked.

    Raises:
        UserError: If arrays are missing, ambiguous, of unlike shapes, or their counts differ.
    """
    parts = [_open(part, scratch) for part in located.parts]
    names, notes = _choose(parts, located, options)
    halves: tuple[Stacked, Stacked] | None = None
    if names:
        first, second = (
            Stacked([_array(part, name, scratch / f"{half}-{number}.npy") for number, part in enumerate(parts)])
            for half, name in enumerate(names)
        )
        halves = (first, second)
        _check_sizes(halves)
    score = _score_name(parts, located, options, has_vectors=halves is not None)
    if halves is None and score is None:
        raise _nothing(parts, located)
    num_rows = sum(part.num_rows for part in parts)
    scores: NDArray[np.float64] | None = None
    if score is not None:
        blocks = (block for part in parts for block in _numbers(part.numbers[score], score))
        scores = store_flat(blocks, num_rows, scratch / "scores.npy", np.float64).astype(np.float64, copy=False)
    present = [name for name in KEYS if all(name in part.texts for part in parts)]
    if options.key == BY_ORDER:
        present = []
    elif options.key is not None:
        if not all(options.key in part.texts for part in parts):
            listed = _listed(itertools.chain.from_iterable(part.texts for part in parts))
            raise UserError(
                f"input.embeddings.key is {options.key!r}, which does not lie beside the vectors in "
                f"{located.files[0]}.",
                hint=f"columns of keys there: {listed}.",
            )
        present = [options.key]
    return VectorSource(
        num_rows=num_rows,
        halves=halves,
        names=(*names, *([score] if score else [])),
        score=scores,
        keys=tuple(present),
        notes=tuple(notes),
        _parts=parts,
        _scratch=scratch,
    )


def _open(part: VectorPart, scratch: Path) -> _Opened:
    counts: dict[str, int] = {}
    vectors: dict[str, StoredArray | Path] = {}
    numbers: dict[str, StoredArray | Path] = {}
    texts: dict[str, StoredArray | Path] = {}
    if part.table is not None:
        with open_table(part.table) as table:
            counts[str(part.table)] = table.metadata.num_rows
            for column in table.schema_arrow:
                if is_vector_type(column.type):
                    vectors[column.name] = part.table
                elif is_key_type(column.type):
                    texts[column.name] = part.table
                elif is_number_type(column.type):
                    numbers[column.name] = part.table
    arrays: dict[str, StoredArray] = {}
    if part.archive is not None:
        arrays = read_npz(part.archive, scratch)
    elif part.pair is not None:
        arrays = dict(zip(("image", "text"), map(read_npy, part.pair), strict=True))
        for array in arrays.values():
            _require_matrix(array)
        vectors.clear()
    for name, array in arrays.items():
        if array.is_matrix:
            vectors[name] = array
        elif len(array.shape) == 1 and array.dtype.kind in "USiu":
            texts.setdefault(name, array)
        elif len(array.shape) == 1 and array.dtype.kind == "f":
            numbers.setdefault(name, array)
    counts |= {
        str(array): len(array) for name, array in arrays.items() if array.is_matrix or name in (*KEYS, *CAPTIONS)
    }
    _check_counts(counts)
    known = {*vectors, *numbers, *texts}
    other = tuple(
        f"{name} ({array.dtype}, {' x '.join(map(str, array.shape))})"
        for name, array in arrays.items()
        if name not in known
    )
    return _Opened(next(iter(counts.values()), 0), vectors, numbers, texts, other)


def _require_matrix(array: StoredArray) -> None:
    if not array.is_matrix:
        raise UserError(
            f"{array} holds no vectors: its shape is {array.shape} and its type {array.dtype}.",
            hint="vectors are an array of shape (rows, numbers) of float16, float32 or float64.",
        )


def _check_counts(counts: dict[str, int]) -> None:
    if len(set(counts.values())) > 1:
        (one, first), (other, second) = next(
            pair for pair in itertools.combinations(counts.items(), 2) if pair[0][1] != pair[1][1]
        )
        raise UserError(
            f"{one} has {first:,} rows and {other} has {second:,}: they do not belong together.",
            hint="was one of them written in part, or made of another set?",
        )


def _choose(
    parts: Sequence[_Opened], located: Located, options: EmbeddingsConfig
) -> tuple[tuple[str, str] | tuple[()], list[str]]:
    """Return the names of the images' and the captions' vectors, and what is to be told of the choice."""
    common = [name for name in parts[0].vectors if all(name in part.vectors for part in parts)]
    pairs = list(pair_names(common).values())
    named = (options.image, options.text)
    for option, name in zip(("image", "text"), named, strict=True):
        if name is not None and name not in common:
            raise UserError(
                f"input.embeddings.{option} is {name!r}, and {located.files[0]} holds no such vectors.",
                hint=f"it holds: {_listed(common)}.",
            )
    if named[0] is not None and named[1] is not None:
        return (named[0], named[1]), []
    fitting = [pair for pair in pairs if all(name in (None, own) for name, own in zip(named, pair, strict=True))]
    if not fitting:
        halves = [split_half(name) for name in common]
        if common and all(half is not None and half[0] == 0 for half in halves) and options.score is None:
            raise UserError(
                f"{located.files[0]} holds vectors of images alone ({_listed(common)}); captions' vectors are needed "
                "too.",
                hint="write them beside these: np.savez(FILE, image=..., text=...).",
            )
        if common and options.score is None:
            raise UserError(
                f"of the arrays of {located.files[0]} ({_listed(common)}) it is unclear which are of images and which "
                "of captions.",
                hint="name them: --set input.embeddings.image=NAME --set input.embeddings.text=NAME.",
            )
        return (), []
    notes = []
    if len(fitting) > 1:
        others = ", ".join(" and ".join(pair) for pair in fitting[1:4])
        notes.append(
            f"of several vectors, {fitting[0][0]} and {fitting[0][1]} are used (also there: {others}). "
            "Hint: input.embeddings.image and input.embeddings.text choose others."
        )
    return fitting[0], notes


def _score_name(
    parts: Sequence[_Opened], located: Located, options: EmbeddingsConfig, *, has_vectors: bool
) -> str | None:
    common = [name for name in parts[0].numbers if all(name in part.numbers for part in parts)]
    if options.score is not None:
        # A score that does not lie beside the vectors may be a column of the manifest.
        return options.score if options.score in common else None
    return None if has_vectors else next((name for name in SCORES if name in common), None)


def _nothing(parts: Sequence[_Opened], located: Located) -> UserError:
    there = _listed([*parts[0].vectors, *parts[0].numbers, *parts[0].texts, *parts[0].other])
    return UserError(
        f"{located.files[0]} holds neither vectors of images and captions nor their scores; it holds: {there}.",
        hint="name them: --set input.embeddings.image=NAME --set input.embeddings.text=NAME (or "
        "input.embeddings.score=NAME). Vectors are arrays of shape (rows, numbers) of float16, float32 or float64.",
    )


def _check_sizes(halves: tuple[Stacked, Stacked]) -> None:
    first = halves[0].arrays[0]
    for array in (*halves[0].arrays, *halves[1].arrays):
        if array.shape[1] != first.shape[1]:
            raise UserError(
                f"{first} has vectors of {first.shape[1]:,} numbers and {array} of {array.shape[1]:,}: they are not of "
                "one model.",
                hint="make images' and captions' vectors with the same model.",
            )
        if not array.shape[1]:
            raise UserError(f"{array} has vectors without a single number.")


def _array(part: _Opened, name: str, place: Path) -> StoredArray:
    found = part.vectors[name]
    return found if isinstance(found, StoredArray) else copy_vectors(found, name, part.num_rows, place)


def _hashes(found: StoredArray | Path, name: str) -> Iterator[Keys]:
    return array_hashes(found) if isinstance(found, StoredArray) else table_hashes(found, name)


def _numbers(found: StoredArray | Path, name: str) -> Iterator[NDArray[np.float64]]:
    return array_numbers(found) if isinstance(found, StoredArray) else table_numbers(found, name)


def _listed(names: Iterable[str]) -> str:
    found = list(dict.fromkeys(names))
    return (", ".join(found[:_MAX_NAMED]) + (" ..." if len(found) > _MAX_NAMED else "")) or "none"
