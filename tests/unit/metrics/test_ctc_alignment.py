from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmcheck.metrics.ctc_alignment import FLOOR, Symbol, align_words, greedy_symbols, relative_scores

BLANK, SEPARATOR = 0, 1


def log_probs(rng: np.random.Generator, frames: int, symbols: int) -> np.ndarray:
    raw = rng.normal(0, 2, (frames, symbols))
    return np.asarray(raw - np.log(np.exp(raw).sum(axis=1, keepdims=True)))


def collapse(path: tuple[int, ...]) -> list[int]:
    return [symbol for symbol, _ in itertools.groupby(path) if symbol != BLANK]


def spoken(text: list[int], symbols: int) -> np.ndarray:
    """Return frames in which a model hears just these symbols, each for two frames with a blank behind."""
    path = [it for symbol in text for it in (symbol, symbol, BLANK)]
    scores = np.full((len(path), symbols), -9.0)
    scores[np.arange(len(path)), path] = 0.0
    return scores


@settings(deadline=None, max_examples=60)
@given(seed=st.integers(0, 10_000), frames=st.integers(1, 6), text=st.lists(st.integers(2, 3), min_size=1, max_size=3))
def test_the_best_alignment_is_the_best_of_all_paths(seed: int, frames: int, text: list[int]) -> None:
    relative = relative_scores(log_probs(np.random.default_rng(seed), frames, 4))
    sums = [
        relative[np.arange(frames), list(path)].sum()
        for path in itertools.product(range(4), repeat=frames)
        if collapse(path) == text
    ]
    found = align_words(relative, [text], blank=BLANK, separator=SEPARATOR)
    assert found.mean == pytest.approx(max(FLOOR, max(sums) / len(text)) if sums else FLOOR)


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 10_000),
    frames=st.integers(1, 40),
    words=st.lists(st.lists(st.one_of(st.none(), st.integers(2, 5)), max_size=4), max_size=5),
)
def test_words_and_gaps_share_out_the_loss(seed: int, frames: int, words: list[list[Symbol]]) -> None:
    # A run of unknown letters is one symbol.
    words = [
        [it for at, it in enumerate(word) if it is not None or not at or word[at - 1] is not None] for word in words
    ]
    relative = relative_scores(log_probs(np.random.default_rng(seed), frames, 6))
    found = align_words(relative, words, blank=BLANK, separator=SEPARATOR)
    assert len(found.words) == len(words)
    assert len(found.gaps) == len(words) + 1
    assert FLOOR <= found.mean <= 0
    assert [value is None for value in found.words] == [all(it is None for it in word) for word in words]
    known = [sum(it is not None for it in word) for word in words]
    if found.spans and found.mean > FLOOR and all(value is None or value > FLOOR for value in found.words):
        lost = sum(value * count for value, count in zip(found.words, known, strict=True) if value is not None)
        assert lost + sum(found.gaps) == pytest.approx(found.mean * sum(known), abs=1e-6)
        assert all(first <= stop for first, stop in found.spans)


def test_what_is_heard_costs_nothing() -> None:
    relative = spoken([2, 3, SEPARATOR, 4], 6)
    found = align_words(relative, [[2, 3], [4]], blank=BLANK, separator=SEPARATOR)
    assert found.mean == 0
    assert found.words == (0, 0)
    assert found.gaps == (0, 0, 0)
    assert greedy_symbols(relative, blank=BLANK) == [2, 3, SEPARATOR, 4]


def test_the_wrong_word_is_the_one_that_loses() -> None:
    relative = spoken([2, 3, SEPARATOR, 4, 5, SEPARATOR, 2], 6)
    found = align_words(relative, [[2, 3], [3, 2], [2]], blank=BLANK, separator=SEPARATOR)
    assert found.words[0] == found.words[2] == 0
    assert found.words[1] is not None
    assert found.words[1] < -8


def test_a_missing_word_shows_in_the_gap() -> None:
    relative = spoken([2, 3, SEPARATOR, 4, 5, SEPARATOR, 2], 6)
    found = align_words(relative, [[2, 3], [2]], blank=BLANK, separator=SEPARATOR)
    assert int(np.argmin(found.gaps)) == 1
    assert found.gaps[1] < -8


def test_unknown_letters_fit_anything_and_leave_the_others_judged() -> None:
    relative = spoken([2, 3, SEPARATOR, 4, 5, 4, SEPARATOR, 2], 6)
    right = align_words(relative, [[2, 3], [None], [2]], blank=BLANK, separator=SEPARATOR)
    wrong = align_words(relative, [[2, 3], [None], [5]], blank=BLANK, separator=SEPARATOR)
    assert right.words == (0, None, 0)
    assert wrong.words[2] is not None
    assert wrong.words[2] < -8


@pytest.mark.parametrize(
    ("frames", "words"), [(2, [[2, 3, 4]]), (3, [[2, 2, 2]]), (0, [[2]]), (4, []), (4, [[], []]), (4, [[None]])]
)
def test_what_cannot_be_aligned_gets_the_floor(frames: int, words: list[list[Symbol]]) -> None:
    relative = np.zeros((frames, 6))
    found = align_words(relative, words, blank=BLANK, separator=SEPARATOR)
    assert found.mean == FLOOR
    assert found.spans == ()


def test_a_double_letter_needs_a_blank_between() -> None:
    once = spoken([2], 4)[:2]
    assert align_words(once, [[2, 2]], blank=BLANK, separator=None).mean == FLOOR
    twice = spoken([2, 2], 4)
    assert align_words(twice, [[2, 2]], blank=BLANK, separator=None).mean == 0
