"""One pair as the review shows it: its texts whole, and beside it what helps to decide."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from mmcheck.core.pair_kinds import KIND_OF, PAIR_KINDS
from mmcheck.core.types import Sample
from mmcheck.people.content import find_content_keys
from mmcheck.report.shown_rows import ShownRow, read_shown, related_ids, show_row
from mmcheck.report.shown_text import ShownText, show_plain, show_text
from mmcheck.review.exam import Planted
from mmcheck.review.run_columns import RunColumns
from mmcheck.store.run_folder import RunFolder
from mmcheck.store.stored_rows import StoredRow, read_rows

_WHOLE = 20_000  # characters of a text that the page shows; our own choice: longer ones are no captions
_ASIDE = 240  # characters of a text beside it; our own choice: three lines
_AROUND = 2  # rows before and behind it whose texts are shown; our own choice: a shift by one or two is seen


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownPair:
    """One text of the row, with the medium that it belongs to."""

    kind: str
    """``image``, ``audio``."""
    noun: str
    """``caption``, ``transcript``."""
    has_medium: bool
    text: ShownText | None
    """The text; None if the row has none."""
    raw: str
    """The text as it is edited."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Aside:
    """Another row, small."""

    row: int
    """0-based number in the run."""
    where: str
    """``manifest:row``."""
    text: ShownText | None
    has_image: bool
    has_audio: bool
    is_own: bool = False
    """Whether it is the row itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownItem:
    """One pair with everything the page shows of it."""

    row: ShownRow
    """Scores, findings, diff."""
    pairs: tuple[ShownPair, ...]
    around: tuple[Aside, ...]
    """The rows before and behind it, with itself; empty where hidden."""
    related: tuple[tuple[str, tuple[Aside, ...]], ...]
    """Title -> other rows that the findings speak of; empty where hidden."""
    codes: tuple[str, ...]
    """Codes of its findings."""


def show_item(run: RunFolder, columns: RunColumns, row: int, planted: Planted | None, *, blind: bool) -> ShownItem:
    """Return a pair as the page shows it.

    Args:
        run: A judged run.
        columns: Its ids.
        row: 0-based number in the run.
        planted: What is planted there; None: nothing.
        blind: Whether what the program found is hidden; it is then not read either.

    Raises:
        RunError: If a part of the run folder is missing or damaged.
    """
    stored = read_rows(run, [row], {})[row] if blind else read_shown(run, [row])[row]
    content = "" if planted is not None else find_content_keys(run, [row])[row]
    if planted is not None and planted.text_of != row:
        kind = KIND_OF[planted.kind]
        other = read_rows(run, [planted.text_of], {})[planted.text_of]
        texts: dict[str, Any] = {kind.text: kind.text_of(other.sample)}
        stored = replace(stored, sample=replace(stored.sample, **texts))
    return ShownItem(
        row=show_row(stored, None, None, run.metrics(), content),
        pairs=tuple(_pairs(stored.sample)),
        around=() if blind else _around(run, row),
        related=() if blind else _related(run, columns, stored),
        codes=tuple(dict.fromkeys(stored.verdict["codes"] or ())),
    )


def show_asides(run: RunFolder, rows: list[int], own: int | None = None) -> list[Aside]:
    """Return rows small, in the order given.

    Raises:
        RunError: If a part of the run folder is missing or damaged.
    """
    stored = read_rows(run, rows, {})
    return [_aside(row, stored[row].sample, row == own) for row in rows]


def _pairs(sample: Sample) -> list[ShownPair]:
    found = []
    for kind in PAIR_KINDS:
        text, has_medium = kind.text_of(sample), kind.medium_of(sample) is not None
        if text is None and not has_medium:
            continue
        shown = None if text is None else show_text(text, _WHOLE)
        found.append(ShownPair(kind=kind.name, noun=kind.text_noun, has_medium=has_medium, text=shown, raw=text or ""))
    return found


def _around(run: RunFolder, row: int) -> tuple[Aside, ...]:
    near = range(max(0, row - _AROUND), min(run.record.rows, row + _AROUND + 1))
    stored = read_rows(run, list(near), {})
    manifest = stored[row].sample.manifest
    same = [one for one in near if stored[one].sample.manifest == manifest]
    return tuple(_aside(one, stored[one].sample, one == row) for one in same) if len(same) > 1 else ()


def _related(run: RunFolder, columns: RunColumns, stored: StoredRow) -> tuple[tuple[str, tuple[Aside, ...]], ...]:
    wanted = related_ids(stored)
    numbers = columns.find(list({name for _, names in wanted for name in names}))
    groups = []
    for title, names in wanted:
        rows = [numbers[name] for name in names if name in numbers]
        if rows:
            groups.append((title, tuple(show_asides(run, rows))))
    return tuple(groups)


def _aside(row: int, sample: Sample, is_own: bool) -> Aside:
    text = next((text for kind in PAIR_KINDS if (text := kind.text_of(sample)) is not None), None)
    name = sample.manifest.rstrip("/").rsplit("/", 1)[-1]
    return Aside(
        row=row,
        where=f"{show_plain(name, 60)}:{sample.row_number}",
        text=None if text is None else show_text(text, _ASIDE),
        has_image=sample.image is not None,
        has_audio=sample.audio is not None,
        is_own=is_own,
    )
