"""Datasets with planted faults, drawn from a pool of encoded pairs.

Faults are planted on rows: a picture keeps its place and gets a caption that does not hold for it. Whether it holds is
computed from the scene, never guessed from the words, since a short caption of another picture is often true.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from scripts.benchmarks.quality_parts.pairs import TEXTS, Pool
from scripts.synthetic.captions import Claim, holds

Half = NDArray[np.float16]

STYLES = ("specific", "mixed")
_SOURCES = {"specific": "text", "mixed": "text_mixed"}
_TRIES = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """What a set is made of; shares are of all rows, 0 to 1."""

    size: int
    """Rows."""
    style: str = "specific"
    """One of STYLES: captions that say all, or captions of every length."""
    shuffled: float = 0.0
    """Rows that get the caption of another row, false for the picture."""
    attribute: float = 0.0
    """Rows whose caption has one attribute wrong."""
    vague: float = 0.0
    """Rows whose caption says nothing."""
    blur: float = 0.0
    """Length of the random vector added to each embedding, which makes a weaker model of the bundled one."""
    near: float = 0.0
    """Rows whose picture is a near-duplicate of another row's, with a true caption of other words; at most half."""


@dataclass(kw_only=True)
class Planted:
    """A set and the truth about it."""

    pool: Pool
    """Where pictures and captions come from."""
    picture: NDArray[np.int64]
    """Row of the pool whose scene each row shows, [n]."""
    is_near: NDArray[np.bool_]
    """Whether the row has the near-duplicate picture, [n]."""
    caption: NDArray[np.int64]
    """Row of the pool whose caption each row has, [n]."""
    kind: list[str]
    """Which caption of it: a name of TEXTS, n of them."""
    fault: NDArray[np.object_]
    """`""`, `shuffled`, `attribute`, `vague` or what a caller plants, [n]."""
    blur: float = 0.0
    """As in the recipe."""

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.picture)

    @property
    def image(self) -> Half:
        """Picture embeddings, [n, d]."""
        image = np.where(self.is_near[:, None], self.pool.near[self.picture], self.pool.image[self.picture])
        return _blurred(image, self.blur, [f"picture {row}" for row in self.picture])

    @property
    def text(self) -> Half:
        """Caption embeddings, [n, d]."""
        stacked = np.stack([self.pool.texts[name] for name in TEXTS])
        kinds = np.array([TEXTS.index(kind) for kind in self.kind])
        return _blurred(stacked[kinds, self.caption], self.blur, self.captions() if self.blur else [])

    @property
    def cosine(self) -> NDArray[np.float32]:
        """Cosine of each row's picture and caption, [n]."""
        image, text = self.image.astype(np.float32), self.text.astype(np.float32)
        product: NDArray[np.float32] = np.einsum("ij,ij->i", image, text)
        lengths = np.linalg.norm(image, axis=1) * np.linalg.norm(text, axis=1)
        return np.asarray(product / np.maximum(lengths, 1e-9), dtype=np.float32)

    def captions(self) -> list[str]:
        """Return the captions in words."""
        return [
            self.pool.told[row].captions[TEXTS.index(kind)] for row, kind in zip(self.caption, self.kind, strict=True)
        ]

    def claim(self, row: int) -> Claim:
        """Return what a row's caption says; a vague one says nothing."""
        told, kind = self.pool.told[self.caption[row]], self.kind[row]
        if kind == "text_vague":
            return Claim()
        claims: dict[str, Claim] = {"text_mixed": told.mixed, "text_attribute": told.wrong}
        return claims.get(kind, told.specific)

    def fits(self, row: int, other: int) -> bool:
        """Return whether the caption of row `other` is true of the picture of `row`."""
        return holds(self.claim(other), self.pool.told[self.picture[row]].scene)

    def take_captions(self, rows: Sequence[int], others: Sequence[int]) -> None:
        """Give each of the rows the caption that `others` have now."""
        captions, kinds = self.caption[list(others)].copy(), [self.kind[other] for other in others]
        for row, caption, kind in zip(rows, captions, kinds, strict=True):
            self.caption[row], self.kind[row] = caption, kind


def _blurred(vectors: Half, blur: float, keys: Sequence[str]) -> Half:
    """Return the vectors with noise of length `blur` that depends on the key alone, so that likes stay alike."""
    if not blur:
        return vectors
    width = vectors.shape[1]
    noise = np.stack([np.random.default_rng(crc32(key.encode())).standard_normal(width) for key in keys])
    noisy = vectors + noise * (blur / np.sqrt(width))
    return np.asarray(noisy / np.linalg.norm(noisy, axis=1, keepdims=True), dtype=np.float16)


def plant(pool: Pool, recipe: Recipe, rng: random.Random) -> Planted:
    """Return a set with faults planted at random rows.

    Args:
        pool: At least as many pictures as the set has rows.
        recipe: What to plant.
        rng: Source of chance.

    Raises:
        ValueError: The pool is too small.
    """
    if recipe.size > len(pool):
        raise ValueError(f"a set of {recipe.size} rows is wanted, but the pool has {len(pool)} pictures")
    size = recipe.size
    chosen = np.array(rng.sample(range(len(pool)), size), dtype=np.int64)
    planted = Planted(
        pool=pool,
        picture=chosen,
        is_near=np.zeros(size, dtype=bool),
        caption=chosen.copy(),
        kind=[_SOURCES[recipe.style]] * size,
        blur=recipe.blur,
        fault=np.full(size, "", dtype=object),
    )
    rows = list(range(size))
    rng.shuffle(rows)
    originals = rows[: size // 2]
    for original in originals[: round(recipe.near * size)]:
        copy = rows.pop()
        planted.picture[copy] = planted.caption[copy] = planted.picture[original]
        planted.is_near[copy], planted.kind[copy] = True, "text_other"
    rows = list(range(size))
    rng.shuffle(rows)
    for fault, kind in (("attribute", "text_attribute"), ("vague", "text_vague")):
        for _ in range(round(getattr(recipe, fault) * size)):
            row = rows.pop()
            planted.kind[row], planted.fault[row] = kind, fault
            planted.caption[row] = planted.picture[row]
    shuffle_rows(planted, rows[: round(recipe.shuffled * size)], rng)
    return planted


def shuffle_rows(planted: Planted, rows: Sequence[int], rng: random.Random) -> None:
    """Exchange the captions of the given rows so that none is true of its new picture; marks them `shuffled`.

    Where no exchange among them works (a single row, say) a row gets a copy of any other row's caption.
    """
    sources = list(rows)
    rng.shuffle(sources)
    for _ in range(20):
        bad = [at for at, (row, source) in enumerate(zip(rows, sources, strict=True)) if planted.fits(row, source)]
        if not bad:
            break
        for at in bad:
            for _ in range(_TRIES // 20):
                other = rng.randrange(len(rows))
                one, two = sources[at], sources[other]
                if not planted.fits(rows[at], two) and not planted.fits(rows[other], one):
                    sources[at], sources[other] = two, one
                    break
    for at, row in enumerate(rows):
        for _ in range(_TRIES):
            if not planted.fits(row, sources[at]):
                break
            sources[at] = rng.randrange(len(planted))
    planted.take_captions(rows, sources)
    planted.fault[list(rows)] = "shuffled"
