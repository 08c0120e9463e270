"""A caption with its words shaded by how probably each is wrong, as transcripts are shaded by what was heard."""

from __future__ import annotations

from dataclasses import dataclass

from mmcheck.core.json_types import LoadedJson
from mmcheck.report.shown_text import ShownText, show_text

WORDS_ANALYSIS = "caption_words"
"""The analysis whose evidence says which words may be wrong."""
_SHADES = (0.05, 0.2, 0.5, 0.9)
"""Probabilities from which a word is shaded one step darker. Our own choice: the first is where evidence begins, the
last where the presets flag."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptionPiece:
    """A stretch of the caption."""

    text: ShownText
    """What stands there."""
    shade: int
    """0 (nothing against it) to 4 (probably wrong)."""
    probability: float
    """That the word is wrong; 0 where nothing is known against it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkedCaption:
    """A caption of which a word may be wrong."""

    pieces: tuple[CaptionPiece, ...]
    """The caption in order."""
    is_cut: bool
    """Whether a part of the caption is left out."""


def mark_caption(evidence: LoadedJson, caption: str | None) -> MarkedCaption | None:
    """Return the caption with its doubtful words marked; None if none is, or the marks do not fit the caption.

    Args:
        evidence: May hold ``words`` (list of [first character, one past the last, probability]).
        caption: The manifest's caption.
    """
    if caption is None:
        return None
    whole = show_text(caption)
    pieces: list[CaptionPiece] = []
    end = 0
    for start, stop, probability in _marks(evidence.get("words")):
        if start < end or stop > whole.shown:
            continue
        if start > end:
            pieces.append(_piece(caption[end:start], 0.0))
        pieces.append(_piece(caption[start:stop], probability))
        end = stop
    if not end:
        return None
    if end < whole.shown:
        pieces.append(_piece(caption[end : whole.shown], 0.0))
    return MarkedCaption(pieces=tuple(pieces), is_cut=whole.is_cut)


def _piece(text: str, probability: float) -> CaptionPiece:
    shade = sum(probability >= limit for limit in _SHADES)
    return CaptionPiece(text=show_text(text), shade=shade, probability=probability)


def _marks(raw: object) -> list[tuple[int, int, float]]:
    """Return marks in order; what does not have the expected shape is left out."""
    marks = []
    for entry in raw if isinstance(raw, list) else []:
        if isinstance(entry, list) and len(entry) == 3 and all(isinstance(number, int | float) for number in entry):
            start, stop, probability = int(entry[0]), int(entry[1]), float(entry[2])
            if 0 <= start < stop and 0 <= probability <= 1:
                marks.append((start, stop, probability))
    return sorted(marks)
