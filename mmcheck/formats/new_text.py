"""Rows that get another text: it is put where the old one stands, and nothing else of the row changes.

Formats whose texts stand in columns need nothing for it. One that keeps them elsewhere (in the turns of a chat, in the
block of a subtitle) has a method ``with_text``; None says that the row cannot take the text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol, runtime_checkable

from mmcheck.config import ColumnsConfig
from mmcheck.core.json_row import changed_row
from mmcheck.core.pair_kinds import TEXTS, PairKind
from mmcheck.core.types import Row, RowDict, Sample
from mmcheck.formats.base import Format
from mmcheck.formats.columns import RoleFinder

_FIELDS = (*TEXTS, "txt", "text")
"""Columns that may hold a text where no role names one."""
_NESTED = "json"
"""Column of a WebDataset row with the members of its ``.json``."""


@runtime_checkable
class RewritesTexts(Protocol):
    """A format that says itself how one of its rows gets another text."""

    def with_text(self, sample: Sample, kind: PairKind, text: str) -> Row | None:
        """Return the row of ``sample`` with ``text`` as its text of a kind; None if the row cannot take it.

        Args:
            sample: As the format read it.
            kind: Which of its texts.
            text: The new one.
        """
        ...


class TextReplacer:
    """Puts other texts into the rows of one format.

    Args:
        form: The format.
        columns: Columns that the config maps.
    """

    def __init__(self, form: Format, columns: ColumnsConfig) -> None:
        self._form = form
        self._columns = columns
        self._finders: dict[str, RoleFinder] = {}

    def replace(self, sample: Sample, kind: PairKind, text: str) -> Sample | None:
        """Return ``sample`` with another text of a kind, in its row too; None if no place of the row holds the old one.

        Args:
            sample: As the format read it.
            kind: Which of its texts.
            text: The new one.
        """
        if sample.problem is not None:
            return None
        if isinstance(self._form, RewritesTexts):
            row = self._form.with_text(sample, kind, text)
        else:
            row = _in_columns(dict(sample.row), kind, kind.text_of(sample), text, self._finder(sample))
        if row is None:
            return None
        changed: dict[str, Any] = {"row": changed_row(sample.row, dict(row)), kind.text: text}
        return replace(sample, **changed)

    def _finder(self, sample: Sample) -> RoleFinder:
        if sample.manifest not in self._finders:
            self._finders[sample.manifest] = RoleFinder(self._columns, examples=[sample.row])
        return self._finders[sample.manifest]


def changed_columns(before: Row, after: Row) -> tuple[str, ...]:
    """Return the columns of a row that hold another value than they did."""
    return tuple(name for name, value in after.items() if name not in before or value != before[name])


def put_text(row: Row, columns: Sequence[str], old: str | None, new: str) -> RowDict | None:
    """Return a row with a text in place of the old one; None if none of the columns holds the old one alone.

    Args:
        row: The row.
        columns: Where it may stand, the likeliest first.
        old: The text as it was read; white space around it stays.
        new: The text to put there.
    """
    for name in columns:
        value, fits = _replaced(row.get(name), old, new)
        if fits:
            return {**row, name: value}
    return None


def _in_columns(row: RowDict, kind: PairKind, old: str | None, new: str, finder: RoleFinder) -> RowDict | None:
    role = getattr(finder.roles(row), kind.text)
    nested = row.get(_NESTED) if isinstance(row.get(_NESTED), dict) else None
    # A label that happens to read like the caption is none: only the column that the text was read from counts.
    fields = (role,) if role is not None and row.get(role) is not None else _FIELDS
    changed = put_text(row, fields, old, new)
    if changed is not None:
        if nested is not None:
            # img2dataset repeats the caption in its JSON.
            names = dict.fromkeys((*changed_columns(row, changed), *_FIELDS))
            copies = {name: new for name in names if _is_copy(nested.get(name), old)}
            changed[_NESTED] = {**nested, **copies}
        return changed
    if nested is not None:
        inner = _in_columns(dict(nested), kind, old, new, finder)
        return None if inner is None else {**row, _NESTED: inner}
    return {**row, role: new} if old is None and role else None


def _replaced(value: Any, old: str | None, new: str) -> tuple[Any, bool]:
    if isinstance(value, list) and len(value) == 1:
        inner, fits = _replaced(value[0], old, new)
        return [inner] if fits else value, fits
    if old is None:
        return value, False
    if isinstance(value, str) and value.strip() == old.strip():
        if value == old:
            return new, True
        # Line ends of a text file and the blanks of a list belong to these, not to the text.
        lead, trail = len(value) - len(value.lstrip()), len(value.rstrip())
        return f"{value[:lead]}{new}{value[trail:]}" if value.strip() else new, True
    if isinstance(value, int | float) and not isinstance(value, bool) and str(value) == old:
        return new, True
    return value, False


def _is_copy(value: object, old: str | None) -> bool:
    """Return whether a value is the old text itself; one that merely reads alike may be a label."""
    return isinstance(value, str) and old is not None and value.strip("\r\n") == old.strip("\r\n")


def only_mapping(value: object) -> dict[str, Any] | None:
    """Return the one object of a list that holds nothing else, as a copy; None if it holds anything else."""
    if isinstance(value, list) and len(value) == 1 and isinstance(value[0], Mapping):
        return dict(value[0])
    return None
