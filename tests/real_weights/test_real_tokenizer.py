"""The published tokenizers, held against the rule that Whisper was trained by."""

from __future__ import annotations

import importlib.util
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from mmcheck.backends.whisper_tokenizer import load_tokenizer

pytestmark = pytest.mark.real_weights
FIXTURES = Path(__file__).resolve().parents[1] / "fixtures"
MODELS = ("whisper-base", "whisper-tiny.en")


def _plain_bpe() -> Any:
    spec = importlib.util.spec_from_file_location("plain_bpe", FIXTURES / "plain_bpe.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def texts() -> list[str]:
    """Return short texts in ten languages and the transcripts of the shared recordings, where they are at hand."""
    found = list(json.loads((FIXTURES / "sample_texts.json").read_text("utf-8")).values())
    shared = Path(__file__).resolve().parents[3] / "shared" / "data"
    for manifest in sorted(shared.glob("real-speech*/manifest.jsonl")):
        found += [json.loads(line)["text"] for line in manifest.read_text("utf-8").splitlines()]
    return found + [f" {text}" for text in found]


def _encode(tokenizer: Any, texts: Sequence[str]) -> list[list[int]]:
    return [tokenizer.encode(text, add_special_tokens=False).ids for text in texts]


def test_the_published_multilingual_tokenizer_gets_its_first_merge_back(real_weights: Path) -> None:
    found = load_tokenizer(real_weights / "whisper-base")
    assert found.explain() == "put back 1 missing merge: '\u0120 t'"
    tokens = found.tokenizer.encode(" the time to go", add_special_tokens=False).tokens
    assert tokens == ["\u0120the", "\u0120time", "\u0120to", "\u0120go"]
    assert load_tokenizer(real_weights / "whisper-tiny.en").explain() == ""


@pytest.mark.parametrize("model", MODELS)
def test_texts_are_encoded_as_in_training(real_weights: Path, texts: list[str], model: str) -> None:
    folder = real_weights / model
    vocabulary = json.loads((folder / "tokenizer.json").read_text("utf-8"))["model"]["vocab"]
    wanted = [_plain_bpe().encode_plainly(text, vocabulary) for text in texts]
    for source in (folder, real_weights / f"{model}-hf"):
        assert _encode(load_tokenizer(source).tokenizer, texts) == wanted


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("kind", ["vocabulary.txt", "vocabulary.json", "vocab.json", "vocab.json, first merge lost"])
def test_other_files_say_the_same(real_weights: Path, texts: list[str], tmp_path: Path, model: str, kind: str) -> None:
    folder = real_weights / model
    content = json.loads((folder / "tokenizer.json").read_text("utf-8"))
    tokens = (folder / "vocabulary.txt").read_bytes().decode().removesuffix("\n").split("\n")
    if kind == "vocabulary.txt":
        shutil.copy(folder / "vocabulary.txt", tmp_path)
    elif kind == "vocabulary.json":
        (tmp_path / "vocabulary.json").write_text(json.dumps(tokens), "utf-8")
    else:
        merges = load_tokenizer(folder).tokenizer.model.__getstate__()
        merges = [" ".join(merge) for merge in json.loads(merges)["merges"]]
        if "lost" in kind:
            merges = merges[1:]
        (tmp_path / "merges.txt").write_text("#version: 0.2\n" + "\n".join(merges) + "\n", "utf-8")
        (tmp_path / "vocab.json").write_text(json.dumps(content["model"]["vocab"]), "utf-8")
        added = {token["content"]: token["id"] for token in content["added_tokens"]}
        (tmp_path / "added_tokens.json").write_text(json.dumps(added), "utf-8")
        for name in ("tokenizer_config.json", "config.json"):
            shutil.copy(real_weights / f"{model}-hf" / name, tmp_path)
    found = load_tokenizer(tmp_path).tokenizer
    assert _encode(found, texts) == _encode(load_tokenizer(folder).tokenizer, texts)
    assert found.token_to_id("<|notimestamps|>") == (50363 if model == "whisper-base" else 50362)
