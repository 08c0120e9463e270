"""The shared cases of layouts that people have: named when met, and tars whose keys do not hold together."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mmcheck.api import scan
from mmcheck.config import InputConfig
from mmcheck.core.parts import FORMATS
from mmcheck.formats.detect import detect_format
from mmcheck.formats.folder import FolderFormat
from mmcheck.formats.known_layouts import find_layout
from mmcheck.formats.webdataset import WebdatasetFormat

CASES = Path(__file__).parents[2].parent / "shared" / "cases"
pytestmark = pytest.mark.skipif(not CASES.is_dir(), reason="no shared cases beside the repository")


@pytest.mark.parametrize(
    ("name", "form", "texts"),
    [
        ("kaldi", "kaldi", [f"THIS IS SENTENCE {n}" for n in range(3)]),
        ("librispeech", "librispeech", [f"THIS IS SENTENCE NUMBER {n}" for n in range(3)]),
        ("ljspeech", "ljspeech", [f"this is sentence number {n} of the book" for n in ("0", "1", "2", "three")]),
        (
            "ljspeech/metadata.csv",
            "ljspeech",
            [f"this is sentence number {n} of the book" for n in ("0", "1", "2", "three")],
        ),
    ],
)
def test_layouts_of_speech_are_read(name: str, form: str, texts: list[str]) -> None:
    manifest = str(CASES / name)
    assert detect_format(manifest, InputConfig()) == form
    samples = list(FORMATS.get(form)(InputConfig()).read(manifest))
    assert [(sample.transcript, sample.problem) for sample in samples] == [(text, None) for text in texts]
    assert all(sample.audio is not None and Path(sample.audio.uri).is_file() for sample in samples)


@pytest.mark.parametrize(
    ("name", "form", "texts"),
    [
        ("coco.json", "coco", ["one"]),
        ("conv.json", "json", ["one of them"]),
        ("conv.jsonl", "chat", [f"caption number {n} of the picture" for n in range(3)]),
        ("qwen.jsonl", "chat", ["a cat"]),
        ("dj.jsonl", "datajuicer", [f"a grey picture with number {n} in it" for n in range(3)]),
    ],
)
def test_layouts_of_images_are_read(name: str, form: str, texts: list[str]) -> None:
    manifest = str(CASES / "llava-ids" / name)
    assert detect_format(manifest, InputConfig()) == form
    samples = list(FORMATS.get(form)(InputConfig()).read(manifest))
    assert [(sample.caption, sample.problem) for sample in samples] == [(text, None) for text in texts]
    assert all(sample.image is not None and Path(sample.image.uri).is_file() for sample in samples)


def test_conversations_are_scanned_and_written_back(tmp_path: Path) -> None:
    summary = scan(CASES / "llava-ids" / "conv.jsonl", tmp_path / "run", None, probes="media,caption_text").summary
    assert summary["rows_read"] == 3
    written = [path for path in (tmp_path / "run").glob("*/conv.jsonl") if path.parent.name != "measurements"]
    rows = [json.loads(line) for path in written for line in path.read_text("utf-8").splitlines()]
    assert sorted(row["conversations"][0]["value"] for row in rows) == ["Describe it.\n<image>"] * 3


def test_folders_called_like_splits_are_named() -> None:
    found = find_layout(str(CASES / "hf-split-like-folders-img"))
    assert found is not None
    assert "load_dataset" in found.seen


@pytest.mark.parametrize(
    ("name", "cause", "rows"),
    [("wds-dotted-keys/dots.tar", "dotted_key", 1), ("wds-unsorted/unsorted.tar", "split_key", 8)],
)
def test_tars_whose_keys_do_not_hold_together(name: str, cause: str, rows: int) -> None:
    samples = list(WebdatasetFormat(InputConfig()).read(str(CASES / name)))
    assert [sample.problem and sample.problem.cause for sample in samples] == [cause] * rows


def test_every_sidecar_is_read() -> None:
    samples = list(FolderFormat(InputConfig()).read(str(CASES / "sidecars")))
    texts = {sample.id: sample.caption for sample in samples if sample.problem is None}
    assert (texts["b.jpg"], texts["d.jpg"]) == ("a boat on a lake", "a door of a barn")
    assert texts["f.webp"] == "a fox"
    assert [sample.problem for sample in samples if sample.problem] == []
