"""Windows hold every word, fit the context and are about equally long."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmcheck.probe.caption_windows import MAX_CHARACTERS, split_caption, spread, thin


def count_words(text: str) -> int:
    return len(text.split())


def count_characters(text: str) -> int:
    """Count as a tokenizer without words would: each visible character is a token."""
    return sum(not char.isspace() for char in text)


@given(st.text(alphabet="ab .!?\n\u3002\u4e00e", max_size=400), st.integers(1, 12))
def test_every_word_lands_in_a_window_that_fits(text: str, capacity: int) -> None:
    windows = split_caption(text, count_words, capacity)
    assert all(1 <= window.num_tokens <= capacity for window in windows)
    assert all(count_words(window.text) == window.num_tokens for window in windows)
    joined = " ".join(window.text for window in windows)
    for word in text.replace("\u3002", "\u3002 ").split():
        assert word in joined


@given(st.text(alphabet="abcdefgh\u4e00\u4e8c", min_size=1, max_size=300), st.integers(1, 9))
def test_a_text_without_spaces_is_cut_between_characters(text: str, capacity: int) -> None:
    windows = split_caption(text, count_characters, capacity)
    assert "".join(window.text.replace(" ", "") for window in windows) == text
    assert all(window.num_tokens <= capacity for window in windows)


def test_a_text_that_fits_stays_as_it_is() -> None:
    (window,) = split_caption("  A dog. It runs!  ", count_words, 4)
    assert window.text == "A dog. It runs!"
    assert window.num_tokens == 4


@pytest.mark.parametrize("text", ["", "   ", "\n\n"])
def test_a_text_without_words_gives_no_window(text: str) -> None:
    assert split_caption(text, count_words, 4) == []


def test_sentences_stay_whole_where_they_fit() -> None:
    windows = split_caption("a b c. d e f g. h i.", count_words, 4)
    assert [window.text for window in windows] == ["a b c.", "d e f g.", "h i."]


def test_the_last_window_is_no_leftover() -> None:
    windows = split_caption(" ".join(str(index) for index in range(11)), count_words, 10)
    assert [window.num_tokens for window in windows] == [6, 5]


def test_neighbouring_windows_of_one_sentence_overlap_by_two_words() -> None:
    windows = split_caption(" ".join(str(index) for index in range(40)), count_words, 12)
    for left, right in pairwise(windows):
        assert left.text.split()[-2:] == right.text.split()[:2]


def test_spread_keeps_first_and_last() -> None:
    windows = split_caption(" ".join(str(index) for index in range(2000)), count_words, 10)
    kept = spread(windows, 16)
    assert len(kept) == 16
    assert (kept[0], kept[-1]) == (windows[0], windows[-1])
    assert len(set(kept)) == 16


def test_an_enormous_text_is_thinned_evenly_and_others_are_not() -> None:
    text = "".join(chr(0x4E00 + index % 20000) for index in range(1_000_000))
    thinned = thin(text)
    assert len(thinned.replace("\n", "")) == MAX_CHARACTERS
    assert thinned[0] == text[0]
    assert thinned[-1] == text[-1]
    assert thin("short") == "short"


def test_a_tokenizer_that_makes_more_of_the_whole_still_fits() -> None:
    def count_greedily(text: str) -> int:
        words = len(text.split())
        return words * 2 if words > 3 else words

    windows = split_caption("a b c d e f g h i", count_greedily, 6)
    assert all(window.num_tokens <= 6 for window in windows)
    assert {word for window in windows for word in window.text.split()} == set("abcdefghi")
