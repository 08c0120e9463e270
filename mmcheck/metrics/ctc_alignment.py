"""How well a given text fits the frames of a CTC model: the best alignment against the model's own best path.

A CTC model gives each frame a probability for each letter and for blank (Graves et al., ICML 2006). The most likely
alignment of a given text is found by Viterbi over its letters with blanks between them. What it loses in a frame
against the likeliest symbol there is 0 where the model hears the text, and large where it hears something else; noise
that makes every symbol unlikely takes from both alike. All values are such differences, at most 0.

Letters that the model does not know cannot be aligned. None stands for a run of them: it takes any number of frames at
no loss, so that the words around it are still judged.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from mmcheck.core.arrays import Floats

Symbol = int | None
"""Number of a symbol; None for a run of letters that the model does not know, which fits every frame."""
FLOOR = -20.0
"""Smallest difference of a frame, and that of a text that has more letters than there are frames (nat). Our own choice:
two billionths; further down only rounding is measured."""
_NEVER = -1e30  # of a state that cannot be reached; our own choice: below any sum of log-probabilities


@dataclass(frozen=True, slots=True, kw_only=True)
class AlignedText:
    """A text on its frames."""

    mean: float
    """Sum of the differences over all frames, by the number of known letters, nat, ``FLOOR`` to 0."""
    words: tuple[float | None, ...]
    """The same for each word over its own frames; None for a word without a known letter."""
    gaps: tuple[float, ...]
    """Sum of the differences before the first word, between each two, and after the last one, nat, at most 0: large
    where the model hears words that the text lacks."""
    spans: tuple[tuple[int, int], ...]
    """First frame and one past the last of each word; empty where the text could not be aligned."""


def relative_scores(log_probs: NDArray[np.floating]) -> Floats:
    """Return how much less likely each symbol is than the likeliest one of its frame, ``FLOOR`` to 0, shape (t, c).

    Args:
        log_probs: Log-probabilities of the symbols in each frame, shape (t, c).
    """
    plain = np.asarray(log_probs, dtype=np.float64)
    return np.asarray(np.maximum(plain - plain.max(axis=1, keepdims=True), FLOOR))


def align_words(
    relative: Floats, words: Sequence[Sequence[Symbol]], *, blank: int, separator: int | None
) -> AlignedText:
    """Return the best alignment of words.

    Args:
        relative: From ``relative_scores``, shape (t, c).
        words: The symbols of each word.
        blank: Number of the blank.
        separator: Number of the symbol between words; None for a model that has no such symbol.
    """
    symbols: list[Symbol] = []
    owners: list[int] = []
    for number, word in enumerate(words):
        if symbols and word and separator is not None:
            symbols.append(separator)
            owners.append(-1)
        symbols += word
        owners += [number] * len(word)
    num_known = sum(symbol is not None for word in words for symbol in word)
    frames = len(relative)
    lost = AlignedText(
        mean=FLOOR,
        words=tuple(FLOOR if any(symbol is not None for symbol in word) else None for word in words),
        gaps=(0.0,) * (len(words) + 1),
        spans=(),
    )
    if not num_known or not frames:
        return lost
    path = _best_path(relative, symbols, blank)
    if path is None:
        return lost
    states = np.asarray(path)
    scores = _emissions(relative, symbols, blank)[np.arange(frames), states]
    # Odd states are symbols; a frame between two symbols of one word belongs to that word.
    owner = np.full(frames, -1)
    for number in range(len(words)):
        places = [2 * place + 1 for place, it in enumerate(owners) if it == number]
        inside = np.flatnonzero((states >= places[0]) & (states <= places[-1])) if places else np.zeros(0, dtype=int)
        owner[inside] = number
    return _summarise(words, owner, scores, num_known)


def _summarise(
    words: Sequence[Sequence[Symbol]], owner: NDArray[np.int64], scores: Floats, num_known: int
) -> AlignedText:
    found: list[float | None] = []
    spans: list[tuple[int, int]] = []
    gaps: list[float] = []
    last = 0
    for number, word in enumerate(words):
        inside = np.flatnonzero(owner == number)
        first, stop = (int(inside[0]), int(inside[-1]) + 1) if len(inside) else (last, last)
        known = sum(symbol is not None for symbol in word)
        found.append(max(FLOOR, float(scores[first:stop].sum()) / known) if known else None)
        gaps.append(float(scores[last:first].sum()))
        spans.append((first, stop))
        last = stop
    gaps.append(float(scores[last:].sum()))
    mean = max(FLOOR, float(scores.sum()) / num_known)
    return AlignedText(mean=mean, words=tuple(found), gaps=tuple(gaps), spans=tuple(spans))


def greedy_symbols(relative: Floats, *, blank: int) -> list[int]:
    """Return the symbols of the likeliest path: repeats and blanks taken out."""
    best = relative.argmax(axis=1)
    kept = np.ones(len(best), dtype=bool)
    kept[1:] = best[1:] != best[:-1]
    return [int(symbol) for symbol in best[kept] if symbol != blank]


def _emissions(relative: Floats, symbols: Sequence[Symbol], blank: int) -> Floats:
    """Return the scores of the states in each frame, shape (t, 2 n + 1): a blank before, between and after symbols."""
    padded = np.concatenate([relative, np.zeros((len(relative), 1))], axis=1)
    states = np.full(2 * len(symbols) + 1, blank)
    # The column after the last one fits every frame.
    states[1::2] = [symbol if symbol is not None else padded.shape[1] - 1 for symbol in symbols]
    return np.asarray(padded[:, states])


def _best_path(relative: Floats, symbols: Sequence[Symbol], blank: int) -> list[int] | None:
    """Return the state of each frame on the likeliest way through all symbols; None if there are too few frames."""
    emissions = _emissions(relative, symbols, blank)
    frames, count = emissions.shape
    # A blank may be left out between two different symbols.
    may_skip = np.zeros(count, dtype=bool)
    may_skip[3::2] = [symbol != before for before, symbol in pairwise(symbols)]
    best = np.full(count, _NEVER)
    best[:2] = emissions[0, :2]
    steps = np.zeros((frames, count), dtype=np.int8)
    for frame in range(1, frames):
        one = np.concatenate([[_NEVER], best[:-1]])
        two = np.where(may_skip, np.concatenate([[_NEVER, _NEVER], best[:-2]]), _NEVER)
        # Of equal ways the one that stays is taken, so that the path does not depend on rounding.
        step = np.where(one > best, 1, 0).astype(np.int8)
        best = np.maximum(best, one)
        step[two > best] = 2
        best = np.maximum(best, two) + emissions[frame]
        steps[frame] = step
    state = count - 1 if best[-1] >= best[-2] else count - 2
    if best[state] < _NEVER / 2:
        return None
    path = [state]
    for frame in range(frames - 1, 0, -1):
        state -= int(steps[frame, state])
        path.append(state)
    return path[::-1]
