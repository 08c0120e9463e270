"""Single cells of a manifest: what counts as text, seconds or nothing, and what is wrong with the rest."""

from __future__ import annotations

import math
from collections.abc import Mapping

from mmcheck.core.types import Row

_CHANNELS = {str(number): number for number in range(64)} | {"a": 0, "b": 1, "l": 0, "r": 1, "left": 0, "right": 1}


class RowFault(Exception):
    """A row cannot become a sample; ``cause`` is a stable word, ``message`` half a sentence."""

    def __init__(self, cause: str, message: str) -> None:
        super().__init__(message)
        self.cause = cause
        self.message = message


_TURN = frozenset(("user", "assistant", "from", "role", "content"))


def text_of(value: object, column: str) -> str:
    """Return a cell as text: null and NaN are empty, numbers are written out.

    Raises:
        RowFault: If it is something else.
    """
    if isinstance(value, str):
        return value
    if value is None or (isinstance(value, float) and math.isnan(value)) or value == []:
        return ""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, Mapping) and _TURN & value.keys():
        message = f"has no text: {column!r} holds turns of a conversation ({shown(value)}), not one text"
        raise RowFault("not_text", message)
    raise RowFault("not_text", f"has no text: {column!r} must be text, but is {shown(value)}")


def check_text(text: str, column: str, limit: int) -> str:
    """Return ``text`` unchanged.

    Raises:
        RowFault: If it is longer than ``limit`` bytes or holds NUL characters.
    """
    if "\0" in text:
        raise RowFault("nul_bytes", f"holds a NUL character in {column!r}")
    if len(text) * 4 > limit:
        size = len(text.encode("utf-8", "surrogatepass"))
        if size > limit:
            raise RowFault("text_too_long", f"has {size} bytes of text in {column!r}; input.max_text_bytes is {limit}")
    return text


def find_text(value: object, column: str, limit: int) -> tuple[str | None, tuple[str, str] | None]:
    """Return a cell as text of at most ``limit`` bytes, or the cause and message of what is wrong with it."""
    try:
        return check_text(text_of(value, column), column, limit), None
    except RowFault as fault:
        return None, (fault.cause, fault.message)


def seconds_of(row: Row, column: str | None) -> float | None:
    """Return a cell as seconds >= 0; None if it is empty or there is no such column.

    Raises:
        RowFault: If it is something else.
    """
    value = row.get(column) if column else None
    if is_empty(value):
        return None
    try:
        number = float(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else math.nan
    except (ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number) or number < 0:
        raise RowFault("bad_segment", f"has no usable time: {column!r} must be seconds >= 0, but is {shown(value)}")
    return number


def channel_of(row: Row, column: str | None) -> int | None:
    """Return the 0-based channel that a cell names (0, "1", "A", "left", [0]).

    None where it names none, several (they are mixed then), or something else: other sets call the channel of a video
    platform so.
    """
    value = row.get(column) if column else None
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    return _CHANNELS.get(str(value).strip().lower().removesuffix(".0"))


def is_empty(value: object) -> bool:
    """Return whether a cell names nothing: null, NaN, blank, or an empty list or struct."""
    if isinstance(value, str):
        return not value.strip()
    if isinstance(value, Mapping):
        return is_empty(value.get("path"))
    return value is None or value == [] or (isinstance(value, float) and math.isnan(value))


def is_utf8(text: str) -> bool:
    """Return whether ``text`` holds no half of a surrogate pair."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def shown(value: object) -> str:
    """Return a cell as a short piece of a message."""
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
