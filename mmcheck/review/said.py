"""What one press of a key says, as the page sends it."""

from __future__ import annotations

from dataclasses import dataclass

from mmcheck.people.decision import Choice


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a press of a key says."""

    choice: Choice
    id: str
    """Id of the record: a form that is sent twice decides once."""
    content: str | None
    """Key of what the page showed."""
    text: str | None = None
    pair: str | None = None
    note: str | None = None
    seconds: float | None = None
    group: str | None = None
    """Key of the group that it speaks about; None: the one row."""
