"""Vague captions score low, specific ones high, and no language is punished for not being English."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmcheck.metrics.caption_specificity import EMPTY_WORDS, FUNCTION_WORDS, GENERIC_WORDS, measure_specificity

LIMIT = 0.35


@pytest.mark.parametrize(
    "caption",
    [
        "",
        "...",
        "a picture of something",
        "a person standing outside",
        "an image",
        "photo",
        "Untitled",
        "a photo of some things outside",
        "a view of some objects",
        "a nice picture of an object",
        "image 1",
        "this is an image of something",
        "A man and a woman",
    ],
)
def test_vague_captions(caption: str) -> None:
    assert measure_specificity(caption).score < LIMIT


@pytest.mark.parametrize(
    "caption",
    [
        "a dog",
        "a red ball on a table",
        "Portrait of Ida M. Tarbell.",
        "two blue squares above a red circle",
        "Ein Hund",
        "une image",
        "una persona de pie",
        "человек стоит",
        "图片",
        "一个人站在外面",
        "사람",
        "व्यक्ति",
    ],
)
def test_specific_captions_and_those_in_other_languages(caption: str) -> None:
    assert measure_specificity(caption).score > LIMIT


def test_lists_are_left_out_for_a_language_that_is_not_english() -> None:
    assert (
        measure_specificity("image", language="fr").score > LIMIT > measure_specificity("image", language="en-GB").score
    )


def test_evidence_names_the_generic_words() -> None:
    found = measure_specificity("A photo of a person with a telescope")
    assert (found.generic_words, found.num_content_words) == (("photo", "person"), 1)


def test_no_word_is_in_two_of_the_weightless_lists() -> None:
    assert not FUNCTION_WORDS & EMPTY_WORDS
    assert not FUNCTION_WORDS & GENERIC_WORDS
    assert not EMPTY_WORDS & GENERIC_WORDS


@given(st.text(max_size=100), st.text(max_size=100))
def test_more_words_never_tell_less(one: str, other: str) -> None:
    both = measure_specificity(f"{one} {other}")
    assert both.score >= measure_specificity(one).score - 1e-12
    assert 0 <= both.score <= 1
