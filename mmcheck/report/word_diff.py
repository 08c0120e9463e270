"""Evidence turned into what a person reads: a coloured word diff, shaded words, the parts of a long caption.

Evidence is JSON from a run folder, which another version may have written; what does not have the expected shape
is left out instead of failing the page.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from mmcheck.core.json_types import LoadedJson
from mmcheck.report.shown_text import ShownText, show_text

MAX_SHOWN_WORDS = 300
"""Words of one transcript that the page shows. Our own choice: the page stays readable."""
MAX_SHOWN_PARTS = 12
"""Parts of one long caption that the page shows. Our own choice: the page stays readable."""
_MAX_WORD_CHARS = 80  # characters of one word that the page shows; our own choice: longer ones are junk
_KINDS = ("equal", "substitute", "insert", "delete")
_SHADES = (-1.0, -2.0, -3.5, -5.0)
"""Log-probabilities (nat) below which a word is shaded one step darker. Our own choice: from a third to less than a
hundredth."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DiffRun:
    """Neighbouring words of one kind."""

    kind: str
    """``equal``, ``substitute``, ``insert`` (heard, not in the transcript) or ``delete`` (not heard)."""
    reference: ShownText
    """The transcript's words."""
    hypothesis: ShownText
    """The words heard."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShadedWord:
    """One word of the transcript with how well the recording supports it."""

    text: ShownText
    """The word."""
    shade: int
    """0 (supported) to 4 (hardly possible)."""
    log_prob: float
    """Mean log-probability of its tokens, in nat."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TranscriptView:
    """What the transcript probe left behind for people."""

    runs: tuple[DiffRun, ...] = ()
    """Word diff; empty if the recording was not transcribed."""
    runs_left_out: int = 0
    """Entries of the alignment that are not shown."""
    joint: str = " "
    """What stands between words: a space, or nothing in scripts written without."""
    words: tuple[ShadedWord, ...] = ()
    """Words of the transcript with their support; empty if not verified."""
    words_left_out: int = 0
    """Words that are not shown."""
    says_all: bool = False
    """Whether the shaded words are the whole transcript, so that it need not be shown a second time."""
    hypothesis: ShownText | None = None
    """The whole text heard, where there is no alignment to show it in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptionPart:
    """One window of a caption that is longer than the model's context."""

    text: ShownText
    """Its text."""
    similarity: float
    """Cosine of image and text."""
    is_worst: bool
    """Whether no other part fits less."""


def view_windows(evidence: LoadedJson) -> tuple[CaptionPart, ...]:
    """Return the parts of a long caption in the evidence of the image_text probe; empty if it was not split.

    Args:
        evidence: May hold ``windows`` (list of {text, similarity}).
    """
    raw = evidence.get("windows")
    found = [
        (window["text"], float(window["similarity"]))
        for window in (raw if isinstance(raw, list) else [])[:MAX_SHOWN_PARTS]
        if isinstance(window, Mapping)
        and isinstance(window.get("text"), str)
        and isinstance(window.get("similarity"), int | float)
    ]
    if len(found) < 2:
        return ()
    worst = min(similarity for _, similarity in found)
    return tuple(
        CaptionPart(text=show_text(text, 160), similarity=similarity, is_worst=similarity == worst)
        for text, similarity in found
    )


def view_transcript(evidence: LoadedJson, transcript: str | None = None) -> TranscriptView | None:
    """Return what ``evidence`` of the transcript probe holds for people, or None if nothing.

    Args:
        evidence: May hold ``alignment`` (list of [kind, reference word, heard word]), ``words`` (list of
            [word, log-probability]) and ``hypothesis`` (text).
        transcript: The manifest's transcript, to see whether the words say all of it.
    """
    entries = _alignment(evidence.get("alignment"))
    words = _words(evidence.get("words"))
    heard = evidence.get("hypothesis")
    hypothesis = show_text(heard) if isinstance(heard, str) and not entries else None
    if not entries and not words and hypothesis is None:
        return None
    joint = _joint([text for _, reference, heard_word in entries for text in (reference, heard_word) if text])
    return TranscriptView(
        runs=tuple(_merge(entries[:MAX_SHOWN_WORDS], joint)),
        runs_left_out=max(0, len(entries) - MAX_SHOWN_WORDS),
        joint=joint,
        words=tuple(
            ShadedWord(text=show_text(word.strip(), _MAX_WORD_CHARS), shade=_shade(log_prob), log_prob=log_prob)
            for word, log_prob in words[:MAX_SHOWN_WORDS]
        ),
        words_left_out=max(0, len(words) - MAX_SHOWN_WORDS),
        says_all=bool(words) and len(words) <= MAX_SHOWN_WORDS and _same(words, transcript),
        hypothesis=hypothesis,
    )


def _alignment(raw: object) -> list[tuple[str, str, str]]:
    entries = []
    for entry in raw if isinstance(raw, list) else []:
        if isinstance(entry, list | tuple) and len(entry) == 3 and entry[0] in _KINDS:
            reference, heard = (text if isinstance(text, str) else "" for text in entry[1:])
            entries.append((str(entry[0]), reference, heard))
    return entries


def _words(raw: object) -> list[tuple[str, float]]:
    words = []
    for entry in raw if isinstance(raw, list) else []:
        if isinstance(entry, list | tuple) and len(entry) >= 2 and isinstance(entry[0], str):
            log_prob = entry[1]
            if isinstance(log_prob, int | float) and math.isfinite(log_prob):
                words.append((entry[0], float(log_prob)))
    return words


def _same(words: list[tuple[str, float]], transcript: str | None) -> bool:
    return transcript is not None and [word.strip() for word, _ in words] == transcript.split()


def _joint(texts: list[str]) -> str:
    if texts and all(len(text) == 1 for text in texts):
        wide = sum(ord(text) >= 0x0E00 for text in texts)
        return "" if 2 * wide > len(texts) else " "
    return " "


def _merge(entries: list[tuple[str, str, str]], joint: str) -> list[DiffRun]:
    groups: list[tuple[str, list[str], list[str]]] = []
    for kind, reference, heard in entries:
        if groups and groups[-1][0] == kind and kind != "substitute":
            groups[-1][1].append(reference)
            groups[-1][2].append(heard)
        else:
            groups.append((kind, [reference], [heard]))
    limit = MAX_SHOWN_WORDS * _MAX_WORD_CHARS
    return [
        DiffRun(
            kind=kind,
            reference=show_text(joint.join(word[:_MAX_WORD_CHARS] for word in references), limit),
            hypothesis=show_text(joint.join(word[:_MAX_WORD_CHARS] for word in heard), limit),
        )
        for kind, references, heard in groups
    ]


def _shade(log_prob: float) -> int:
    return sum(log_prob < limit for limit in _SHADES)
