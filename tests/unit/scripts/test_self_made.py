"""What is wrong in a text that a model wrote, and the table of how well each verifier sees it."""

from __future__ import annotations

import numpy as np
import pytest

from mmcheck.backends.whisper_verifier import Verification
from scripts.benchmarks.real_parts.self_made import SelfMade, WrittenText, compare, write_self_made


def verified(text: str, low: str = "") -> Verification:
    words = tuple(text.split())
    return Verification(
        words=words,
        log_probs=tuple((-6.0,) if word == low else (-0.1,) for word in words),
        entropies=tuple((0.2,) for _ in words),
        end_log_prob=-0.1,
        no_speech_prob=None,
        language="en",
        language_probability=None,
        stated_probability=None,
        num_tokens=len(words),
        num_scored=len(words),
    )


def written(number: int, *, is_wrong: bool, is_seen: bool) -> WrittenText:
    text = "the red fox saw the dog"
    right = "the red box saw the dog" if is_wrong else text
    both = {"base": verified(text, "fox" if is_wrong and is_seen else ""), "tiny.en": verified(text)}
    return compare(f"clip{number}", text, right, both)


def test_wrong_words_are_those_that_people_did_not_write() -> None:
    one = written(0, is_wrong=True, is_seen=True)
    assert one.wrong == ("fox",)
    assert [bad for bad, _, _ in one.words["base"]] == [False, False, True, False, False, False]
    assert one.words["base"][2][1:] == pytest.approx((5.8, -6.0))
    assert one.scores["base"]["worst_word_log_prob"] == -6.0


def test_spelling_and_marks_are_no_errors() -> None:
    text = "Dial 2, if you're ready."
    assert compare("clip", text, "Dial two if you are ready", {"base": verified(text)}).wrong == ()


def test_words_that_the_text_lacks_count_too() -> None:
    text = "the fox saw"
    assert compare("clip", text, "the red fox saw", {"base": verified(text)}).wrong == ("red",)


def test_the_table_tells_the_verifier_that_sees_from_the_blind_one() -> None:
    texts = [written(number, is_wrong=number % 3 == 0, is_seen=True) for number in range(30)]
    table = write_self_made([SelfMade(backend="ctranslate2", texts=texts)])
    assert "10 of 30 (ctranslate2)" in table
    lines = [line for line in table.splitlines() if line.startswith("| ctranslate2")]
    seen, blind = ([cell.strip() for cell in line.strip("|").split("|")] for line in lines)
    assert seen[0].endswith("verified by base")
    assert seen[1].startswith("1")
    assert blind[0].endswith("verified by tiny.en")
    assert blind[1].startswith("0.500")
    assert seen[-1] == "10 of 180"
    assert np.isfinite(texts[0].scores["base"]["max_surprise"])
