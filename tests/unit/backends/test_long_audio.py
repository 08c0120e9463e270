from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmcheck.backends.long_audio import Window, merge_speech, plan_windows, split_reference
from mmcheck.metrics.word_alignment import align_units

RATE = 16_000
LIMIT = 30 * RATE


def pairs(given_words: list[str], heard: list[str]) -> list[tuple[int, int]]:
    found, row, column = [], 0, 0
    for unit in align_units(given_words, heard):
        if unit.kind == "equal":
            found.append((row, column))
        row += unit.kind != "insert"
        column += unit.kind != "delete"
    return found


def windows(*seconds: tuple[float, float]) -> list[Window]:
    return [Window(start=round(low * RATE), stop=round(high * RATE)) for low, high in seconds]


def test_short_recordings_are_one_window_and_no_detector_runs() -> None:
    def refuse(_: object) -> list[tuple[float, float]]:
        raise AssertionError("called")

    assert plan_windows(np.zeros(LIMIT, np.float32), refuse) == ([Window(start=0, stop=LIMIT)], True)
    assert plan_windows(np.zeros(0, np.float32), refuse) == ([Window(start=0, stop=0)], True)


def test_speech_is_merged_as_long_as_it_fits() -> None:
    found = merge_speech([(1, 9), (10, 20), (22, 30.5), (31, 40), (80, 81)], 100 * RATE)
    assert [window.seconds for window in found] == [
        pytest.approx((0.8, 30.7)),
        pytest.approx((30.8, 40.2)),
        pytest.approx((79.8, 81.2)),
    ]


def test_silence_is_covered_by_even_pieces_without_the_digitally_silent_ones() -> None:
    samples = np.zeros(95 * RATE, np.float32)
    pieces, has_speech = plan_windows(samples, lambda _: [])
    assert not has_speech
    assert len(pieces) == 1
    samples[70 * RATE] = 0.5
    pieces, _ = plan_windows(samples, lambda _: [])
    assert len(pieces) == 1
    assert pieces[0].start <= 70 * RATE < pieces[0].stop
    noisy = np.full(95 * RATE, 0.01, np.float32)
    pieces, _ = plan_windows(noisy, lambda _: [])
    assert [pieces[0].start, pieces[-1].stop] == [0, len(noisy)]
    assert all(piece.stop - piece.start <= LIMIT for piece in pieces)


spans = st.lists(st.tuples(st.floats(0, 50), st.floats(0.05, 70)), min_size=1, max_size=12)


@given(spans)
def test_windows_are_ordered_short_enough_and_cover_all_speech(steps: list[tuple[float, float]]) -> None:
    speech, at = [], 0.0
    for gap, length in steps:
        speech.append((at + gap, at + gap + length))
        at += gap + length
    total = int((at + 1) * RATE)
    found = merge_speech(speech, total)
    assert all(0 < window.stop - window.start <= LIMIT for window in found)
    assert all(before.stop <= after.start for before, after in pairwise(found))
    for start, end in speech:
        for second in np.linspace(start, end, 7):
            sample = min(int(second * RATE), total - 1)
            assert any(window.start - 2 <= sample <= window.stop + 2 for window in found)


def test_words_go_where_they_were_heard() -> None:
    text = "a b c d e f g h".split()
    heard = [["a", "b", "c"], ["d", "e"], ["f", "g", "h"]]
    found = split_reference(text, heard, windows((0, 10), (12, 20), (40, 60)), pairs)
    assert [text[part.start : part.stop] for part in found] == heard


def test_an_inserted_passage_moves_only_its_neighbours() -> None:
    text = [f"w{number}" for number in range(30)]
    foreign = [f"x{number}" for number in range(10)]
    heard = [text[:10], text[10:20], text[20:]]
    found = split_reference(text[:15] + foreign + text[15:], heard, windows((0, 10), (10, 20), (20, 30)), pairs)
    assert [len(part) for part in found] == [10, 20, 10]


def test_nothing_heard_spreads_the_text_over_time() -> None:
    text = [f"w{number}" for number in range(30)]
    found = split_reference(text, [[], []], windows((0, 10), (50, 70)), pairs)
    assert [len(part) for part in found] == [10, 20]


def test_no_words_give_empty_ranges() -> None:
    assert [list(part) for part in split_reference([], [["a"], []], windows((0, 5), (5, 9)), pairs)] == [[], []]


@given(
    st.lists(st.sampled_from("abcde"), max_size=20),
    st.lists(st.lists(st.sampled_from("abcdex"), max_size=8), min_size=1, max_size=5),
)
def test_every_word_has_one_window(text: list[str], heard: list[list[str]]) -> None:
    places = windows(*((10 * index, 10 * index + 8) for index in range(len(heard))))
    found = split_reference(text, heard, places, pairs)
    assert [index for part in found for index in part] == list(range(len(text)))
    assert len(found) == len(heard)
