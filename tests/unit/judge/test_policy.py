from __future__ import annotations

from collections import Counter

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmcheck.config import Config, RuleConfig, load_config
from mmcheck.core.catalogue import known_metrics
from mmcheck.core.errors import ConfigError
from mmcheck.core.types import Action, Metric
from mmcheck.judge.policy import Policy
from mmcheck.judge.table import JudgeTable
from mmcheck.store.schema import SAMPLES, VERDICTS

KNOWN = {
    name: Metric(name=name, description="x", low=low, high=high)
    for name, low, high in [
        ("image_text.similarity", -1, 1),
        ("transcript.wer", 0, None),
        ("media.width", 1, None),
        ("repetition.caption_count", 1, None),
    ]
}
LOW = RuleConfig(metric="image_text.similarity", min=0.2)


def verdicts(policy, table):
    return policy.judge(table).to_pylist()


def test_the_most_severe_finding_decides_and_comes_first(make_table):
    rules = {
        "weak": RuleConfig(metric="image_text.similarity", min=0.3, action="flag"),
        "low": LOW,
        "other": RuleConfig(metric="image_text.similarity", min=0.25, action="flag"),
    }
    values = [{"similarity": v} for v in (0.1, 0.22, 0.28, 0.5)]
    found = verdicts(Policy(rules), make_table(4, {"image_text": values}))
    assert [row["action"] for row in found] == ["quarantine", "flag", "flag", "keep"]
    assert found[0]["codes"] == ["low.below_min", "weak.below_min", "other.below_min"]
    assert [f["code"] for f in found[0]["findings"]] == found[0]["codes"]
    assert found[0]["findings"][0] == {
        "rule": "low",
        "code": "low.below_min",
        "action": "quarantine",
        "message": "image_text.similarity is 0.1, below the minimum 0.2.",
        "metric": "image_text.similarity",
        "observed": 0.1,
        "limit": 0.2,
    }
    assert found[3]["codes"] == []
    assert found[3]["findings"] == []


def test_verdicts_have_the_stored_schema_and_no_clock(make_table):
    config = Config(rules={"low": LOW})
    policy = Policy(config.rules)
    table = make_table(2, {"image_text": [{"similarity": 0.1}, None]})
    judged = policy.judge(table)
    assert judged.schema == VERDICTS
    assert judged.equals(policy.judge(table))
    assert set(judged["policy_digest"].to_pylist()) == {config.policy_digest()}
    assert set(judged["decided_by"].to_pylist()) == {"policy"}


def test_an_empty_run(make_table):
    judged = Policy({"low": LOW}).judge(make_table([], {"image_text": []}))
    assert judged.num_rows == 0
    assert judged.schema == VERDICTS


def test_without_rules_the_laws_still_hold(make_table, image_sample, broken_sample):
    samples = [image_sample(0), image_sample(1), image_sample(2), broken_sample]
    table = make_table(
        samples, {"image_text": [{"similarity": 0.3}, ("internal_error", "boom"), "odd", "the row is broken"]}
    )
    found = verdicts(Policy({}), table)
    assert [row["action"] for row in found] == ["keep", "unchecked", "unchecked", "quarantine"]
    assert [row["codes"] for row in found] == [
        [],
        ["unmeasured.probe_failed"],
        ["unmeasured.pair_not_measured"],
        ["broken_row.broken_json"],
    ]
    assert found[3]["findings"][0]["observed"] is None


def test_a_flag_is_too_little_for_what_was_not_measured(make_table, image_sample, broken_sample):
    rules = {
        "unreadable_media": RuleConfig(rule="unreadable_media", action="flag"),
        "broken_row": RuleConfig(rule="broken_row", action="flag"),
    }
    table = make_table([image_sample(0), broken_sample], {"media": [("missing", "gone"), "the row is broken"]})
    found = verdicts(Policy(rules), table)
    assert found[0]["action"] == "unchecked"
    assert found[0]["codes"] == ["unmeasured.probe_failed", "unreadable_media.missing"]
    assert found[1]["action"] == "quarantine"


