"""What ``mmcheck coverage`` found, as ``RUN/coverage/summary.json`` holds it."""

from __future__ import annotations

from collections.abc import Mapping

from mmcheck.core.errors import RunError
from mmcheck.coverage.clusters import Balance
from mmcheck.store.product_summary import ProductSummary, SummaryPart
from mmcheck.store.run_folder import RunFolder
from mmcheck.store.seal import Damaged

FOLDER = "coverage"
"""Name of the folder in the run."""


class NamedSample(SummaryPart):
    """A sample that is named as an example."""

    id: str
    index: int
    """Its number in the run."""
    text: str
    """The beginning of its text; "" if it has none."""


class Lonely(SummaryPart):
    """Samples without near neighbours."""

    rows: int
    of: int
    """Samples that were looked at."""
    examples: tuple[NamedSample, ...]


class ClusterSummary(SummaryPart):
    """One cluster."""

    cluster: int
    """Its number; 0 is the largest."""
    name: str
    words: tuple[str, ...]
    """Words that tell it from the others."""
    size: int
    share: float
    """Of the clustered rows."""
    misaligned: float | None
    """Share of mismatched or quarantined rows; None: not known."""
    vague: float | None
    """Share of rows with a vague text."""
    mean_distance: float
    """Mean distance from the centre."""
    typical: tuple[NamedSample, ...]


class ContrastSummary(SummaryPart):
    """A cluster of one set that the other set has far fewer of."""

    cluster: int
    rows_there: int
    """Rows of the set that has it."""
    rows_here: int
    """Rows of the other."""
    ratio: float
    """Share in the other set divided by the share in the set that has it."""
    name: str
    typical: tuple[NamedSample, ...]


class SliceValue(SummaryPart):
    """Rows with one value of a slice."""

    value: str
    rows: int
    share: float
    misaligned: float | None
    vague: float | None
    clusters: int
    """Clusters that hold any of them."""
    effective_clusters: float
    """Number of equal clusters that they are as varied as."""


class SliceSummary(SummaryPart):
    """The set counted by one column."""

    slice: str
    values: tuple[SliceValue, ...]


class ViewSummary(SummaryPart):
    """The set by its images, texts or recordings."""

    state: str
    """``clustered``, or why not: ``absent``, ``too_few``, ``constant``."""
    min_rows: int
    """Rows that are needed for clusters."""
    rows: int
    """Rows with an embedding."""
    rows_without_embedding: int
    map: str
    """How the map was made."""
    misaligned: float | None
    vague: float | None
    balance: Balance
    near_empty: tuple[int, ...]
    """Clusters that hold far less than the mean."""
    spread_out: tuple[int, ...]
    """Clusters that are a sparse region."""
    lonely: Lonely
    clusters: tuple[ClusterSummary, ...]
    reference_rows: int | None = None
    """Rows of the reference with an embedding; not given without a reference."""
    reference_clusters: int = 0
    missing: tuple[ContrastSummary, ...] = ()
    """What the reference has and this set has not."""
    over_represented: tuple[ContrastSummary, ...] = ()
    """What this set has and the reference has not."""
    untold: int = 0
    """Clusters of the reference that this set is too small to tell of."""
    slices: tuple[SliceSummary, ...]
    hint: str = ""
    """What would make embeddings; not given unless they are absent."""
    sentences: tuple[str, ...] = ()


class CoverageSummary(ProductSummary):
    """What a set holds."""

    rows: int
    seed: int
    misaligned_by: str
    """What the misaligned shares were taken from: ``alignment`` or ``quarantine``."""
    reference: str | None
    """Folder of the run that it was compared with."""
    slice_by: tuple[str, ...]
    """Manifest columns asked for."""
    views: Mapping[str, ViewSummary]
    sentences: tuple[str, ...]

    @property
    def wrong_word(self) -> str:
        """Return what the misaligned rows are called."""
        return "mismatched" if self.misaligned_by == "alignment" else "quarantined"


def read_summary(run: RunFolder) -> CoverageSummary:
    """Return ``coverage/summary.json``.

    Raises:
        RunError: If there is none, it is damaged, or of a later version that this one cannot read.
    """
    file = run.path / FOLDER / "summary.json"
    try:
        return CoverageSummary.read(file)
    except Damaged as error:
        raise RunError(
            f"{file} is missing or damaged: {error}.", hint=f"run `mmcheck coverage {run.path}` first."
        ) from error
