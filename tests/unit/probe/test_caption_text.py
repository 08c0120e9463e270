"""The caption probe: empty, huge, foreign and broken captions are measured, a missing one is not applicable."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmcheck.config import CaptionTextConfig
from mmcheck.core.types import Measurement, Sample
from mmcheck.media.sample_media import SampleMedia
from mmcheck.media.source import MediaSource
from mmcheck.probe.base import NotApplicable, Prepared
from mmcheck.probe.caption_text import CaptionTextProbe

PROBE = CaptionTextProbe(CaptionTextConfig(), "cpu", 0)
SOURCE = MediaSource(allow_remote=False)


def run(caption: str | None, language: str | None = None, probe: CaptionTextProbe = PROBE) -> Measurement:
    sample = Sample(id="s", manifest="m.csv", row_number=1, caption=caption, language=language)
    payload = probe.prepare(SampleMedia(sample, SOURCE))
    (found,) = probe.measure([Prepared(sample=sample, payload=payload)])
    assert {f"caption_text.{name}" for name in found.values} <= {metric.name for metric in probe.metrics}
    for metric in probe.metrics:
        value = found.values.get(metric.name.removeprefix("caption_text."))
        assert value is None or metric.low is None or value >= metric.low
        assert value is None or metric.high is None or value <= metric.high
    return found


def test_a_good_caption() -> None:
    values = run("A brown dog catches a red ball on the sandy beach.").values
    assert (values["num_words"], values["num_chars"], values["content_words"]) == (11, 50, 7)
    assert values["specificity"] > 0.9
    assert values["filename_likeness"] == values["markup_ratio"] == values["num_urls"] == 0


def test_empty_and_missing_captions() -> None:
    for text in ("", "   \n"):
        values = run(text).values
        assert (values["num_words"], values["specificity"], values["content_words"]) == (0, 0, 0)
        assert "unique_word_ratio" not in values
    with pytest.raises(NotApplicable):
        run(None)


def test_foreign_captions() -> None:
    german = run("Ein brauner Hund fängt einen roten Ball am sandigen Strand.")
    assert german.evidence["language"] == "de"
    assert german.values["specificity"] > 0.9
    chinese = run("一只棕色的狗在沙滩上接住一个红色的球")
    assert chinese.evidence["language"] == "zh"
    assert chinese.values["num_words"] >= 5


def test_short_captions_get_no_guess_of_a_language() -> None:
    found = run("a dog")
    assert "language" not in found.evidence
    assert "language_probability" not in found.values


def test_detection_can_be_turned_off() -> None:
    quiet = CaptionTextProbe(CaptionTextConfig(detect_language=False), "cpu", 0)
    assert "language" not in run("Ein brauner Hund fängt einen roten Ball.", probe=quiet).evidence
    assert quiet.fingerprint() != PROBE.fingerprint()


def test_residue_and_repetition() -> None:
    assert run("IMG_2044.JPG").values["filename_likeness"] == 1
    found = run("<p>dog &amp; cat</p> https://example.org/x")
    assert found.values["markup_ratio"] > 0.5
    assert found.values["num_urls"] == 1
    assert found.evidence["has_entities"] is True
    spam = run("buy now buy now buy now buy now").values
    assert spam["repeated_bigram_ratio"] > 0.5
    assert spam["unique_word_ratio"] == 0.25
    assert run("#### 12345 !!!!").values["letter_ratio"] == 0


def test_a_huge_caption_is_quick() -> None:
    began = time.perf_counter()
    values = run("a red dog " * 100_000).values
    assert values["num_words"] == 300_000
    assert values["num_chars"] == 1_000_000
    assert time.perf_counter() - began < 10


@given(st.text(alphabet=st.characters(codec=None), max_size=200))
def test_any_caption_is_measured(caption: str) -> None:
    assert run(caption).values["num_chars"] == len(caption)


def test_threads_agree() -> None:
    captions = ["A brown dog on a beach", "Ein Hund am Strand im Sommer", "一只狗", "x.jpg"] * 10
    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(run, captions)) == [run(caption) for caption in captions]
