"""Transcripts scored by either backend, held against transformers' own teacher-forced loss on the same tokens."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mmcheck.backends.whisper_features import LogMel
from mmcheck.backends.whisper_verifier import VerificationTask
from mmcheck.media.audio import decode_audio

pytestmark = pytest.mark.real_weights
CLIPS = 3


@pytest.fixture(scope="module")
def clips(shared_data: Path) -> list[tuple[Any, str]]:
    """Return a few short English recordings with their transcripts."""
    folder = shared_data / "real-speech"
    rows = [json.loads(line) for line in (folder / "manifest.jsonl").read_text("utf-8").splitlines()]
    chosen = [row for row in rows if row["lang"] == "en" and len(row["text"]) > 20][:CLIPS]
    found = []
    for row in chosen:
        data = (folder / row["audio_filepath"]).read_bytes()
        found.append((decode_audio(data, start=None, duration=None, max_seconds=30).samples, row["text"]))
    return found


def _own_loss(folder: Path, features: Any, prompt: list[int], tokens: tuple[int, ...]) -> float:
    """Return the mean log-probability of the tokens by transformers' own forward pass."""
    import torch
    from transformers import WhisperForConditionalGeneration

    model: Any = WhisperForConditionalGeneration.from_pretrained(str(folder), dtype=torch.float32)
    padded = np.zeros((1, features.shape[0], 3000), np.float32)
    padded[0, :, : features.shape[1]] = features
    labels = [-100] * (len(prompt) - 1) + list(tokens)
    with torch.inference_mode():
        found = model(
            input_features=torch.from_numpy(padded),
            decoder_input_ids=torch.tensor([[*prompt, *tokens][:-1]]),
            labels=torch.tensor([labels]),
        )
    return -float(found.loss)


@pytest.mark.parametrize("model", ["whisper-base", "whisper-tiny.en"])
def test_both_backends_agree_with_transformers_own_loss(
    real_weights: Path, clips: list[tuple[Any, str]], model: str
) -> None:
    from mmcheck.backends.whisper_ctranslate2 import Ctranslate2WhisperVerifier
    from mmcheck.backends.whisper_torch import TorchWhisperVerifier
    from mmcheck.backends.whisper_transcriber import load_faster_whisper

    folder, copy = real_weights / model, real_weights / f"{model}-hf"
    torch_verifier = TorchWhisperVerifier(copy, device="cpu", precision="float32", window="full", batch_size=1)
    log_mel = LogMel(80)
    tasks = [VerificationTask(features=log_mel(samples), text=text, language="en") for samples, text in clips]
    tokens = torch_verifier.tokens
    wanted = [_own_loss(copy, task.features, tokens.prompt("en"), tokens.encode(task.text).tokens) for task in tasks]
    for compute_type, tolerance in ((None, 1e-3), ("float32", 2e-3), ("int8", 0.1)):
        verifier: Any = torch_verifier
        if compute_type is not None:
            loaded = load_faster_whisper(folder, device="cpu", compute_type=compute_type)
            verifier = Ctranslate2WhisperVerifier(loaded.model, folder, window="full", batch_size=1)
        found = [float(np.mean(sum(one.log_probs, ()))) for one in verifier.verify(tasks)]
        assert found == pytest.approx(wanted, abs=tolerance)
    assert all(value > -1.0 for value in wanted)
