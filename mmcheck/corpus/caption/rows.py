"""The figures of all captions of a run, some numbers a row, until what needs the whole set is known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from mmcheck.core.arrays import Floats
from mmcheck.corpus.base import ShardTables
from mmcheck.corpus.caption.background import PROBE, Background, NoBackground
from mmcheck.corpus.constants import EMPTY_WORDED, FOREIGN_FIT, LANGUAGE_MIN_PAIRS
from mmcheck.corpus.embeddings import half_keys, read_embeddings
from mmcheck.metrics.caption_vagueness import tells_pairs_apart


@dataclass(slots=True, kw_only=True)
class CaptionRows:
    """Arrays of shape (n,), NaN where there is no value."""

    vagueness: Floats
    """0 to 1."""
    entropy: Floats
    """Normalised."""
    spread: Floats
    """Relative to a specific caption's."""
    lexical: Floats
    """Lexical vagueness, repetition included."""
    num_fitting: Floats
    """Images of the set that fit about equally well."""
    unverifiable: Floats
    """0 to 1; ``add_languages`` adds the language's sign."""
    flat: Floats
    """Flatness of the distribution over the images, 0 to 1."""
    worded: Floats
    """Lexical vagueness without repetition."""
    own_z: Floats
    """How far the caption fits its own image better than others."""
    keys: NDArray[np.uint64]
    """Content keys of the pair, 0 where it has no embeddings."""
    language: NDArray[np.int32]
    """Number of the language in ``names``; -1 unknown."""
    picks: NDArray[np.int64]
    """Rows of the run whose images the caption fits about equally well, -1 where there are fewer, shape (n, 3)."""
    names: dict[str, int]
    """Language code -> number."""

    @classmethod
    def absent(cls, count: int) -> CaptionRows:
        """Return rows without any value."""
        return cls(
            **{name: np.full(count, np.nan) for name in _FLOATS},
            keys=np.zeros(count, dtype=np.uint64),
            language=np.full(count, -1, dtype=np.int32),
            picks=np.full((count, 3), -1, dtype=np.int64),
            names={},
        )

    @classmethod
    def join(cls, parts: Sequence[CaptionRows]) -> CaptionRows:
        """Return the rows of all parts, in order."""
        names: dict[str, int] = {}
        for part in parts:
            numbers = np.array([-1, *(names.setdefault(name, len(names)) for name in part.names)])
            part.language = numbers[part.language + 1].astype(np.int32)
        parts = [cls.absent(0), *parts]
        arrays = [field.name for field in fields(cls) if field.name != "names"]
        return cls(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in arrays}, names=names)

    def part(self, start: int, stop: int) -> CaptionRows:
        """Return the rows from ``start`` to before ``stop``."""
        cut = {field.name: getattr(self, field.name)[start:stop] for field in fields(self) if field.name != "names"}
        return CaptionRows(**cut, names=self.names)

    def set_languages(self, languages: Sequence[str | None]) -> None:
        """Number the rows' languages."""
        numbers = [-1 if code is None else self.names.setdefault(code, len(self.names)) for code in languages]
        self.language[:] = numbers

    def add_languages(self, foreign: Mapping[str, float]) -> None:
        """Take the captions of these languages for unverifiable, as surely as given.

        Args:
            foreign: Languages that the model does not know, as ``find_foreign_languages`` returns them.
        """
        sure = np.array([*(foreign.get(name, np.nan) for name in self.names), np.nan], dtype=np.float64)
        # A caption that says nothing in any language is vague, not foreign.
        sign = np.where(self.worded < EMPTY_WORDED, sure[self.language], np.nan)
        self.unverifiable = np.fmax(self.unverifiable, sign)

    def values(self) -> dict[str, Floats]:
        """Return the stored metrics by short name."""
        return {
            "vagueness": self.vagueness,
            "entropy": self.entropy,
            "spread": self.spread,
            "lexical_vagueness": self.lexical,
            "num_fitting_images": self.num_fitting,
            "unverifiable": self.unverifiable,
        }


_FLOATS = (
    "vagueness",
    "entropy",
    "spread",
    "lexical",
    "num_fitting",
    "unverifiable",
    "flat",
    "worded",
    "own_z",
)


def count_images(shards: Sequence[ShardTables], seed: int) -> int:
    """Return the number of different images in the run that have an embedding."""
    keys = [np.zeros(0, dtype=np.uint64)]
    for shard in shards:
        present, vectors = read_embeddings(shard, PROBE, ["image"])
        if present.any():
            keys.append(np.unique(half_keys(shard, PROBE, present, vectors, seed)["image"]))
    return len(np.unique(np.concatenate(keys)))


def find_foreign_languages(rows: CaptionRows, background: Background | NoBackground) -> dict[str, float]:
    """Return the languages whose captions the model does not tell apart, with how sure that is (0 to 1).

    A language counts where it has 20 different pairs or more, is not the set's most frequent one, and its pairs fit no
    better than random ones while those of the set do: captions that say nothing in any language are left out.
    """
    if isinstance(background, NoBackground) or not rows.names:
        return {}
    usable = (rows.keys != 0) & (rows.language >= 0) & (rows.worded < EMPTY_WORDED)
    places = np.flatnonzero(usable)
    distinct = places[np.unique(rows.keys[places], return_index=True)[1]]
    sizes = np.bincount(rows.language[distinct], minlength=len(rows.names))
    found: dict[str, float] = {}
    for name, number in sorted(rows.names.items()):
        own_z = rows.own_z[distinct[rows.language[distinct] == number]]
        if sizes[number] < LANGUAGE_MIN_PAIRS or sizes[number] == sizes.max() or tells_pairs_apart(own_z):
            continue
        upper = own_z.mean() + 2.0 * own_z.std(ddof=1) / np.sqrt(len(own_z))
        if upper < FOREIGN_FIT * background.mean_own_z:
            found[name] = float(np.clip(1.0 - own_z.mean() / background.mean_own_z, 0.0, 1.0))
    return found
