from __future__ import annotations

import pytest

from mmcheck.config import RuleConfig
from mmcheck.core.errors import ConfigError
from mmcheck.core.types import Action, MediaRef
from mmcheck.judge.unmeasured import UnmeasuredRule

GOOD = {"similarity": 0.3}


def codes(table, **options):
    found = UnmeasuredRule("unmeasured", RuleConfig(rule="unmeasured", **options)).apply(table)
    return {row: finding.code.removeprefix("unmeasured.") for row, finding in found.to_findings()}


def test_unchecked_is_the_default_and_flag_is_too_little():
    assert RuleConfig(rule="unmeasured").action == "unchecked"
    assert RuleConfig(rule="unmeasured", action="quarantine").action == "quarantine"
    with pytest.raises(ConfigError, match="never kept"):
        UnmeasuredRule("unmeasured", RuleConfig(rule="unmeasured", action="flag"))


def test_a_failed_probe_is_told_with_its_reason(make_table):
    table = make_table(2, {"media": [{"width": 1.0}] * 2, "image_text": [GOOD, ("internal_error", "boom")]})
    rule = UnmeasuredRule("unmeasured", RuleConfig(rule="unmeasured"))
    ((row, finding),) = rule.apply(table).to_findings()
    assert (row, finding.code) == (1, "unmeasured.probe_failed")
    assert finding.action is Action.UNCHECKED
    assert finding.message == "The probe image_text failed: boom."


def test_nothing_measured(make_table):
    table = make_table(
        4, {"caption_text": [{"num_words": 1.0}, None, {}, None], "media": [None, None, None, {"w": 1.0}]}
    )
    assert codes(table) == {1: "nothing_measured", 2: "nothing_measured"}


def test_no_probe_at_all_leaves_everything_unmeasured(make_table):
    assert codes(make_table(2)) == {0: "nothing_measured", 1: "nothing_measured"}


def test_counting_repetitions_is_no_measurement_of_the_pair(make_table):
    assert codes(make_table(1, {"repetition": [{"media_count": 1.0}]})) == {0: "nothing_measured"}


def test_a_whole_pair_must_have_been_compared(make_table, image_sample):
    samples = [image_sample(0), image_sample(1), image_sample(2), image_sample(3, "")]
    table = make_table(
        samples,
        {"media": [{"width": 9.0}] * 4, "image_text": [GOOD, "too odd", {"num_windows": 3.0}, "the caption is empty"]},
    )
    assert codes(table) == {1: "pair_not_measured", 2: "pair_not_measured", 3: "pair_not_measured"}


def test_a_transcript_needs_a_value_that_compares(make_table, audio_sample):
    samples = [audio_sample(i) for i in range(4)]
    values = [{"mean_log_prob": -0.1}, {"wer": 0.0}, {"cer": 0.0}, {"no_speech_prob": 0.1}]
    assert codes(make_table(samples, {"transcript": values})) == {3: "pair_not_measured"}


def test_half_a_pair_is_fine_only_if_another_pair_was_compared(make_table, image_sample, audio_sample):
    cover = image_sample(0, caption=None, audio=MediaRef(uri="/a.wav"), transcript="hello")
    samples = [cover, image_sample(1, caption=None), audio_sample(2, transcript=None, caption="a song")]
    media = [{"width": 1.0}] * 3
    table = make_table(
        samples,
        {"media": media, "image_text": [None] * 3, "transcript": [{"wer": 0.0}, None, None]},
    )
    assert codes(table) == {1: "pair_not_measured", 2: "pair_not_measured"}


def test_a_text_without_its_medium_is_half_a_pair_beside_a_whole_one(make_table, image_sample, audio_sample):
    samples = [
        image_sample(0, transcript="hello"),
        audio_sample(1, caption="a cat"),
        image_sample(2, audio=MediaRef(uri="/a.wav")),
    ]
    probes = {
        "media": [{"width": 1.0}] * 3,
        "image_text": [GOOD, None, GOOD],
        "transcript": [None, {"mean_log_prob": -0.1}, None],
    }
    table = make_table(samples, probes)
    assert codes(table) == {0: "half_a_pair", 1: "half_a_pair"}
    found = UnmeasuredRule("unmeasured", RuleConfig(rule="unmeasured")).apply(table)
    assert [finding.message for _, finding in found.to_findings()] == [
        "There is no recording, so there is no pair to judge.",
        "There is no image, so there is no pair to judge.",
    ]


def test_without_a_pair_probe_the_other_probes_suffice(make_table, image_sample, audio_sample):
    table = make_table([image_sample(0), audio_sample(1)], {"media": [{"width": 1.0}, {"duration": 1.0}]})
    assert codes(table) == {}


def test_where_the_second_verifier_stands_in_it_must_have_compared_the_pair(make_table, audio_sample):
    values = [{"mean_log_prob": -0.1}, "the second model is not meant for the sample's language", {"num_words": 2.0}]
    samples = [audio_sample(row) for row in range(3)]
    rule = UnmeasuredRule("unmeasured", RuleConfig(rule="unmeasured"))
    alone = make_table(samples, {"media": [{"seconds": 1.0}] * 3, "transcript_second": values})
    found = dict(rule.apply(alone).to_findings())
    assert {row: finding.code for row, finding in found.items()} == dict.fromkeys(
        (1, 2), "unmeasured.pair_not_measured"
    )
    assert found[1].message.endswith("were not compared: the second model is not meant for the sample's language.")
    # Beside the first verifier it need not have: that one compared them all.
    first = {"media": [{"seconds": 1.0}] * 3, "transcript": [{"mean_log_prob": -0.2}] * 3}
    assert codes(make_table(samples, {**first, "transcript_second": values})) == {}
