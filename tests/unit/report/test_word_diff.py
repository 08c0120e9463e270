from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mmcheck.report.word_diff import MAX_SHOWN_WORDS, view_transcript, view_windows

RELAXED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


def text_of(shown: Any) -> str:
    return "".join(piece.text for piece in shown.pieces)


def test_neighbouring_words_of_one_kind_become_one_run() -> None:
    view = view_transcript(
        {
            "alignment": [
                ["equal", "the", "the"],
                ["equal", "cat", "cat"],
                ["substitute", "sat", "sad"],
                ["insert", "", "very"],
                ["insert", None, "much"],
                ["delete", "down", ""],
            ]
        }
    )
    assert view is not None
    assert [(run.kind, text_of(run.reference), text_of(run.hypothesis)) for run in view.runs] == [
        ("equal", "the cat", "the cat"),
        ("substitute", "sat", "sad"),
        ("insert", " ", "very much"),
        ("delete", "down", ""),
    ]


def test_characters_of_a_script_without_spaces_are_joined_without_spaces() -> None:
    view = view_transcript({"alignment": [["equal", c, c] for c in "\u4eca\u5929\u5929\u6c14"]})
    assert view is not None
    assert text_of(view.runs[0].reference) == "\u4eca\u5929\u5929\u6c14"


def test_words_are_shaded_by_their_log_probability() -> None:
    view = view_transcript({"words": [["a", -0.1], ["b", -1.5], ["c", -3], ["d", -4.0], ["e", -12.5]]})
    assert view is not None
    assert [word.shade for word in view.words] == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("transcript", "says_all"), [("a  b\n", True), ("a b c", False), (None, False), ("A b", False)]
)
def test_words_replace_the_transcript_only_if_they_are_all_of_it(transcript: str | None, says_all: bool) -> None:
    view = view_transcript({"words": [["a", -0.1], ["b", -0.2]]}, transcript)
    assert view is not None
    assert view.says_all is says_all


def test_long_transcripts_are_cut_and_the_cut_is_counted() -> None:
    view = view_transcript({"alignment": [["equal", "a", "a"]] * 1000, "words": [["a", -1.0]] * 1000})
    assert view is not None
    assert view.runs_left_out == view.words_left_out == 1000 - MAX_SHOWN_WORDS


def test_the_hypothesis_is_shown_where_there_is_no_alignment() -> None:
    view = view_transcript({"hypothesis": "what was heard"})
    assert view is not None
    assert view.hypothesis is not None
    assert text_of(view.hypothesis) == "what was heard"
    assert view_transcript({"language": "en"}) is None


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.floats()
    | st.text("ab \u4e00\u202e", max_size=5)
    | st.sampled_from(["equal", "insert"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from("ab"), inner, max_size=3),
    max_leaves=20,
)


@RELAXED
@given(st.dictionaries(st.sampled_from(["alignment", "words", "hypothesis"]), JSON))
def test_evidence_of_any_shape_is_survived(evidence: dict[str, Any]) -> None:
    view = view_transcript(evidence)
    assert view is None or view.runs or view.words or view.hypothesis is not None


def test_the_worst_part_of_a_long_caption_is_marked() -> None:
    parts = view_windows({"windows": [{"text": "a", "similarity": 0.3}, {"text": "b", "similarity": 0.1}, {"text": 3}]})
    assert [(text_of(part.text), part.is_worst) for part in parts] == [("a", False), ("b", True)]
    assert view_windows({"windows": [[0.0, 30.0]]}) == ()
    assert view_windows({}) == ()
