"""One finding a row, named after the most telling kind, with the piece that is meant."""

from __future__ import annotations

import pytest

from mmcheck.config import CaptionTextConfig, RuleConfig, TranscriptTextConfig
from mmcheck.core.types import Action, Sample
from mmcheck.judge.table import JudgeTable
from mmcheck.judge.text_residue import CaptionResidueRule, TranscriptResidueRule
from mmcheck.media.sample_media import SampleMedia
from mmcheck.media.source import MediaSource
from mmcheck.probe.base import Prepared
from mmcheck.probe.caption_text import CaptionTextProbe
from mmcheck.probe.transcript_text import TranscriptTextProbe
from mmcheck.store.schema import measurements_to_table, samples_to_table

FLAG = RuleConfig(rule="transcript_residue", action="flag")


def judge(rule, text):
    kind = "transcript" if isinstance(rule, TranscriptResidueRule) else "caption"
    probe = (
        TranscriptTextProbe(TranscriptTextConfig()) if kind == "transcript" else CaptionTextProbe(CaptionTextConfig())
    )
    sample = Sample(id="s", manifest="m.csv", row_number=1, **{kind: text})
    payload = probe.prepare(SampleMedia(sample, MediaSource(allow_remote=False)))
    measured = measurements_to_table(probe.measure([Prepared(sample=sample, payload=payload)]), list(probe.metrics))
    return [
        finding
        for _, finding in rule.apply(JudgeTable(samples_to_table([sample], 0), {probe.name: measured})).to_findings()
    ]


@pytest.mark.parametrize(
    ("text", "cause", "message"),
    [
        ("sum\u00admer", "invisible_characters", "The transcript contains invisible characters (U+00AD soft hyphen)."),
        ("a&nbsp;b&nbsp;c", "entities", 'The transcript contains HTML entities ("&nbsp;", 2 in all).'),
        (
            "JOHN: yes [noise]",
            "event_marks",
            'The transcript contains names of sounds ("[noise]") and marks of who speaks ("JOHN:").',
        ),
        (
            "NA",
            "missing_value",
            'The transcript is a word that pandas and other table readers treat as a missing value ("NA").',
        ),
        ("12", "bare_value", 'The transcript is a number or truth value in place of words ("12").'),
    ],
)
def test_transcripts(text, cause, message):
    (finding,) = judge(TranscriptResidueRule("residue", FLAG), text)
    assert (finding.code, finding.action, finding.message) == (f"residue.{cause}", Action.FLAG, message)


def test_clean_texts_give_nothing():
    assert judge(TranscriptResidueRule("residue", FLAG), "yes, we did") == []
    assert judge(CaptionResidueRule("residue", FLAG), "a dog") == []


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("a brown\u200b dog", "invisible_characters"),
        ("a caf\ufffd in Paris", "broken_characters"),
        ("null", "missing_value"),
        ("a dog<|endoftext|>", "control_tokens"),
    ],
)
def test_captions(text, cause):
    (finding,) = judge(CaptionResidueRule("residue", FLAG), text)
    assert finding.code == f"residue.{cause}"


def test_emoji_and_scripts_that_need_joiners_are_no_residue():
    for text in (
        "a family \U0001f468\u200d\U0001f469\u200d\U0001f467",
        "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
        "\u2764\ufe0f",
    ):
        assert judge(CaptionResidueRule("residue", FLAG), text) == []
