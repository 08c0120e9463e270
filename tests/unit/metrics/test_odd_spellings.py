"""Texts that no table of numbers and short forms foresees."""

from __future__ import annotations

import pytest

from mmcheck.metrics.heard_spelling import spell_as_heard
from mmcheck.metrics.spellings import MAX_SPELLINGS, spell_otherwise
from mmcheck.metrics.text_normalization import normalize

ODD = (
    "",
    "9" * 500,
    "1" + "0" * 400 + ".5 $",
    "1," * 300,
    "$99999999999999999999999999 12:99 25:61 1e400",
    "\u0663\u0664\u0665 \u062f\u0648\u0644\u0627\u0631 50%",
    "\u05e9\u05dc\u05d5\u05dd 25 \u20aa",
    "\u202eabc 12\u202c \u00bd \u00be \uff11\uff12",
    "... ?! (--)",
    "MMMMMMMM",
    "\u4e94" * 300,
    "\u0968\u096b \u0930\u0941\u092a\u092f\u0947",
    "twenty " * 60,
    "5 \ud800 5",
)


@pytest.mark.parametrize("language", [None, "en", "de", "ar", "zh-Hant", "tlh", "xx-Unknown", "   ", "pt_BR"])
def test_no_text_and_no_language_is_too_odd(language: str | None) -> None:
    for text in ODD:
        plain = normalize(text, language)
        assert plain == " ".join(plain.split())
        spellings = spell_otherwise(text, language)
        assert len(spellings) <= MAX_SPELLINGS
        assert all(spelling.words for spelling in spellings)
        assert all(sum(count for count, _ in spelling.runs) > 0 for spelling in spellings)
        heard = spell_as_heard(text, plain, language)
        assert heard is None or heard.words
