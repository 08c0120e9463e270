from __future__ import annotations

import pytest

from mmcheck.corpus.word_faults import find_word_fault


def equal(*words):
    return [["equal", word, word] for word in words]


WORDS = [["the", -0.1], ["dog", -9.0], ["ran", -0.2], ["home", -0.3]]


@pytest.mark.parametrize(
    ("alignment", "kind", "words"),
    [
        ([*equal("the"), ["substitute", "dog", "cat"], *equal("ran")], "wrong_word", ("dog",)),
        ([*equal("the"), ["insert", "", "old"], *equal("dog")], "missing_words", ("old",)),
        ([*equal("the"), ["delete", "dog", ""], *equal("ran")], "inserted_words", ("dog",)),
        ([*equal("the"), ["delete", "dog", ""], ["delete", "ran", ""]], "cut_audio", ("dog", "ran")),
        (equal("the", "dog"), "wrong_word", ("dog",)),
    ],
)
def test_the_alignment_says_which(alignment, kind, words):
    evidence = {"words": WORDS, "surprises": [[1, "dog", 8.0]], "alignment": alignment}
    fault = find_word_fault(evidence, ends_unheard=False, breaks_off=True)
    assert (fault.kind, fault.words) == (kind, words)


def test_words_after_a_recording_that_runs_out_were_added():
    evidence = {"words": WORDS, "alignment": [*equal("the"), ["delete", "dog", ""], ["delete", "ran", ""]]}
    assert find_word_fault(evidence, ends_unheard=True, breaks_off=False).kind == "inserted_words"
    assert find_word_fault(evidence, ends_unheard=True, breaks_off=None).kind == "cut_audio"


def test_without_an_alignment_the_ending_decides():
    fault = find_word_fault({"words": WORDS}, ends_unheard=True, breaks_off=True)
    assert (fault.kind, fault.words) == ("cut_audio", ("ran", "home"))
    fault = find_word_fault({"words": WORDS}, ends_unheard=False, breaks_off=True)
    assert (fault.kind, fault.words) == ("wrong_word", ("dog",))
    assert find_word_fault({}, ends_unheard=False, breaks_off=None).words == ()
