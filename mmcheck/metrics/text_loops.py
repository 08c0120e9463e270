"""Texts that a recogniser wrote in a loop: the same phrase again and again, though it was said once.

Whisper falls into loops where it loses the sound, most of all at the end of a recording that was cut. Such a text says
nothing about the transcript beside it. Two signs, both held against the transcript, since people do repeat themselves:
a phrase that stands several times in a row, and a text that zlib packs better than 2.4 to 1, Whisper's own sign
(openai/whisper, transcribe.py: compression_ratio_threshold), which short loops do not reach.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

MAX_COMPRESSION = 2.4
"""Bytes of a text over its bytes packed, above which it is a loop. Taken from the defaults of OpenAI's whisper and of
faster-whisper."""
MIN_TIMES = 3
"""Times that a phrase of two words or more stands in a row. Our own choice: twice is common in speech."""
MIN_SINGLE_TIMES = 6
"""The same for a single word, or a few characters. Our own choice: "no, no, no" is common in speech."""
_MIN_PHRASE = {False: 2, True: 4}
"""Units (words; characters in scripts without spaces) from which on a phrase counts as one. Our own choice: shorter
ones are single words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Loop:
    """A phrase that a text repeats."""

    phrase: str
    """The phrase, normalised; "" where only the packing shows that the text repeats itself."""
    times: int
    """How often it stands in a row; 0 where only the packing shows it."""


def find_loop(heard: str, given: str, *, is_scriptio_continua: bool = False) -> Loop | None:
    """Return the loop that a recognised text has fallen into, or None if it has not.

    A phrase that the given text repeats too, at least half as often, is no loop.

    Args:
        heard: The recognised text.
        given: The transcript.
        is_scriptio_continua: Whether characters are compared instead of words.
    """
    units, said = (_units(text, is_scriptio_continua) for text in (heard, given))
    joint = "" if is_scriptio_continua else " "
    for start, length, times in sorted(_runs(units), key=lambda run: -run[1] * run[2]):
        is_phrase = length >= _MIN_PHRASE[is_scriptio_continua]
        if times < (MIN_TIMES if is_phrase else MIN_SINGLE_TIMES):
            continue
        phrase = units[start : start + length]
        if times > 2 * _times_in_row(said, phrase):
            return Loop(phrase=joint.join(phrase), times=times)
    if compression_ratio(heard) > MAX_COMPRESSION >= compression_ratio(given):
        return Loop(phrase="", times=0)
    return None


def drop_repeats(text: str) -> str:
    """Return the text with each phrase that stands three times or more in a row said once."""
    words = text.split()
    keys = [_comparable(word) for word in words]
    kept: list[str] = []
    place = 0
    runs = {start: (length, times) for start, length, times in _runs(keys) if times >= MIN_TIMES}
    while place < len(words):
        length, times = runs.get(place, (1, 1))
        kept += words[place : place + length]
        place += length * times
    return " ".join(kept)


def compression_ratio(text: str) -> float:
    """Return a text's bytes over its bytes packed by zlib, as Whisper counts; 0 for an empty one."""
    data = text.encode("utf-8", "replace")
    return len(data) / len(zlib.compress(data)) if data else 0.0


def _units(text: str, is_scriptio_continua: bool) -> list[str]:
    keys = [key for word in text.split() if (key := _comparable(word))]
    return list("".join(keys)) if is_scriptio_continua else keys


def _comparable(word: str) -> str:
    return "".join(char for char in word.casefold() if char.isalnum())


def _runs(units: Sequence[str]) -> list[tuple[int, int, int]]:
    """Return start, length of the phrase and number of times of each repetition in a row, the shortest phrase first.

    Of the phrases that begin at one place the one that covers most is taken, of equal ones the shortest.
    """
    count = len(units)
    best: dict[int, tuple[int, int]] = {}
    for length in range(1, count // 2 + 1):
        same = 0
        for place in range(count - length - 1, -1, -1):
            same = same + 1 if units[place] == units[place + length] else 0
            times = same // length + 1
            known = best.get(place)
            if times > 1 and (known is None or length * times > known[0] * known[1]):
                best[place] = (length, times)
    return [(place, length, times) for place, (length, times) in sorted(best.items(), key=lambda item: item[1])]


def _times_in_row(units: Sequence[str], phrase: Sequence[str]) -> int:
    """Return how often a phrase, begun at any of its words, stands in a row at most."""
    length = len(phrase)
    most = 0
    for shift in range(length):
        turned = [*phrase[shift:], *phrase[:shift]]
        for start in range(len(units) - length + 1):
            times = 0
            while list(units[start + times * length : start + (times + 1) * length]) == turned:
                times += 1
            most = max(most, times)
    return most
