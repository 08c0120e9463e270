"""The bundled Whisper, by either backend, against transformers' own teacher-forced loss on the same tokens."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest

from mmcheck.backends.whisper_features import LogMel
from mmcheck.backends.whisper_verifier import VerificationTask

ROOT = Path(__file__).resolve().parents[3]
MODEL = ROOT / "models" / "tiny-whisper"
pytestmark = pytest.mark.skipif(
    not (MODEL / "model.bin").exists(), reason="models/tiny-whisper is not in this checkout"
)
_SPEC = importlib.util.spec_from_file_location("own_loss", ROOT / "tests" / "fixtures" / "own_loss.py")
assert _SPEC is not None
assert _SPEC.loader is not None
own_loss = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(own_loss)


@pytest.fixture(scope="module")
def tasks() -> list[VerificationTask]:
    """Return recordings of the demo, each with its own transcript and with that of another."""
    clips = own_loss.demo_clips(3)
    log_mel = LogMel(80)
    features = [log_mel(samples) for samples, _ in clips]
    texts = [text for _, text in clips]
    pairs = [*zip(features, texts, strict=True), *zip(features, texts[1:] + texts[:1], strict=True)]
    return [VerificationTask(features=sound, text=text, language="en") for sound, text in pairs]


@pytest.mark.parametrize("backend", ["transformers", "ctranslate2"])
def test_a_transcript_scores_as_transformers_own_loss_on_the_same_tokens(
    backend: str, tasks: list[VerificationTask]
) -> None:
    verifier: Any
    if backend == "transformers":
        from mmcheck.backends.whisper_torch import TorchWhisperVerifier

        verifier = TorchWhisperVerifier(
            MODEL / "transformers", device="cpu", precision="float32", window="full", batch_size=4
        )
    else:
        from mmcheck.backends.whisper_ctranslate2 import Ctranslate2WhisperVerifier
        from mmcheck.backends.whisper_transcriber import load_faster_whisper

        loaded = load_faster_whisper(MODEL, device="cpu", compute_type="float32")
        verifier = Ctranslate2WhisperVerifier(loaded.model, MODEL, window="full", batch_size=4)
    wanted = own_loss.own_means(MODEL / "transformers", tasks, verifier.tokens)
    found = own_loss.mean_log_probs(verifier.verify(tasks))
    # The bundled ctranslate2 weights are stored in eight bits, those of transformers are not.
    assert found == pytest.approx(wanted, abs=1e-4 if backend == "transformers" else 0.02)
    assert max(wanted[3:]) < min(wanted[:3])
