"""Layouts that are met but not read: named, and the hint's command makes what can be read."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import datasets
import pytest
from PIL import Image

from mmcheck.config import InputConfig, OutputConfig
from mmcheck.core.errors import ManifestError
from mmcheck.core.parts import FORMATS
from mmcheck.formats.base import OutputRow
from mmcheck.formats.detect import detect_format
from mmcheck.formats.hf_folder import HfFolderFormat
from mmcheck.formats.known_layouts import find_layout

CAPTIONS = ['a "red" hat', "two birds"]


def put(folder: Path, files: dict[str, Any]) -> None:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        text = content if isinstance(content, str) else json.dumps(content)
        (folder / name).write_text(text, "utf-8")


def coco(folder: Path, *, indent: int | None = None) -> Path:
    document = {
        "info": {"year": 2014},
        "images": [{"id": n, "file_name": f"{n}.jpg"} for n in range(2)],
        "annotations": [{"image_id": n, "id": n, "caption": text} for n, text in enumerate(CAPTIONS)],
    }
    put(folder, {"captions.json": json.dumps(document, indent=indent)})
    return folder / "captions.json"


def coco_pretty(folder: Path) -> Path:
    return coco(folder, indent=1)


def karpathy(folder: Path) -> Path:
    images = [
        {"filepath": "val", "filename": f"{n}.jpg", "sentences": [{"raw": text}]} for n, text in enumerate(CAPTIONS)
    ]
    put(folder, {"dataset.json": {"images": images, "dataset": "coco"}})
    return folder / "dataset.json"


def turns(folder: Path) -> list[dict[str, Any]]:
    return [
        {
            "id": str(n),
            "image": f"{n}.jpg",
            "conversations": [{"from": "human", "value": "<image> say"}, {"from": "gpt", "value": text}],
        }
        for n, text in enumerate(CAPTIONS)
    ]


def llava(folder: Path) -> Path:
    put(folder, {"llava.json": turns(folder)})
    return folder / "llava.json"


def llava_lines(folder: Path) -> Path:
    put(folder, {"llava.jsonl": "".join(json.dumps(row) + "\n" for row in turns(folder))})
    return folder / "llava.jsonl"


def messages(folder: Path) -> Path:
    rows = [
        {
            "messages": [{"role": "user", "content": "<image>what?"}, {"role": "assistant", "content": text}],
            "images": [f"{n}.jpg"],
        }
        for n, text in enumerate(CAPTIONS)
    ]
    put(folder, {"chat.jsonl": "".join(json.dumps(row) + "\n" for row in rows)})
    return folder / "chat.jsonl"


def data_juicer(folder: Path) -> Path:
    rows = [{"images": [f"{n}.jpg"], "text": f"<__dj__image> {text} <|__dj__eoc|>"} for n, text in enumerate(CAPTIONS)]
    put(folder, {"dj.jsonl": "".join(json.dumps(row) + "\n" for row in rows)})
    return folder / "dj.jsonl"


LAYOUTS: dict[Callable[[Path], Path], str] = {
    coco: "COCO",
    coco_pretty: "COCO",
    karpathy: "Karpathy",
    llava: "LLaVA",
    llava_lines: "LLaVA",
    messages: "messages",
    data_juicer: "Data-Juicer",
}


@pytest.mark.parametrize("make", LAYOUTS)
def test_the_layout_is_named_with_what_was_seen(tmp_path: Path, make: Callable[[Path], Path]) -> None:
    manifest = make(tmp_path)
    found = find_layout(str(manifest))
    assert found is not None
    assert found.name == LAYOUTS[make]
    if not found.is_read:
        with pytest.raises(ManifestError) as caught:
            detect_format(str(manifest), InputConfig())
        assert found.seen in caught.value.message
        assert caught.value.hint == found.hint


@pytest.mark.parametrize("make", LAYOUTS)
def test_the_hint_makes_what_can_be_read(tmp_path: Path, make: Callable[[Path], Path]) -> None:
    manifest = make(tmp_path)
    found = find_layout(str(manifest))
    assert found is not None
    program = next(name for name in ("jq -c", "awk", "sed -E") if name in found.hint).split()[0]
    if shutil.which(program) is None:
        pytest.skip(f"there is no {program} here")
    starts = [
        found.hint.index(start) for start in ("find . ", "zcat ", "jq -c", "awk ", "sed -E") if start in found.hint
    ]
    target = next(name for name in ("train.txt", "OUT.jsonl", "manifest.jsonl") if name in found.hint)
    command = found.hint[min(starts) :].partition(f"> {target}")[0] + f"> {target}"
    for name in ("IN.jsonl", "IN.json", "cuts.jsonl.gz"):
        command = command.replace(name, manifest.name)
    subprocess.run(["bash", "-c", command], cwd=tmp_path, check=True)
    written = str(tmp_path / target)
    samples = list(FORMATS.get(detect_format(written, InputConfig()))(InputConfig()).read(written))
    assert [sample.problem for sample in samples] == [None, None]
    assert [sample.caption or sample.transcript for sample in samples] == CAPTIONS


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
