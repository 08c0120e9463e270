from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from mmcheck.config import Config, RuleConfig
from mmcheck.decide.counted_rows import CountedRows
from mmcheck.decide.describe_set import describe_set
from mmcheck.decide.tally import Tally
from mmcheck.store.run_record import MeasuredRecord, RunRecord

POSTERIORS = [0.0, 0.1, 0.4, 0.9, 1.0]


class FakeRun:
    """A run with the summaries of two analyses."""

    def __init__(self):
        analyses = {name: MeasuredRecord() for name in ("alignment", "caption", "silent")}
        self.record = RunRecord(identity="", shard_size=1, rows=5, probes={}, analyses=analyses)

    def find_analysis_summary(self, name):
        image = {"state": "judged", "bins": {"edges": [0, 1]}, "slices": {"language=en": {"bins": {}, "share": 0.1}}}
        return {
            "alignment": {"fingerprint": "f", "sentences": ["Two of five."], "image": image},
            "caption": {"warnings": ["Too few images."], "sentences": ["No caption is vague."]},
        }.get(name, {})


def tally_of(posteriors):
    tally = Tally()
    tally.values.add("alignment.image_posterior", np.array(posteriors))
    return tally


def test_warnings_come_first_and_plots_stay_out():
    found = describe_set(FakeRun(), Config(), Tally(), CountedRows({}, {}), {})
    assert found["notes"] == ["Too few images.", "Two of five.", "No caption is vague."]
    assert found["analyses"]["alignment"]["image"] == {"state": "judged", "slices": {"language=en": {"share": 0.1}}}
    assert found["expected_false_quarantine"] == {}


def test_what_the_limit_implies_is_the_sum_of_what_is_left_to_doubt():
    rules = {
        "mismatched_caption": RuleConfig(metric="alignment.image_posterior", max=0.5),
        "doubtful": RuleConfig(metric="alignment.image_posterior", max=0.05, action="flag"),
    }
    found = describe_set(FakeRun(), Config(rules=rules), tally_of(POSTERIORS), CountedRows({}, {}), {})[
        "expected_false_quarantine"
    ]["image"]
    assert (found["limit"], found["judged"], found["taken"]) == (0.5, 5, 2)
    assert found["expected_wrongly_taken"] == pytest.approx(0.1)
    assert found["share_of_true_pairs"] == pytest.approx(0.1 / 2.6, abs=1e-6)
    assert "quarantines 2 of 5" in found["sentence"]


@pytest.mark.parametrize(
    "rules",
    [
        {},
        {"r": RuleConfig(metric="alignment.image_posterior", max=0.5, enabled=False)},
        {"r": RuleConfig(metric="alignment.image_posterior", max=0.5, action="flag")},
        {"r": RuleConfig(metric="alignment.image_p_value", max=0.5)},
    ],
)
def test_no_rule_quarantines_by_the_posterior(rules):
    assert tally_of(POSTERIORS).false_quarantine(rules) == {}


def test_only_random_pairs():
    rules = {"r": RuleConfig(metric="alignment.image_posterior", max=0.5)}
    assert tally_of([1.0, 1.0]).false_quarantine(rules)["image"]["share_of_true_pairs"] == 0
    assert Tally().false_quarantine(rules) == {}


def test_posteriors_reach_the_tally():
    tally = Tally()
    samples = pa.table({"manifest": ["m"], "language": [None]})
    verdicts = pa.table({"action": ["keep"], "codes": pa.array([[]], pa.list_(pa.string()))})
    tally.add(samples, {"alignment": pa.table({"status": ["measured"], "image_posterior": [0.25]})}, verdicts)
    assert (
        tally.false_quarantine({"r": RuleConfig(metric="alignment.image_posterior", max=0.5)})["image"]["judged"] == 1
    )


def test_the_sentence_says_plainly_that_nothing_is_taken():
    rules = {"r": RuleConfig(metric="alignment.image_posterior", max=0.5)}
    assert (
        "quarantines none of 3 judged image-caption pairs"
        in tally_of([0.0, 0.1, 0.2]).false_quarantine(rules)["image"]["sentence"]
    )
    tiny = tally_of([*([1e-12] * 5000), 1 - 1e-9]).false_quarantine(rules)["image"]["sentence"]
    assert "quarantines 1 of 5,001" in tiny
    assert "(under 0.1 % of the matched pairs)" in tiny
