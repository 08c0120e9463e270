from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mmcheck.report.shown_text import format_bytes, format_share, format_value, show_plain, show_text

ANY_TEXT = st.text(st.characters(), max_size=300)

RELAXED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


def joined(text: str, limit: int = 800) -> str:
    return "".join(f"<{piece.text}>" if piece.mark else piece.text for piece in show_text(text, limit).pieces)


def test_show_text_names_a_right_to_left_override() -> None:
    shown = show_text("photo\u202egpj.exe")
    assert [piece.text for piece in shown.pieces] == ["photo", "U+202E", "gpj.exe"]
    assert shown.pieces[1].mark == "RIGHT-TO-LEFT OVERRIDE"


@pytest.mark.parametrize("character", ["\x00", "\x1b", "\u200b", "\ufeff", "\u2066", "\ud800", "\U000e0041", "\xad"])
def test_show_text_names_every_invisible_character(character: str) -> None:
    assert joined(f"a{character}b") == f"a<U+{ord(character):04X}>b"


@pytest.mark.parametrize(
    "text",
    [
        "two\nlines\tand a tab",
        "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
        "\U0001f469\u200d\U0001f680 flies",
        "\u4e00\u53ea\u732b",
        "a < b & c > \"d\" 'e'",
    ],
)
def test_show_text_leaves_ordinary_writing_alone(text: str) -> None:
    assert joined(text) == text


def test_show_text_cuts_and_says_how_long_the_text_is() -> None:
    shown = show_text("x" * 10_000_000)
    assert (shown.length, shown.shown, shown.is_cut) == (10_000_000, 800, True)
    assert sum(len(piece.text) for piece in shown.pieces) == 800


def test_show_text_tells_white_space_from_words_and_marks() -> None:
    assert show_text(" \n\t ").is_blank
    assert not show_text(" \u200b ").is_blank
    assert not show_text("a").is_blank


@RELAXED
@given(ANY_TEXT)
def test_shown_text_can_be_written_as_utf_8_and_holds_no_control_character(text: str) -> None:
    for shown in (joined(text), show_plain(text)):
        shown.encode("utf-8")
        assert not any(ord(c) < 32 and c not in "\n\t" for c in shown)
        assert not any(c in shown for c in "\u202e\u2066\u200b\ufeff")


@RELAXED
@given(ANY_TEXT, st.integers(20, 100))
def test_show_plain_keeps_to_its_limit(text: str, limit: int) -> None:
    assert len(show_plain(text, limit)) <= limit


def test_show_plain_shows_an_empty_name() -> None:
    assert show_plain("") == "''"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (float("nan"), ""),
        (float("inf"), "inf"),
        (0.0, "0"),
        (-3.0, "-3"),
        (1234567.0, "1,234,567"),
        (0.123456, "0.1235"),
        (12345.678, "12,346"),
        (0.0000123, "1.23e-05"),
        (1.5e20, "1.5e+20"),
    ],
)
def test_format_value_is_short_and_never_wrong_in_magnitude(value: float | None, text: str) -> None:
    assert format_value(value) == text


@RELAXED
@given(st.floats(-1e12, 1e12))
def test_format_value_stays_close_to_the_value(value: float) -> None:
    assert float(format_value(value).replace(",", "")) == pytest.approx(value, rel=6e-3, abs=1e-300)


@pytest.mark.parametrize(
    ("part", "whole", "text"),
    [
        (0, 0, "0 %"),
        (0, 9, "0 %"),
        (9, 9, "100 %"),
        (1, 3, "33.3 %"),
        (1, 100_000, "< 0.1 %"),
        (99_999, 100_000, "> 99.9 %"),
    ],
)
def test_format_share_never_rounds_something_to_nothing(part: int, whole: int, text: str) -> None:
    assert format_share(part, whole) == text


def test_format_bytes() -> None:
    assert [format_bytes(n) for n in (12, 2048, 32 << 20)] == ["12 bytes", "2 KiB", "32.0 MiB"]
