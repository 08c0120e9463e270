"""What ``mmcheck patch`` wrote and what ``mmcheck apply`` did, typed, as ``--json`` prints them."""

from __future__ import annotations

from collections.abc import Mapping

from mmcheck.store.product_summary import ProductSummary, SummaryPart


class PatchSummary(ProductSummary):
    """What a file of errata holds."""

    run: str
    """The run folder."""
    file: str
    """The file of errata."""
    rows_read: int
    """Rows of the run."""
    records: int
    """Lines of the file: one a medium and text."""
    removals: int
    corrections: int
    rows: int
    """Rows of the run that they stand for."""
    left_out: Mapping[str, int]
    """Reason -> rows that no erratum could be made of."""
    media: Mapping[str, int]
    """What became of the media files -> rows; empty if none was read."""
    with_text: bool
    """Whether the texts themselves stand in the file."""


class ManifestSummary(SummaryPart):
    """One mended manifest."""

    manifest: str
    format: str
    rows: int
    """Rows read; a text of a row with several counts as one."""
    removed: int
    changed: int
    """Rows that were given another text."""
    files: tuple[str, ...]
    """What was written; empty for a dry run."""


class ConflictSummary(SummaryPart):
    """An erratum that was not applied and wants a look."""

    line: int
    """Of the file of errata."""
    status: str
    why: str
    manifest: str | None
    row_number: int | None
    id: str | None
    """A row that it may be about."""
    text: str | None
    """The text that this row has, up to 200 characters."""


class ApplySummary(ProductSummary):
    """What became of a file of errata."""

    errata: str
    """The file."""
    about: str | None
    """Which set it says to be about."""
    producer: str
    """What wrote it."""
    folder: str
    """Where the mended manifests are; "" for a dry run."""
    match: str
    records: int
    """Errata in the file."""
    outcomes: Mapping[str, int]
    """What became of them (``Status``) -> how many."""
    rows_read: int
    rows_removed: int
    rows_changed: int
    media_hashed: int
    """Media whose bytes were looked at."""
    manifests: tuple[ManifestSummary, ...]
    num_conflicts: int
    """Errata that were not applied and want a look."""
    conflicts: tuple[ConflictSummary, ...]
    """The first of them."""
    notes: tuple[str, ...]
    """What else there is to know of what was written."""
