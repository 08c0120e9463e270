"""What a comparison found, as the ``summary.json`` in its folder holds it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from mmcheck.core.errors import OutputError
from mmcheck.overlap.searched import Searched
from mmcheck.store.product_summary import ProductSummary, SummaryPart
from mmcheck.store.seal import Damaged


class ComparedSet(SummaryPart):
    """One of the two sets."""

    given: str
    """What the user named."""
    run: str
    """The run folder."""
    was_scanned: bool
    """Whether it was a manifest that the comparison scanned."""
    rows: int
    manifests: tuple[str, ...]


class KindCounts(SummaryPart):
    """How much is shared by one kind."""

    compared: bool
    """Whether both sets hold any."""
    counts: bool
    """Whether it removes a row and counts as leaked."""
    pairs: int
    """Pairs of rows."""
    exact_pairs: int
    train_rows: int
    test_rows: int
    exact_train_rows: int
    exact_test_rows: int
    searched: Mapping[str, Searched]
    """Kind of pair -> how it was looked for."""


class SharedKind(KindCounts):
    """How much is shared by one kind, and what that means."""

    sentence: str


class SideCounts(SummaryPart):
    """A count for each of the two sets."""

    train: int
    test: int


class NotCompared(SummaryPart):
    """Rows of the test set without a medium that was read."""

    test_rows: int
    test_ids: tuple[str, ...]
    """Some of them."""


class OverlapCounts(ProductSummary):
    """What two sets share, counted."""

    train: ComparedSet
    test: ComparedSet
    by: tuple[str, ...]
    """Kinds that remove a row and count as leaked."""
    shared_test_rows: int
    shared_test_share: float | None
    """None: the test set holds no rows."""
    removed_train_rows: int
    max_overlap: int
    """Rows of the test set that may be shared."""
    passed: bool
    kinds: Mapping[str, SharedKind]
    compared: Mapping[str, SideCounts]
    """``image``, ``audio``, ``caption``, ``transcript`` -> rows that could be compared."""
    not_compared: NotCompared
    blank_test_rows: int
    """Rows of the test set whose image is blank and occurs in the training set."""
    listed: int
    """Pairs in ``overlaps.parquet``."""
    max_listed: int
    """Partners of a row that are listed."""
    is_cut: bool
    """Whether something had more near copies than were looked at."""
    limits: Mapping[str, object]
    """What counts as a near copy."""


class WrittenRows(SummaryPart):
    """Manifests of rows that were kept, or of those that were removed."""

    rows: int
    files: tuple[str, ...]


class Written(SummaryPart):
    """The training set in two."""

    folder: str
    """The folder of the comparison."""
    clean: WrittenRows
    removed: WrittenRows


class OverlapSummary(OverlapCounts):
    """What two sets share, and what that means."""

    sentences: tuple[str, ...]
    notes: tuple[str, ...]
    written: Written


def read_summary(out: str | Path) -> OverlapSummary:
    """Return what the comparison in ``out`` found.

    Raises:
        OutputError: If there is none, or it is damaged.
        RunError: If it is of a later version that this one cannot read.
    """
    file = Path(out) / "summary.json"
    try:
        return OverlapSummary.read(file)
    except Damaged as error:
        raise OutputError(f"{file} is missing or damaged: {error}.", hint="run `mmcheck overlap` again.") from error
