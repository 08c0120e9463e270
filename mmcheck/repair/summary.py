"""What ``mmcheck repair`` found, as ``RUN/repair/summary.json`` holds it."""

from __future__ import annotations

from collections.abc import Mapping

from mmcheck.core.errors import RunError
from mmcheck.repair.plan import Explanation
from mmcheck.store.product_summary import ProductSummary, SummaryPart
from mmcheck.store.run_folder import RunFolder
from mmcheck.store.seal import Damaged

FOLDER = "repair"
"""Name of the folder in the run."""


class ComparedPairs(SummaryPart):
    """The pairs of one kind."""

    pairs: int
    """Pairs with both halves."""
    suspects: int
    """Of these, pairs that are more likely wrong than right."""
    random_share: float | None
    """Share of them that do not belong together; None: they could not be judged."""
    partner_share: float | None
    """Share of the suspects whose text seems to be at another suspect; None if nothing was matched."""


class EncodedOrphans(SummaryPart):
    """Halves that no pair was measured of, encoded for the repair."""

    captions: int
    """Captions without a readable image."""
    images: int
    """Images without a caption."""


class Written(SummaryPart):
    """What ``--write`` wrote; empty without it."""

    folder: str = ""
    """Where to; "" if nothing was written."""
    files: tuple[str, ...] = ()
    """The repaired manifests."""
    repaired_rows: int = 0
    """Rows that got another text."""
    not_written: tuple[str, ...] = ()
    """Ids of the rows that no column holds the text of alone."""
    notes: tuple[str, ...] = ()
    """Plain sentences."""


class RepairSummary(ProductSummary):
    """What a repair found."""

    run: str
    """Name of the run folder."""
    rows_read: int
    """Samples in all."""
    min_confidence: float
    """Least probability of a proposal."""
    proposals: int
    """Rows that would get another text."""
    proposals_by_kind: Mapping[str, int]
    """What happened -> how many proposals."""
    expected_wrong: float
    """How many of the proposals are expected to be wrong."""
    less_sure: int
    """Proposals that are probable, but below ``min_confidence``."""
    suspects: int
    """Pairs that are more likely wrong than right."""
    explanations: tuple[Explanation, ...]
    """What happened to runs of rows."""
    sentences: tuple[str, ...]
    """The outcome, in plain sentences."""
    notes: tuple[str, ...]
    """What limits it, in plain sentences."""
    modalities: Mapping[str, ComparedPairs]
    """Kind of pair -> what was compared."""
    orphans: EncodedOrphans
    """Halves of pairs that were encoded."""
    written: Written
    """The repaired manifests."""


def read_summary(run: RunFolder) -> RepairSummary:
    """Return what the last repair of a run found.

    Raises:
        RunError: If there is none, it is damaged, or of a later version.
    """
    file = run.path / FOLDER / "summary.json"
    try:
        return RepairSummary.read(file)
    except Damaged as error:
        raise RunError(f"{file} is missing or damaged: {error}.", hint=f"run `mmcheck repair {run.path}`.") from error
