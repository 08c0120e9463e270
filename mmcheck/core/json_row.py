"""Rows of JSON that keep the text they were read from, so that they come back to the digit.

No parser of Python gives every text back: ``1.10`` becomes ``1.1``, ``1e5`` becomes ``100000.0``, an integer of more
than 64 bits becomes a float in the fast ones. So the text stays with the values, and what is written is that text with
only the changed members replaced and the new ones appended.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any

import orjson

from mmcheck.core.types import Row, RowDict

MAX_DEPTH = 500
"""Levels; a row that is nested deeper counts as broken. Our own choice: the parsers give up soon after (orjson at
1,024 levels)."""

_LONG_NUMBER = re.compile(r"(?<![\d.])\d{18,}(?![\d.eE])")
_TOKENS = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]', re.DOTALL)
_BRACKETS = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\]]', re.DOTALL)


class JsonRow(RowDict):
    """The members of a JSON object beside the text of it.

    It is meant not to be changed; ``dict(row)`` gives a plain copy.

    Args:
        values: The members.
        text: One JSON object, without white space around it.
    """

    __slots__ = ("text",)

    def __init__(self, values: Row, text: str) -> None:
        super().__init__(values)
        self.text = text


def load_json(text: str) -> Any:
    """Return the value of a JSON text; integers of any size are exact, NaN and Infinity are understood.

    Raises:
        ValueError: If it is no JSON.
    """
    # orjson is several times faster, but it makes a float of an integer beyond 64 bits.
    if _LONG_NUMBER.search(text) is None:
        try:
            return orjson.loads(text)
        except orjson.JSONDecodeError:
            pass
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        raise
    except RecursionError as error:
        raise ValueError("it is nested too deep") from error
    except ValueError:
        # Python refuses to make integers of more than 4,300 digits (CVE-2020-10735); nobody counts with those.
        return json.loads(text, parse_int=lenient_int)


def load_row(text: str) -> JsonRow:
    """Return the row of a stored JSON text, with that text.

    Raises:
        ValueError: If it is no JSON.
    """
    return JsonRow(load_json(text), text)


def lenient_int(digits: str) -> int | str:
    """Return an integer, or its digits where Python refuses to make one of so many."""
    try:
        return int(digits)
    except ValueError:
        return digits


def depth_of(text: str) -> int:
    """Return how many levels deep a JSON text is nested; 0 where a quick look shows that it is well below the limit."""
    if text.count("[") + text.count("{") <= MAX_DEPTH:
        return 0
    depth = deepest = 0
    for match in _BRACKETS.finditer(text):
        mark = match.group()
        if mark in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif mark in "]}":
            depth -= 1
    return deepest


def json_text(value: object) -> str:
    """Return a value as compact JSON, non-ASCII as it is; NaN and Infinity are written as Python writes them."""
    # orjson is ten times faster, but refuses huge integers, deep nesting and lone surrogates, and writes NaN as null.
    try:
        text = orjson.dumps(value).decode()
    except (TypeError, orjson.JSONEncodeError):
        text = ""
    if text and not ("null" in text and _holds_nonfinite(value)):
        return text
    return json.dumps(value, ensure_ascii=False)


def changed_row(source: Row, row: RowDict) -> RowDict:
    """Return ``row``, a changed copy of ``source``, with the text that it has then, if ``source`` has its text."""
    return JsonRow(row, spliced(source, row)) if isinstance(source, JsonRow) else row


def spliced(source: JsonRow, row: Row) -> str:
    """Return the text of ``row``, which was made from ``source``: members that are still the same keep their text.

    Args:
        source: What was read.
        row: A changed copy of it. A value is the same if it is the same object.
    """
    members = _members(source.text)
    names = list(row)
    if names[: len(members)] != [name for name, *_ in members]:
        return _rebuilt(source, row, members)
    parts: list[str] = []
    done = 0
    for name, _, start, end in members:
        if row[name] is not source[name]:
            parts += (source.text[done:start], json_text(row[name]))
            done = end
    last = members[-1][3] if members else 1
    if len(names) > len(members):
        added = ",".join(f"{json_text(name)}:{json_text(row[name])}" for name in names[len(members) :])
        parts += (source.text[done:last], "," if members else "", added)
        done = last
    return "".join((*parts, source.text[done:]))


def _rebuilt(source: JsonRow, row: Row, members: list[tuple[str, int, int, int]]) -> str:
    places = {name: (first, start, end) for name, first, start, end in members}
    parts = []
    for name, value in row.items():
        if name in places and value is source[name]:
            first, _, end = places[name]
            parts.append(source.text[first:end])
        else:
            parts.append(f"{json_text(name)}:{json_text(value)}")
    return "{" + ",".join(parts) + "}"


def _members(text: str) -> list[tuple[str, int, int, int]]:
    """Return name, start of the name, and start and end of the value of each member of a JSON object."""
    found: list[tuple[str, int, int, int]] = []
    depth, first, name, start = 0, -1, "", -1
    for match in _TOKENS.finditer(text):
        mark = match.group()
        if mark[0] == '"':
            if depth == 1 and first < 0:
                first, name = match.start(), json.loads(mark)
        elif mark in "{[":
            depth += 1
        elif mark == ":":
            if depth == 1 and start < 0:
                start = match.end()
        else:
            if depth == 1 and first >= 0:
                value = text[start : match.start()]
                begin = start + len(value) - len(value.lstrip())
                found.append((name, first, begin, start + len(value.rstrip())))
                first = start = -1
            depth -= mark != ","
    return found


def _holds_nonfinite(value: object) -> bool:
    if isinstance(value, Mapping):
        return any(_holds_nonfinite(item) for item in value.values())
    if isinstance(value, list | tuple):
        return any(_holds_nonfinite(item) for item in value)
    return isinstance(value, float) and not math.isfinite(value)
