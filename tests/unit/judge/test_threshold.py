from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mmcheck.config import RuleConfig
from mmcheck.core.types import Action, Metric, Sample
from mmcheck.judge.threshold import ThresholdRule

SIMILARITY = Metric(name="image_text.similarity", description="Cosine of image and caption.", low=-1, high=1)


def rule(**options):
    return ThresholdRule("low_similarity", RuleConfig(metric="image_text.similarity", **options))


def test_both_limits_are_kept_sides_and_inclusive(make_table):
    values = [{"similarity": v} for v in (0.1, 0.2, 0.5, 0.9, 0.95)]
    found = rule(min=0.2, max=0.9).apply(make_table(5, {"image_text": values})).to_findings()
    assert [(row, f.code, f.observed, f.limit) for row, f in found] == [
        (0, "low_similarity.below_min", 0.1, 0.2),
        (4, "low_similarity.above_max", 0.95, 0.9),
    ]
    assert {f.action for _, f in found} == {Action.QUARANTINE}
    assert {f.metric for _, f in found} == {"image_text.similarity"}


def test_absent_values_never_fire(make_table):
    table = make_table(3, {"image_text": [None, ("missing", "gone"), {}]})
    assert len(rule(min=0.9).apply(table)) == 0
    assert len(rule(max=-0.9).apply(make_table(3))) == 0


def test_conditions_are_inclusive_and_false_where_absent(make_table):
    table = make_table(
        4,
        {
            "image_text": [{"similarity": 0.0}] * 4,
            "caption_text": [{"num_words": 3.0}, {"num_words": 2.0}, {"num_words": 9.0}, None],
        },
    )
    conditional = rule(min=0.2, when=[{"metric": "caption_text.num_words", "min": 3, "max": 9}])
    assert conditional.apply(table).rows.tolist() == [0, 2]
    assert conditional.metrics == ("image_text.similarity", "caption_text.num_words")


def test_languages_limit_where_it_applies(make_table):
    samples = [
        Sample(id=str(i), manifest="m", row_number=1, language=language)
        for i, language in enumerate(["en-GB", "de", None])
    ]
    table = make_table(samples, {"image_text": [{"similarity": 0.0}] * 3})
    assert rule(min=0.2, languages=["EN"]).apply(table).rows.tolist() == [0]
    assert rule(min=0.2, languages=["en_US", "de-AT"]).apply(table).rows.tolist() == [0, 1]
    assert rule(min=0.2).apply(table).rows.tolist() == [0, 1, 2]


def test_default_message_is_a_sentence_with_the_meaning(make_table):
    table = make_table(1, {"image_text": [{"similarity": 0.12}]})
    plain = rule(min=0.28)
    assert plain.apply(table).messages[0] == "image_text.similarity is 0.12, below the minimum 0.28."
    assert plain.check({"image_text.similarity": SIMILARITY}) == []
    assert plain.apply(table).messages[0] == (
        "image_text.similarity (Cosine of image and caption) is 0.12, below the minimum 0.28."
    )


def test_own_message(make_table):
    table = make_table(1, {"image_text": [{"similarity": 0.12}]})
    own = rule(min=0.28, message="Similarity {observed:.2f}, wanted {limit}.", action="flag")
    (_, finding), *_ = own.apply(table).to_findings()
    assert finding.message == "Similarity 0.12, wanted 0.28."
    assert finding.action is Action.FLAG


@pytest.mark.parametrize("options", [{"min": 1.5}, {"max": -1.5}, {"min": -2}, {"max": 7, "min": 0.2}])
def test_limits_outside_the_range_are_faults(options):
    faults = rule(**options).check({"image_text.similarity": SIMILARITY})
    assert len(faults) == 1
    assert "impossible threshold" in faults[0]
    assert "between -1 and 1" in faults[0]


def test_limits_of_conditions_are_checked_too():
    conditional = rule(min=0.2, when=[{"metric": "image_text.similarity", "min": -3}])
    faults = conditional.check({"image_text.similarity": SIMILARITY})
    assert faults[0].startswith("rules.low_similarity.when.0.min: impossible threshold -3")


def test_limits_at_the_ends_of_the_range_are_fine():
    assert rule(min=-1, max=1).check({"image_text.similarity": SIMILARITY}) == []


@settings(deadline=None)
@given(hnp.arrays(np.float64, st.integers(0, 50), elements=st.floats(-1, 1)), st.floats(-1, 1), st.floats(0, 1))
def test_fires_exactly_outside(values, low, width):
    import pyarrow as pa

    from mmcheck.judge.table import JudgeTable
    from mmcheck.store.schema import samples_to_table

    samples = [Sample(id=str(i), manifest="m", row_number=1) for i in range(len(values))]
    ids = pa.array([s.id for s in samples], pa.string())
    measured = pa.array(["measured"] * len(values), pa.string())
    table = JudgeTable(
        samples_to_table(samples, 0),
        {"image_text": pa.table({"sample_id": ids, "status": measured, "similarity": values})},
    )
    found = rule(min=low, max=low + width).apply(table)
    expected = [i for i, v in enumerate(values) if not low <= v <= low + width]
    assert found.rows.tolist() == expected
    assert all(
        (f.observed < f.limit) if f.code.endswith("below_min") else (f.observed > f.limit)
        for _, f in found.to_findings()
    )


def test_a_finding_says_what_it_rests_on_where_that_is_not_the_set_itself() -> None:
    import pyarrow as pa

    from mmcheck.config import RuleConfig
    from mmcheck.judge.table import JudgeTable
    from mmcheck.judge.threshold import ThresholdRule

    speech = {
        "sample_id": ["a", "b", "c"],
        "status": ["measured"] * 3,
        "wrong_word": [0.9, 0.95, 0.1],
        "audio_basis": ["judged by limits measured elsewhere", None, None],
    }
    table = JudgeTable(pa.table({"id": ["a", "b", "c"]}), {"speech": pa.table(speech)})
    rule = ThresholdRule("wrong_word", RuleConfig(metric="speech.wrong_word", max=0.8, message="Wrong."))
    assert rule.apply(table).messages == ["Wrong. Judged by limits measured elsewhere.", "Wrong."]
