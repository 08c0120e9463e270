from __future__ import annotations

import pytest

from mmcheck.corpus.speech.word_faults import find_cut, find_word_fault

WORDS = [["the", -0.1], ["dog", -9.0], ["sleeps", -0.2]]


def find(limit=4.0, is_end_unheard=False, breaks_off=False, **evidence):
    return find_word_fault(
        {"words": WORDS, **evidence}, limit=limit, is_end_unheard=is_end_unheard, breaks_off=breaks_off
    )


@pytest.mark.parametrize(
    ("steps", "kind", "words"),
    [
        ([["substitute", "dog", "cat"]], "wrong_word", ("dog",)),
        ([["insert", "", "big"], ["equal", "dog", "dog"]], "missing_words", ("big",)),
        ([["delete", "big", ""], ["equal", "dog", "dog"]], "inserted_words", ("big",)),
        (
            [["equal", "the", "the"], ["delete", "dog", ""], ["delete", "sleeps", ""]],
            "inserted_words",
            ("dog", "sleeps"),
        ),
    ],
)
def test_the_alignment_tells_the_kind(steps, kind, words):
    fault = find(alignment=steps)
    assert (fault.kind, fault.words) == (kind, words)


@pytest.mark.parametrize("steps", [[], [["equal", "dog", "dog"], ["delete", "sleeps", ""]]])
def test_an_unheard_end_was_cut_off_if_the_sound_breaks_off_and_was_added_otherwise(steps):
    assert find(alignment=steps, is_end_unheard=True, breaks_off=True).kind == "cut_audio"
    assert find(alignment=steps, is_end_unheard=True, breaks_off=False).kind == "inserted_words"


def test_without_an_alignment_the_surprising_words_are_named_in_their_order():
    fault = find(surprises=[[2, "sleeps", 9.0], [1, "dog", 7.0], [0, "the", 0.1]])
    assert (fault.kind, fault.words) == ("wrong_word", ("dog", "sleeps"))


def test_the_most_surprising_word_is_named_where_none_is_beyond_the_limit():
    assert find(limit=float("nan"), surprises=[[1, "dog", 3.0], [0, "the", 0.1]]).words == ("dog",)


def test_missing_evidence_names_nothing_and_breaks_nothing():
    assert find_word_fault({}, limit=4.0, is_end_unheard=True, breaks_off=True).words == ()
    assert find_cut({}) == ()


def test_what_is_heard_after_a_cut_transcript_is_named():
    steps = [["equal", "the", "the"], ["insert", "", "dog"], ["insert", "", "sleeps"]]
    assert find_cut({"words": WORDS, "alignment": steps}) == ("dog", "sleeps")
    assert find_cut({"words": WORDS}) == ("dog", "sleeps")


def test_what_a_cut_explains_is_no_fault_of_the_words():
    steps = [["equal", "the", "the"], ["insert", "", "dog"], ["insert", "", "sleeps"]]
    assert find(alignment=steps).kind == "missing_words"
    cut = {"limit": 4.0, "is_end_unheard": False, "breaks_off": False, "is_cut": True}
    assert find_word_fault({"words": WORDS, "alignment": steps}, **cut) is None
    wrong = [["substitute", "the", "a"], *steps[1:]]
    assert find_word_fault({"words": WORDS, "alignment": wrong}, **cut).kind == "wrong_word"
