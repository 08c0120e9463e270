"""How the decisions of people count when a run is judged."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from mmcheck.config.section import Section

REVIEW_RULE = "review"
"""Name that findings by people carry in place of a rule's; their codes are ``review.kept`` and its like."""


class ReviewConfig(Section):
    """What people decided (RUN/review/decisions.jsonl)."""

    apply: bool = Field(False, description="whether the decisions of people replace the verdicts of the rules")
    min_reviewers: int = Field(1, ge=1, le=100, description="people who must have decided about a row")
    adjudicator: str | None = Field(None, min_length=1, description="name of the person whose word is the last")
    vague: Literal["keep", "flag", "quarantine"] = Field(
        "flag", description="what becomes of rows whose text people called vague"
    )
