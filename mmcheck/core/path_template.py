"""Where a row's medium lies, written as a pattern over the row's columns: ``clips/{path}``, ``wavs/{id}.wav``.

A pattern may come from a shared config and values from a manifest of strangers, so neither can run anything: a field is
a column's name and one of a few words, and no value leads out of the folder that the pattern itself names.
"""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

_PIECE = re.compile(r"\{\{|\}\}|\{([^{}:]+)(?::([^{}]*))?\}|[{}]")
_WIDTH = re.compile(r"0?[1-9]\d?d?")
_LAST = re.compile(r"last([1-9])")
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]+://")
_WORDS = "name, stem, no_suffix, last2 ... last9, or a width such as 012d"


class TemplateFault(ValueError):
    """A row that a pattern does not fit.

    Args:
        cause: Stable word.
        message: What is wrong, as half a sentence.
    """

    def __init__(self, cause: str, message: str) -> None:
        super().__init__(message)
        self.cause = cause
        self.message = message


@dataclass(frozen=True, slots=True)
class _Field:
    column: str
    word: str


class PathTemplate:
    """A pattern with ``{column}`` fields.

    ``{path:name}`` is the last part of a path, ``{path:stem}`` that without its suffix, ``{path:no_suffix}`` the whole
    path without its suffix, ``{path:last2}`` its last two parts, ``{image_id:012d}`` a number filled up with zeros.
    ``{audio.path}`` is a member of a nested object; ``{{`` and ``}}`` are braces.

    Args:
        text: The pattern.

    Raises:
        ValueError: If it is none, or has no field.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self._pieces: list[str | _Field] = []
        position = 0
        for match in _PIECE.finditer(text):
            self._pieces.append(text[position : match.start()])
            position = match.end()
            if match.group() in ("{{", "}}"):
                self._pieces.append(match.group()[0])
            elif match.group(1) is None:
                raise ValueError(f"a brace has no partner in {text!r}; columns are named as in clips/{{path}}")
            else:
                self._pieces.append(_Field(match.group(1), _known_word(match.group(2))))
        self._pieces.append(text[position:])
        self._pieces = [piece for piece in self._pieces if piece != ""]
        first = next((at for at, piece in enumerate(self._pieces) if isinstance(piece, _Field)), None)
        if first is None:
            raise ValueError(f"{text!r} names no column; write it as in clips/{{path}} or wavs/{{id}}.wav")
        self._folder = posixpath.dirname("".join(str(piece) for piece in self._pieces[:first]))

    @property
    def columns(self) -> tuple[str, ...]:
        """Return the columns that it asks for, each once."""
        return tuple(dict.fromkeys(piece.column for piece in self._pieces if isinstance(piece, _Field)))

    def fill(self, row: Mapping[str, object]) -> list[str]:
        """Return the paths that a row means: one, or as many as its column holds a list of.

        A value that is an absolute path or a URL takes the place of what stands before it, as where paths are joined.

        Raises:
            TemplateFault: If a column is missing or empty, or a path would lead out of the pattern's folder.
        """
        values = {column: _value_of(row, column) for column in self.columns}
        counts = {len(value) for value in values.values() if isinstance(value, list)}
        if len(counts) > 1:
            raise TemplateFault("ambiguous", f"has lists of different lengths in {', '.join(values)}")
        if not counts:
            return [self._path(values)]
        return [
            self._path({name: value[at] if isinstance(value, list) else value for name, value in values.items()})
            for at in range(counts.pop())
        ]

    def _path(self, values: Mapping[str, object]) -> str:
        path = ""
        is_own = False
        for piece in self._pieces:
            if isinstance(piece, str):
                # A written manifest holds whole paths: what it was read by must read it as well.
                path += "" if is_own and path.endswith(piece) else piece
                continue
            value = _formatted(values[piece.column], piece)
            if (os.path.isabs(value) or _URL.match(value)) and (not path or path.endswith("/")):
                path, is_own = value, True
            else:
                path += value
        if not is_own and not _is_below(path, self._folder):
            raise TemplateFault("bad_path", f"names no file: {path[:200]!r} leads out of the folder of the media")
        return path


def _known_word(word: str | None) -> str:
    if word is None or word in ("name", "stem", "no_suffix") or _LAST.fullmatch(word) or _WIDTH.fullmatch(word):
        return word or ""
    raise ValueError(f"{word!r} is not known behind a column's name; there are {_WORDS}")


def _value_of(row: Mapping[str, object], column: str) -> object:
    value: object = row
    for name in (column,) if column in row else column.split("."):
        if not isinstance(value, Mapping) or name not in value:
            listed = ", ".join(list(row)[:20]) or "(none)"
            raise TemplateFault("missing_column", f"has no {column!r}, which input.path asks for; it has: {listed}")
        value = value[name]
    if isinstance(value, list):
        items = [_path_in(item) for item in value]
        if not items:
            raise TemplateFault("missing_media", f"names no file: {column!r} is an empty list")
        return items
    return _path_in(value)


def _path_in(value: object) -> object:
    return value.get("path") if isinstance(value, Mapping) else value


def _formatted(value: object, field: _Field) -> str:
    if isinstance(value, float) and value.is_integer():
        value = int(value)  # a column of whole numbers with gaps is one of floats in pandas and Parquet
    if value is None or (isinstance(value, str) and not value.strip()):
        raise TemplateFault("missing_media", f"names no file: {field.column!r} is empty")
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise TemplateFault("bad_path", f"names no file: {field.column!r} must be text or a whole number")
    text = str(value)
    if not field.word:
        return text
    if not _WIDTH.fullmatch(field.word):
        return _SHORTENED[field.word.rstrip("0123456789")](text, field.word)
    if not text.strip().isdecimal():
        raise TemplateFault("bad_path", f"names no file: {field.column!r} must be a whole number, but is {text[:60]!r}")
    return str(int(text)).rjust(int(field.word.strip("d")), "0" if field.word.startswith("0") else " ")


def _no_suffix(path: str) -> str:
    return posixpath.splitext(path.replace("\\", "/"))[0]


def _last(path: str, word: str) -> str:
    return "/".join([part for part in path.replace("\\", "/").split("/") if part][-int(word[-1]) :])


_SHORTENED: Mapping[str, Callable[[str, str], str]] = {
    "name": lambda path, _: posixpath.basename(path.replace("\\", "/")),
    "stem": lambda path, _: posixpath.basename(_no_suffix(path)),
    "no_suffix": lambda path, _: _no_suffix(path),
    "last": _last,
}


def _is_below(path: str, folder: str) -> bool:
    """Return whether ``path`` stays in ``folder``, the part of the pattern that no value had a hand in."""
    if _URL.match(path):
        path, folder = (text.partition("://")[2] for text in (path, folder))
    plain = posixpath.normpath(path.replace("\\", "/"))
    if not folder:
        return not (plain.startswith("/") or plain == ".." or plain.startswith("../"))
    home = posixpath.normpath(folder)
    return plain.startswith(home.rstrip("/") + "/") if home != "." else not plain.startswith(("../", "/"))
