"""What an export wrote, as ``.mmcheck-export.json`` in its folder holds it.

The name begins with a dot, so that no trainer's loader takes it for data.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from mmcheck.store.product_summary import ProductSummary, SummaryPart
from mmcheck.store.seal import Damaged

MARKER = ".mmcheck-export.json"


class WrittenFiles(SummaryPart):
    """Files of one kind in the export."""

    files: int
    bytes: int
    """Of a link, those of the file that it leads to."""


class LeftOutRows(SummaryPart):
    """Rows with a wanted verdict that are in no file."""

    rows: int
    ids: tuple[str, ...]
    """Some of them."""


class ExportSummary(ProductSummary):
    """What an export wrote."""

    run: str
    """The run folder."""
    format: str
    """The target."""
    folder: str
    """Where it was written."""
    only: tuple[str, ...]
    """The verdicts that were wanted."""
    media: str
    """``reference``, ``link`` or ``copy``."""
    paths: str
    """``absolute``, ``relative`` or ``keep``."""
    rows: int
    """Rows written."""
    other_verdicts: Mapping[str, int]
    """Verdict that was not wanted -> rows of the run."""
    left_out: Mapping[str, LeftOutRows]
    """Reason -> rows that were wanted and could not be written."""
    written: Mapping[str, WrittenFiles]
    """Ending of the files -> how many, and their bytes."""
    done: Mapping[str, int]
    """What was done with media -> how often."""
    notes: tuple[str, ...]
    load: str
    """The line that loads it."""
    identity: str
    """Digest of the run, its verdicts and what was asked for: equal ones, equal files."""
    content: str
    """Digest of the names and sizes of the files."""
    was_there: bool = False
    """Whether the folder held this very export already, and nothing was written."""


def find_summary(folder: Path) -> ExportSummary | None:
    """Return what the export in a folder wrote; None if there is none, or it is damaged.

    Raises:
        RunError: If it is of a later version that this one cannot read.
    """
    try:
        return ExportSummary.read(folder / MARKER)
    except Damaged:
        return None
