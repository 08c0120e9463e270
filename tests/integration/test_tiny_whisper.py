"""The bundled tiny Whisper: loads offline in both formats, hears the demo recordings, matches its card."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
MODEL = ROOT / "models/tiny-whisper"
DEMO = ROOT / "mmcheck/demo_data"
NUM_RECORDINGS = 30

pytestmark = pytest.mark.skipif(
    not (MODEL / "model.bin").exists(), reason="models/tiny-whisper is not in this checkout"
)


def _normalize(text: str) -> str:
    return " ".join(re.sub(r"[^a-z' ]", " ", text.lower()).split())


@pytest.fixture(scope="module")
def clean_rows() -> list[dict[str, Any]]:
    truth = [json.loads(line) for line in (DEMO / "truth.jsonl").read_text(encoding="utf-8").splitlines()]
    clean = {row["id"] for row in truth if row["fault"] is None}
    manifest = (DEMO / "audio-transcript/manifest.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [row for row in map(json.loads, manifest) if row["id"] in clean]
    assert len(rows) >= NUM_RECORDINGS
    return rows[:NUM_RECORDINGS]


@pytest.fixture(scope="module")
def samples(clean_rows: list[dict[str, Any]]) -> list[np.ndarray[Any, np.dtype[np.float32]]]:
    from faster_whisper.audio import decode_audio

    return [decode_audio(str(DEMO / "audio-transcript" / row["audio_filepath"])) for row in clean_rows]


@pytest.fixture(scope="module")
def faster_model() -> Any:
    from faster_whisper import WhisperModel

    return WhisperModel(str(MODEL), device="cpu", cpu_threads=1, local_files_only=True)


@pytest.fixture(scope="module")
def torch_model() -> tuple[Any, Any]:
    from transformers import WhisperForConditionalGeneration, WhisperProcessor

    folder = MODEL / "transformers"
    model: Any = WhisperForConditionalGeneration.from_pretrained(folder, local_files_only=True)
    return model.float().eval(), WhisperProcessor.from_pretrained(folder, local_files_only=True)


def test_faster_whisper_hears_unseen_voices(
    faster_model: Any, clean_rows: list[dict[str, Any]], samples: list[Any]
) -> None:
    import jiwer

    hypotheses = []
    for clip in samples:
        segments, _ = faster_model.transcribe(clip, beam_size=5, language="en", without_timestamps=True)
        hypotheses.append(_normalize(" ".join(segment.text for segment in segments)))
    references = [_normalize(row["text"]) for row in clean_rows]
    assert jiwer.wer(references, hypotheses) <= 0.15


def test_word_times_lie_in_order_inside_the_clip(faster_model: Any, samples: list[Any]) -> None:
    segments, _ = faster_model.transcribe(samples[0], beam_size=1, language="en", word_timestamps=True)
    words = [word for segment in segments for word in segment.words]
    assert words
    starts = [word.start for word in words]
    assert starts == sorted(starts)
    assert words[-1].end <= len(samples[0]) / 16_000 + 0.3


@pytest.mark.parametrize("level", [0.0, 0.05])
def test_clips_without_speech_are_known(faster_model: Any, level: float) -> None:
    noise = (np.random.default_rng(0).standard_normal(32_000) * level).astype(np.float32)
    segments, _ = faster_model.transcribe(
        noise, language="en", no_speech_threshold=None, log_prob_threshold=None, temperature=0.0
    )
    assert all(segment.no_speech_prob > 0.5 for segment in segments)


def test_transformers_weights_prefer_the_true_text(
    torch_model: tuple[Any, Any], clean_rows: list[dict[str, Any]], samples: list[Any]
) -> None:
    import torch

    model, processor = torch_model

    def loss(features: Any, text: str) -> float:
        labels = processor.tokenizer(f" {text}", return_tensors="pt").input_ids[:, 1:]
        with torch.inference_mode():
            return float(model(input_features=features, labels=labels).loss)

    for at in range(4):
        features = processor(samples[at], sampling_rate=16_000, return_tensors="pt").input_features
        own, other = (loss(features, clean_rows[row]["text"]) for row in (at, at + 1))
        assert own < 1.0
        assert other > own + 1.0


def test_transformers_generates_the_sentence(
    torch_model: tuple[Any, Any], clean_rows: list[dict[str, Any]], samples: list[Any]
) -> None:
    import jiwer

    model, processor = torch_model
    features = processor(samples[:4], sampling_rate=16_000, return_tensors="pt").input_features
    texts = processor.batch_decode(model.generate(features), skip_special_tokens=True)
    references = [_normalize(row["text"]) for row in clean_rows[:4]]
    assert jiwer.wer(references, [_normalize(text) for text in texts]) <= 0.3


@pytest.mark.parametrize("text", ["naïve café", "ありがとう", "\u0000 \U0001f600", "a" * 3000])
def test_any_text_can_be_encoded(text: str) -> None:
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(MODEL / "tokenizer.json"))
    assert tokenizer.decode(tokenizer.encode(text, add_special_tokens=False).ids) == text


def test_special_tokens_stand_in_the_order_of_whisper() -> None:
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(MODEL / "tokenizer.json"))
    names = "endoftext startoftranscript en translate transcribe startoflm startofprev nospeech notimestamps"
    ids = [tokenizer.token_to_id(f"<|{name}|>") or 0 for name in (*names.split(), "0.00", "0.02")]
    assert ids == list(range(ids[0], ids[0] + len(ids)))
    assert tokenizer.token_to_id("<|30.00|>") == tokenizer.get_vocab_size() - 1 == ids[0] + 9 + 1500


def test_card_names_the_sha256_of_both_weight_files() -> None:
    card = (MODEL / "README.md").read_text(encoding="utf-8")
    for name in ("model.bin", "transformers/model.safetensors"):
        assert hashlib.sha256((MODEL / name).read_bytes()).hexdigest() in card


def test_folder_is_small() -> None:
    total = sum(path.stat().st_size for path in MODEL.rglob("*") if path.is_file())
    assert total < 12 * 2**20


def test_training_script_runs_end_to_end_in_seconds(tmp_path: Path) -> None:
    from faster_whisper import WhisperModel

    command = [sys.executable, str(ROOT / "scripts/train_tiny_whisper.py"), "all", "--smoke", "--device", "cpu"]
    command += ["--work", str(tmp_path / "work"), "--out", str(tmp_path / "model")]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env=os.environ | {"HF_HUB_OFFLINE": "1"}
    )
    if "espeak-ng" in done.stderr and done.returncode == 2:
        pytest.skip("espeak-ng, which speaks the training corpus, is not installed")
    assert done.returncode == 0, done.stderr[-2000:]
    assert "ROC-AUC on full windows" in done.stdout
    assert WhisperModel(str(tmp_path / "model"), device="cpu").model.n_mels == 80


@pytest.mark.parametrize("backend", ["ctranslate2", "transformers"])
def test_what_the_model_writes_is_its_own_choice_token_for_token(
    backend: str, clean_rows: list[dict[str, Any]], samples: list[Any], faster_model: Any
) -> None:
    from mmcheck.backends.whisper_ctranslate2 import Ctranslate2WhisperVerifier
    from mmcheck.backends.whisper_features import LogMel
    from mmcheck.backends.whisper_torch import TorchWhisperVerifier
    from mmcheck.backends.whisper_verifier import VerificationTask

    log_mel, tasks = LogMel(80), []
    for clip in samples[:5]:
        written, _ = faster_model.transcribe(clip, language="en", beam_size=1, temperature=0.0, without_timestamps=True)
        text = " ".join(segment.text.strip() for segment in written)
        tasks.append(VerificationTask(features=log_mel(clip), text=text, language="en"))
    people = [
        VerificationTask(features=task.features, text=f"violet {row['text']} anyway", language="en")
        for task, row in zip(tasks, clean_rows, strict=False)
    ]
    verifier: Any = (
        Ctranslate2WhisperVerifier(faster_model.model, MODEL, window="full", batch_size=1)
        if backend == "ctranslate2"
        else TorchWhisperVerifier(
            MODEL / "transformers", device="cpu", precision="float32", window="full", batch_size=1
        )
    )
    own = verifier.verify(tasks)
    assert [found.num_own for found in own] == [found.num_scored for found in own]
    assert all(found.num_own < found.num_scored for found in verifier.verify(people))


def test_a_large_run_gets_windows_cut_to_its_clips() -> None:
    from mmcheck.config import TranscriptConfig
    from mmcheck.core.types import MediaRef, Sample
    from mmcheck.media.sample_media import SampleMedia
    from mmcheck.media.source import MediaSource
    from mmcheck.probe.transcript import TranscriptProbe

    folder = DEMO / "audio-transcript"
    rows = [json.loads(line) for line in (folder / "manifest.jsonl").read_text("utf-8").splitlines()]
    source = MediaSource(allow_remote=False)
    # All of the demo, its faulty pairs too: a trial has to bear them.
    trial = [
        SampleMedia(
            Sample(
                id=row["id"],
                manifest="m",
                row_number=number,
                audio=MediaRef(uri=str(folder / row["audio_filepath"])),
                transcript=row["text"],
                language="en",
            ),
            source,
        )
        for number, row in enumerate(rows)
    ]
    probe = TranscriptProbe(TranscriptConfig(model=str(MODEL), transcribe="never"), "cpu")
    probe.open()
    probe.settle(trial, num_recordings=1000)
    about = probe.describe()["verification"]
    assert isinstance(about, dict)
    assert about["window"] == "fitted"
    assert about["window_check"]["clips"] >= 59
