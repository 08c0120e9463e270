"""What every registered rule keeps to, and every rule of the presets: a new one is tested without a new test."""

from __future__ import annotations

import re
from pathlib import Path

import pyarrow as pa
import pytest

from mmcheck.config import PRESETS, RuleConfig, load_config
from mmcheck.core.catalogue import known_metrics
from mmcheck.core.errors import ConfigError
from mmcheck.core.parts import ANALYSES, PROBES, RULES
from mmcheck.core.types import Measurement, MediaRef, Metric, RowProblem, Sample, Status
from mmcheck.judge.policy import Policy
from mmcheck.judge.rule import Rule
from mmcheck.judge.table import JudgeTable
from mmcheck.store.schema import measurements_to_table, samples_to_table

ROOT = Path(__file__).parents[2]
EVERYTHING = [*PROBES.names(), *ANALYSES.names()]


def make(kind, name="some_rule", **options):
    if kind == "threshold":
        options = {"metric": "media.width", "min": 10, **options}
    elif kind == "wrong_caption_word":
        options = {"metric": "media.width", "max": 2, **options}
    elif kind == "metadata":
        options = {"metric": "column.license", "required": True, **options}
    return RULES.get(kind)(name, RuleConfig(rule=kind, **options))


def awkward_table():
    """Return a table with every kind of sample that a rule may meet."""
    image, audio = MediaRef(uri="/x.jpg"), MediaRef(uri="/x.wav")
    problem = RowProblem(cause="ragged", message="m:9 is ragged.")
    samples = [
        Sample(id="good", manifest="m", row_number=1, image=image, caption="a dog", language="en"),
        Sample(id="empty", manifest="m", row_number=2, image=image, caption=""),
        Sample(id="gone", manifest="m", row_number=3, audio=audio, transcript="hello"),
        Sample(id="broken", manifest="m", row_number=4, problem=problem),
        Sample(id="bare", manifest="m", row_number=5),
    ]
    ids = [sample.id for sample in samples]
    media = [
        Measurement(sample_id=ids[0], probe="media", status=Status.MEASURED, values={"width": 3.0}),
        Measurement(sample_id=ids[1], probe="media", status=Status.MEASURED, values={"width": 30.0}),
        Measurement.failed(ids[2], "media", "there is no file /x.wav", "missing"),
        Measurement.not_applicable(ids[3], "media", "the row is broken"),
        Measurement.not_applicable(ids[4], "media", "there is no medium"),
    ]
    table = measurements_to_table(media, [Metric(name="media.width", description="")])
    alignment = measurements_to_table([Measurement.not_applicable(i, "alignment", "no pair") for i in ids], [])
    for name, text in (("image_cause", "model_cannot_tell"), ("image_reason", "this model cannot judge this data")):
        alignment = alignment.append_column(name, pa.array([text] * len(ids), pa.string()))
    texts = {
        probe: measurements_to_table(
            [
                Measurement(sample_id=i, probe=probe, status=Status.MEASURED, values={"invisible_characters": 1.0})
                if i == row
                else Measurement.not_applicable(i, probe, "there is no text")
                for i in ids
            ],
            [Metric(name=f"{probe}.invisible_characters", description="")],
        )
        for probe, row in (("caption_text", "good"), ("transcript_text", "gone"))
    }
    return JudgeTable(samples_to_table(samples, 0), {"media": table, "alignment": alignment, **texts})


@pytest.mark.parametrize("kind", RULES.names())
def test_keeps_to_the_protocol(kind):
    rule = make(kind)
    assert isinstance(rule, Rule)
    assert rule.causes
    assert set(RuleConfig.model_fields).isdisjoint(rule.options_model.model_fields), "its own keys are others"
    assert RuleConfig(**{"rule": kind, **rule.options.model_dump(exclude={"action", "rule"})}).action == (
        rule.traits.default_action
    )
    assert {metric.partition(".")[0] for metric in rule.metrics} <= {*EVERYTHING, "column"}


@pytest.mark.parametrize("kind", RULES.names())
def test_a_misspelt_key_is_told_with_the_nearest(kind):
    rules = {"mine": {"rule": kind, "acton": "flag"}}
    with pytest.raises(ConfigError, match=r"rules\.mine\.acton: unknown key; did you mean 'action'\?"):
        load_config({"rules": rules})


