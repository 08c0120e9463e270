from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmcheck.metrics.transcript_hallucinations import hallucination_ratio


@pytest.mark.parametrize(
    "text",
    [
        "Thank you for watching!",
        "Thanks for watching, please subscribe to my channel.",
        "Please like, share and subscribe.",
        "See you in the next video.",
        "Subtitles by the Amara.org community",
        "Untertitel der Amara.org-Community",
        "Untertitelung im Auftrag des ZDF f\u00fcr funk, 2017",
        "Vielen Dank f\u00fcrs Zuschauen!",
        "Sous-titres r\u00e9alis\u00e9s par la communaut\u00e9 d'Amara.org",
        "Merci d\u2019avoir regard\u00e9 cette vid\u00e9o !",
        "Subt\u00edtulos realizados por la comunidad de Amara.org",
        "\u00a1Gracias por ver el video!",
        "Legendas pela comunidade Amara.org",
        "Sottotitoli creati dalla comunit\u00e0 Amara.org",
        "\u0421\u043f\u0430\u0441\u0438\u0431\u043e \u0437\u0430 \u0432\u043d\u0438\u043c\u0430\u043d\u0438\u0435",
        "\u0421\u043f\u0430\u0441\u0438\u0431\u043e \u0437\u0430 \u043f\u0440\u043e\u0441\u043c\u043e\u0442\u0440!",
        "\u8bf7\u4e0d\u541d\u70b9\u8d5e \u8ba2\u9605 \u8f6c\u53d1 \u6253\u8d4f\u652f\u6301",
        "\u3054\u8996\u8074\u3042\u308a\u304c\u3068\u3046\u3054\u3056\u3044\u307e\u3057\u305f",
        "\uc2dc\uccad\ud574\uc8fc\uc154\uc11c \uac10\uc0ac\ud569\ub2c8\ub2e4.",
    ],
)
def test_what_recognisers_write_over_silence(text):
    assert hallucination_ratio(text) > 0.9


@pytest.mark.parametrize(
    "text",
    [
        "",
        "...",
        "Thank you.",
        "We were watching the birds all morning and thanked the guide for it.",
        "He subscribed to the newspaper and never read a single page of it in ten years.",
        "The title of the book was printed in gold, and the captain kept it by his bed.",
        "Ich danke Ihnen f\u00fcr die Einladung nach Wien.",
        "Il a regard\u00e9 la mer pendant toute la soir\u00e9e.",
        "\u8fd9\u672c\u4e66\u7684\u5b57\u5e55\u5f88\u5c0f\uff0c\u6211\u770b\u4e0d\u6e05\u695a\uff0c\u4f60\u80fd\u5e2e\u6211\u8bfb\u4e00\u8bfb\u5417",
    ],
)
def test_what_people_say(text):
    assert hallucination_ratio(text) < 0.7


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=300))
def test_any_text_has_a_share(text):
    assert 0.0 <= hallucination_ratio(text) <= 1.0


def test_a_long_run_of_marks_does_not_hang():
    assert hallucination_ratio("\u8bf7\u4e0d\u541d\u70b9\u8d5e" + " ," * 900 + " x") < 1
    assert hallucination_ratio("subtitles by" + " a" * 900) < 1
