"""Words are counted in every script."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmcheck.metrics.caption_words import count_words, repetition_tokens, split_words
from mmcheck.metrics.text_repetition import repeated_ngram_ratio, unique_token_ratio


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", 0),
        ("  ...  ", 0),
        ("a dog", 2),
        ("the dog's state-of-the-art ball", 4),
        ("हिन्दी में यह है", 4),
        ("한국어 문장", 2),
        ("一个红色的球", 3),
        ("図", 1),
        ("CLIP模型 v2", 3),
    ],
)
def test_counts(text: str, wanted: int) -> None:
    assert count_words(text) == wanted


@given(st.text(max_size=80), st.text(max_size=80))
def test_counts_add_up_over_a_blank(one: str, other: str) -> None:
    assert count_words(f"{one} {other}") == count_words(one) + count_words(other)
    assert (count_words(one) == 0) == (not split_words(one))


def test_repetition() -> None:
    assert repeated_ngram_ratio("a dog a dog a dog".split(), 2) == pytest.approx(0.6)
    assert repeated_ngram_ratio([], 2) == 0
    assert repeated_ngram_ratio(["a", "b"], 2) == 0
    assert unique_token_ratio([]) == 1
    assert unique_token_ratio(repetition_tokens("Dog dog DOG dog")) == 0.25
    assert repeated_ngram_ratio(repetition_tokens("好好好好好好")) > 0.5
    with pytest.raises(ValueError, match="at least 1"):
        repeated_ngram_ratio(["a"], 0)


@given(st.lists(st.sampled_from("abc"), max_size=30), st.integers(1, 4))
def test_ratios_stay_in_range(tokens: list[str], n: int) -> None:
    assert 0 <= repeated_ngram_ratio(tokens, n) < 1
    assert 0 < unique_token_ratio(tokens) <= 1
    assert repeated_ngram_ratio([str(number) for number in range(len(tokens))], n) == 0
