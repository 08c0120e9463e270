"""Which arrays, columns and files hold images' vectors and which captions', told by their names.

``l14_img`` and ``l14_txt``, ``image`` and ``text``, ``img_emb_0.npy`` and ``text_emb_0.npy``: two names make a pair if
they differ by the word for the half alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

_WORDS = (
    frozenset(("image", "images", "img", "imgs", "visual")),
    frozenset(("text", "texts", "txt", "caption", "captions")),
)
_PARTS = re.compile(r"[A-Za-z]+|\d+|[^A-Za-z\d]+")
_STRONGEST = ("l14", "b16", "b32")
"""Models of DataComp's and others' arrays, the better one first (ViT-L/14 before ViT-B/32 in every published table)."""
SCORES = (
    *("similarity", "clip_similarity", "clip_score", "clip_l14_similarity_score", "clip_b32_similarity_score"),
    *("clip_similarity_vitl14", "clip_similarity_vitb32"),
)
"""Columns of raw cosines: clip-retrieval's and LAION's, DataComp's, COYO's."""
CAPTIONS = ("caption", "captions", "text", "txt", "title")
"""Columns of the captions that lie beside vectors."""
KEYS = (
    *("uid", "__key__", "key", "id", "sample_id", "image_id", "url", "image_url", "image_path", "file_name"),
    *("filename", "filepath", "path", "sha256"),
)
"""Columns by which rows are known again, the surest first."""


def split_half(name: str) -> tuple[int, str] | None:
    """Return which half a name is of (0: image, 1: text) and what is left of it; None if it names none, or both."""
    parts = _PARTS.findall(name.lower())
    found = [(half, place) for half, words in enumerate(_WORDS) for place, part in enumerate(parts) if part in words]
    if len(found) != 1:
        return None
    half, place = found[0]
    return half, "".join("*" if number == place else part for number, part in enumerate(parts))


def pair_names(names: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Return the pairs among names, by what both have in common, the strongest model first.

    Where no two names have the rest in common, but there is one of each half alone, these two are the pair.
    """
    halves: tuple[dict[str, str], dict[str, str]] = ({}, {})
    for name in names:
        told = split_half(name)
        if told is not None:
            halves[told[0]].setdefault(told[1], name)
    pairs = {rest: (name, halves[1][rest]) for rest, name in halves[0].items() if rest in halves[1]}
    if not pairs and len(halves[0]) == len(halves[1]) == 1:
        (rest, image), text = next(iter(halves[0].items())), next(iter(halves[1].values()))
        pairs = {rest: (image, text)}
    return dict(sorted(pairs.items(), key=lambda item: (_strength(item[0]), natural(item[0]))))


def natural(name: str) -> list[tuple[int, int, str]]:
    """Return a key that sorts ``emb_2`` before ``emb_10``."""
    parts = _PARTS.findall(name)
    return [(0, int(part), "") if part.isdecimal() and part.isascii() else (1, 0, part) for part in parts]


def number_of(name: str) -> int | None:
    """Return the last number in a name; None if there is none."""
    numbers = re.findall(r"\d+", name)
    return int(numbers[-1]) if numbers else None


def _strength(rest: str) -> int:
    found: Sequence[int] = [place for place, model in enumerate(_STRONGEST) if model in rest]
    return min(found, default=len(_STRONGEST))
