"""Where both say the same, the recogniser's spelling is taken; a wrong word is never written away."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmcheck.metrics.heard_spelling import spell_as_heard
from mmcheck.metrics.text_normalization import normalize


@pytest.mark.parametrize(
    ("text", "heard", "language", "wanted"),
    [
        ("an ill disposed young man", "an ill-disposed young man.", "en", "an ill-disposed young man."),
        ("the wood cutters came", "The woodcutters came.", "en", "The woodcutters came."),
        ("twenty five dogs", "25 dogs", "en", "25 dogs"),
        ("Desole, vous avez des problemes", "Désolé, vous avez des problèmes.", "fr",
         "Désolé, vous avez des problèmes."),
        ("Für fünf Euro", "für 5€", "de", "für 5€"),
        ("el colour gris", "El color gris", "es", "El colour gris"),
        ("the cat sat", "The dog sat.", "en", "The cat sat."),
    ],
)  # fmt: skip
def test_the_heard_spelling_is_taken_where_it_says_the_same(text: str, heard: str, language: str, wanted: str) -> None:
    found = spell_as_heard(text, heard, language)
    assert found is not None
    assert found.text == wanted


@pytest.mark.parametrize(
    ("text", "heard"), [("the same", "the same"), ("all others", "no such thing"), ("", "a"), ("a", ""), ("...", "...")]
)
def test_nothing_is_written_otherwise_without_need(text: str, heard: str) -> None:
    assert spell_as_heard(text, heard, "en") is None


WORDS = st.lists(
    st.sampled_from(["the", "cat", "25", "twenty-five", "Désolé", "desole", "U.S.", "US", "a-b", "ab", "."])
)


@given(WORDS, WORDS, st.sampled_from(["fr", "de", None]))
def test_what_is_said_stays_the_same(text: list[str], heard: list[str], language: str | None) -> None:
    found = spell_as_heard(" ".join(text), " ".join(heard), language)
    if found is None:
        return
    assert sum(given for given, _ in found.runs) == len(text)
    assert sum(own for _, own in found.runs) == len(found.words)

    def said(words: str) -> str:
        return normalize(words, language).replace(" ", "").replace("é", "e")

    assert said(found.text) == said(" ".join(text))
