"""How a recognised text differs from the given one: error rates, counts and the alignment behind them.

The alignment is made once, by jiwer, and everything else is read off it. Both texts must be normalised before;
what counts as the same word is the normaliser's business.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, cast

EDGE_WORDS = 5
"""Words at either end that the coverages look at. Our own choice: a phrase."""
EDGE_CHARS = 12
"""Characters at either end, in scripts without spaces. Taken from NeMo Curator's start and end character error
rates."""

Kind = Literal["equal", "substitute", "insert", "delete"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AlignedUnit:
    """One step of the alignment."""

    kind: Kind
    """``equal``, ``substitute``, ``insert`` (only in the hypothesis) or ``delete`` (only in the reference)."""
    reference: str
    """Word (or character) of the reference; "" for an insertion."""
    hypothesis: str
    """Word (or character) of the hypothesis; "" for a deletion."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorCounts:
    """Minimal edit operations that turn the reference into the hypothesis, in words or characters."""

    hits: int
    """Units that are equal."""
    substitutions: int
    """Units that are replaced."""
    insertions: int
    """Units that the hypothesis has in addition."""
    deletions: int
    """Units that the hypothesis lacks."""

    @property
    def rate(self) -> float | None:
        """Errors a unit of the reference: (S + D + I) / (H + S + D); at least 0, above 1 if much was inserted.

        None if the reference is empty and the hypothesis is not: errors over nothing are no rate. Two empty texts
        agree: 0.
        """
        errors = self.substitutions + self.deletions + self.insertions
        units = self.hits + self.substitutions + self.deletions
        if units == 0:
            return 0.0 if errors == 0 else None
        return errors / units


@dataclass(frozen=True, slots=True, kw_only=True)
class WordAlignment:
    """A reference and a hypothesis, aligned."""

    words: ErrorCounts
    """Counts over whitespace-separated words."""
    characters: ErrorCounts
    """Counts over characters; a space counts as one, except in scripts without spaces."""
    units: tuple[AlignedUnit, ...]
    """The alignment in order: words, or characters in scripts without spaces."""
    head_coverage: float | None
    """Share (0 to 1) of the reference's first words (characters) that were recognised; None if it is empty."""
    tail_coverage: float | None
    """The same for its last words (characters)."""

    @property
    def wer(self) -> float | None:
        """Word error rate."""
        return self.words.rate

    @property
    def cer(self) -> float | None:
        """Character error rate."""
        return self.characters.rate


def align_texts(
    reference: str,
    hypothesis: str,
    *,
    is_scriptio_continua: bool = False,
    edge_words: int = EDGE_WORDS,
    edge_chars: int = EDGE_CHARS,
) -> WordAlignment:
    """Return the alignment of a recognised text with the given one.

    Args:
        reference: The given text, normalised.
        hypothesis: The recognised text, normalised in the same way.
        is_scriptio_continua: Whether the script has no spaces between words; characters are then aligned, and
            the spaces that a recogniser puts there count for nothing.
        edge_words: How many words at either end the coverages look at.
        edge_chars: The same in characters, for scripts without spaces.
    """
    reference_words, hypothesis_words = reference.split(), hypothesis.split()
    joint = "" if is_scriptio_continua else " "
    word_units = align_units(reference_words, hypothesis_words)
    char_units = align_units(joint.join(reference_words), joint.join(hypothesis_words))
    shown = char_units if is_scriptio_continua else word_units
    edge = edge_chars if is_scriptio_continua else edge_words
    matched = [unit.kind == "equal" for unit in shown if unit.kind != "insert"]
    return WordAlignment(
        words=_count(word_units),
        characters=_count(char_units),
        units=shown,
        head_coverage=_share(matched[:edge]),
        tail_coverage=_share(matched[-edge:]),
    )


def align_units(reference: Sequence[str], hypothesis: Sequence[str]) -> tuple[AlignedUnit, ...]:
    """Return a minimal alignment of two sequences of words, or of the characters of two strings."""
    from jiwer import process_words
    from jiwer.transforms import AbstractTransform

    class Prepared(AbstractTransform):
        """Hands over the units as they are: jiwer would split at spaces, and characters may be spaces."""

        def __init__(self, units: Sequence[str]) -> None:
            self._units = list(units)

        def __call__(self, _sentences: object) -> list[list[str]]:
            return [self._units]

    output = process_words("", "", Prepared(reference), Prepared(hypothesis))
    units: list[AlignedUnit] = []
    for chunk in output.alignments[0]:
        before = reference[chunk.ref_start_idx : chunk.ref_end_idx]
        after = hypothesis[chunk.hyp_start_idx : chunk.hyp_end_idx]
        kind = cast(Kind, chunk.type)
        if kind == "delete":
            units += [AlignedUnit(kind=kind, reference=unit, hypothesis="") for unit in before]
        elif kind == "insert":
            units += [AlignedUnit(kind=kind, reference="", hypothesis=unit) for unit in after]
        else:
            pairs = zip(before, after, strict=True)
            units += [AlignedUnit(kind=kind, reference=left, hypothesis=right) for left, right in pairs]
    return tuple(units)


def _count(units: Sequence[AlignedUnit]) -> ErrorCounts:
    kinds = [unit.kind for unit in units]
    return ErrorCounts(
        hits=kinds.count("equal"),
        substitutions=kinds.count("substitute"),
        insertions=kinds.count("insert"),
        deletions=kinds.count("delete"),
    )


def _share(matched: Sequence[bool]) -> float | None:
    return sum(matched) / len(matched) if matched else None
