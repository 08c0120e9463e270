"""Which kind of word fault a transcript has, read off its words, what was heard instead, and how the sound ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile

from mmcheck.core.json_types import LoadedJson
from mmcheck.metrics.text_normalization import normalize
from mmcheck.metrics.verification import EDGE_WORDS

Step = tuple[str, str, str]
"""A step of the alignment: its kind, the word of the transcript, the word that was heard."""

KINDS = ("wrong_word", "missing_words", "inserted_words", "cut_audio")
MAX_WORDS = 8
"""Words that a finding names. Our own choice: a sentence stays readable."""
CLEAR_END = -0.6
"""Log-probability of an end from which the speech has ended there by itself. Measured: Whisper tiny.en on 30 real
recordings ends 30 of 30 above it where words were added, and 11 of 16 below it or with no likely end where the
recording was cut off in a pause."""
_REPEATED = 3  # words that must come again, or all there are; our own choice: two are common in speech


@dataclass(frozen=True, slots=True, kw_only=True)
class WordFault:
    """A fault and the words that show it."""

    kind: str
    """One of ``KINDS``."""
    words: tuple[str, ...]
    """Words of the transcript that are not heard, or, for ``missing_words``, heard words that it lacks."""
    is_behind_end: bool = False
    """Whether the words stand behind the end of the speech, so that how the text ends says nothing of the recording."""


def find_word_fault(
    evidence: LoadedJson,
    *,
    limit: float,
    is_end_unheard: bool,
    breaks_off: bool,
    is_cut: bool = False,
    goes_on: bool = False,
) -> WordFault | None:
    """Return the most probable kind of fault of a transcript that probably has one.

    The most surprising word says where the fault is, and the alignment with what was heard says there what it is: a
    word that was heard as another one is wrong, one that was not heard was inserted, and before one that was heard the
    words are missing that were heard besides. Where the speech has ended before that word, or nothing of the rest is
    heard, the words were added to the transcript, or cut off the recording if its sound breaks off. Elsewhere in the
    text the recogniser may err as it likes.

    Args:
        evidence: Of the transcript probe: ``words`` with their log-probabilities, ``surprises``, ``early_end``, and
            ``alignment`` where it transcribed.
        limit: Surprise (nat) above which a word counts as unlikely.
        is_end_unheard: Whether the last words are probably not heard.
        breaks_off: Whether the recording ends at full sound.
        is_cut: Whether the transcript probably stops before the speech does. What is heard after its end is that fault
            and no other; None if nothing else is wrong.
        goes_on: Whether the transcript probably goes on after the speech has ended.
    """
    low = _unlikely_words(evidence, limit)
    steps = _steps(evidence)
    added = _added_words(evidence, steps, limit, is_sure=is_end_unheard or goes_on, breaks_off=breaks_off)
    if added:
        return WordFault(kind="inserted_words", words=added[:MAX_WORDS], is_behind_end=True)
    if is_cut and steps:
        while steps and steps[-1][0] == "insert":
            steps.pop()
        if all(kind == "equal" for kind, _, _ in steps):
            return None
    places = _unlikely_places(evidence, limit)
    end = "cut_audio" if breaks_off else "inserted_words"
    if not steps:
        last = last_words(evidence)
        return WordFault(kind=end, words=last) if is_end_unheard else WordFault(kind="wrong_word", words=low)
    tail = [given for kind, given, _ in takewhile(lambda step: step[0] == "delete", reversed(steps))]
    if tail and (is_end_unheard or len(tail) > 1):
        return WordFault(kind=end, words=tuple(tail[::-1][-MAX_WORDS:]))
    is_last = bool(places) and places[0] >= len(evidence.get("words") or []) - EDGE_WORDS
    if is_end_unheard and breaks_off and is_last and steps[-1][0] != "equal":
        return WordFault(kind=end, words=last_words(evidence))
    for place in places:
        fault = _at_place(steps, _unit_of_word(evidence, steps, place))
        if fault is not None:
            return fault
    return _by_count(steps, low)


def _added_words(
    evidence: LoadedJson, steps: Sequence[Step], limit: float, *, is_sure: bool, breaks_off: bool
) -> tuple[str, ...]:
    """Return the words behind the end of the speech, as the model hears it; none where it hears no such end.

    Where the recording was transcribed, at least half as many words must not have been heard. Which of them are
    crossed out says nothing: of a text that stands twice either copy may be. Words that stand in the text before were
    not cut off the recording, however it ends.
    """
    known = evidence.get("early_end")
    if not known:
        return ()
    place, log_prob, surprise = int(known[0]), float(known[1]), float(known[2])
    words = tuple(str(word) for word, _ in evidence.get("words") or [])
    added = words[place:]
    unheard = sum(kind == "delete" for kind, _, _ in steps)
    if not (is_sure or surprise > limit) or (steps and 2 * unheard < len(added)):
        return ()
    is_clear = log_prob > CLEAR_END and not breaks_off
    return added if is_clear or _stands_before(words, place) else ()


def _stands_before(words: Sequence[str], place: int) -> bool:
    """Return whether what begins at a place of the text stands before it already."""
    keys = ["".join(char for char in word.casefold() if char.isalnum()) for word in words]
    begin = keys[place : place + _REPEATED]
    return any(keys[start : start + len(begin)] == begin for start in range(place - len(begin) + 1))


def _at_place(steps: Sequence[Step], unit: int | None) -> WordFault | None:
    """Return the fault that the steps around a unit of the transcript show; None if they agree there."""
    if unit is None:
        return None
    first = last = unit
    while first > 0 and steps[first - 1][0] != "equal":
        first -= 1
    if steps[unit][0] == "equal":
        last = unit - 1
    else:
        while last + 1 < len(steps) and steps[last + 1][0] != "equal":
            last += 1
    part = steps[first : last + 1]
    if not part:
        return None
    given = [word for kind, word, _ in part if kind != "insert"]
    heard = [word for kind, _, word in part if kind != "delete"]
    if not given:
        return WordFault(kind="missing_words", words=tuple(heard[:MAX_WORDS]))
    if not heard:
        return WordFault(kind="inserted_words", words=tuple(given[:MAX_WORDS]))
    if len(given) < len(heard):
        return WordFault(kind="missing_words", words=tuple(heard[:MAX_WORDS]))
    return WordFault(kind="inserted_words" if len(given) > len(heard) else "wrong_word", words=tuple(given[:MAX_WORDS]))


def _by_count(steps: Sequence[Step], low: tuple[str, ...]) -> WordFault:
    """Return the kind of most steps, where those around the surprising words agree."""
    inserted = [given for kind, given, _ in steps if kind == "delete"]
    missing = [heard for kind, _, heard in steps if kind == "insert"]
    swapped = _swapped(steps)
    if missing and len(missing) > max(len(inserted), len(swapped) - 1):
        return WordFault(kind="missing_words", words=tuple(missing[:MAX_WORDS]))
    if inserted and len(inserted) > max(len(missing), len(swapped) - 1):
        return WordFault(kind="inserted_words", words=tuple(inserted[:MAX_WORDS]))
    return WordFault(kind="wrong_word", words=tuple((swapped or low)[:MAX_WORDS]))


def _unlikely_places(evidence: LoadedJson, limit: float) -> list[int]:
    """Return the places of the unlikely words, the most surprising first; the worst one always counts."""
    found = [(int(place), float(nat)) for place, _, nat in evidence.get("surprises") or []]
    return [place for number, (place, nat) in enumerate(found) if number == 0 or nat > limit]


def _unit_of_word(evidence: LoadedJson, steps: Sequence[Step], place: int) -> int | None:
    """Return which step of the alignment holds a word of the transcript; None if that cannot be told."""
    language = evidence.get("language")
    language = str(language) if language else None
    words = [normalize(str(word), language).split() for word, _ in evidence.get("words") or []]
    given = [number for number, (kind, _, _) in enumerate(steps) if kind != "insert"]
    units = [steps[number][1] for number in given]
    if place >= len(words) or not units:
        return None
    flat = [unit for parts in words for unit in parts]
    before = sum(len(parts) for parts in words[:place])
    if flat != units:
        # Characters instead of words, or numbers that become other words in the whole text: by what stands before.
        written, target = 0, sum(len(unit) for unit in flat[:before])
        for number, unit in zip(given, units, strict=True):
            if written >= target:
                return number
            written += len(unit)
        return given[-1]
    return given[min(before, len(given) - 1)]


def find_cut(evidence: LoadedJson) -> tuple[str, ...]:
    """Return the words heard after the transcript's end, or the transcript's last words where nothing else is known."""
    steps = evidence.get("alignment") or []
    tail = [str(heard or "") for kind, _, heard in takewhile(lambda step: step[0] == "insert", reversed(steps))]
    return tuple(tail[::-1][:MAX_WORDS]) or last_words(evidence)


def find_doubted(evidence: LoadedJson, limit: float) -> tuple[str, ...]:
    """Return the words in whose place others were heard, or else those that are least likely.

    Args:
        evidence: As for ``find_word_fault``.
        limit: Surprise (nat) above which a word counts as unlikely; the least likely one always does.
    """
    return tuple(_swapped(_steps(evidence))[:MAX_WORDS]) or _unlikely_words(evidence, limit)


def _steps(evidence: LoadedJson) -> list[Step]:
    return [(str(kind), str(given or ""), str(heard or "")) for kind, given, heard in evidence.get("alignment") or []]


def _swapped(steps: Sequence[Step]) -> list[str]:
    return [given for kind, given, _ in steps if kind == "substitute"]


def _unlikely_words(evidence: LoadedJson, limit: float) -> tuple[str, ...]:
    found = [(int(place), str(word), float(nat)) for place, word, nat in evidence.get("surprises") or []]
    kept = [entry for entry in found if entry[2] > limit] or found[:1]
    return tuple(word for _, word, _ in sorted(kept)[:MAX_WORDS])


def last_words(evidence: LoadedJson) -> tuple[str, ...]:
    """Return the last two words of the transcript."""
    return tuple(str(word) for word, _ in (evidence.get("words") or [])[-2:])
