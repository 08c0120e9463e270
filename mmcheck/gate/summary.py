"""What ``mmcheck gate`` found, as ``--json`` prints it."""

from __future__ import annotations

from typing import Literal

from mmcheck.store.product_summary import ProductSummary, SummaryPart

GateVerdict = Literal["pass", "warn", "fail"]


class GateCase(SummaryPart):
    """One limit, held against the run or one slice of it."""

    check: str
    """What is limited: ``quarantine``, ``mismatched.image``, ``state.limited``, ``rows``, a rule, a finding's code."""
    slice: str
    """``language=de``; "" for the whole run."""
    limit: str
    """What is asked for, in words: ``at most 5 %``."""
    measured: str
    """What was found, in words."""
    share: float | None
    """The share found, in [0, 1]; None where none was, or none can be known."""
    share_low: float | None
    """Lower end of its 95 % interval, where it is an estimate."""
    share_high: float | None
    """Upper end."""
    count: int | None
    """Rows with the outcome, where they were counted."""
    rows: int | None
    """Rows that were looked at."""
    verdict: GateVerdict
    message: str
    """The outcome as a sentence."""

    @property
    def title(self) -> str:
        """Return what is limited, and where, in a line."""
        return f"{self.check} ({self.slice})" if self.slice else self.check


class GateSummary(ProductSummary):
    """A run held to release limits."""

    run: str
    """The run folder."""
    mmcheck_version: str
    """The version that the run was made with."""
    rows: int
    strict: bool
    """Whether what may be above a limit fails as well."""
    passed: bool
    failed: int
    """Cases that failed."""
    warned: int
    cases: tuple[GateCase, ...]
    notes: tuple[str, ...]
    """What was not held to the limits, as sentences."""
