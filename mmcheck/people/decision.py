"""One decision of one person about one row, as a line of ``decisions.jsonl`` (docs/review.md)."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Literal
from uuid import uuid4

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from mmcheck.core.pair_kinds import KIND_OF

SCHEMA: Literal["mmcheck.decision/1"] = "mmcheck.decision/1"
"""Counted up when an earlier version of mmcheck would misread a record."""
_LONGEST_TEXT = 1_000_000  # characters of a corrected text; given by the default of `input.max_text_bytes`


class Choice(StrEnum):
    """What a person said of a row."""

    KEEP = "keep"
    """Medium and text belong together."""
    QUARANTINE = "quarantine"
    """They do not."""
    VAGUE = "vague"
    """The text fits, but says too little."""
    EDIT = "edit"
    """The text is replaced by the one that the record holds."""
    UNSURE = "unsure"
    """The person looked and cannot tell."""
    SKIP = "skip"
    """The person did not look, or left it to others."""
    UNDO = "undo"
    """Takes back the record that ``undoes`` names."""


DECIDED = (Choice.KEEP, Choice.QUARANTINE, Choice.VAGUE, Choice.EDIT)
"""Choices that say what should become of a row."""
SOUND = (Choice.KEEP, Choice.VAGUE)
"""Choices by which medium and text belong together; an edited text did not."""

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]


def _is_kind(name: str) -> str:
    if name not in KIND_OF:
        raise ValueError(f"is none of {', '.join(KIND_OF)}")
    return name


class Decision(BaseModel):
    """A record. A log only grows: a later record of the same person on the same row replaces an earlier one."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    schema_name: Literal["mmcheck.decision/1"] = Field(SCHEMA, alias="schema")
    id: Annotated[str, StringConstraints(min_length=1, max_length=64)] = Field(default_factory=lambda: uuid4().hex)
    """Unique; by it a record that is read twice counts once."""
    sample_id: str
    """The row."""
    content: str | None = None
    """Key of medium and texts as they were shown (``content.py``); None: not known, the row's id alone counts."""
    reviewer: Name
    """Who decided."""
    time: datetime = Field(default_factory=lambda: datetime.now(UTC))
    """When, with its time zone."""
    choice: Choice
    text: Annotated[str, StringConstraints(max_length=_LONGEST_TEXT)] | None = None
    """The corrected text; of an edit only."""
    pair: Annotated[str, AfterValidator(_is_kind)] | None = None
    """Which pair of a row with both is meant; None: the row as a whole."""
    note: Annotated[str, StringConstraints(max_length=10_000)] | None = None
    """What the person wrote beside it."""
    undoes: str | None = None
    """Id of the record that is taken back; of an undo only."""
    sample: str | None = None
    """How the row came to be looked at: ``borderline``, ``flagged``, ``quarantine``, ``random``, ``audit`` ..."""
    stratum: str | None = None
    """The stratum of a stratified sample that it was drawn from."""
    probability: float | None = Field(None, gt=0, le=1)
    """Probability with which the row came into the sample; None: it was chosen, not drawn."""
    blind: bool = False
    """Whether scores and findings were hidden."""
    codes: tuple[str, ...] = ()
    """Findings of the row when it was shown."""
    group: str | None = None
    """Equal in records that one press decided for several rows at once."""
    exam: str | None = None
    """What was planted in a pair that tests the reviewer; such a record decides about no row."""
    seconds: float | None = Field(None, ge=0)
    """How long the person looked."""

    @model_validator(mode="after")
    def _is_whole(self) -> Decision:
        if (self.choice is Choice.EDIT) != (self.text is not None):
            raise ValueError("a corrected text belongs to an edit, and an edit needs one")
        if (self.choice is Choice.UNDO) != (self.undoes is not None):
            raise ValueError("`undoes` belongs to an undo, and an undo needs it")
        if self.time.tzinfo is None:
            raise ValueError("the time needs a time zone, such as 2026-05-01T09:30:00Z")
        return self

    def to_line(self) -> bytes:
        """Return the record as one line of JSON with its line end. Valid UTF-8 whatever the texts hold."""
        return self.model_dump_json(by_alias=True, exclude_defaults=False, exclude_none=True).encode() + b"\n"