@pytest.mark.parametrize("kind", RULES.names())
def test_findings_are_well_formed(kind):
    rule = make(kind)
    found = rule.apply(awkward_table())
    assert len(found) > 0, "the awkward table has something for every rule"
    assert len(found.rows) == len(found.causes) == len(found.messages)
    assert found.rows.tolist() == sorted(found.rows.tolist())
    for _, finding in found.to_findings():
        assert finding.rule == "some_rule"
        assert finding.code.removeprefix("some_rule.") in rule.causes
        assert finding.message[0].isupper() or finding.message.startswith(("media.", "m:9"))
        assert finding.message.endswith((".", "!", "?"))
        assert finding.action == rule.options.action


@pytest.mark.parametrize("kind", RULES.names())
def test_an_empty_table_gives_nothing(kind):
    table = awkward_table()
    none = {name: measured.slice(0, 0) for name, measured in table._measurements.items()}
    empty = JudgeTable(table._samples.slice(0, 0), none)
    assert len(make(kind).apply(empty)) == 0


@pytest.mark.parametrize("kind", RULES.names())
def test_conditions_and_languages_narrow_every_rule(kind):
    table = awkward_table()
    everywhere = set(make(kind).apply(table).rows.tolist())
    never = make(kind, when=[{"metric": "media.width", "min": 1e9}])
    assert "media.width" in never.metrics
    assert len(never.apply(table)) == 0
    english = make(kind, languages=["en"]).apply(table)
    assert set(english.rows.tolist()) == everywhere & {0}


@pytest.mark.parametrize("kind", RULES.names())
def test_own_messages_are_used_and_bad_ones_refused(kind):
    found = make(kind, message="Look {{here}}.").apply(awkward_table())
    assert set(found.messages) == {"Look {here}."}
    with pytest.raises(ConfigError, match="some_rule"):
        make(kind, message="{nothing}")


@pytest.mark.parametrize("kind", RULES.names())
def test_conditions_are_checked_against_the_range(kind):
    rule = make(kind, when=[{"metric": "media.width", "max": -1}])
    (fault,) = rule.check({"media.width": Metric(name="media.width", description="", low=1)})
    assert "impossible threshold" in fault


@pytest.mark.parametrize("preset", PRESETS)
def test_presets_fit_the_metrics(preset):
    policy = Policy(load_config(preset).rules)
    policy.check_metrics(known_metrics(), EVERYTHING)
    assert policy.inactive == {}


@pytest.mark.parametrize("preset", PRESETS)
def test_presets_work_without_any_model(preset):
    policy = Policy(load_config(preset).rules)
    policy.check_metrics(known_metrics(), ["media", "caption_text", "transcript_text", *ANALYSES.names()])
    reads = {rule.name: rule.metrics for rule in policy.rules}
    assert policy.inactive
    for name, metrics in reads.items():
        needing = ("image_text.", "transcript.", "alignment.", "speech.", "caption_words.", "agreement.")
        needs_model = any(metric.startswith(needing) for metric in metrics)
        assert (name in policy.inactive) == needs_model


@pytest.mark.parametrize("preset", PRESETS)
def test_every_code_is_documented(preset):
    text = (ROOT / "docs" / "findings.md").read_text("utf-8")
    documented = set(re.findall(r"`([a-z0-9_]+\.[a-z0-9_]+)`", text))
    policy = Policy(load_config(preset).rules)
    codes = set()
    for rule in policy.rules:
        causes = set(rule.causes)
        if rule.options.rule == "threshold":
            causes -= {"below_min"} if rule.options.min is None else set()
            causes -= {"above_max"} if rule.options.max is None else set()
        codes |= {f"{rule.name}.{cause}" for cause in causes}
    assert codes <= documented


@pytest.mark.parametrize("preset", PRESETS)
def test_every_message_of_a_preset_is_a_sentence(preset):
    for rule in Policy(load_config(preset).rules).rules:
        if rule.options.rule == "threshold":
            message = rule.options.message
            assert message, rule.name
            assert message[0].isupper()
            assert message.endswith(".")
