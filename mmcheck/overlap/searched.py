"""How the things that two sets share were looked for."""

from __future__ import annotations

from collections.abc import Mapping

from mmcheck.store.product_summary import SummaryPart


class IndexFacts(SummaryPart):
    """The index of nearest neighbours, as it describes itself."""

    kind: str
    """``exact`` or ``approximate``."""
    rows: int
    dim: int
    cells: int
    probes: int
    recall: float | None
    """Share of true nearest neighbours found; None: not measured."""
    recall_checked: int


class Searched(SummaryPart):
    """How media, or texts, were looked for."""

    items: tuple[int, int]
    """Different ones in TRAIN and in TEST."""
    index: IndexFacts | None = None
    """By what embeddings were compared; not given if none were."""
    limits: Mapping[str, float] | None = None
    """Of texts; those of media stand in the summary itself."""

    def turned(self) -> Searched:
        """Return the same with the sets exchanged."""
        return self.model_copy(update={"items": self.items[::-1]})
