"""What a comparison found, as ``summary.json`` in its folder holds it and ``--json`` prints it."""

from __future__ import annotations

from pathlib import Path

from mmcheck.core.errors import OutputError
from mmcheck.store.product_summary import ProductSummary, SummaryPart
from mmcheck.store.seal import Damaged


class ComparedRun(SummaryPart):
    """One of the two runs."""

    path: str
    rows: int
    mmcheck_version: str
    manifests: tuple[str, ...]
    limit: int | None
    """How many rows were asked for; None: all."""


class Setting(SummaryPart):
    """A value of the config that differs."""

    key: str
    before: object
    after: object


class ModelDifference(SummaryPart):
    """A probe that does not measure the same in both runs."""

    probe: str
    before: str
    """Model, or what else it is; "" where it did not run."""
    after: str


class Differences(SummaryPart):
    """How the two runs were made otherwise."""

    settings: tuple[Setting, ...]
    models: tuple[ModelDifference, ...]
    not_comparable: tuple[str, ...]
    """Probes and analyses whose values cannot be held against each other."""
    versions: tuple[Setting, ...]
    """Packages, and mmcheck itself."""
    sentences: tuple[str, ...]


class RowCounts(SummaryPart):
    """The rows of both runs: matched ones and ``vanished`` are those of A, matched ones and ``new`` those of B."""

    same: int
    renamed: int
    """Of the same content, under another id."""
    text_edited: int
    medium_replaced: int
    other_content: int
    """Of the same id, with another medium and another text."""
    vanished: int
    new: int
    moved: int
    """Of the same content, in another manifest or at another row number; counted above as well."""


class Transition(SummaryPart):
    """Rows that both runs have, by their verdicts."""

    before: str
    after: str
    rows: int
    edited: int
    """Of these, rows whose medium or text changed."""


class RowExample(SummaryPart):
    """A row whose verdict changed."""

    id_before: str
    id_after: str
    before: str
    after: str
    codes_before: tuple[str, ...]
    codes_after: tuple[str, ...]
    how: str
    """``same``, ``renamed``, ``text_edited`` ..."""
    reason: str
    """Sentence of its gravest finding."""
    text: str


class RateChange(SummaryPart):
    """How often one outcome occurs."""

    outcome: str
    """An action, or a finding's code."""
    rows_before: int
    rows_after: int
    share_before: float | None
    share_after: float | None
    difference: float | None
    """Of the shares of all rows."""
    low: float | None
    """Lower end of its 95 % interval (Newcombe 1998, independent sets)."""
    high: float | None
    paired_difference: float | None
    """Of the shares of the rows that both runs have."""
    paired_low: float | None
    """Lower end of its 95 % interval (Newcombe 1998, paired)."""
    paired_high: float | None
    appeared: int
    """Rows that both have, with the outcome in the second alone."""
    disappeared: int
    p_value: float | None
    """Of McNemar's exact test."""


class MetricShift(SummaryPart):
    """How far a metric's values moved."""

    metric: str
    values_before: int
    values_after: int
    median_before: float
    median_after: float
    stability_index: float
    """PSI over the deciles of the first run."""
    distance: float
    """Kolmogorov-Smirnov."""
    p_value: float
    """Of that distance, corrected for the number of metrics (Holm)."""
    moved: bool


class ShareChange(SummaryPart):
    """The mismatched share of one kind of pair."""

    kind: str
    before: float | None
    before_low: float | None
    before_high: float | None
    after: float | None
    after_low: float | None
    after_high: float | None
    sentence: str

    @property
    def is_other(self) -> bool:
        """Return whether the two estimates differ at all."""
        before = (self.before, self.before_low, self.before_high)
        return before != (self.after, self.after_low, self.after_high)


class ClusterChange(SummaryPart):
    """A cluster that grew, shrank, came or vanished."""

    view: str
    name: str
    change: str
    """``grew``, ``shrank``, ``came``, ``vanished``."""
    rows_before: int
    rows_after: int
    share_before: float
    share_after: float
    low: float
    """Lower end of the 95 % interval of the difference of the shares."""
    high: float


class CompareSummary(ProductSummary):
    """Two runs held against each other."""

    before: ComparedRun
    after: ComparedRun
    nothing_changed: bool
    differences: Differences
    rows: RowCounts
    transitions: tuple[Transition, ...]
    verdicts_changed: int
    """Rows that both have, with another verdict."""
    examples: tuple[RowExample, ...]
    rates: tuple[RateChange, ...]
    shifts: tuple[MetricShift, ...]
    shares: tuple[ShareChange, ...]
    clusters: tuple[ClusterChange, ...]
    listed: int
    """Changed rows in ``changes.parquet``."""
    is_cut: bool
    """Whether there are more."""
    sentences: tuple[str, ...]
    notes: tuple[str, ...]


def read_summary(out: str | Path) -> CompareSummary:
    """Return what the comparison in ``out`` found.

    Raises:
        OutputError: If there is none, or it is damaged.
        RunError: If it is of a later version that this one cannot read.
    """
    file = Path(out) / "summary.json"
    try:
        return CompareSummary.read(file)
    except Damaged as error:
        raise OutputError(f"{file} is missing or damaged: {error}.", hint="run `mmcheck compare` again.") from error
