from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmcheck.metrics.text_loops import Loop, drop_repeats, find_loop

NUMBER = "Please check the number. "


def test_a_phrase_three_times_is_a_loop_unless_the_transcript_says_so() -> None:
    loop = Loop(phrase="please check the number", times=3)
    assert find_loop(NUMBER * 3, "please check the number you have dialled") == loop
    assert find_loop("Well. " + NUMBER * 3 + "Thank you.", "something else") == loop
    assert find_loop(NUMBER * 3, NUMBER * 2) is None
    assert find_loop(NUMBER * 9, NUMBER * 2) is not None
    assert find_loop("the number please check " * 3, NUMBER * 3) is None


@pytest.mark.parametrize(
    "text",
    [
        "please check the number you have dialled, and check it again",
        "thank you, thank you",
        "no, no, no, no! very very very good",
        "bla bla bla",
        "she had your dark suit all year she had your dark suit all year",
        "",
        "one",
    ],
)
def test_ordinary_speech_is_none(text: str) -> None:
    assert find_loop(text, "") is None


@pytest.mark.parametrize(
    ("text", "times"),
    [("La tonal " + "tu " * 9, 9), ("1 a " * 5, 5), ("c c c c c c", 6), ("Sal " * 7, 7)],
)
def test_single_words_need_more(text: str, times: int) -> None:
    found = find_loop(text, "")
    assert found is not None
    assert found.times == times


def test_packing_shows_what_does_not_stand_in_a_row() -> None:
    text = " ".join(f"and then the number {index % 3} of the list is this one" for index in range(12))
    found = find_loop(text, "and then")
    assert found is not None
    assert find_loop(text, text) is None


def test_scripts_without_spaces_are_compared_by_characters() -> None:
    phrase = "\u8bf7\u68c0\u67e5\u53f7\u7801"
    found = find_loop(phrase * 3, phrase + "\u3002", is_scriptio_continua=True)
    assert found == Loop(phrase=phrase, times=3)
    assert find_loop("\u54c8\u54c8\u54c8\u54c8", "", is_scriptio_continua=True) is None
    assert find_loop("\u8c22\u8c22\u8c22\u8c22", "", is_scriptio_continua=True) is None


def test_repeats_are_said_once() -> None:
    assert drop_repeats("Well. " + NUMBER * 3 + "Thank you.") == "Well. Please check the number. Thank you."
    assert drop_repeats("so good, so good") == "so good, so good"
    assert drop_repeats("") == ""


@given(st.lists(st.sampled_from("abc"), max_size=40))
def test_what_is_said_is_never_a_loop_of_itself(words: list[str]) -> None:
    text = " ".join(words)
    assert find_loop(text, text) is None
    assert set(drop_repeats(text).split()) == set(words)
