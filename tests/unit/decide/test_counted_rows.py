from __future__ import annotations

import pyarrow as pa
import pytest

from mmcheck.config import RuleConfig
from mmcheck.decide.counted_rows import CountedRows

SUMMARY = {
    "sentences": ["First.", "Last."],
    "counted": [
        {
            "metric": "caption.vagueness",
            "compared": 8,
            "one": "{count} of {compared} is ({share:.1%}).",
            "many": "{count} of {compared} are ({share:.1%}).",
            "place": 1,
            "worded": "caption",
        },
        {
            "metric": "caption.breadth",
            "compared": 4,
            "one": "{count} odd one.",
            "many": "{count} odd ones.",
            "place": 1,
        },
    ],
}
CAPTIONS = ["a photo", "!!!", None, "a red boat"]
VAGUENESS = [0.9, 1.0, None, 0.3]
BREADTH = [-9.0, None, 7.0, 1.0]


def told(**rules):
    """Return sentences and counts of two equal groups of rows."""
    counted = CountedRows(rules, {"caption": SUMMARY})
    for _ in range(2):
        measured = pa.table({"vagueness": pa.array(VAGUENESS), "breadth": pa.array(BREADTH)})
        counted.add(pa.table({"caption": CAPTIONS}), {"caption": measured})
    found = counted.complete(SUMMARY)
    assert "counted" not in found
    return found["sentences"], found["counts"]


@pytest.mark.parametrize(
    ("limit", "count", "sentence"), [(0.65, 2, "2 of 8 are (25.0%)."), (0.2, 4, "4 of 8 are (50.0%).")]
)
def test_rows_beyond_the_rules_limit_are_counted_and_said_in_their_place(limit, count, sentence):
    sentences, counts = told(vague=RuleConfig(metric="caption.vagueness", max=limit))
    assert sentences == ["First.", sentence, "Last."]
    assert counts == {"caption.vagueness": count}


def test_what_reaches_a_limit_is_kept_and_none_makes_no_sentence():
    sentences, counts = told(vague=RuleConfig(metric="caption.vagueness", max=0.9))
    assert sentences == ["First.", "Last."]
    assert counts == {"caption.vagueness": 0}


def test_both_limits_and_several_rules_count_each_row_once():
    low, high = RuleConfig(metric="caption.breadth", min=-8), RuleConfig(metric="caption.breadth", max=6, min=-8)
    assert told(low=low)[1] == {"caption.breadth": 2}
    assert told(low=low, high=high) == (["First.", "4 odd ones.", "Last."], {"caption.breadth": 4})


def test_what_no_enabled_rule_looks_at_is_not_counted():
    off = RuleConfig(metric="caption.vagueness", max=0.1, enabled=False)
    assert told(off=off, other=RuleConfig(metric="caption.spread", max=1)) == (["First.", "Last."], {})


def test_a_summary_that_counts_nothing_stays_as_it_is():
    assert CountedRows({}, {}).complete({"sentences": ["7 rows."]}) == {"sentences": ["7 rows."]}
