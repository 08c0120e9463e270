"""Words of a caption that may be wrong are shaded where they stand; evidence of any shape harms nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmcheck.report.marked_caption import MarkedCaption, mark_caption
from mmcheck.report.shown_text import MAX_SHOWN_CHARS

CAPTION = "A red ball on the grass"


def text_of(marked: MarkedCaption) -> str:
    return "".join(piece.text for part in marked.pieces for piece in part.text.pieces)


def test_the_words_are_shaded_by_their_probability() -> None:
    marked = mark_caption({"words": [[2, 5, 0.93], [6, 10, 0.3]]}, CAPTION)
    assert marked is not None
    assert [(piece.text.pieces[0].text, piece.shade) for piece in marked.pieces] == [
        ("A ", 0),
        ("red", 4),
        (" ", 0),
        ("ball", 2),
        (" on the grass", 0),
    ]
    assert not marked.is_cut


def test_a_long_caption_is_cut_and_marks_beyond_the_cut_are_left_out() -> None:
    caption = "red " * MAX_SHOWN_CHARS
    marked = mark_caption({"words": [[0, 3, 0.9], [MAX_SHOWN_CHARS + 4, MAX_SHOWN_CHARS + 7, 0.9]]}, caption)
    assert marked is not None
    assert marked.is_cut
    assert len(text_of(marked)) == MAX_SHOWN_CHARS
    assert sum(piece.shade > 0 for piece in marked.pieces) == 1


@pytest.mark.parametrize(
    "words", [None, "red", [], [[0]], [[5, 2, 0.5]], [["a", "b", "c"]], [[50, 60, 0.9]], [[0, 3, 7]]]
)
def test_marks_that_do_not_fit_are_left_out(words: object) -> None:
    assert mark_caption({"words": words}, CAPTION) is None  # type: ignore[dict-item]


def test_no_caption_has_no_marks() -> None:
    assert mark_caption({"words": [[0, 1, 0.9]]}, None) is None


@given(st.lists(st.tuples(st.integers(-3, 40), st.integers(-3, 40), st.floats(0, 1))))
def test_no_word_is_lost_or_told_twice(marks: list[tuple[int, int, float]]) -> None:
    marked = mark_caption({"words": [list(mark) for mark in marks]}, CAPTION)
    assert marked is None or text_of(marked) == CAPTION
