"""Lengths mean the same in every script."""

from __future__ import annotations

import unicodedata

import pytest

from mmcheck.metrics.text_length import spoken_length, text_length


@pytest.mark.parametrize("text", ["", "cat", "a red car", "ein H\u00fcgel", "\u043a\u043e\u0442", "\u05db\u05dc\u05d1"])
def test_plain_letters_count_as_they_are(text: str) -> None:
    assert text_length(text) == len(text)


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("\u767d\u732b", 6),  # Chinese: white cat
        ("\u8d64\u3044\u8eca", 8),  # Japanese: red car
        ("\uace0\uc591\uc774", 7.5),  # Korean: cat
        (unicodedata.normalize("NFD", "\uace0\uc591\uc774"), 7.5),
        ("\uff76\uff92\uff97", 6),  # half-width Katakana: camera
        ("\u12f5\u1218\u1275", 6),  # Amharic: cat
        ("a\u200bb\ufeff\u00ad", 2),
        ("\u2764\ufe0f", 1),
    ],
)
def test_denser_scripts_count_for_more(text: str, length: float) -> None:
    assert text_length(text) == length


def test_what_is_spoken() -> None:
    assert spoken_length("Hello, world!") == 10
    assert spoken_length("12") == 8
    assert spoken_length("\u767d\u732b\u3002") == 6
    assert spoken_length("... \u2014 !") == 0


def test_the_same_sentence_is_about_as_long_in_every_script() -> None:
    english = text_length("All human beings are born free and equal in dignity and rights.")
    chinese = text_length(
        "\u4eba\u4eba\u751f\u800c\u81ea\u7531\uff0c\u5728\u5c0a\u4e25\u548c\u6743\u5229\u4e0a\u4e00\u5f8b\u5e73\u7b49\u3002"
    )
    korean = text_length(
        "\ubaa8\ub4e0 \uc778\uac04\uc740 \ud0dc\uc5b4\ub0a0 \ub54c\ubd80\ud130 \uc790\uc720\ub85c\uc6b0\uba70 "
        "\uadf8 \uc874\uc5c4\uacfc \uad8c\ub9ac\uc5d0 \uc788\uc5b4 \ub3d9\ub4f1\ud558\ub2e4."
    )
    assert 0.7 * english < chinese < 1.4 * english
    assert 0.7 * english < korean < 1.4 * english
