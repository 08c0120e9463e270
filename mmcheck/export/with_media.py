"""Rows together with their media; a medium that cannot be used costs its row, never the export."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator

from mmcheck.core.errors import MediaError
from mmcheck.export.records import MediaBytes, Placed
from mmcheck.export.shelf import MediaShelf
from mmcheck.export.target import ExportRow, Rows


def with_files(
    rows: Rows,
    shelf: MediaShelf,
    *,
    name: Callable[[ExportRow], str] | None = None,
    rename: Callable[[str], str] = str,
    suffixes: Collection[str] = (),
) -> Iterator[tuple[ExportRow, Placed]]:
    """Yield rows, each with how a written row names its medium (``MediaShelf.file``).

    Args:
        rows: The rows.
        shelf: Places their media.
        name: Says where below the export a row's medium goes, without its ending.
        rename: As for ``MediaShelf.file``.
        suffixes: As for ``MediaShelf.file``.
    """
    for row in rows:
        try:
            placed = shelf.file(row, name=name(row) if name else None, rename=rename, suffixes=suffixes)
        except MediaError as error:
            rows.leave_out(row, tell_fault(row, error))
        else:
            yield row, placed


def with_seconds(
    rows: Rows,
    shelf: MediaShelf,
    *,
    name: Callable[[ExportRow], str] | None = None,
    suffixes: Collection[str] = (),
) -> Iterator[tuple[ExportRow, Placed, float]]:
    """Yield rows, each with how a written row names its recording, and how long that, or the part that is meant, is.

    Args:
        rows: The rows.
        shelf: Places their media.
        name: As for ``with_files``.
        suffixes: As for ``MediaShelf.file``.
    """
    for row, placed in with_files(rows, shelf, name=name, suffixes=suffixes):
        try:
            seconds = shelf.seconds(row, placed)
        except MediaError as error:
            rows.leave_out(row, tell_fault(row, error))
        else:
            yield row, placed, seconds


def with_data(
    rows: Rows, shelf: MediaShelf, *, suffixes: Collection[str] = ()
) -> Iterator[tuple[ExportRow, MediaBytes]]:
    """Yield rows, each with the bytes of its medium (``MediaShelf.data``)."""
    for row in rows:
        try:
            found = shelf.data(row, suffixes=suffixes)
        except MediaError as error:
            rows.leave_out(row, tell_fault(row, error))
        else:
            yield row, found


def tell_fault(row: ExportRow, error: MediaError) -> str:
    """Return why a row is left out whose medium cannot be used; one reason for all rows of one cause."""
    noun = row.kind.medium_noun
    return f"has {'an' if noun[0] in 'aeiou' else 'a'} {noun} that cannot be used ({error.cause})"
