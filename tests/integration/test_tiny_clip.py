"""The bundled tiny-clip: it loads through open_clip alone, judges fresh scenes, and is the file its card describes."""

from __future__ import annotations

import hashlib
import json
import random
import re
import shutil
import sys
from pathlib import Path

import numpy as np
import open_clip
import pytest
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from scripts.synthetic.captions import full_claim, holds, random_claim, word
from scripts.synthetic.scenes import make_scene
from scripts.tiny_clip.batches import truth_table
from scripts.tiny_clip.evaluation import evaluate, load_encoder, roc_auc
from scripts.tiny_clip.model import IMAGE_SIZE, encode_pictures, encode_texts
from scripts.train_tiny_clip import main

ROOT = Path(__file__).resolve().parents[2]
MODEL = ROOT / "models" / "tiny-clip"
UNREADABLE = ["", "   ", "\x00\x01", "日本語の字幕", "صورة", "🙂" * 50, "e\u0301", "red " * 500, "a\ud800b"]


@pytest.fixture(scope="module")
def tokenize() -> open_clip.tokenizer.HFTokenizer:
    return open_clip.get_tokenizer(f"local-dir:{MODEL}")


def test_it_tells_true_captions_from_false_ones_on_scenes_it_never_saw() -> None:
    figures = evaluate(load_encoder(MODEL), seed=20_261_121, num_scenes=300)
    assert figures["shuffled"] >= 0.99
    assert figures["attribute.mean"] >= 0.90
    assert figures["vague_below"] >= 0.9


def test_the_card_names_the_weights_that_lie_beside_it() -> None:
    card = (MODEL / "README.md").read_text(encoding="utf-8")
    digest = hashlib.sha256((MODEL / "open_clip_model.safetensors").read_bytes()).hexdigest()
    assert re.findall(r"\b[0-9a-f]{64}\b", card) == [digest]
    assert sum(path.stat().st_size for path in MODEL.iterdir()) < 20_000_000


def test_the_folder_works_at_any_path(tmp_path: Path) -> None:
    copy = tmp_path / "another place" / "siglip clip"
    shutil.copytree(MODEL, copy)
    model, _ = open_clip.create_model_from_pretrained(f"local-dir:{copy}")
    tokens = open_clip.get_tokenizer(f"local-dir:{copy}")(["a red star"])
    assert tokens.shape == (1, model.context_length)


def test_any_text_becomes_tokens_that_end_with_the_highest_id(tokenize: open_clip.tokenizer.HFTokenizer) -> None:
    texts = [text.encode("utf-8", "replace").decode() for text in UNREADABLE]
    tokens = tokenize(texts)
    inner = tokenize.tokenizer
    assert tokens.shape == (len(texts), 40)
    assert (tokens.max(dim=1).values == inner.eos_token_id).all()
    assert inner.eos_token_id == len(inner) - 1


def test_the_share_of_unknown_words_can_be_counted(tokenize: open_clip.tokenizer.HFTokenizer) -> None:
    inner = tokenize.tokenizer

    def unknown(text: str) -> float:
        ids: list[int] = inner(text, add_special_tokens=False).input_ids
        return ids.count(inner.unk_token_id) / len(ids)

    assert unknown("Two RED apples, on the grass.") == 0
    assert unknown("a quantum giraffe") == pytest.approx(2 / 3)
    assert unknown("日本語") == 1


def test_training_encodes_as_open_clip_does(tokenize: open_clip.tokenizer.HFTokenizer) -> None:
    model, _ = open_clip.create_model_from_pretrained(f"local-dir:{MODEL}")
    model.eval()
    padded = tokenize(["a red star", "three green fish on the sand under a big sky"])
    cut = padded[:, : int((padded != 0).sum(dim=1).max())]
    pictures = torch.rand(2, 3, IMAGE_SIZE, IMAGE_SIZE, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        torch.testing.assert_close(encode_texts(model, cut), model.encode_text(padded), rtol=1e-3, atol=1e-4)
        torch.testing.assert_close(encode_pictures(model, pictures), model.encode_image(pictures))
        assert encode_pictures(model, pictures[:, :, :64, :64]).shape == (2, 192)


def test_the_truth_table_agrees_with_the_truth_of_each_pair() -> None:
    rng = random.Random(3)
    scenes = [make_scene(rng) for _ in range(60)]
    claims = [random_claim(scene, rng) for scene in scenes] + [full_claim(scene, rng) for scene in scenes]
    table = truth_table(claims, scenes)
    assert table.tolist() == [[holds(claim, scene) for claim in claims] for scene in scenes]
    assert word(claims[0], rng)


def test_roc_auc_counts_ties_as_half() -> None:
    def floats(*values: float) -> np.ndarray:
        return np.array(values, dtype=np.float32)

    assert roc_auc(floats(2, 3), floats(0, 1)) == 1
    assert roc_auc(floats(0, 1), floats(2, 3)) == 0
    assert roc_auc(floats(1), floats(1, 1, 1)) == 0.5


def test_a_smoke_run_trains_exports_evaluates_and_resumes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["train", "--smoke", "--device", "cpu", "--threads", "1"]
    command += ["--work", str(tmp_path / "work"), "--out", str(tmp_path / "model")]
    assert main(command) == 0
    printed = capsys.readouterr().out
    figures = json.loads(printed[printed.index("{") :])
    assert 0 <= figures["attribute.mean"] <= 1
    first = (tmp_path / "model" / "open_clip_model.safetensors").read_bytes()
    assert len(first) > 1_000_000
    assert main([*command, "--resume"]) == 0
    assert "continuing at step 3" in capsys.readouterr().out
    assert (tmp_path / "model" / "open_clip_model.safetensors").read_bytes() == first


def test_exporting_without_a_checkpoint_says_what_to_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", "--work", str(tmp_path), "--out", str(tmp_path / "model")]) == 2
    assert "hint: run the train command first" in capsys.readouterr().err
    assert not (tmp_path / "model").exists()
