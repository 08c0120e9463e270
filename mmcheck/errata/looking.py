"""What a row of somebody's copy has to do with the errata: which of them are about it, and how surely."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Literal

from mmcheck.core.errors import MediaError
from mmcheck.core.pair_kinds import PairKind
from mmcheck.core.types import MediaRef, Sample
from mmcheck.errata.book import Candidates, ErrataBook
from mmcheck.errata.media import Looks, MediaReader, look_alike

Match = Literal["bytes", "content", "looks"]
"""How alike a medium must be to be the same: the bytes of its file, its decoded sound too, or a picture's looks too."""


class Surety(IntEnum):
    """How a medium was known again; the surer one goes first."""

    LOOKS = 1
    CONTENT = 2
    BYTES = 3


_LEAST: dict[Match, Surety] = {"bytes": Surety.BYTES, "content": Surety.CONTENT, "looks": Surety.LOOKS}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """What was seen of one row."""

    old: tuple[int, ...] = ()
    """Errata whose medium and old text it has, of the surest kind that there is."""
    right: tuple[int, ...] = ()
    """Errata whose medium and new text it has."""
    other_text: tuple[int, ...] = ()
    """Errata whose medium it has, with a text that none of them knows."""
    known_text: tuple[int, ...] = ()
    """Errata whose medium it has, with another text that the medium is known to have."""
    other_media: tuple[tuple[int, str], ...] = ()
    """Errata whose old text it has on what seems to be their medium in another form, and what tells so."""

    def __bool__(self) -> bool:
        """Return whether it has to do with any of them."""
        return bool(self.old or self.right or self.other_text or self.known_text or self.other_media)


class Looker:
    """Looks at rows. Thread-safe.

    Args:
        book: The errata.
        reader: Reads media.
        match: How alike media must be.
    """

    def __init__(self, book: ErrataBook, reader: MediaReader, match: Match) -> None:
        self._book = book
        self._reader = reader
        self._least = _LEAST[match]

    def look(
        self, sample: Sample, kind: PairKind, ref: MediaRef, text: bytes, candidates: Candidates, *, closely: bool
    ) -> Sight:
        """Return what is seen of a row.

        Args:
            sample: The row.
            kind: Which of its pairs.
            ref: The medium of that pair.
            text: Digest of its text.
            candidates: What it may have to do with.
            closely: Whether a picture is decoded only to tell that it looks like one of the errata's.
        """
        errata = self._book.errata
        try:
            digest, _ = self._reader.digest(ref, sample.manifest)
        except MediaError as error:
            told = f"its medium cannot be read: {error.message}"
            named = [number for number in candidates.by_text if number in candidates.by_name]
            return Sight(other_media=tuple((number, told) for number in named if errata[number].old == text))
        found = dict.fromkeys(self._book.of_file(kind.name, digest, ref), Surety.BYTES)
        if not kind.is_seen and self._least <= Surety.CONTENT and self._may_sound(candidates, found):
            for number in self._by_sound(sample, ref):
                found.setdefault(number, Surety.CONTENT)
        others = [number for number in candidates.by_text if number not in found]
        looks_count = self._least <= Surety.LOOKS or closely
        alike = self._by_looks(sample, ref, others) if kind.is_seen and others and looks_count else []
        if self._least <= Surety.LOOKS:
            for number in alike:
                found.setdefault(number, Surety.LOOKS)
        right = {number: sure for number, sure in found.items() if errata[number].new == text}
        old = {number: sure for number, sure in found.items() if errata[number].old == text}
        best = max(old.values(), default=0)
        if right and max(right.values()) >= best:
            # What one erratum writes is not taken for wrong by a less sure one.
            old = {}
        sure = [number for number, how in found.items() if how >= Surety.CONTENT and number not in {*right, *old}]
        return Sight(
            old=tuple(number for number, how in old.items() if how == best),
            right=tuple(right),
            other_text=tuple(number for number in sure if not self._book.explains(number, text)),
            known_text=tuple(number for number in sure if self._book.explains(number, text)),
            other_media=tuple(self._elsewhere(text, candidates, others, alike, digest)),
        )

    def _may_sound(self, candidates: Candidates, found: dict[int, Surety]) -> bool:
        numbers = (*candidates.by_text, *candidates.by_name)
        return any(self._book.errata[number].medium.sound is not None and number not in found for number in numbers)

    def _by_sound(self, sample: Sample, ref: MediaRef) -> list[int]:
        try:
            return self._book.of_sound(self._reader.sound(replace(sample, audio=ref)))
        except MediaError:
            return []

    def _by_looks(self, sample: Sample, ref: MediaRef, numbers: list[int]) -> list[int]:
        known = {number: looks for number in numbers if (looks := self._book.errata[number].medium.looks) is not None}
        if not known:
            return []
        try:
            own: Looks = self._reader.looks(replace(sample, image=ref))
        except MediaError:
            return []
        return [number for number, looks in known.items() if look_alike(own, looks)]

    def _elsewhere(
        self,
        text: bytes,
        candidates: Candidates,
        others: list[int],
        alike: list[int],
        digest: bytes,
    ) -> list[tuple[int, str]]:
        if self._least <= Surety.LOOKS:
            others = [number for number in others if number not in alike]
        seen = []
        for number in others:
            one = self._book.errata[number]
            if one.old != text:
                continue
            if one.medium.sha256 == digest:
                seen.append((number, "it is another stretch or channel of the same recording"))
            elif number in alike:
                seen.append((number, "it looks the same, but its bytes differ (--match looks takes it)"))
            elif number in candidates.by_name:
                seen.append((number, "its file has the same name and text, but other bytes"))
        return seen
