"""The bundled tiny CTC model: loads offline as transformers' own class, hears the demo recordings, matches its card."""

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

from mmcheck.backends.ctc_model import CtcModel
from mmcheck.core.arrays import Floats
from mmcheck.metrics.ctc_alignment import AlignedText, align_words, greedy_symbols, relative_scores

ROOT = Path(__file__).resolve().parents[2]
MODEL = ROOT / "models/tiny-ctc"
DEMO = ROOT / "mmcheck/demo_data"
NUM_RECORDINGS = 40


@pytest.fixture(scope="module")
def rows() -> list[dict[str, Any]]:
    truth = [json.loads(line) for line in (DEMO / "truth.jsonl").read_text(encoding="utf-8").splitlines()]
    clean = {row["id"] for row in truth if row["fault"] is None}
    manifest = (DEMO / "audio-transcript/manifest.jsonl").read_text(encoding="utf-8").splitlines()
    return [row for row in map(json.loads, manifest) if row["id"] in clean][:NUM_RECORDINGS]


@pytest.fixture(scope="module")
def model() -> CtcModel:
    return CtcModel(MODEL, device="cpu")


@pytest.fixture(scope="module")
def heard(model: CtcModel, rows: list[dict[str, Any]]) -> list[Floats]:
    from faster_whisper.audio import decode_audio

    return [
        relative_scores(model.hear([decode_audio(str(DEMO / "audio-transcript" / row["audio_filepath"]))]))
        for row in rows
    ]


def align(model: CtcModel, relative: Floats, text: str) -> AlignedText:
    spelled = model.vocabulary.spell(text, is_scriptio_continua=False)
    vocabulary = model.vocabulary
    return align_words(
        relative, [word.symbols for word in spelled], blank=vocabulary.blank, separator=vocabulary.separator
    )


def test_it_is_small() -> None:
    assert sum(path.stat().st_size for path in MODEL.iterdir()) < 8_000_000


def test_it_hears_unseen_voices(model: CtcModel, rows: list[dict[str, Any]], heard: list[Floats]) -> None:
    import jiwer

    texts = [model.vocabulary.read(greedy_symbols(relative, blank=model.vocabulary.blank)) for relative in heard]
    references = [" ".join(re.sub(r"[^a-z' ]", " ", row["text"].lower()).split()) for row in rows]
    assert jiwer.cer(references, texts) <= 0.3


def test_other_texts_fit_worse(model: CtcModel, rows: list[dict[str, Any]], heard: list[Floats]) -> None:
    own = [align(model, relative, row["text"]).mean for relative, row in zip(heard, rows, strict=True)]
    others = [
        align(model, relative, row["text"]).mean for relative, row in zip(heard, rows[1:] + rows[:1], strict=True)
    ]
    assert np.mean(np.array(own)[:, None] > np.array(others)[None]) > 0.99


def test_the_replaced_word_is_the_worst(model: CtcModel, rows: list[dict[str, Any]], heard: list[Floats]) -> None:
    hits = 0
    for relative, row in zip(heard, rows, strict=True):
        words = row["text"].split()
        place = len(words) // 2
        words[place] = "umbrella" if "umbrella" not in row["text"] else "hospital"
        found = align(model, relative, " ".join(words)).words
        hits += int(np.argmin([0.0 if value is None else value for value in found])) == place
    assert hits >= 0.7 * len(rows)


def test_its_card_names_its_weights() -> None:
    card = (MODEL / "README.md").read_text(encoding="utf-8")
    assert hashlib.sha256((MODEL / "model.safetensors").read_bytes()).hexdigest() in card


def test_transformers_loads_it_whole() -> None:
    from transformers import Wav2Vec2ForCTC, Wav2Vec2Processor

    loader: Any = Wav2Vec2ForCTC
    made, report = loader.from_pretrained(MODEL, output_loading_info=True, local_files_only=True)
    assert not report["missing_keys"]
    assert not report["unexpected_keys"]
    assert made.config.vocab_size == 32
    processor: Any = Wav2Vec2Processor.from_pretrained(MODEL, local_files_only=True)
    assert processor.tokenizer("red fox").input_ids == [22, 9, 8, 4, 10, 19, 28]


@pytest.mark.timeout(240)
def test_the_script_makes_such_a_model(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    script = [sys.executable, str(ROOT / "scripts/train_tiny_ctc.py"), "all", "--smoke"]
    done = subprocess.run(
        [*script, "--work", str(tmp_path / "work"), "--out", str(tmp_path / "model")],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    if done.returncode == 2 and "espeak-ng" in done.stderr:
        pytest.skip("espeak-ng is not installed")
    assert done.returncode == 0, done.stderr
    assert "letters wrong" in done.stdout
    made = CtcModel(tmp_path / "model", device="cpu")
    assert made.hear([np.zeros(8000, np.float32)]).shape[1] == 32
