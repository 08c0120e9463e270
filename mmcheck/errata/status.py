"""What may become of an erratum where it is applied."""

from __future__ import annotations

from enum import StrEnum


class Status(StrEnum):
    """What became of an erratum."""

    APPLIED = "applied"
    """Rows were removed or given another text."""
    ALREADY_RIGHT = "already_right"
    """The pair has the right text, or is gone, while its medium is here."""
    NOT_FOUND = "not_found"
    """The pair is not here."""
    TEXT_DIFFERS = "text_differs"
    """Its medium is here, with a text that the errata do not know: nothing was done."""
    MEDIA_DIFFERS = "media_differs"
    """Its text is here, on a medium that seems to be the same with other bytes: nothing was done."""
    NO_TEXT = "no_text"
    """The right text is left out of the errata, and no row here has it: nothing was done."""
    AMBIGUOUS = "ambiguous"
    """A row is known again by several errata that say different things: nothing was done."""
    NOT_WRITTEN = "not_written"
    """The layout cannot hold the right text in that row: nothing was done."""


CONFLICTS = (
    Status.TEXT_DIFFERS,
    Status.MEDIA_DIFFERS,
    Status.NO_TEXT,
    Status.AMBIGUOUS,
    Status.NOT_WRITTEN,
)
"""What somebody should look at."""
MEANINGS = {
    Status.APPLIED: "removed, or given the right text",
    Status.ALREADY_RIGHT: "the text is right already, or the pair is gone",
    Status.NOT_FOUND: "the pair is not here",
    Status.TEXT_DIFFERS: "the medium is here, with a text that the errata do not know",
    Status.MEDIA_DIFFERS: "the text is here, the medium seems to be the same with other bytes",
    Status.NO_TEXT: "the right text is left out of the errata, and no row here has it",
    Status.AMBIGUOUS: "several errata say different things about one row",
    Status.NOT_WRITTEN: "the layout cannot hold the right text in that row",
}
"""In words."""
