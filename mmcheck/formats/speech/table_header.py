"""The header of a delimited table, to tell what it is before it is read."""

from __future__ import annotations

from mmcheck.core.errors import ManifestError
from mmcheck.formats.paths import is_folder
from mmcheck.formats.text_source import looks_binary, read_head


def header_of(table: str, delimiter: str) -> list[str]:
    """Return the cells of the first line of a table; none where it is a folder or cannot be read. Never raises."""
    try:
        head = b"" if is_folder(table) else read_head(table)
    except ManifestError:
        return []
    if looks_binary(head):
        return []
    first = head.decode("utf-8", "replace").lstrip("\ufeff").partition("\n")[0].rstrip("\r")
    return [cell.strip().strip('"') for cell in first.split(delimiter)] if first else []
