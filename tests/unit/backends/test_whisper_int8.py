"""ctranslate2's encoder in int8 before torch's decoder: the bundled model on the demo's recordings."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import soundfile

from mmcheck.backends.whisper_features import LogMel
from mmcheck.backends.whisper_torch import TorchWhisperVerifier
from mmcheck.backends.whisper_transcriber import WhisperTranscriber, load_faster_whisper
from mmcheck.backends.whisper_verifier import Verification, VerificationTask
from mmcheck.config import bundled_dir

NUM_CLIPS = 12


@pytest.fixture(scope="module")
def recordings() -> list[tuple[np.ndarray[Any, Any], str]]:
    data = bundled_dir("demo_data") / "audio-transcript"
    faults = map(json.loads, (data.parent / "truth.jsonl").read_text("utf-8").splitlines())
    sound = {entry["id"] for entry in faults if entry["fault"] is None}
    rows = map(json.loads, (data / "manifest.jsonl").read_text("utf-8").splitlines())
    chosen = [row for row in rows if row["id"] in sound][:NUM_CLIPS]
    return [(soundfile.read(data / row["audio_filepath"], dtype="float32")[0], row["text"]) for row in chosen]


@pytest.fixture(scope="module")
def tasks(recordings: list[tuple[np.ndarray[Any, Any], str]]) -> list[VerificationTask]:
    log_mel = LogMel(80)
    return [VerificationTask(features=log_mel(samples), text=text) for samples, text in recordings]


@pytest.fixture(scope="module")
def model() -> Any:
    return load_faster_whisper(bundled_dir("models") / "tiny-whisper", device="cpu", compute_type="int8")


def make_verifier(model: Any, precision: str, window: str = "fitted") -> TorchWhisperVerifier:
    folder = bundled_dir("models") / "tiny-whisper" / "transformers"
    return TorchWhisperVerifier(
        folder, device="cpu", precision=precision, window=window, batch_size=4, int8_encoder=model.model
    )


def word_scores(found: list[Verification]) -> np.ndarray[Any, Any]:
    return np.array([np.mean(word) for one in found for word in one.log_probs])


@pytest.mark.parametrize("window", ["full", "fitted"])
def test_int8_moves_the_values_a_little_and_the_words_not(
    model: Any, tasks: list[VerificationTask], window: str
) -> None:
    exact = make_verifier(model, "float32", window).verify(tasks)
    coarse = make_verifier(model, "int8", window).verify(tasks)
    assert [one.words for one in coarse] == [one.words for one in exact]
    shift = np.abs(word_scores(coarse) - word_scores(exact))
    # Seen: 0.030 on average, 0.58 at most.
    assert 0 < shift.mean() < 0.06
    assert shift.max() < 1.2


def test_neighbours_and_a_second_text_change_nothing(model: Any, tasks: list[VerificationTask]) -> None:
    verifier = make_verifier(model, "int8")
    both = [tasks[0], replace(tasks[0], text=tasks[1].text), tasks[1], tasks[2]]
    together = verifier.verify(both)
    for task, found in zip(both, together, strict=True):
        assert word_scores([found]) == pytest.approx(word_scores(verifier.verify([task])), abs=1e-4)


def test_what_int8_has_encoded_can_be_transcribed(
    model: Any, tasks: list[VerificationTask], recordings: list[tuple[np.ndarray[Any, Any], str]]
) -> None:
    transcriber = WhisperTranscriber(model, beam_size=1)
    kept = make_verifier(model, "int8", "full").verify(tasks[:4], keep_encoded=True)
    for found, (samples, _) in zip(kept, recordings, strict=False):
        heard = transcriber.transcribe_encoded(found.encoded, len(samples), "en")
        assert heard.text == transcriber.transcribe(samples, "en").text


@pytest.mark.parametrize(
    ("asked", "window", "wanted"),
    [
        ("auto", "fitted", "int8"),
        ("auto", "full", "float32"),
        ("float32", "fitted", "float32"),
        ("int8", "full", "int8"),
    ],
)
def test_auto_means_int8_in_fitted_windows(
    model: Any, asked: str, window: str, wanted: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mmcheck.backends.precision.has_bfloat16_flags", lambda: False)
    verifier = make_verifier(model, asked, window)
    described = verifier.describe()
    assert described["precision"] == wanted
    assert ("ctranslate2" in described["versions"]) is (wanted == "int8")


def test_bfloat16_goes_before_int8(model: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mmcheck.backends.precision.has_bfloat16_flags", lambda: True)
    monkeypatch.setattr("mmcheck.backends.precision.is_bfloat16_faster", lambda: True)
    assert make_verifier(model, "auto").precisions == ("bfloat16",)
