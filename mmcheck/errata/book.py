"""Errata by what a row may be known by, cheap things first: its text and file name, then the bytes of its medium.

Hashing every file of a set would cost as much as a scan. A row whose text no erratum names, old or new, and whose file
name none names either, is not looked at, unless all media are asked for.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mmcheck.core.types import MediaRef
from mmcheck.errata.read import Erratum, MediumKey

_SAME_SECONDS = 0.01
"""Seconds by which equal segments may differ. Our own choice: times are written with two or three decimals."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidates:
    """What a row may have to do with."""

    by_text: tuple[int, ...]
    """Errata whose old or new text it has."""
    by_name: tuple[int, ...]
    """Errata whose medium had the file's name, or its length where that is known for nothing."""

    def __bool__(self) -> bool:
        """Return whether the medium is worth hashing."""
        return bool(self.by_text or self.by_name)


class ErrataBook:
    """Errata, ready to be looked up.

    Args:
        errata: In the order of the file; their places in it are their numbers here.
    """

    def __init__(self, errata: Sequence[Erratum]) -> None:
        self.errata = errata
        self._texts: dict[tuple[str, bytes], list[int]] = defaultdict(list)
        self._names: dict[tuple[str, str], list[int]] = defaultdict(list)
        self._sizes: dict[tuple[str, int], list[int]] = defaultdict(list)
        self._files: dict[tuple[str, bytes], list[int]] = defaultdict(list)
        self._sounds: dict[bytes, list[int]] = defaultdict(list)
        explained: dict[tuple[object, ...], set[bytes]] = defaultdict(set)
        for number, one in enumerate(errata):
            for digest in dict.fromkeys((one.old, *(() if one.new is None else (one.new,)))):
                self._texts[one.kind, digest].append(number)
            if one.name is not None:
                self._names[one.kind, one.name].append(number)
            if one.size is not None:
                self._sizes[one.kind, one.size].append(number)
            if one.medium.sha256 is not None:
                self._files[one.kind, one.medium.sha256].append(number)
            if one.medium.sound is not None:
                self._sounds[one.medium.sound].append(number)
            for place in _places(one):
                explained[place].update((one.old, *(() if one.new is None else (one.new,)), *one.others))
        self._explained = dict(explained)
        self.wanted_texts = frozenset(one.new for one in errata if one.new is not None and one.new_text is None)
        """Digests of new texts that have to be found in the set itself."""

    def candidates(self, kind: str, text: bytes, name: str | None, ref: MediaRef) -> Candidates:
        """Return the errata that a row may have to do with, by what costs nothing to know."""
        named = list(self._names.get((kind, name.lower()), ())) if name is not None else []
        if ref.size is not None:
            named += self._sizes.get((kind, ref.size), ())
        return Candidates(by_text=tuple(self._texts.get((kind, text), ())), by_name=tuple(dict.fromkeys(named)))

    def of_file(self, kind: str, digest: bytes, ref: MediaRef) -> list[int]:
        """Return the errata about the file with this digest, and the very segment and channel of it."""
        return [n for n in self._files.get((kind, digest), ()) if is_same_part(self.errata[n].medium, ref)]

    def of_sound(self, digest: bytes) -> list[int]:
        """Return the errata about a recording that sounds exactly so."""
        return list(self._sounds.get(digest, ()))

    def explains(self, number: int, text: bytes) -> bool:
        """Return whether a text is one that the erratum's medium has, or gets, by what all errata know of it."""
        return any(text in self._explained[place] for place in _places(self.errata[number]))


def is_same_part(key: MediumKey, ref: MediaRef) -> bool:
    """Return whether a reference names the segment and the channel that a key is of."""
    return (
        _is_same(key.start or 0.0, ref.start or 0.0)
        and (key.duration is None) == (ref.duration is None)
        and _is_same(key.duration or 0.0, ref.duration or 0.0)
        and key.channel == ref.channel
    )


def _is_same(one: float, other: float) -> bool:
    return abs(one - other) <= _SAME_SECONDS


def _places(one: Erratum) -> Iterable[tuple[object, ...]]:
    key = one.medium
    if key.sha256 is not None:
        yield one.kind, key.sha256, key.start, key.duration, key.channel
    if key.sound is not None:
        yield one.kind, key.sound
