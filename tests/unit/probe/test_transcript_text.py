"""The transcript probe without a model: what a transcript shows by itself."""

from __future__ import annotations

import pytest

from mmcheck.config import TranscriptTextConfig
from mmcheck.core.types import Measurement, Sample
from mmcheck.media.sample_media import SampleMedia
from mmcheck.media.source import MediaSource
from mmcheck.metrics.transcript_cleaning import KINDS
from mmcheck.probe.base import NotApplicable, Prepared
from mmcheck.probe.transcript_text import TranscriptTextProbe

PROBE = TranscriptTextProbe(TranscriptTextConfig(), "cpu", 0)
SOURCE = MediaSource(allow_remote=False)


def run(transcript: str | None, manifest: str = "m.jsonl") -> Measurement:
    sample = Sample(id="s", manifest=manifest, row_number=1, transcript=transcript)
    payload = PROBE.prepare(SampleMedia(sample, SOURCE))
    (found,) = PROBE.measure([Prepared(sample=sample, payload=payload)])
    assert {f"transcript_text.{name}" for name in found.values} == {metric.name for metric in PROBE.metrics}
    return found


def test_every_kind_of_residue_has_a_metric() -> None:
    assert {f"transcript_text.{kind}" for kind in KINDS} <= {metric.name for metric in PROBE.metrics}


def test_a_clean_transcript() -> None:
    found = run("the captain hid the yellow bicycle")
    assert (found.values["num_words"], found.values["num_chars"], found.values["text_length"]) == (6, 34, 34)
    assert not any(found.values[kind] for kind in KINDS)
    assert found.evidence == {}


def test_residue_is_counted_and_shown() -> None:
    found = run("SPEAKER_00: yes&nbsp;and&nbsp;no")
    assert (found.values["speaker_marks"], found.values["entities"]) == (1, 2)
    assert found.evidence == {
        "residue": {"entities": ["&nbsp;", "&nbsp;"], "speaker_marks": ["SPEAKER_00:"]},
        "cleaned": "yes and no",
    }


def test_bare_values_matter_where_types_are_guessed() -> None:
    assert run("12", "m.csv").values["bare_value"] == 1
    assert run("12", "m.jsonl").values["bare_value"] == 0


def test_stuck_words_show_in_the_repeated_pairs() -> None:
    assert run("it rained" + " and then" * 12).values["repeated_bigram_ratio"] > 0.7


def test_empty_and_missing_transcripts() -> None:
    assert run("").values["num_words"] == 0
    with pytest.raises(NotApplicable):
        run(None)
