"""Files that hold data but are no manifests: databases, spreadsheets, archives. Each with the line that exports it.

Names of tables and sheets are read where that is cheap and safe; nothing in such a file is run or unpacked.
"""

from __future__ import annotations

import os
import re
import shlex
import sqlite3
import zipfile
from collections.abc import Sequence
from contextlib import closing
from urllib.parse import quote

from mmcheck.formats.text_source import is_url, open_raw, read_head

_SHOWN = 5  # names that a message lists; our own choice: a message stays readable
_MAX_XML = 1 << 20  # bytes of a workbook's list of sheets that are read; our own choice: thousands of names
_ARCHIVES = ((b"7z\xbc\xaf\x27\x1c", "a 7z archive", "7z x"), (b"Rar!\x1a\x07", "a RAR archive", "unrar x"))


def find_foreign(manifest: str) -> tuple[str, str] | None:
    """Return what a file is that must be exported or unpacked first, and the line that does it; else None.

    Args:
        manifest: A file (path or URL).

    Raises:
        ManifestError: If it cannot be read.
    """
    head = read_head(manifest, 512)
    with open_raw(manifest) as file:
        stored = file.read(16)
    if stored.startswith(b"SQLite format 3\0"):
        return _sqlite(manifest)
    if head[8:12] == b"DUCK":
        out = shlex.quote(_beside(manifest, ".parquet"))
        line = f"COPY (SELECT * FROM TABLE_NAME) TO {_text(_beside(manifest, '.parquet'))}"
        return (
            "a DuckDB database",
            f"export the table and scan {out}: duckdb -readonly {shlex.quote(manifest)} {shlex.quote(line)} "
            f"(duckdb -readonly {shlex.quote(manifest)} 'SHOW TABLES' lists them).",
        )
    if stored.startswith(b"PK\x03\x04"):
        return _zip(manifest)
    if stored.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):
        return (
            "an old Excel file (.xls)",
            f"save it as CSV: libreoffice --headless --convert-to csv {shlex.quote(manifest)}",
        )
    for magic, kind, command in _ARCHIVES:
        if stored.startswith(magic):
            return kind, f"unpack it, then scan what was in it: {command} {shlex.quote(manifest)}"
    return None


def _sqlite(manifest: str) -> tuple[str, str]:
    tables = _sqlite_tables(manifest)
    table = tables[0] if tables else "TABLE_NAME"
    query = f"SELECT * FROM {_name(table)}"
    out = _beside(manifest, ".csv")
    line = f"sqlite3 -readonly -header -csv {shlex.quote(manifest)} {shlex.quote(query)} > {shlex.quote(out)}"
    return f"an SQLite database{_listed('table', tables)}", f"export the table and scan {out}: {line}"


def _sqlite_tables(manifest: str) -> list[str]:
    if is_url(manifest):
        return []
    # Immutable: nothing beside the file is made or looked for.
    address = f"file:{quote(os.path.abspath(manifest))}?mode=ro&immutable=1"
    try:
        with closing(sqlite3.connect(address, uri=True, timeout=1.0)) as database:
            rows = database.execute(
                "SELECT name FROM sqlite_master WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite\\_%' "
                "ESCAPE '\\' LIMIT 1000"
            )
            return [str(row[0]) for row in rows]
    except sqlite3.Error:
        return []


def _zip(manifest: str) -> tuple[str, str]:
    names: list[str] = []
    sheets: list[str] = []
    try:
        with open_raw(manifest) as file, zipfile.ZipFile(file) as archive:
            names = archive.namelist()
            if "xl/workbook.xml" in names:
                with archive.open("xl/workbook.xml") as book:
                    text = book.read(_MAX_XML).decode("utf-8", "replace")
                # Read with a pattern, not a parser: entities in such a file cannot do anything then.
                sheets = re.findall(r"<(?:\w+:)?sheet\b[^>]*?\bname=\"([^\"]*)\"", text)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, RuntimeError):
        pass
    where = shlex.quote(manifest)
    if any(name.startswith("xl/") for name in names):
        out = _beside(manifest, ".parquet")
        sheet = f", sheet = {_text(sheets[0])}" if sheets else ""
        line = f"COPY (SELECT * FROM read_xlsx({_text(manifest)}{sheet})) TO {_text(out)}"
        return (
            f"an Excel workbook{_listed('sheet', sheets)}",
            f"export the sheet and scan {out}: duckdb -c {shlex.quote(line)}",
        )
    if "content.xml" in names and "mimetype" in names:
        return "an OpenDocument file", f"save it as CSV: libreoffice --headless --convert-to csv {where}"
    folder = _beside(manifest, "")
    files = [name for name in names if not name.endswith("/")]
    held = f" of {len(files):,} files, such as {', '.join(files[:3])}" if files else ""
    return (
        f"a ZIP archive{held}",
        f"unpack it and scan the folder, or the manifest in it: unzip -q {where} -d {shlex.quote(folder)}",
    )


def _listed(noun: str, names: Sequence[str]) -> str:
    if not names:
        return ""
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f" ({noun}{'s' if len(names) > 1 else ''}: {', '.join(names[:_SHOWN])}{more})"


def _beside(manifest: str, suffix: str) -> str:
    name = manifest.rsplit("/", 1)[-1] if is_url(manifest) else manifest
    stem = os.path.splitext(name)[0]
    return f"{stem}{suffix}" if stem + suffix != name else f"{name}.out{suffix}"


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _name(value: str) -> str:
    return '"' + value.replace('"', '""') + '"' if not re.fullmatch(r"[A-Za-z_]\w*", value) else value
