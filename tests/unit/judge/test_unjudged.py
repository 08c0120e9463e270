from __future__ import annotations

import pyarrow as pa
import pytest

from mmcheck.config import RuleConfig
from mmcheck.core.catalogue import known_metrics
from mmcheck.core.errors import ConfigError
from mmcheck.core.types import Action, Measurement, Metric, Status
from mmcheck.judge.policy import Policy
from mmcheck.judge.table import JudgeTable
from mmcheck.judge.unjudged import UnjudgedRule
from mmcheck.store.schema import measurements_to_table, samples_to_table

REASON = "this model cannot judge this data: its pairs score no better than random pairs"


def table_of(samples, causes, audio_causes=None, similarity=0.1):
    """Return a table in which alignment gave no posterior for the pairs with a cause."""
    ids = [sample.id for sample in samples]
    columns = {"sample_id": ids, "status": ["measured"] * len(ids)}
    for kind, listed in (("image", causes), ("audio", audio_causes or [None] * len(ids))):
        columns[f"{kind}_posterior"] = pa.array([None if cause else 0.1 for cause in listed], pa.float64())
        columns[f"{kind}_cause"] = pa.array(listed, pa.string())
        columns[f"{kind}_reason"] = pa.array([REASON if cause else None for cause in listed], pa.string())
    values = {"similarity": 0.3, "worst_similarity": similarity}
    measured = [Measurement(sample_id=name, probe="image_text", status=Status.MEASURED, values=values) for name in ids]
    metrics = [Metric(name=f"image_text.{name}", description="") for name in values]
    tables = {"alignment": pa.table(columns), "image_text": measurements_to_table(measured, metrics)}
    return JudgeTable(samples_to_table(samples, 0), tables)


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
    assert finding.message == (
        "Image and caption were not judged: this model cannot judge this data: its pairs score no better than random "
        "pairs."
    )


def test_a_row_without_a_pair_is_not_its_business(image_sample):
    assert len(rule().apply(table_of([image_sample(0)], ["no_pair"]))) == 0


def test_a_raw_limit_judges_in_its_stead_but_only_its_own_modality(image_sample, audio_sample):
    samples = [image_sample(0), audio_sample(1)]
    table = table_of(samples, ["too_few_pairs", None], [None, "too_few_pairs"])
    rules = {
        "unjudged": RuleConfig(rule="unjudged"),
        "min_similarity": RuleConfig(metric="image_text.similarity", min=0.2),
    }
    unjudged = Policy(rules).rules[0]
    assert unjudged.apply(table).rows.tolist() == [1]
    rules["min_similarity"] = RuleConfig(metric="image_text.similarity", min=0.2, enabled=False)
    assert Policy(rules).rules[0].apply(table).rows.tolist() == [0, 1]


def test_each_pair_of_a_row_is_looked_at_for_itself(image_sample, audio_sample):
    both = image_sample(0, audio=audio_sample(0).audio, transcript="hello there")
    table = table_of([both], ["too_few_pairs"], ["captions_all_alike"])
    found = [finding for _, finding in rule().apply(table).to_findings()]
    assert [finding.code for finding in found] == ["unjudged.too_few_pairs", "unjudged.captions_all_alike"]
    assert [finding.message.split(" were")[0] for finding in found] == ["Image and caption", "Recording and transcript"]


@pytest.mark.parametrize(
    ("extra", "action"),
    [
        ({}, "unchecked"),
        ({"r": RuleConfig(metric="alignment.audio_posterior", max=0.05, action="flag")}, "unchecked"),
        ({"r": RuleConfig(metric="alignment.audio_posterior", max=0.05, action="quarantine")}, "quarantine"),
        ({"r": RuleConfig(metric="image_text.similarity", min=0.2)}, "keep"),
    ],
)
def test_an_unjudged_half_is_not_kept_unless_the_other_is_taken(image_sample, audio_sample, extra, action):
    both = image_sample(0, audio=audio_sample(0).audio, transcript="hello there")
    policy = Policy({"unjudged": RuleConfig(rule="unjudged"), **extra})
    assert policy.judge(table_of([both], ["too_few_pairs"]))["action"].to_pylist() == [action]


def test_a_model_that_cannot_judge_the_data_says_nothing_of_single_rows(image_sample):
    table = table_of([image_sample(0), image_sample(1)], ["model_cannot_tell", None], similarity=0.01)
    options = {"metric": "image_text.worst_similarity", "min": 0.1, "action": "flag"}
    rules = {"unjudged": RuleConfig(rule="unjudged"), "weak_caption_part": RuleConfig(**options)}
    assert Policy(rules).judge(table)["codes"].to_pylist() == [
        ["unjudged.model_cannot_tell"],
        ["weak_caption_part.below_min"],
    ]
    rules["weak_caption_part"] = RuleConfig(**options, even_if_model_cannot_tell=True)
    assert Policy(rules).judge(table)["codes"].to_pylist()[0] == [
        "unjudged.model_cannot_tell",
        "weak_caption_part.below_min",
    ]


@pytest.mark.parametrize("metric", ["posterior", "score", "p_value"])
def test_a_config_of_before_the_kinds_is_told_the_new_names(metric):
    policy = Policy({"mine": RuleConfig(metric=f"alignment.{metric}", max=0.5)})
    with pytest.raises(ConfigError, match=f"alignment.image_{metric} and alignment.audio_{metric}"):
        policy.check_metrics(known_metrics(), ["alignment"])
