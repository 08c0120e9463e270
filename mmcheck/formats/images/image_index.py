"""The images of a document by their id: on disk where they are many, so that memory stays flat."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from itertools import islice
from types import TracebackType

from mmcheck.core.json_row import JsonRow, json_text, load_row
from mmcheck.formats.rows import RawRow

_BATCH = 1000  # images stored at once; our own choice: quick


class ImageIndex:
    """Image id -> the image's object; use it as a context manager."""

    def __init__(self) -> None:
        # A database without a name lives in SQLite's cache and moves to a temporary file where that is too small.
        self._base = sqlite3.connect("", isolation_level=None)
        self._base.execute("PRAGMA journal_mode=OFF")
        self._base.execute("CREATE TABLE images (place INTEGER PRIMARY KEY, id TEXT UNIQUE, row TEXT, used INTEGER)")

    def __enter__(self) -> ImageIndex:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._base.close()

    def fill(self, rows: Iterable[RawRow]) -> list[RawRow]:
        """Store images; of several with one id the first counts. Return the broken ones."""
        broken: list[RawRow] = []
        insert = "INSERT OR IGNORE INTO images (id, row, used) VALUES (?, ?, 0)"
        rows = iter(rows)
        self._base.execute("BEGIN")
        while batch := list(islice(rows, _BATCH)):
            broken += [raw for raw in batch if raw.cause is not None]
            sound = [(_key(raw.row.get("id")), _text(raw)) for raw in batch if raw.cause is None]
            self._base.executemany(insert, sound)
        self._base.execute("COMMIT")
        return broken

    def take(self, key: object) -> JsonRow | None:
        """Return the image with this id and note that it is used; None if there is none."""
        found = self._base.execute("SELECT place, row, used FROM images WHERE id = ?", (_key(key),)).fetchone()
        if found is None:
            return None
        if not found[2]:
            self._base.execute("UPDATE images SET used = 1 WHERE place = ?", (found[0],))
        return load_row(found[1])

    def unused(self) -> Iterator[JsonRow]:
        """Yield the images that were never taken, in their order."""
        for (text,) in self._base.execute("SELECT row FROM images WHERE used = 0 ORDER BY place"):
            yield load_row(text)


def _key(value: object) -> str:
    return f"{value}"


def _text(raw: RawRow) -> str:
    return raw.row.text if isinstance(raw.row, JsonRow) else json_text(dict(raw.row))
