"""Texts that mean the same compare equal; scripts are not torn; hostile texts take no time."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmcheck.metrics.text_normalization import is_scriptio_continua, normalize


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Mr. Smith isn't here!", "mister smith is not here"),
        ("twenty-one dogs", "21 dogs"),
        ("The colour, grey.", "the color gray"),
        ("uh, I've  SEEN it", "i have seen it"),
        ("(laughs) hello [noise]", "hello"),
    ],
)
def test_english_variants_are_equal(one: str, other: str) -> None:
    assert normalize(one, "en") == normalize(other, "en") == normalize(one, "en-US")


@pytest.mark.parametrize(
    ("text", "language", "wanted"),
    [
        ("Straße, ÜBER!", "de", "straße über"),
        ("¿Qué tal?", "es", "qué tal"),
        ("हिन्दी में यह है।", "hi", "हिन्दी में यह है"),
        ("ภาษาไทย!", "th", "ภาษาไทย"),
        ("今日は、良い。", "ja", "今日は 良い"),
        ("cafe\u0301", None, "caf\u00e9"),
        ("", "en", ""),
        (" ... ", "en", ""),
        ("twenty one", None, "twenty one"),
    ],
)
def test_other_languages_keep_their_letters(text: str, language: str | None, wanted: str) -> None:
    assert normalize(text, language) == wanted


@given(st.text(max_size=200), st.sampled_from(["en", "de", "hi", None]))
def test_any_text_gives_tidy_text(text: str, language: str | None) -> None:
    found = normalize(text, language)
    assert found == " ".join(found.split())
    assert found == found.lower() or language != "en"


@given(st.text(max_size=200))
def test_the_basic_form_is_stable(text: str) -> None:
    once = normalize(text, None)
    assert normalize(once, None) == once


@pytest.mark.parametrize("piece", ["<", "(", "[a", " '", "9", "123,", "one ", "<a ", "\n", "'"])
def test_hostile_texts_take_linear_time(piece: str) -> None:
    began = time.perf_counter()
    normalize(piece * (100_000 // len(piece)), "en")
    assert time.perf_counter() - began < 5  # quadratic time would be minutes


@pytest.mark.parametrize("language", ["de", "fr", "ru", "zh"])
@pytest.mark.parametrize("piece", ["9", "1.", "1 ", "1.000 ", "ein und ", "a.", "€ ", "10:30 ", "一"])
def test_hostile_numbers_take_linear_time(piece: str, language: str) -> None:
    normalize("", language)
    began = time.perf_counter()
    normalize(piece * (50_000 // len(piece)), language)
    assert time.perf_counter() - began < 5


@pytest.mark.parametrize(
    ("language", "text", "wanted"),
    [
        (None, "今日は良い天気", True),
        ("zh", "hello world", False),
        ("zh", "", True),
        ("en", "", False),
        ("th", "...", True),
        ("ko", "안녕하세요 세계", False),
        (None, "สวัสดี", True),
        ("ja", "CLIPは画像とテキストを比べるモデル", True),
        ("hi", "हिन्दी में", False),
    ],
)
def test_scripts_without_spaces(language: str | None, text: str, wanted: bool) -> None:
    assert is_scriptio_continua(language, text) is wanted
