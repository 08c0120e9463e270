from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mmcheck.probe.planted_texts import cut_frames, find_followers, plant_cut, plant_word_fault, split_words


def fixed(**numbers):
    """Chance with given outcomes."""
    return lambda what, count: numbers.get(what, 0) % count


@pytest.mark.parametrize("number", [0, 1])
def test_a_cut_takes_words_from_the_end_only(number):
    words = "one two three four five six".split()
    cut = plant_cut(words, fixed(cut=number))
    assert len(cut) < len(words)
    assert words[: len(cut)] == cut


@pytest.mark.parametrize("text", ["", "word", "two words"])
def test_short_texts_have_nothing_to_spare(text):
    words = text.split()
    assert plant_cut(words, fixed()) is None
    assert plant_word_fault(words, {}, ["other"], "en", fixed()) is None


def test_a_word_is_replaced_by_one_that_follows_the_same_word_elsewhere():
    followers = find_followers([["the", "dog", "sleeps"], ["the", "Cat,", "runs"], ["a", "house"]], "en")
    assert sorted(followers) == ["the"], "after `a` and `dog` only one word is known"
    found = plant_word_fault(["Near", "the", "dog."], followers, ["zebra"], "en", fixed(fault=0))
    assert found == ["Near", "the", "Cat."], "the text's own punctuation stays, the other's goes"


def test_any_word_will_do_where_none_is_known_to_follow():
    found = plant_word_fault(["red", "green", "blue."], {}, ["Red", "yellow"], "en", fixed(fault=0, place=2))
    assert found == ["red", "green", "yellow."]
    assert plant_word_fault(["red", "green", "blue"], {}, ["RED", "...", "Green!"], "en", fixed(fault=0)) is None


def test_only_an_inner_word_is_left_out():
    words = "one two three four".split()
    for place in range(6):
        found = plant_word_fault(words, {}, [], "en", fixed(fault=1, place=place))
        assert (len(found), found[0], found[-1]) == (3, "one", "four")


@given(
    st.lists(st.text(min_size=1, max_size=6).filter(str.strip), min_size=3, max_size=8),
    st.lists(st.text(min_size=1, max_size=6).filter(str.strip), max_size=6),
    st.integers(0, 1000),
)
@example(["0", "1\u00b8", "0", "0"], [], 0)
def test_a_planted_text_differs_from_its_own(words, donors, number):
    found = plant_word_fault(
        words, find_followers([words, donors], None), donors, None, lambda _, count: number % count
    )
    assert found is None or found != words


def test_scripts_without_spaces_are_split_by_character():
    assert split_words("你 好吗", is_scriptio_continua=True) == ["你", "好", "吗"]


@pytest.mark.parametrize("number", range(6))
def test_the_recording_is_cut_within_its_sound(number):
    features = np.full((4, 100), -1.0, np.float32)
    features[:, 20:60] = 1.0
    kept = cut_frames(features, fixed(audio=number))
    assert 20 + 0.6 * 40 - 1 <= kept <= 20 + 0.85 * 40


def test_silence_is_cut_too():
    assert 2 <= cut_frames(np.zeros((4, 10), np.float32), fixed()) <= 10