def test_quarantine_with_a_reason_needs_no_second_reason(make_table, image_sample):
    rules = {
        "unreadable_media": RuleConfig(rule="unreadable_media"),
        "unmeasured": RuleConfig(rule="unmeasured", action="quarantine"),
    }
    failed = [("missing", "gone"), ("internal_error", "boom")]
    table = make_table([image_sample(0), image_sample(1)], {"media": failed})
    found = verdicts(Policy(rules), table)
    assert [row["codes"] for row in found] == [["unreadable_media.missing"], ["unmeasured.probe_failed"]]
    assert [row["action"] for row in found] == ["quarantine", "quarantine"]


def test_a_disabled_or_narrowed_law_holds_all_the_same(make_table, image_sample):
    rules = {
        "off": RuleConfig(rule="unmeasured", enabled=False),
        "narrow": RuleConfig(rule="unmeasured", action="quarantine", languages=("de",)),
    }
    samples = [image_sample(0, language="de"), image_sample(1, language="en")]
    found = verdicts(Policy(rules), make_table(samples, {"image_text": [None, None]}))
    assert [row["action"] for row in found] == ["quarantine", "unchecked"]
    assert [row["codes"] for row in found] == [["narrow.pair_not_measured"], ["unmeasured.pair_not_measured"]]


def test_disabled_rules_do_not_fire(make_table):
    policy = Policy({"low": LOW.model_copy(update={"enabled": False})})
    assert verdicts(policy, make_table(1, {"image_text": [{"similarity": 0.0}]}))[0]["action"] == "keep"


def test_unknown_metrics_are_named_all_at_once_with_the_nearest():
    policy = Policy(
        {
            "a": RuleConfig(metric="image_text.similarty", min=0.2),
            "b": RuleConfig(metric="transcript.wer", max=0.2, when=[{"metric": "audio.width", "min": 1}]),
            "c": RuleConfig(metric="image_text.similarity", min=1.5),
        }
    )
    with pytest.raises(ConfigError) as caught:
        policy.check_metrics(KNOWN, ["image_text", "transcript", "media"])
    message = caught.value.message
    assert "3 faults" in message
    assert "rules.a: unknown metric 'image_text.similarty'; did you mean 'image_text.similarity'?" in message
    assert "rules.b: unknown metric 'audio.width'; did you mean 'media.width'?" in message
    assert "rules.c.min: impossible threshold 1.5: image_text.similarity lies between -1 and 1" in message


def test_rules_on_probes_that_do_not_run_are_inactive_not_wrong(make_table):
    rules = {
        "low": LOW,
        "wer": RuleConfig(metric="transcript.wer", max=0.2),
        "narrow": RuleConfig(metric="media.width", min=32, when=[{"metric": "transcript.wer", "min": 1}]),
        "small": RuleConfig(metric="media.width", min=32),
        "empty_text": RuleConfig(rule="empty_text"),
    }
    policy = Policy(rules)
    policy.check_metrics(KNOWN, ["media", "image_text"])
    assert set(policy.inactive) == {"wer", "narrow"}
    assert "transcript is not enabled" in policy.inactive["wer"]
    assert policy.metrics == ("image_text.similarity", "transcript.wer", "media.width")
    table = make_table(1, {"media": [{"width": 3.0}], "image_text": [{"similarity": 0.5}]})
    assert verdicts(policy, table)[0]["codes"] == ["small.below_min"]


def test_only_rules_that_the_set_could_have_used_are_told_as_missed():
    rules = {
        "wer": RuleConfig(metric="transcript.wer", max=0.2),
        "small": RuleConfig(metric="media.width", min=32),
        "low": LOW,
        "second": RuleConfig(metric="agreement.words_both", max=0),
    }
    policy = Policy(rules)
    policy.check_metrics(known_metrics(), ["caption_text"])
    assert policy.missed({"image", "caption"}, ["transcript_second"]) == ["low", "small"]
    assert policy.missed({"audio", "transcript"}, ["transcript_second"]) == ["small", "wer"]
    assert policy.missed({"audio", "transcript"}, []) == ["second", "small", "wer"]


def test_a_registered_probe_without_known_metrics_is_not_an_unknown_metric():
    policy = Policy({"wer": RuleConfig(metric="transcript.wer", max=0.2)})
    policy.check_metrics({}, ["media"])
    assert set(policy.inactive) == {"wer"}


