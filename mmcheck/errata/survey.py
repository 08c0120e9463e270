"""The rows of somebody's copy, looked through once: which errata are about which rows, and what is to be done."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from typing import NamedTuple

from mmcheck.core.pair_kinds import KIND_OF, PAIR_KINDS, PairKind
from mmcheck.core.progress import Progress
from mmcheck.core.types import MediaRef, Sample
from mmcheck.errata.book import Candidates, ErrataBook
from mmcheck.errata.looking import Looker, Sight
from mmcheck.errata.media import medium_name
from mmcheck.errata.record import text_digest
from mmcheck.errata.status import Status

_AT_ONCE = 1024  # rows looked at in one go; our own choice: bounds memory
_THREADS = min(8, os.cpu_count() or 1)  # that read media; our own choice: disks take several readers
_LOOKED_AT = 64
"""Rows of one text whose pictures are decoded for a hint alone. Our own choice: "photo" may stand under a million."""
_EXAMPLES = 5  # rows that are remembered of what is not done for an erratum; our own choice: a line stays readable


class RowPlace(NamedTuple):
    """A row of the copy."""

    input: int
    """Number of its manifest."""
    ordinal: int
    """0-based number of the sample in it."""
    manifest: str
    row_number: int
    id: str
    kind: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What is done to one sample."""

    erratum: int
    kind: PairKind
    old: bytes
    """Digest of the text that it has, by which it is known again."""
    new_text: str | None
    """None: it is removed."""


