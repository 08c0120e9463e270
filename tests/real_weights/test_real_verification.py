"""Transcripts scored by either backend, held against transformers' own teacher-forced loss on the same tokens."""

from __future__ import annotations

import importlib.util
import json
import os
from pathlib import Path
from typing import Any

import pytest

from mmcheck.backends.whisper_features import LogMel
from mmcheck.backends.whisper_verifier import VerificationTask

pytestmark = pytest.mark.real_weights
CLIPS = 3
_SPEC = importlib.util.spec_from_file_location(
    "own_loss", Path(__file__).resolve().parents[1] / "fixtures" / "own_loss.py"
)
assert _SPEC is not None
assert _SPEC.loader is not None
own_loss = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(own_loss)


@pytest.fixture(scope="module")
def clips() -> list[tuple[Any, str]]:
    """Return a few short English recordings: those of the demo, and real ones where they are at hand."""
    found: list[tuple[Any, str]] = own_loss.demo_clips(CLIPS)
    root = Path(os.environ.get("MMCHECK_SHARED") or Path(__file__).resolve().parents[3] / "shared")
    folder = root / "data" / "real-speech"
    if (folder / "manifest.jsonl").is_file():
        rows = [json.loads(line) for line in (folder / "manifest.jsonl").read_text("utf-8").splitlines()]
        chosen = [row for row in rows if row["lang"] == "en" and len(row["text"]) > 20][:CLIPS]
        found += [(own_loss.read_clip(folder / row["audio_filepath"]), row["text"]) for row in chosen]
    return found


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
    wanted = own_loss.own_means(copy, tasks, torch_verifier.tokens)
    for compute_type, tolerance in ((None, 1e-3), ("float32", 2e-3), ("int8", 0.1)):
        verifier: Any = torch_verifier
        if compute_type is not None:
            loaded = load_faster_whisper(folder, device="cpu", compute_type=compute_type)
            verifier = Ctranslate2WhisperVerifier(loaded.model, folder, window="full", batch_size=1)
        got = own_loss.mean_log_probs(verifier.verify(tasks))
        assert got == pytest.approx(wanted, abs=tolerance)
    # Synthetic speech is harder to Whisper than people's: -0.6 to -1.6 nat a token against above -0.4.
    assert all(value > -2.5 for value in wanted[:CLIPS])
    assert all(value > -1.0 for value in wanted[CLIPS:])
