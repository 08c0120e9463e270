"""Faults planted into captions as LEMoN plants them (Zhang et al., ICML 2025, arXiv 2407.18941).

What is planted is whose caption a row gets.

`random`: any other row's; `category`: one whose image shows an object of the same class (COCO); `noun`: one that shares
a noun. LEMoN finds nouns with a tagger; here a noun is the last word of a phrase that begins with an article, a number
or a possessive, so that no model is needed. Rows that get an equal caption, or one that ECCV Caption lists as a right
one of the image, are no faults.
"""

from __future__ import annotations

import random
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

KINDS = ("random", "category", "noun")
SHARE = 0.4
"""Share of the rows, as in LEMoN's main tables."""

_WORD = re.compile(r"[a-z']+")
_OPENING = frozenset("a an the his her its their some two three four five six several many this that".split())
_ENDING = frozenset(
    "and or of in on at with to by for from near next beside behind under over above below is are was were be being "
    "been has have who which that while as into onto through across along around down up off out".split()
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptionedImage:
    """An image of a split with one of its captions."""

    file: str
    """Name of the picture in the archive."""
    image_id: int
    caption_id: int
    caption: str
    classes: tuple[int, ...] = ()
    """Classes of the objects in it, where the set has them."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Noise:
    """Whose caption each row has, and which rows are faulty by that."""

    source: NDArray[np.int64]
    faulty: NDArray[np.bool_]


def plant(
    rows: Sequence[CaptionedImage],
    kind: str,
    seed: int,
    *,
    share: float = SHARE,
    positives: Mapping[int, Collection[int]] | None = None,
) -> Noise:
    """Return planted faults.

    Args:
        rows: The set.
        kind: One of `KINDS`.
        seed: Each gives its own faults.
        share: Share of the rows that get another caption.
        positives: Image id -> ids of captions that are right for it too (ECCV Caption).
    """
    rng = random.Random(f"online-{kind}-{seed}")
    groups = _groups(rows, kind)
    by_key: dict[object, list[int]] = {}
    for row, keys in enumerate(groups):
        for key in keys:
            by_key.setdefault(key, []).append(row)
    candidates = [row for row, keys in enumerate(groups) if keys]
    source = np.arange(len(rows), dtype=np.int64)
    for row in rng.sample(candidates, min(len(candidates), int(share * len(rows)))):
        others = [other for other in by_key[rng.choice(groups[row])] if other != row]
        if others:
            source[row] = rng.choice(others)
    right = positives or {}
    faulty = np.array(
        [
            rows[other].caption != rows[row].caption and rows[other].caption_id not in right.get(rows[row].image_id, ())
            for row, other in enumerate(source.tolist())
        ],
        dtype=bool,
    )
    return Noise(source=source, faulty=faulty)


def _groups(rows: Sequence[CaptionedImage], kind: str) -> list[list[object]]:
    if kind == "random":
        return [[0] for _ in rows]
    if kind == "category":
        return [list(row.classes) for row in rows]
    return [list(nouns(row.caption)) for row in rows]


def nouns(caption: str) -> tuple[str, ...]:
    """Return the nouns of a caption, as told above, each once."""
    found: dict[str, None] = {}
    phrase: list[str] | None = None
    for word in [*_WORD.findall(caption.lower()), "and"]:
        ends = word in _OPENING or word in _ENDING or word.endswith("ing")
        if ends and phrase:
            found[phrase[-1]] = None
        if word in _OPENING:
            phrase = []
        elif ends:
            phrase = None
        elif phrase is not None:
            phrase.append(word)
    return tuple(found)
