from __future__ import annotations

import importlib.util
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from mmcheck.backends.whisper_tokenizer import load_tokenizer
from mmcheck.core.errors import WeightsError


def _fixture(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, Path(__file__).resolve().parents[2] / "fixtures" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


plain_bpe: Any = _fixture("plain_bpe")
MODEL = Path(__file__).resolve().parents[3] / "models" / "tiny-whisper"
SAMPLES: dict[str, str] = json.loads(
    (Path(__file__).resolve().parents[2] / "fixtures" / "sample_texts.json").read_text("utf-8")
)
"""Short texts in ten languages, and an odd one."""


def _content() -> dict[str, Any]:
    content: dict[str, Any] = json.loads((MODEL / "tokenizer.json").read_text("utf-8"))
    return content


def _write(folder: Path, change: Callable[[list[list[str]]], list[Any]]) -> Path:
    content = _content()
    content["model"]["merges"] = change(content["model"]["merges"])
    folder.mkdir(exist_ok=True)
    (folder / "tokenizer.json").write_text(json.dumps(content), "utf-8")
    return folder


@pytest.mark.parametrize("place", [0, 100, -1])
@pytest.mark.parametrize("as_text", [True, False])
def test_a_lost_merge_is_put_back_and_told(tmp_path: Path, place: int, as_text: bool) -> None:
    whole = load_tokenizer(MODEL)
    lost = _content()["model"]["merges"][place]

    def drop(merges: list[list[str]]) -> list[Any]:
        del merges[place]
        return [" ".join(merge) for merge in merges] if as_text else merges

    mended = load_tokenizer(_write(tmp_path / "lost", drop))
    assert mended.put_back == (tuple(lost),)
    assert mended.explain() == f"put back 1 missing merge: {' '.join(lost)!r}"
    assert mended.describe()["put_back"] == {"count": 1, "merges": [" ".join(lost)]}
    assert mended.sha256 == whole.sha256
    assert whole.explain() == ""
    for text in SAMPLES.values():
        assert mended.tokenizer.encode(text).ids == whole.tokenizer.encode(text).ids


@pytest.mark.parametrize("text", SAMPLES.values(), ids=SAMPLES)
def test_text_is_encoded_by_the_reference_rule(text: str) -> None:
    tokenizer = load_tokenizer(MODEL).tokenizer
    wanted = plain_bpe.encode_plainly(text, _content()["model"]["vocab"])
    assert tokenizer.encode(text, add_special_tokens=False).ids == wanted


@pytest.mark.parametrize("header", [True, False])
@pytest.mark.parametrize("is_eaten", [True, False])
def test_vocabulary_and_merges_of_a_hugging_face_folder(tmp_path: Path, header: bool, is_eaten: bool) -> None:
    source = MODEL / "transformers"
    for name in ("vocab.json", "tokenizer_config.json", "config.json"):
        shutil.copy(source / name, tmp_path / name)
    lines = [
        line for line in (source / "merges.txt").read_text("utf-8").splitlines() if not line.startswith("#version")
    ]
    lines = (["#version: 0.2"] if header else []) + (lines[1:] if is_eaten else lines)
    (tmp_path / "merges.txt").write_text("\n".join(lines) + "\n", "utf-8")
    found = load_tokenizer(tmp_path)
    whole = load_tokenizer(MODEL).tokenizer
    for text in SAMPLES.values():
        assert (
            found.tokenizer.encode(text, add_special_tokens=False).ids
            == whole.encode(text, add_special_tokens=False).ids
        )
    assert found.tokenizer.token_to_id("<|endoftext|>") == whole.token_to_id("<|endoftext|>")


@pytest.mark.parametrize("is_json", [True, False])
def test_a_vocabulary_alone_is_enough(tmp_path: Path, is_json: bool) -> None:
    tokens = json.loads((MODEL / "vocabulary.json").read_text("utf-8"))
    if is_json:
        shutil.copy(MODEL / "vocabulary.json", tmp_path)
    else:
        (tmp_path / "vocabulary.txt").write_text("\n".join(tokens) + "\n", "utf-8")
    found, whole = load_tokenizer(tmp_path), load_tokenizer(MODEL)
    for text in SAMPLES.values():
        ids = found.tokenizer.encode(text, add_special_tokens=False).ids
        assert ids == whole.tokenizer.encode(text, add_special_tokens=False).ids
        assert found.tokenizer.decode(ids) == text
    assert found.tokenizer.token_to_id("<|notimestamps|>") == whole.tokenizer.token_to_id("<|notimestamps|>")


def test_another_models_tokenizer_is_refused(tmp_path: Path) -> None:
    shutil.copy(MODEL / "tokenizer.json", tmp_path)
    tokens = json.loads((MODEL / "vocabulary.json").read_text("utf-8"))
    tokens[300], tokens[301] = tokens[301], tokens[300]
    (tmp_path / "vocabulary.json").write_text(json.dumps(tokens), "utf-8")
    with pytest.raises(WeightsError, match=r"is not this model's: .* is token 301 in tokenizer.json, but 300"):
        load_tokenizer(tmp_path)


@pytest.mark.parametrize("merges", [["a"], [["a", "b", "c"]], [3]])
def test_merges_that_are_no_pairs_are_told(tmp_path: Path, merges: list[Any]) -> None:
    with pytest.raises(WeightsError, match="a merge is no pair of texts"):
        load_tokenizer(_write(tmp_path, lambda _: merges))