@dataclass(slots=True)
class Findings:
    """The rows that one erratum has to do with."""

    old: list[RowPlace] = field(default_factory=list)
    right: int = 0
    known: int = 0
    other_text: list[RowPlace] = field(default_factory=list)
    other_media: list[tuple[RowPlace, str]] = field(default_factory=list)
    ambiguous: list[RowPlace] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one erratum."""

    status: Status
    rows: tuple[RowPlace, ...] = ()
    """Rows that were changed; where none was, some that it might have been about."""
    count: int = 0
    """Rows that were changed."""
    why: str = ""


Samples = Iterator[tuple[int, Sample]]
"""Samples with the number of their manifest, in order."""
Changes = Mapping[int, Mapping[int, tuple[Change, ...]]]
"""Number of a manifest -> number of a sample in it -> what is done to it."""


class Survey:
    """Looks through a copy.

    Args:
        book: The errata.
        looker: Looks at single rows.
        every_medium: Whether media are hashed that no text, name or length speaks for.
    """

    def __init__(self, book: ErrataBook, looker: Looker, *, every_medium: bool) -> None:
        self._book = book
        self._looker = looker
        self._every_medium = every_medium
        self._found: dict[int, Findings] = defaultdict(Findings)
        self._texts: dict[bytes, str] = {}
        self._with_text: Counter[tuple[str, bytes]] = Counter()
        self.hashed = 0
        """Media that were looked at."""
        self.rows: dict[int, int] = defaultdict(int)
        """Number of a manifest -> its samples."""

    def look_through(self, samples: Samples, progress: Progress) -> None:
        """Look at all rows, in their order.

        Raises:
            ManifestError: If a manifest cannot be read.
        """
        progress.phase("looking for the errata's rows", None)
        with ThreadPoolExecutor(_THREADS, thread_name_prefix="media") as pool:
            while chunk := list(islice(samples, _AT_ONCE)):
                tasks = [task for number, sample in chunk for task in self._tasks(number, sample)]
                self.hashed += len(tasks)
                for task, sight in zip(tasks, pool.map(self._look, tasks), strict=True):
                    self._note(task, sight)
                progress.advance(len(chunk))

    def settle(self) -> tuple[dict[int, dict[int, tuple[Change, ...]]], list[Outcome]]:
        """Return what is to be done, and what becomes of each erratum."""
        changes: dict[int, dict[int, tuple[Change, ...]]] = defaultdict(dict)
        outcomes = []
        for number in range(len(self._book.errata)):
            outcome, rows, new_text = self._settle(number)
            outcomes.append(outcome)
            for row in rows:
                change = Change(
                    erratum=number, kind=KIND_OF[row.kind], old=self._book.errata[number].old, new_text=new_text
                )
                changes[row.input][row.ordinal] = (*changes[row.input].get(row.ordinal, ()), change)
        return changes, outcomes

    def _tasks(self, number: int, sample: Sample) -> Iterator[_Task]:
        ordinal = self.rows[number]
        self.rows[number] += 1
        if sample.problem is not None:
            return
        for kind in PAIR_KINDS:
            ref, text = kind.medium_of(sample), kind.text_of(sample)
            if ref is None:
                continue
            digest = text_digest(text)
            if text and digest in self._book.wanted_texts:
                self._texts.setdefault(digest, text)
            candidates = self._book.candidates(kind.name, digest, medium_name(sample, ref), ref)
            if candidates or self._every_medium:
                place = RowPlace(number, ordinal, sample.manifest, sample.row_number, sample.id, kind.name, text or "")
                self._with_text[kind.name, digest] += 1
                closely = self._with_text[kind.name, digest] <= _LOOKED_AT
                yield _Task(sample, kind, ref, digest, candidates, place, closely)

    def _look(self, task: _Task) -> Sight:
        return self._looker.look(task.sample, task.kind, task.ref, task.text, task.candidates, closely=task.closely)

    def _note(self, task: _Task, sight: Sight) -> None:
        errata = self._book.errata
        meant = {(errata[n].action, errata[n].new, errata[n].keep_copies) for n in sight.old}
        for number in sight.old if len(meant) > 1 else ():
            _add(self._found[number].ambiguous, task.place)
        if len(meant) == 1:
            # Several may say the same: by the file and by its sound.
            self._found[sight.old[0]].old.append(task.place)
            for number in sight.old[1:]:
                self._found[number].right += 1
        for number in sight.right:
            self._found[number].right += 1
        for number in sight.known_text:
            self._found[number].known += 1
        for number in sight.other_text:
            _add(self._found[number].other_text, task.place)
        for number, told in sight.other_media:
            if len(self._found[number].other_media) < _EXAMPLES:
                self._found[number].other_media.append((task.place, told))

    def _settle(self, number: int) -> tuple[Outcome, Sequence[RowPlace], str | None]:
        one = self._book.errata[number]
        found = self._found.get(number)
        if found is None:
            return Outcome(status=Status.NOT_FOUND), (), None
        if found.ambiguous:
            told = "several errata say different things about it"
            return Outcome(status=Status.AMBIGUOUS, rows=tuple(found.ambiguous), why=told), (), None
        rows = found.old[one.keep_copies :]
        if rows:
            new_text = one.new_text
            if one.new is not None and new_text is None:
                new_text = self._texts.get(one.new)
                if new_text is None:
                    told = "its right text is left out of the errata, and no row here has it"
                    return Outcome(status=Status.NO_TEXT, rows=tuple(rows[:_EXAMPLES]), why=told), (), None
            return Outcome(status=Status.APPLIED, rows=tuple(rows), count=len(rows)), rows, new_text
        if found.old or found.right or (found.known and one.action == "remove" and not found.other_text):
            return Outcome(status=Status.ALREADY_RIGHT), (), None
        if found.other_text:
            told = "its medium is here, with another text"
            return Outcome(status=Status.TEXT_DIFFERS, rows=tuple(found.other_text), why=told), (), None
        if found.other_media:
            places = tuple(place for place, _ in found.other_media)
            return Outcome(status=Status.MEDIA_DIFFERS, rows=places, why=found.other_media[0][1]), (), None
        return Outcome(status=Status.NOT_FOUND), (), None


@dataclass(frozen=True, slots=True)
class _Task:
    sample: Sample
    kind: PairKind
    ref: MediaRef
    text: bytes
    candidates: Candidates
    place: RowPlace
    closely: bool


def _add(rows: list[RowPlace], place: RowPlace) -> None:
    if len(rows) < _EXAMPLES:
        rows.append(place)
