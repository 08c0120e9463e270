"""Cuts a caption that is longer than a model's context into windows that fit, so that no word goes unseen.

Sentences stay whole where they fit; a longer one is cut between words with a little overlap, and a longer
word between characters. Windows are made about equally long: a last window of two words would have a poor
score of its own and look like a fault.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

MAX_WINDOWS = 64
"""A caption of more windows is scored on this many, evenly spread; the evidence says so. Our own choice: bounds
time."""

MAX_CHARACTERS = 16_384
"""Of a longer text only this much is looked at, evenly spread. Our own choice: tokenizing megabytes of junk takes
minutes."""

_NUM_SLICES = 32  # pieces that it is taken in; our own choice: evenly spread over the text
_SENTENCE_END = re.compile(r"(?<=[.!?;\u2026])\s+|(?<=[\u3002\uff01\uff1f\uff1b])\s*|[\r\n]+")
_OVERLAP_WORDS = 2  # words that two windows share; our own choice: a phrase is not torn


@dataclass(frozen=True, slots=True)
class Window:
    """A piece of a caption."""

    text: str
    """Its words."""
    num_tokens: int
    """Its length without special tokens."""


def split_caption(text: str, count: Callable[[str], int], capacity: int) -> list[Window]:
    """Return windows of at most ``capacity`` tokens that together hold every word of ``text``, in order.

    Args:
        text: The caption.
        count: Returns the number of tokens of a text, special tokens not counted.
        capacity: Tokens that fit, at least 1. A single character of more tokens stays whole.

    Returns:
        At least one window if the text has tokens, else none. Windows without tokens are left out.
    """
    whole = text.strip()
    num_tokens = count(whole)
    if num_tokens <= capacity:
        return [Window(whole, num_tokens)] if num_tokens else []
    units: list[Window] = []
    for sentence in _SENTENCE_END.split(whole):
        length = count(sentence)
        if length <= capacity:
            units += [Window(sentence, length)] if length else []
        else:
            units += _split_words(sentence.split(), count, capacity)
    return _windows(units, count, capacity, overlap=0)


def spread(windows: list[Window], limit: int = MAX_WINDOWS) -> list[Window]:
    """Return at most ``limit`` windows, evenly spread, the first and the last included."""
    if len(windows) <= limit:
        return windows
    last = len(windows) - 1
    return [windows[round(index * last / (limit - 1))] for index in range(limit)]


def thin(text: str, limit: int = MAX_CHARACTERS) -> str:
    """Return ``text``, or ``limit`` characters of a longer one in evenly spread slices, a line each."""
    if len(text) <= limit:
        return text
    size = limit // _NUM_SLICES
    last = len(text) - size
    starts = [round(index * last / (_NUM_SLICES - 1)) for index in range(_NUM_SLICES)]
    return "\n".join(text[start : start + size] for start in starts)


def _split_words(words: list[str], count: Callable[[str], int], capacity: int) -> list[Window]:
    pieces: list[Window] = []
    for word in words:
        length = count(word)
        pieces += [Window(word, length)] if length <= capacity else _split_characters(word, count, capacity)
    return _windows(pieces, count, capacity, overlap=_OVERLAP_WORDS)


def _split_characters(word: str, count: Callable[[str], int], capacity: int) -> list[Window]:
    pieces = []
    while word:
        low, high = 1, min(len(word), 8 * capacity)
        while low < high:
            middle = (low + high + 1) // 2
            if count(word[:middle]) <= capacity:
                low = middle
            else:
                high = middle - 1
        pieces.append(Window(word[:low], count(word[:low])))
        word = word[low:]
    return pieces


def _windows(units: list[Window], count: Callable[[str], int], capacity: int, *, overlap: int) -> list[Window]:
    """Return the units joined to as few windows as fit, of about equal length."""
    lengths = [unit.num_tokens for unit in units]
    wanted = len(_spans(lengths, capacity, overlap))
    low, high = 1, capacity
    while low < high:
        middle = (low + high) // 2
        if len(_spans(lengths, middle, overlap)) <= wanted:
            high = middle
        else:
            low = middle + 1
    return [
        window
        for start, stop in _spans(lengths, low, overlap)
        for window in _joined(units[start:stop], count, capacity)
    ]


def _spans(lengths: list[int], limit: int, overlap: int) -> list[tuple[int, int]]:
    """Return [start, stop) runs of at most ``limit`` tokens (or of one unit) that cover all units."""
    spans: list[tuple[int, int]] = []
    start = 0
    while start < len(lengths):
        stop, filled = start + 1, lengths[start]
        while stop < len(lengths) and filled + lengths[stop] <= limit:
            filled += lengths[stop]
            stop += 1
        spans.append((start, stop))
        if stop == len(lengths):
            break
        is_small = stop - start > 2 * overlap and sum(lengths[stop - overlap : stop]) * 4 <= limit
        start = stop - overlap if is_small else stop
    return spans


def _joined(units: list[Window], count: Callable[[str], int], capacity: int) -> list[Window]:
    """Return the units as one window, or as more if the tokenizer makes more tokens of the whole."""
    if len(units) == 1:
        return units
    text = " ".join(unit.text for unit in units)
    num_tokens = count(text)
    if num_tokens <= capacity:
        return [Window(text, num_tokens)]
    middle = len(units) // 2
    return _joined(units[:middle], count, capacity) + _joined(units[middle:], count, capacity)
