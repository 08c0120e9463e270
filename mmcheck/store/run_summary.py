"""summary.json of a run: what stands under which key. A plain dict, as it is what people and scripts read."""

from __future__ import annotations

from typing import Literal, NotRequired, TypedDict

from mmcheck.config.differences import DifferencesTree

SUMMARY_VERSION = 1
"""Counted up when an earlier version of mmcheck, or a script written for it, would misread summary.json."""


class Counts(TypedDict):
    """Rows by what happens to them."""

    rows_read: int
    keep: int
    flag: int
    quarantine: int
    unchecked: int


class RawLimitsOff(TypedDict):
    """Raw limits that could judge what the set itself is too small for."""

    pairs: int
    """Pairs that they would judge."""
    rules: list[str]
    limits: str
    """What they ask for, and where they come from."""


class PairSummary(TypedDict):
    """The pairs of one kind."""

    pairs: int
    compared: int
    """By a model."""
    judged: int
    by_raw_limit: int
    """Judged by somebody's own limit alone."""
    warning: NotRequired[str]
    """What was not compared or not judged, and why."""
    note: NotRequired[str]
    raw_limits_off: NotRequired[RawLimitsOff]


class FalseQuarantine(TypedDict):
    """What quarantining by the posterior is expected to cost."""

    limit: float
    judged: int
    taken: int
    expected_wrongly_taken: float
    share_of_true_pairs: float
    sentence: str


class TallySummary(Counts):
    """What counting gives."""

    findings: dict[str, int]
    """Code -> rows."""
    inactive_rules: list[str]
    manifests: dict[str, Counts]
    languages: dict[str, Counts]
    probes: dict[str, dict[str, int]]
    """Probe or analysis -> status -> rows."""
    metrics: dict[str, dict[str, float]]
    """Metric -> count, mean, least, greatest and quantiles."""


class CountedSentence(TypedDict):
    """A sentence on the rows beyond the limits of the rules that look at a metric; judging counts them."""

    metric: str
    compared: int
    """Rows that could be among them."""
    one: str
    """The sentence where it is a single row, as a format string of ``count``, ``compared`` and ``share``."""
    many: str
    """The same for several rows."""
    place: int
    """How many of the analysis' ``sentences`` stand before it."""
    worded: NotRequired[str]
    """Column of a text; rows whose text holds no word are not counted."""


class AnalysisSummary(TypedDict, total=False):
    """What every analysis may say of the whole set, beside what is its own; ``fingerprint`` says which it is."""

    fingerprint: str
    sentences: list[str]
    warnings: list[str]
    """Sentences that limit what the verdicts mean."""
    counted: list[CountedSentence]
    """What judging counts; in its place summary.json has ``counts``."""
    counts: dict[str, int]
    """Metric -> rows beyond the limits of the rules that look at it."""


class ProblemExample(TypedDict):
    """A row that has a problem, the worst of them."""

    id: str
    text: str | None
    """Its caption or transcript, cut where it is long."""
    reason: str
    """The finding's sentence."""
    path: str | None
    """Where its medium is; ``archive.tar::member`` inside an archive."""
    manifest: str
    row_number: int
    """1-based line or row in that manifest."""


class Problem(TypedDict):
    """What one rule found, where it decided about rows."""

    rule: str
    action: str
    """What became of the rows."""
    rows: int
    codes: dict[str, int]
    """Code -> rows."""
    example: ProblemExample


Status = Literal["complete", "partly_judged", "not_compared", "empty"]
"""What the verdicts of a run rest on.

``complete``: the pairs of every kind were compared by a model and judged. ``partly_judged``: those of a kind were
compared, but nothing judged them. ``not_compared``: no model compared those of a kind, only files and texts were
checked. ``empty``: no row was read. Single pairs that were not judged are counted under ``unchecked`` and ``pairs``.
"""


class SetSummary(TypedDict):
    """What holds for the set as a whole."""

    status: NotRequired[Status]
    """Absent in runs of early versions."""
    warnings: NotRequired[list[str]]
    """Plain sentences that limit what the verdicts mean; absent in runs of early versions."""
    notes: list[str]
    """Plain sentences, the warnings first."""
    pairs: dict[str, PairSummary]
    """By kind."""
    analyses: dict[str, AnalysisSummary]
    """What each analysis found, without what only a plot needs."""
    expected_false_quarantine: dict[str, FalseQuarantine]
    """By kind of pair."""


class ReviewSummary(TypedDict):
    """What judging made of the decisions of people."""

    decided: int
    """Rows with a verdict by people."""
    changed: int
    """Of these, rows to which the rules would have given another verdict."""
    rows: dict[str, int]
    """Rows by what was decided (``kept``, ``quarantined``, ``vague``, ``edited``), and those whose decisions do not
    count: ``tie``, ``too_few``, ``stale``, ``broken``, ``not_in_run``."""
    sentences: list[str]


class RunSummary(TallySummary, SetSummary):
    """The content of summary.json."""

    schema_version: NotRequired[int]
    """Absent in runs of early versions."""
    problems: NotRequired[list[Problem]]
    """Those that matter most, the gravest first; absent in runs of early versions."""
    source_rows: NotRequired[int]
    """Rows of the manifests, where rows hold several texts."""
    review: NotRequired[ReviewSummary]
    """Where the decisions of people were applied."""
    config: NotRequired[DifferencesTree]