def test_faults_of_several_rules_come_in_one_error():
    rules = {
        "typo": RuleConfig(rule="unreadable_medium"),
        "bad name": LOW,
        "template": RuleConfig(metric="media.width", min=1, message="{nothing}"),
        "broken_row": LOW,
        "lenient": RuleConfig(rule="unmeasured", action="flag"),
    }
    with pytest.raises(ConfigError) as caught:
        Policy(rules)
    text = str(caught.value)
    assert "5 faults" in text
    for part in ("unreadable_medium", "bad name", "{nothing}", "a kind of rule", "never kept", "unreadable_media"):
        assert part in text


def test_a_hundred_thousand_rows_with_many_findings():
    rows = 100_000
    rng = np.random.default_rng(0)
    ids = pa.array([f"s{i}" for i in range(rows)])
    ref = pa.scalar({"uri": "/x.jpg"}, SAMPLES.field("image").type)
    columns = {field.name: pa.nulls(rows, field.type) for field in SAMPLES}
    columns |= {"id": ids, "image": pa.repeat(ref, rows), "caption": pa.repeat("a red ball on a table", rows)}
    status = pa.repeat("measured", rows)
    measured = {
        "image_text": {"similarity": rng.uniform(0, 0.4, rows)},
        "alignment": {"image_posterior": rng.uniform(0, 1, rows)},
        "media": {"width": rng.uniform(1, 64, rows), "blankness": rng.uniform(0, 1, rows)},
        "caption_text": {"num_words": rng.uniform(0, 9, rows), "specificity": rng.uniform(0, 1, rows)},
    }
    table = JudgeTable(
        pa.table(columns),
        {probe: pa.table({"sample_id": ids, "status": status, **values}) for probe, values in measured.items()},
    )
    policy = Policy(load_config("default").rules)
    judged = policy.judge(table)
    assert judged.num_rows == rows
    assert pc.sum(pc.list_value_length(judged["codes"])).as_py() > rows / 2


entries = st.one_of(
    st.none(),
    st.just({}),
    st.sampled_from([("missing", "gone"), ("internal_error", "boom")]),
    st.floats(-1, 1).map(lambda value: {"similarity": value}),
)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(entries, entries, st.sampled_from(["a dog", "", None])), max_size=12))
def test_every_row_ends_in_one_action_and_nothing_unmeasured_is_kept(rows):
    from mmcheck.core.types import Measurement, MediaRef, Sample, Status
    from mmcheck.store.schema import measurements_to_table, samples_to_table

    samples = [
        Sample(id=str(i), manifest="m", row_number=i + 1, image=MediaRef(uri=f"/{i}"), caption=caption)
        for i, (_, _, caption) in enumerate(rows)
    ]

    def table_of(probe, column):
        measured = []
        for sample, row in zip(samples, rows, strict=True):
            entry = row[column]
            if isinstance(entry, tuple):
                measured.append(Measurement.failed(sample.id, probe, entry[1], entry[0]))
            elif entry is None:
                measured.append(Measurement.not_applicable(sample.id, probe, "no"))
            else:
                measured.append(Measurement(sample_id=sample.id, probe=probe, status=Status.MEASURED, values=entry))
        return measurements_to_table(measured, [Metric(name=f"{probe}.similarity", description="")])

    tables = {"image_text": table_of("image_text", 0), "media": table_of("media", 1)}
    judged = Policy({"low": LOW, "empty_text": RuleConfig(rule="empty_text", action="flag")}).judge(
        JudgeTable(samples_to_table(samples, 0), tables)
    )
    actions = judged["action"].to_pylist()
    assert sum(Counter(actions)[action.value] for action in Action) == len(rows)
    for action, (pair, media, _), row in zip(actions, rows, judged.to_pylist(), strict=True):
        compared = isinstance(pair, dict) and "similarity" in pair
        failed = isinstance(pair, tuple) or isinstance(media, tuple)
        if failed or not compared:
            assert action in ("unchecked", "quarantine")
        else:
            assert action == ("quarantine" if pair["similarity"] < 0.2 else row["action"])
        assert (action == "keep") == (not row["findings"])
