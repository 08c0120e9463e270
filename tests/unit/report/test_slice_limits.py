from __future__ import annotations

import pytest

from mmcheck.report.slice_limits import list_limits

WHOLE = {"of": "whole set", "state": "judged", "limit": -2.5, "expected_false_share": 0.001}


def test_each_slice_says_whose_limit_held_and_what_it_found():
    own = {"of": "slice", "state": "judged", "limit": 5.25, "num_found": 1200, "num_judged": 9000}
    table = list_limits(
        {
            "slices": {
                "language=ar, speaker=\u202eملك": {
                    "num_clips": 9000,
                    "limits": {
                        "word_fault": own,
                        "cut_transcript": {**WHOLE, "num_found": 0},
                        "unheard_end": {"of": "slice", "state": "model_cannot_tell", "reason": "it cannot"},
                        "added_words": {"of": "whole set", "state": "not_measured"},
                    },
                    "doubted_word": "slice",
                },
                "language=cy": {
                    "num_clips": 12,
                    "reason": "it has fewer than 300 clips",
                    "limits": {"word_fault": WHOLE},
                    "doubted_word": "whole set",
                },
            },
            "num_clips_unnamed": 7,
        }
    )
    assert table is not None
    first, second = table.rows
    assert first.cells == ("-2.5 (whole set), 0 found", "5.25 (slice), 1,200 found", "not judged", "", "slice")
    assert (first.clips, first.note) == (9000, "")
    assert "\u202e" not in first.name, "what would turn the line round is named instead"
    assert (second.cells[1], second.note) == ("-2.5 (whole set)", "it has fewer than 300 clips")
    assert len(table.columns) == len(first.cells) == len(second.cells)
    assert table.left_out == 7


@pytest.mark.parametrize("summary", [{}, {"slices": {}}, {"slices": None}, {"sentences": []}, {"slices": []}])
def test_sets_without_slices_have_no_table(summary):
    assert list_limits(summary) is None


def test_a_damaged_summary_gives_empty_cells():
    table = list_limits({"slices": {"a": {}, "b": {"limits": 3, "num_clips": "x"}, "c": 1}})
    assert table is not None
    assert [row.name for row in table.rows] == ["a", "b"]
    assert {cell for row in table.rows for cell in row.cells} == {""}
