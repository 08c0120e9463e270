"""Layouts that are met but not read: named, and the hint's command makes what can be read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import datasets
import pytest
from PIL import Image

from mmcheck.config import InputConfig, OutputConfig
from mmcheck.formats.base import OutputRow
from mmcheck.formats.hf_folder import HfFolderFormat
from mmcheck.formats.known_layouts import find_layout

CAPTIONS = ['a "red" hat', "two birds"]


def put(folder: Path, files: dict[str, Any]) -> None:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        text = content if isinstance(content, str) else json.dumps(content)
        (folder / name).write_text(text, "utf-8")


@pytest.mark.parametrize(
    "files",
    [
        {"metadata.csv": "file_name,text\na.wav,x\n", "a.wav": "x"},
        {"m.jsonl": '{"images": ["a.jpg"], "caption": "x"}\n'},
        {"m.jsonl": '{"image": "a.jpg", "caption": "x", "annotations": [{"box": [1, 2]}]}\n'},
        {"m.jsonl": '{"id": "1", "audio_filepath": "a.wav", "text": "x", "duration": 1.0, "start": 0}\n'},
        {"a.wav": "x", "a.txt": "hello"},
    ],
)
def test_other_manifests_are_none_of_them(tmp_path: Path, files: dict[str, str]) -> None:
    put(tmp_path, files)
    assert find_layout(str(tmp_path)) is None
    assert find_layout(str(tmp_path / next(iter(files)))) is None
    assert find_layout(str(tmp_path / "not there")) is None


@pytest.mark.parametrize(
    "names", [("data/test/a.png", "data/train/b.png"), ("a_test_1.png", "b.png"), ("val-set/a.png", "b.png")]
)
def test_names_like_splits_are_told_and_written_otherwise(tmp_path: Path, names: tuple[str, str]) -> None:
    rows = [{"file_name": name, "text": text} for name, text in zip(names, CAPTIONS, strict=True)]
    for number, name in enumerate(names):
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (40, 40), (90 * number, 0, 0)).save(tmp_path / "in" / name)
    put(tmp_path, {"in/metadata.jsonl": "".join(json.dumps(row) + "\n" for row in rows)})
    before = datasets.load_dataset("imagefolder", data_dir=str(tmp_path / "in"), cache_dir=str(tmp_path / "c1"))
    assert "text" not in next(iter(before.values())).column_names
    for given in (tmp_path / "in", tmp_path / "in" / "metadata.jsonl"):
        found = find_layout(str(given))
        assert found is not None
        assert (found.name, found.is_read) == ("split names", True)
    samples = list(HfFolderFormat(InputConfig()).read(str(tmp_path / "in")))
    written = [OutputRow(sample=sample, extra={}) for sample in samples]
    (file,) = HfFolderFormat(InputConfig()).write(written, tmp_path / "out", "in", OutputConfig(write_media=True))
    after = datasets.load_dataset("imagefolder", data_dir=str(file.parent), cache_dir=str(tmp_path / "c2"))
    assert after["train"]["text"][:] == CAPTIONS
    assert [picture.getpixel((0, 0))[0] for picture in after["train"]["image"]] == [0, 90]
