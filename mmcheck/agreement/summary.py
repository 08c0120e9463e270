"""What ``mmcheck agreement`` says."""

from __future__ import annotations

from collections.abc import Mapping

from mmcheck.store.product_summary import ProductSummary, SummaryPart


class Value(SummaryPart):
    """A coefficient."""

    value: float | None
    """None where it is not defined."""
    low: float | None
    high: float | None
    """The interval of 95 %, from a bootstrap over the rows."""
    rows: int
    """Rows that it is based on."""


class Group(SummaryPart):
    """How far people agree about some rows."""

    name: str
    rows: int
    """Rows that two people at least decided about."""
    disputed: int
    """Of these, rows that not all of them answered alike."""
    percent: Value
    """Mean share of pairs of people with the same answer, in [0, 1]."""
    alpha: Value
    """Krippendorff's alpha, nominal."""


class Question(Group):
    """How far people agree about all rows in one question."""

    fleiss: Value
    """Fleiss' kappa, of rows with equally many people."""
    fleiss_people: int
    """How many; 0 where there is no such row."""


class Pair(SummaryPart):
    """Two people."""

    reviewers: tuple[str, str]
    agreed: int
    """Rows that both decided about, alike."""
    kappa: Value
    """Cohen's kappa of "mismatched or not"."""


class Disputed(SummaryPart):
    """A row that people do not agree about."""

    index: int
    sample_id: str
    manifest: str
    row_number: int
    text: str
    action: str
    codes: tuple[str, ...]
    votes: Mapping[str, str]
    """Reviewer -> choice."""
    disagreement: float
    """Share of pairs of people of whom one says mismatched and the other does not, in [0, 1]."""


class Exam(SummaryPart):
    """How one person did with planted pairs."""

    reviewer: str
    planted: int
    """Wrong pairs that were judged."""
    caught: int
    """Of these, turned down."""
    sound: int
    """Right pairs that were judged."""
    turned_down: int
    """Of these, turned down."""
    undecided: int
    """Answers that were unsure or skipped."""


class AgreementSummary(ProductSummary):
    """How far the people agree who looked at a run."""

    run: str
    reviewers: Mapping[str, int]
    """Name -> rows that they decided about."""
    rows: int
    """Rows that anybody decided about."""
    rows_of_several: int
    """Of these, rows that two people at least decided about."""
    unsure: Mapping[str, int]
    """Name -> rows that they were unsure of; no answer, so not counted elsewhere."""
    mismatched: Question
    """Of "mismatched or not": keep and vague against quarantine and edit."""
    choice: Question
    """Of the choice itself: keep, vague, quarantine, edit."""
    pairs: tuple[Pair, ...]
    codes: tuple[Group, ...]
    """By what the rules found; a row counts with each of its codes."""
    slices: Mapping[str, tuple[Group, ...]]
    """``language``, ``manifest`` -> groups."""
    disputed: tuple[Disputed, ...]
    """The most disputed first."""
    exams: tuple[Exam, ...]
    sentences: tuple[str, ...]
    """The outcome and what limits it."""
