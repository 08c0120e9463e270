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


def words(text):
    return [[word, -0.1] for word in text.split()]


def align(*steps):
    kinds = {"=": "equal", "~": "substitute", "+": "insert", "-": "delete"}
    return [[kinds[step[0]], *(step[1:].split("/") if "/" in step else [step[1:], step[1:]])] for step in steps]


@pytest.mark.parametrize(
    ("place", "steps", "kind", "named"),
    [
        # Beside the fault the recogniser hears one word wrongly, leaves one out and hears one too many.
        (1, ["=the", "~big/pig", "=dog", "-sleeps/", "=at", "+/the", "=home"], "wrong_word", ("big",)),
        (2, ["=the", "~big/pig", "+/black", "+/brown", "=dog", "=sleeps", "=at", "-home/"], "missing_words", None),
        (3, ["=the", "~big/pig", "=dog", "-sleeps/", "=at", "+/the", "=home"], "inserted_words", ("sleeps",)),
        (5, ["=the", "~big/pig", "=dog", "-sleeps/", "=at", "+/the", "=home"], "missing_words", ("the",)),
        (2, ["~the/a", "=big", "-dog/", "~sleeps/sleep", "=at", "=home"], "inserted_words", ("dog", "sleeps")),
    ],
)
def test_the_most_surprising_word_says_where_and_the_alignment_there_says_what(place, steps, kind, named):
    text = "the big dog sleeps at home"
    place = min(place, 5)
    surprises = [[place, text.split()[place], 9.0], [0, "the", 0.5]]
    evidence = {"words": words(text), "surprises": surprises, "alignment": align(*steps)}
    fault = find_word_fault(evidence, limit=4.0, is_end_unheard=False, breaks_off=True)
    assert fault.kind == kind
    assert named is None or fault.words == named


def test_where_the_words_heard_agree_at_the_surprising_word_the_rest_decides():
    evidence = {
        "words": words("the big dog sleeps"),
        "surprises": [[3, "sleeps", 9.0], [0, "the", 0.5]],
        "alignment": align("=the", "+/very", "=big", "=dog", "=sleeps"),
    }
    assert find_word_fault(evidence, limit=4.0, is_end_unheard=False, breaks_off=False).kind == "missing_words"


def test_numbers_that_become_other_words_do_not_move_the_place():
    evidence = {
        "words": words("dial 20 3 for the big dog"),
        "language": "en",
        "surprises": [[5, "big", 9.0]],
        "alignment": align("=dial", "=203", "~for/four", "=the", "~big/pig", "=dog"),
    }
    fault = find_word_fault(evidence, limit=4.0, is_end_unheard=False, breaks_off=False)
    assert (fault.kind, fault.words) == ("wrong_word", ("big",))


@pytest.mark.parametrize("breaks_off", [False, True])
def test_a_text_that_stands_twice_has_words_that_are_not_spoken_however_the_sound_ends(breaks_off):
    evidence = {"words": words("so it is. so it is."), "early_end": [3, -0.1, 9.0]}
    evidence["surprises"] = [[3, "so", 9.0]]
    fault = find_word_fault(evidence, limit=4.0, is_end_unheard=False, breaks_off=breaks_off)
    assert (fault.kind, fault.words) == ("inserted_words", ("so", "it", "is."))


@pytest.mark.parametrize(("breaks_off", "kind"), [(False, "inserted_words"), (True, "cut_audio")])
def test_words_behind_the_end_of_the_speech_were_added_unless_the_sound_breaks_off(breaks_off, kind):
    evidence = {"words": words("so it is. large red onions"), "early_end": [3, -0.1, 9.0]}
    evidence["surprises"] = [[3, "large", 9.0]]
    evidence["alignment"] = align("=so", "=it", "=is", "-large/", "-red/", "-onions/")
    fault = find_word_fault(evidence, limit=4.0, is_end_unheard=True, breaks_off=breaks_off)
    assert (fault.kind, fault.words) == (kind, ("large", "red", "onions"))


def test_a_likely_end_before_words_that_are_heard_adds_none():
    evidence = {"words": words("so it is. large red onions"), "early_end": [3, -0.1, 9.0]}
    evidence["surprises"] = [[3, "large", 9.0]]
    evidence["alignment"] = align("=so", "=it", "=is", "~large/small", "=red", "=onions")
    fault = find_word_fault(evidence, limit=4.0, is_end_unheard=False, breaks_off=False)
    assert (fault.kind, fault.words) == ("wrong_word", ("large",))


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
