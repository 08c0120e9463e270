"""What the summary tells of one slice in numbers."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from mmcheck.core.json_types import JsonObject


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareEstimate:
    """How many of a slice's distinct pairs are random."""

    share: float
    share_low: float
    """Lower end of the 95 % interval: sampling, and what moves sets of any size alike."""
    share_high: float
    """Upper end."""
    storey_share: float
    """By an estimate that assumes nothing about matched pairs."""
    estimates_agree: bool
    """Whether the two do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QuarantineEstimate:
    """What a limit on the posterior would cost and bring."""

    limit: float
    """The posterior above which pairs are quarantined."""
    quarantined_share: float
    """Share of the pairs."""
    false_quarantine_rate: float
    """Share of the matched pairs."""
    expected_precision: float | None
    """Share of the quarantined pairs that are random; None where they are less than half a pair."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SliceNumbers:
    """The numbers of one slice that had enough pairs."""

    separation: float
    """Probability that a pair scores above a random pairing."""
    hit_rate: float
    """Share of the matched pairs that score above nearly all random pairings."""
    num_uninformative: int
    """Distinct pairs with captions that fit most images; they are no part of the share."""
    num_foreign: int
    """Distinct pairs with captions that fit all images badly, as captions of other images do; part of the share."""
    bins: dict[str, list[float]]
    """Histogram for a plot."""
    share: ShareEstimate | None = None
    """None where the model cannot judge the slice."""
    quarantine: QuarantineEstimate | None = None
    """Likewise."""

    def to_json(self) -> JsonObject:
        """Return all numbers side by side; those that are not known are left out."""
        return {
            "separation": self.separation,
            "hit_rate": self.hit_rate,
            "num_uninformative": self.num_uninformative,
            "num_foreign": self.num_foreign,
            "bins": self.bins,
            **({} if self.share is None else asdict(self.share)),
            **({} if self.quarantine is None else asdict(self.quarantine)),
        }
