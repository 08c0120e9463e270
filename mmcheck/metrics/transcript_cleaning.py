"""What of a transcript is spoken, and what was left in it by tools: markup, marks, hidden characters, lost spaces.

One reading gives both: the text as it is compared with the sound, and the pieces that were taken out of it, by kind.
The row of the manifest keeps its own text; only what is scored is cleaned, so that a transcript that says what is
spoken is not called another text for its entities.

Text without residue comes back as it is, to the character.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass

from mmcheck.metrics.caption_words import repetition_tokens
from mmcheck.metrics.hidden_characters import count_broken, find_invisible, name_character, remove_invisible
from mmcheck.metrics.joined_words import find_joined, find_underscores, split_joined
from mmcheck.metrics.text_normalization import is_continuous_char
from mmcheck.metrics.transcript_marks import (
    CONTROL_TOKEN,
    EVENT,
    NAMED_SPEAKER,
    NO_SPEAKERS,
    SPEAKER,
    TAG,
    TIMESTAMP,
    TURN,
    is_phonetic,
)

KINDS = {
    "control_tokens": "special tokens of a model",
    "timestamps": "times of subtitles",
    "markup": "tags",
    "entities": "HTML entities",
    "invisible_characters": "invisible characters",
    "broken_characters": "characters that were lost in an earlier conversion",
    "event_marks": "names of sounds",
    "speaker_marks": "marks of who speaks",
    "underscores": "underscores between words",
    "missing_spaces": "words run together without spaces",
    "phonetic_script": "phonetic script instead of words",
    "repeated_text": "the same text again",
    "missing_value": "a word that pandas and other table readers treat as a missing value",
    "bare_value": "a number or truth value in place of words",
}
"""Kind of residue -> what it is, in words that can follow "contains"; the most telling first."""

_PASSES = 20  # rounds in which entities and tags are undone; our own choice: nobody packs them deeper
_ENTITY = re.compile(r"&(?:[A-Za-z][A-Za-z0-9]{1,30}|#\d{1,7}|#x[0-9A-Fa-f]{1,6});")
_NESTED = re.compile(r"&(?:amp;)+(?=#?\w{1,31};)")
_SPACES = re.compile(r"\s+")
_BEFORE_POINT = re.compile(r"\s+(?=[,.](?:\s|$))")
# What pandas reads as missing by default, in any case of letters, and JavaScript's word for it.
_MISSING = frozenset(("null", "na", "n/a", "none", "nan", "-nan", "<na>", "#n/a", "#na", "#n/a n/a", "undefined"))
_VALUE = re.compile(r"^[-+]?(?:\d+(?:[.,]\d+)*|true|false)$", re.IGNORECASE)
_MIN_UNIT = 3  # words that must come again for the text to be there twice; our own choice: two are common in speech
_MIN_CHARACTERS = 6  # the same in scripts without spaces, in characters; our own choice: two characters a word


@dataclass(frozen=True, slots=True, kw_only=True)
class CleanTranscript:
    """A transcript as it was read."""

    text: str
    """What is to be heard: the transcript without what no one says."""
    residue: dict[str, tuple[str, ...]]
    """Kind of residue (a key of ``KINDS``) -> the pieces, as written, in the order of the text. Kinds that were not
    found are absent."""


def clean_transcript(text: str, language: str | None = None) -> str:
    """Return what of ``text`` is spoken: entities resolved, marks and hidden characters removed, words set apart.

    Cleaning what was cleaned changes nothing, and a text without residue comes back as it is.

    Args:
        text: A transcript.
        language: Its language code, for words that were run together; English where it is not known.
    """
    return _clean(text, language)[0]


def _clean(text: str, language: str | None) -> tuple[str, dict[str, list[str]]]:
    """Return the clean text and the pieces that were removed or mended."""
    found: dict[str, list[str]] = {}
    for _ in range(_PASSES):
        before = text
        text = _take_out(text, language, found)
        if text == before:
            break
        text = _tidy(text)
    return text, found


def read_transcript(text: str, language: str | None = None) -> CleanTranscript:
    """Return what of ``text`` is spoken, and the residue by kind.

    Args:
        text: A transcript.
        language: Its language code, for words that were run together; English where it is not known.
    """
    clean, found = _clean(text, language)
    if broken := count_broken(text):
        found["broken_characters"] = ["\ufffd"] * broken
    if is_phonetic(clean):
        found["phonetic_script"] = [clean[:40]]
    if times := count_repeats(clean):
        found["repeated_text"] = [clean[: len(clean) // times][:40]] * (times - 1)
    bare = text.strip()
    if bare.casefold() in _MISSING:
        # "<NA>" would pass for a tag and leave nothing.
        found, clean = {"missing_value": [bare]}, text
    elif _VALUE.match(bare):
        found["bare_value"] = [bare]
    return CleanTranscript(text=clean, residue={kind: tuple(found[kind]) for kind in KINDS if kind in found})


def is_missing_value(text: str) -> bool:
    """Return whether ``text`` is one word that readers of tables take for a missing value (null, NA, None, NaN)."""
    return text.strip().casefold() in _MISSING


def count_repeats(text: str) -> int:
    """Return how many times ``text`` says one and the same in a row, 2 or more; 0 where it does not.

    What is said again must have three words (six characters in scripts without spaces): people do say "no no no".
    """
    tokens = repetition_tokens(text)
    count = len(tokens)
    if count < 2 * _MIN_UNIT:
        return 0
    smallest = _MIN_CHARACTERS if any(is_continuous_char(char) for char in text) else _MIN_UNIT
    # The shortest period of the words, by the prefix function of Knuth, Morris and Pratt.
    border = [0] * count
    for place in range(1, count):
        length = border[place - 1]
        while length and tokens[place] != tokens[length]:
            length = border[length - 1]
        border[place] = length + (tokens[place] == tokens[length])
    period = count - border[-1]
    return count // period if smallest <= period < count and count % period == 0 else 0


def show_piece(kind: str, pieces: tuple[str, ...]) -> str:
    """Return the first piece as a message shows it, with how many there are."""
    first = pieces[0].strip() if kind != "invisible_characters" else pieces[0]
    shown = first if len(first) <= 40 else first[:37] + "..."
    if kind not in ("invisible_characters", "broken_characters"):
        shown = '"' + " ".join(shown.split()) + '"'
    return shown if len(pieces) == 1 else f"{shown}, {len(pieces)} in all"


def _take_out(text: str, language: str | None, found: dict[str, list[str]]) -> str:
    """Return ``text`` after one round, and add the pieces to ``found``."""
    if "&" in text:
        flat = _NESTED.sub("&", text)
        entities = [entity for entity in _ENTITY.findall(flat) if html.unescape(entity) != entity]
        if entities:
            found.setdefault("entities", []).extend(entities)
            text = _ENTITY.sub(lambda match: _resolve(match.group()), flat)
    places = find_invisible(text)
    if places:
        found.setdefault("invisible_characters", []).extend(name_character(text[place]) for place in places)
        text = remove_invisible(text)
    for kind, pattern in (
        ("control_tokens", CONTROL_TOKEN),
        ("timestamps", TIMESTAMP),
        ("event_marks", EVENT),
        ("markup", TAG),
        ("speaker_marks", SPEAKER),
        ("speaker_marks", TURN),
    ):
        pieces = [match.group() for match in pattern.finditer(text)]
        if pieces:
            found.setdefault(kind, []).extend(pieces)
            text = pattern.sub(" ", text)
    if ":" in text:
        text = _take_names(text, found)
    underscores = find_underscores(text)
    if underscores:
        found.setdefault("underscores", []).extend(underscores)
    joined = find_joined(text, language)
    if joined:
        found.setdefault("missing_spaces", []).extend(text[place.start : place.stop] for place in joined)
    return split_joined(text, language) if underscores or joined else text


def _take_names(text: str, found: dict[str, list[str]]) -> str:
    pieces = []

    def take(match: re.Match[str]) -> str:
        if match.group(1).split()[0] in NO_SPEAKERS:
            return match.group()
        pieces.append(match.group())
        return " "

    text = NAMED_SPEAKER.sub(take, text)
    if pieces:
        found.setdefault("speaker_marks", []).extend(pieces)
    return text


def _resolve(entity: str) -> str:
    """Return what an entity stands for; blanks of any width as a plain one."""
    resolved = html.unescape(entity)
    return " " if resolved.isspace() else resolved


def _tidy(text: str) -> str:
    """Return ``text`` with single blanks, none before a full stop, and no lone signs at its ends."""
    words = _BEFORE_POINT.sub("", _SPACES.sub(" ", text)).split()
    while words and not _says(words[-1]):
        words.pop()
    while words and not _says(words[0]):
        words.pop(0)
    return " ".join(words)


def _says(word: str) -> bool:
    return any(char.isalnum() for char in word)
