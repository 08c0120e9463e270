"""Real Whisper finds a sound transcript equally likely in digits and in words, and a wrong number unlikely in both."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mmcheck.config import TranscriptConfig, UncertainConfig
from mmcheck.core.types import MediaRef, Sample
from mmcheck.media.sample_media import SampleMedia
from mmcheck.media.source import MediaSource
from mmcheck.probe.base import Prepared
from mmcheck.probe.transcript import TranscriptProbe

pytestmark = pytest.mark.real_weights
ALL_DOUBTFUL = UncertainConfig(mean_log_prob=0, worst_word_log_prob=0, end_log_prob=0, tail_log_prob=0)
NUMBERS = {
    "ast_en_vm-review-nonurgent.flac": (
        "en",
        "Press 4 to remove the urgent status of this message.",
        "press four to remove the urgent status of this message",
        "press nine to remove the urgent status of this message",
    ),
    "cheetah_test_it_norm.flac": (
        "it",
        "Il mio numero preferito è 26.",
        "il mio numero preferito è ventisei",
        "il mio numero preferito è quarantotto",
    ),
}


def test_a_number_is_equally_likely_in_digits_and_in_words(real_weights: Path) -> None:
    root = Path(os.environ.get("MMCHECK_SHARED") or Path(__file__).resolve().parents[3] / "shared")
    folder = root / "data" / "real-speech-2" / "audio"
    if not folder.is_dir():
        pytest.skip(f"{folder} is absent: this needs real recordings")
    options = TranscriptConfig(
        model=str(real_weights / "whisper-base"),
        backend="ctranslate2",
        # int8, the default, is another arithmetic on each kind of processor.
        compute_type="float32",
        window="full",
        transcribe="never",
        uncertain=ALL_DOUBTFUL,
    )
    probe = TranscriptProbe(options, "cpu", 0)
    probe.open()
    source = MediaSource(allow_remote=False)
    for name, (language, *texts) in NUMBERS.items():
        samples = [
            Sample(
                id=str(number),
                manifest="m",
                row_number=number,
                audio=MediaRef(uri=str(folder / name)),
                transcript=text,
                language=language,
            )
            for number, text in enumerate(texts, 1)
        ]
        batch = [Prepared(sample=sample, payload=probe.prepare(SampleMedia(sample, source))) for sample in samples]
        digits, words, wrong = probe.measure(batch)
        assert all(found.values["num_spellings"] > 0 for found in (digits, words, wrong))
        for metric in ("mean_log_prob", "end_log_prob", "worst_word_log_prob"):
            assert digits.values[metric] == pytest.approx(words.values[metric], abs=0.1)
        assert digits.values["worst_word_log_prob"] > -2.5
        assert wrong.values["worst_word_log_prob"] < -4.0
