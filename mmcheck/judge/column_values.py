"""Values of a manifest's columns, whatever their format made of them.

CSV has only texts, JSON has types, and people write the same thing in several ways. So a number may be a text, capitals
and blanks do not count where values are compared with a list, and what stands for "no value" is none.
"""

from __future__ import annotations

import json
import math
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from mmcheck.judge.columns import ABSENT

NO_VALUE = ("null", "nan", "n/a", "<na>", "#n/a")
"""Texts that stand for no value, in lower case: what pandas, spreadsheets and databases write. ``none`` and ``na`` are
not among them: "no edits" and Namibia are values."""
_NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?")
_LONGEST_NUMBER = 400  # characters of a text that is read as a number; our own choice: a float64 has at most 325 digits
_SHOWN = 60  # characters of a value that a sentence shows; our own choice: one line


def is_missing(value: Any) -> bool:
    """Return whether a column has no value here: absent, null, blank, NaN, an empty list, or a word for it."""
    if value is None or value is ABSENT:
        return True
    if isinstance(value, str):
        text = value.strip()
        return not text or (len(text) <= 5 and text.lower() in NO_VALUE)
    if isinstance(value, float):
        return math.isnan(value)
    if isinstance(value, Sequence | Mapping):
        return not value or (isinstance(value, Sequence) and all(is_missing(item) for item in value))
    return False


def items_of(value: Any) -> list[Any]:
    """Return the single values of a cell: those of a list, without what is none, or the value itself."""
    if isinstance(value, list | tuple):
        return [item for item in value if not is_missing(item)]
    return [value]


def is_single(value: Any) -> bool:
    """Return whether a value is a text, a number or a truth value."""
    return isinstance(value, str | int | float)


def find_number(value: Any) -> float | None:
    """Return a value as a finite number; None if it is none. A truth value is not a number."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    if isinstance(value, str):
        text = value.strip()
        if len(text) > _LONGEST_NUMBER or _NUMBER.fullmatch(text) is None:
            return None
        value = text
    try:
        number = float(value)
    except OverflowError:  # an integer beyond 1e308
        return None
    return number if math.isfinite(number) else None


def plain_text(value: Any) -> str:
    """Return a value as text: ``true``, ``7``, ``0.5``, a text without blanks around it, JSON for what is nested."""
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if isinstance(value, int | float):
        return str(value)
    return json.dumps(value, ensure_ascii=True, sort_keys=True, separators=(",", ":"), default=str)


def folded(value: Any) -> str:
    """Return a value's text as it is compared with a list: capitals, blanks and ways to write a letter do not count."""
    return " ".join(unicodedata.normalize("NFKC", plain_text(value)).casefold().split())


def shown(value: Any) -> str:
    """Return a value as a sentence shows it: texts in quotation marks, all of it on one short line."""
    text = " ".join(plain_text(value).split())
    text = "".join(character if character.isprintable() else "?" for character in text)
    text = text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."
    return f'"{text}"' if isinstance(value, str) else text


class ValueList:
    """Values of the config that those of a column are compared with.

    Args:
        values: Texts, numbers, truth values.
        match_case: Whether capitals and blanks count.
    """

    def __init__(self, values: Iterable[Any], *, match_case: bool) -> None:
        self.values = tuple(values)
        self._key = plain_text if match_case else folded
        self._texts = {self._key(value) for value in self.values}
        # A number in the config also means the ways in which a text may write it: 4, 4.0, 4e0.
        self._numbers = {
            number
            for value in self.values
            if not isinstance(value, str | bool) and (number := find_number(value)) is not None
        }

    def __contains__(self, value: object) -> bool:
        """Return whether a single value is one of them."""
        return self._key(value) in self._texts or (bool(self._numbers) and find_number(value) in self._numbers)
