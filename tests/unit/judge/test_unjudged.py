from __future__ import annotations

import pytest

from mmcheck.config import RuleConfig
from mmcheck.core.types import Action, Measurement, Status
from mmcheck.judge.policy import Policy
from mmcheck.judge.table import JudgeTable
from mmcheck.judge.unjudged import UnjudgedRule
from mmcheck.store.schema import measurements_to_table, samples_to_table

REASON = "this model cannot judge this data: its true pairs score like random ones"


def table_of(samples, causes):
    """Return a table in which alignment gave no posterior for the rows with a cause."""
    rows = [
        Measurement(sample_id=s.id, probe="alignment", status=Status.MEASURED, values={"posterior": 0.1})
        if cause is None
        else Measurement(
            sample_id=s.id, probe="alignment", status=Status.NOT_APPLICABLE, reason=REASON, cause=cause, values={}
        )
        for s, cause in zip(samples, causes, strict=True)
    ]
    return JudgeTable(samples_to_table(samples, 0), {"alignment": measurements_to_table(rows, [])})


def rule(**options):
    return UnjudgedRule("unjudged", RuleConfig(rule="unjudged", **options))


def test_unchecked_is_the_default():
    assert RuleConfig(rule="unjudged").action == "unchecked"
    assert RuleConfig(rule="unjudged", action="flag").action == "flag"


@pytest.mark.parametrize("cause", UnjudgedRule.causes)
def test_each_cause_is_told_with_the_analysis_own_reason(image_sample, cause):
    samples = [image_sample(0), image_sample(1)]
    ((row, finding),) = rule().apply(table_of(samples, [None, cause])).to_findings()
    assert (row, finding.code, finding.action) == (1, f"unjudged.{cause}", Action.UNCHECKED)
    assert finding.message == "This model cannot judge this data: its true pairs score like random ones."


def test_a_row_without_a_pair_is_not_its_business(image_sample):
    assert len(rule().apply(table_of([image_sample(0)], ["no_pair"]))) == 0


def test_a_raw_limit_judges_in_its_stead_but_only_its_own_modality(image_sample, audio_sample):
    samples = [image_sample(0), audio_sample(1)]
    table = table_of(samples, ["too_few_pairs", "too_few_pairs"])
    rules = {
        "unjudged": RuleConfig(rule="unjudged"),
        "min_similarity": RuleConfig(metric="image_text.similarity", min=0.2),
    }
    unjudged = Policy(rules).rules[0]
    assert unjudged.apply(table).rows.tolist() == [1]
    rules["min_similarity"] = RuleConfig(metric="image_text.similarity", min=0.2, enabled=False)
    assert Policy(rules).rules[0].apply(table).rows.tolist() == [0, 1]
