"""The certificate of an audit: what was promised, what people measured, and on what exactly."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from mmcheck.core.errors import RunError
from mmcheck.core.sentences import percent
from mmcheck.people.decision_log import FOLDER
from mmcheck.store.product_summary import SummaryPart
from mmcheck.store.run_folder import RunFolder
from mmcheck.store.seal import Damaged, read_json, write_json

SCHEMA: Literal["mmcheck.audit-certificate/1"] = "mmcheck.audit-certificate/1"
"""Counted up when an earlier version of mmcheck would misread the file."""
CERTIFICATE = "audit-certificate.json"
METHOD = (
    "Rows were drawn at random without replacement within strata (verdict, and band of the probability of a mismatch); "
    "a drawn row stands for one over the probability with which it was drawn (Horvitz and Thompson, 1952). Intervals "
    "hold with 95 %: exact ones of each stratum (Clopper and Pearson, 1934; of small strata Buonaccorsi, 1987), put "
    "together by the method of variance estimates recovery (Zou and Donner, 2008), for a share of a share by inverting "
    "the test that part minus share times whole is 0 (Fieller, 1954). Promised is what the probabilities of a mismatch "
    "add up to (Storey, 2003)."
)
"""How it was measured, for the certificate."""


Outcome = Literal["as promised", "more than promised", "less than promised", "nothing promised"]
"""Where the promised value lies: in the interval, below it, above it."""


class Measured(SummaryPart):
    """One promise and what people found."""

    name: str
    title: str
    meaning: str
    promised: float | None
    """In [0, 1]; None where nothing was promised."""
    estimate: float | None
    """The likeliest value; None where there is nothing that it could be a share of."""
    low: float
    high: float
    """The interval of 95 %, each end in [0, 1]."""
    with_unsure: tuple[float, float]
    """The interval if nobody knew about the rows that people were unsure of: all mismatched, or all matched."""
    outcome: Outcome
    sentence: str

    @property
    def is_broken(self) -> bool:
        """Return whether people found worse than was promised, more surely than the interval leaves open."""
        return self.outcome == ("less than promised" if self.name == "precision" else "more than promised")


class MeasuredStratum(SummaryPart):
    """A stratum and how far it was looked at."""

    name: str
    rows: int
    drawn: int
    probability: float
    """With which each of its rows was drawn."""
    reviewed: int
    unsure: int
    mismatched: int


class Digests(SummaryPart):
    """What the certificate is about, each as SHA-256 (64 hex digits)."""

    config: str
    """Of the run's config.yaml."""
    rules: str
    """Of the rules alone: the ``policy_digest`` of the verdicts."""
    draw: str
    """Of audit.json."""
    decisions: str
    """Of decisions.jsonl."""


class DataFile(SummaryPart):
    """A manifest that was scanned."""

    manifest: str
    format: str
    rows: int
    digest: str
    digest_of: str


class Certificate(SummaryPart):
    """What ``audit-certificate.json`` holds."""

    schema_name: Literal["mmcheck.audit-certificate/1"] = Field(SCHEMA, alias="schema")
    mmcheck_version: str
    run: str
    """Name of the run folder."""
    identity: str
    """The run's, of run.json: manifests and how they were read."""
    data: tuple[DataFile, ...]
    digests: Digests
    rows: int
    """Rows of the run."""
    rows_audited: int
    """Rows that the audit speaks of; the others have nothing that a person could compare."""
    rows_promised: int
    """Of these, rows with a probability of a mismatch: promises are about them."""
    seed: int
    drawn: int
    reviewed: int
    """Drawn rows that people decided about or were unsure of."""
    unsure: int
    stale: int
    """Drawn rows whose medium or text is another one now than when people looked."""
    reviewers: tuple[str, ...]
    blind: int
    """Reviewed rows of which every reviewer decided without seeing scores and findings."""
    first_decision: str | None
    last_decision: str | None
    """When, ISO 8601."""
    strata: tuple[MeasuredStratum, ...]
    measures: tuple[Measured, ...]
    notes: tuple[str, ...]
    """What limits it, in plain sentences."""
    method: str = METHOD

    @property
    def headline(self) -> str:
        """Return the outcome in a sentence without its full stop."""
        told = [one for one in self.measures if one.promised is not None]
        broken = [one.title for one in told if one.is_broken]
        seen = f"{self.reviewed:,} of {self.drawn:,} drawn rows reviewed"
        if not told:
            return f"Nothing was promised; {seen}"
        if broken:
            return f"Worse than promised: {', '.join(broken)} ({seen})"
        if not self.is_complete:
            return f"No promise is contradicted so far ({seen})"
        return f"The promises hold, as far as {self.reviewed:,} reviewed rows can tell"

    @property
    def is_complete(self) -> bool:
        """Return whether every drawn row was looked at."""
        return self.reviewed == self.drawn

    def to_json(self) -> dict[str, object]:
        """Return what stands in the file."""
        return self.model_dump(by_alias=True, mode="json")


def write_certificate(run: Path, certificate: Certificate) -> Path:
    """Write the certificate into a run's review folder and return its path.

    Raises:
        OutputError: If it cannot be written.
    """
    file = run / FOLDER / CERTIFICATE
    write_json(file, certificate.to_json(), allow_nan=False)
    return file


def read_certificate(run: RunFolder) -> Certificate:
    """Return the last certificate of a run.

    Raises:
        RunError: If there is none, or it is damaged.
    """
    file = run.path / FOLDER / CERTIFICATE
    try:
        return Certificate.model_validate(read_json(file))
    except (Damaged, ValueError) as error:
        raise RunError(
            f"{file} is missing or damaged: {error}.", hint="`mmcheck audit RUN --measure` writes it."
        ) from error


def show_share(share: float) -> str:
    """Return a share in per cent without its sign, ends as such: ``0``, ``1.9``, ``100``."""
    return f"{100 * share:.0f}" if share in (0.0, 1.0) else percent(share)
