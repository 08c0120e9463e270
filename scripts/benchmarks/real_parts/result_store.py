"""What models said, kept on disk by what they were asked: a file for each model and library."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from mmcheck.core.digests import digest_value

_CHUNK = 500
"""Keys of one question to SQLite, which bounds them."""


def key_of(*parts: Any) -> str:
    """Return what names a result: the digest of everything that it depends on, fit for JSON."""
    return digest_value(list(parts))[:40]


class ResultStore:
    """JSON values by key in an SQLite file, which several processes may use at once.

    Args:
        path: The file; it is made, with its folder, if it is not there.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._file = sqlite3.connect(path, timeout=120.0, isolation_level=None, check_same_thread=False)
        self._file.execute("PRAGMA journal_mode=WAL")
        self._file.execute("PRAGMA synchronous=NORMAL")
        self._file.execute("CREATE TABLE IF NOT EXISTS results (key TEXT PRIMARY KEY, value TEXT NOT NULL)")

    def read(self, keys: Sequence[str]) -> dict[str, Any]:
        """Return the values of those keys that are known."""
        found: dict[str, Any] = {}
        wanted = list(dict.fromkeys(keys))
        for start in range(0, len(wanted), _CHUNK):
            part = wanted[start : start + _CHUNK]
            marks = ",".join("?" * len(part))
            rows: Iterable[tuple[str, str]] = self._file.execute(
                f"SELECT key, value FROM results WHERE key IN ({marks})", part
            )
            found |= {key: json.loads(value) for key, value in rows}
        return found

    def write(self, values: Mapping[str, Any]) -> None:
        """Add values, all of them or none; a known key gets the new value."""
        if not values:
            return
        rows = [(key, json.dumps(value, ensure_ascii=False, separators=(",", ":"))) for key, value in values.items()]
        self._file.execute("BEGIN IMMEDIATE")
        try:
            self._file.executemany("INSERT OR REPLACE INTO results VALUES (?, ?)", rows)
        except BaseException:
            self._file.execute("ROLLBACK")
            raise
        self._file.execute("COMMIT")

    def __len__(self) -> int:
        """Return how many results there are."""
        return int(self._file.execute("SELECT COUNT(*) FROM results").fetchone()[0])

    def close(self) -> None:
        """Close the file."""
        self._file.close()
