"""Which windows real Whispers bear, seen on real recordings: none cut to the clip, all with silence behind it."""

from __future__ import annotations

import importlib.util
import json
import os
from pathlib import Path
from typing import Any

import pytest

from mmcheck.backends.whisper_features import LogMel
from mmcheck.metrics.window_agreement import MAX_SHIFT, compare_windows, find_broken
from mmcheck.probe.transcript_clip import Clip
from mmcheck.probe.window_check import MAX_FORGIVEN, score_clips

pytestmark = pytest.mark.real_weights
CLIPS = 12
TESTS = Path(__file__).resolve().parents[1]
_SPEC = importlib.util.spec_from_file_location("own_loss", TESTS / "fixtures" / "own_loss.py")
assert _SPEC is not None
assert _SPEC.loader is not None
own_loss = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(own_loss)


@pytest.fixture(scope="module")
def clips() -> list[Clip]:
    """Return English recordings of people, spread over the set."""
    root = Path(os.environ.get("MMCHECK_SHARED") or Path(__file__).resolve().parents[3] / "shared")
    folder = root / "data" / "real-speech-2"
    if not (folder / "manifest.jsonl").is_file():
        pytest.skip(f"no real recordings at {folder}")
    rows = [json.loads(line) for line in (folder / "manifest.jsonl").read_text("utf-8").splitlines()]
    chosen = [row for row in rows if row["lang"] == "en" and 4 <= len(row["text"].split()) <= 30]
    log_mel = LogMel(80)
    return [
        Clip(
            text=row["text"],
            language="en",
            is_scriptio_continua=False,
            windows=(),
            samples=(),
            features=(log_mel(own_loss.read_clip(folder / row["audio_filepath"])),),
            has_speech=True,
            end_level=None,
        )
        for row in chosen[:: len(chosen) // CLIPS][:CLIPS]
    ]


def test_real_weights_are_not_cut_but_bear_silence_behind_the_clip(real_weights: Path, clips: list[Clip]) -> None:
    from mmcheck.backends.whisper_torch import TorchWhisperVerifier

    folder = real_weights / "whisper-tiny.en-hf"
    verifier: Any = TorchWhisperVerifier(folder, device="cpu", precision="float32", window="full", batch_size=16)
    full, padded, fitted = (score_clips(verifier, kind, "float32", clips) for kind in ("full", "padded", "fitted"))
    assert find_broken(full, fitted).sum() > MAX_FORGIVEN
    assert not compare_windows(full, fitted).agree
    assert not find_broken(full, padded).any()
    found = compare_windows(full, padded)
    seen = found.numbers
    assert seen["shift"] < MAX_SHIFT * seen["text_distance"]
    # All sound, and yet too few to believe in.
    assert not found.agree
    assert f"only {len(clips)} clips" in found.reason
