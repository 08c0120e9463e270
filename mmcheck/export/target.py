"""What every export target can do: the seam between a finished run and a trainer's format.

A target gets neutral rows (``ExportRow``) and a shelf that places, copies, cuts or reads their media, and writes files
below a folder. It knows nothing of runs, of the format that the rows came from, or of how an export is put in place.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar, Protocol, cast, runtime_checkable

from mmcheck.core import parts
from mmcheck.core.registry import Registry
from mmcheck.export.records import ExportRow as ExportRow
from mmcheck.export.records import MediaMode as MediaMode
from mmcheck.export.records import PathMode as PathMode
from mmcheck.export.records import TargetOptions as TargetOptions
from mmcheck.export.records import TargetTraits as TargetTraits
from mmcheck.export.shelf import MediaShelf
from mmcheck.formats.base import Added


class Rows(Protocol):
    """The rows to write. They can be gone through several times, streaming, always in the order of the manifests."""

    def __iter__(self) -> Iterator[ExportRow]: ...

    @property
    def added(self) -> Added:
        """Return the ``mmcheck_*`` columns that some row has a value of, and what they hold."""
        ...

    def leave_out(self, row: ExportRow, reason: str) -> None:
        """Count a row that cannot be written, and why (``has no uid``); it then is in no file.

        What counts is the last time the rows were gone through.
        """
        ...

    def note(self, sentence: str) -> None:
        """Tell something about the whole export, once."""
        ...


@runtime_checkable
class Target(Protocol):
    """A format that a run can be exported to."""

    name: ClassVar[str]
    traits: ClassVar[TargetTraits]

    def __init__(self, options: TargetOptions) -> None: ...

    def write(self, rows: Rows, shelf: MediaShelf, folder: Path) -> None:
        """Write ``rows`` below ``folder``, which may hold what an interrupted export left: files are written anew.

        The same rows give the same bytes: no clock, no random number. Memory does not grow with the rows. No rows: a
        valid, empty export.

        Args:
            rows: The rows.
            shelf: Places or reads their media.
            folder: Where to; it is moved to ``options.final`` once all is written.

        Raises:
            UserError: If the run has nothing that the target needs.
            OutputError: If it cannot be written.
        """
        ...

    def how_to_load(self) -> str:
        """Return the line that loads what was written: a command, or a line of Python."""
        ...


TARGETS = cast("Registry[Target]", parts.TARGETS)
"""The table of targets, for those who make them."""
