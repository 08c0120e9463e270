"""``datasets`` loads what is written for it: pictures, sounds, texts and columns."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from mmcheck.export.run import export_run

from .conftest import CAPTIONS, make_images


def load(kind: str, cache: Path, **what: Any) -> Any:
    return datasets.load_dataset(kind, split="train", cache_dir=str(cache), **what)


@pytest.mark.parametrize("media", ["link", "copy"])
def test_an_imagefolder_loads_with_its_texts_and_columns(media: str, image_run: Path, tmp_path: Path) -> None:
    summary = export_run(image_run, format="imagefolder", out=tmp_path / "out", media=media)
    found = load("imagefolder", tmp_path / "cache", data_dir=str(tmp_path / "out"))
    assert found["text"] == list(CAPTIONS[:5])
    assert found["source"] == [f"album {number}" for number in range(5)]
    assert found["mmcheck_action"] == ["keep"] * 5
    assert found[0]["image"].size == (80, 60)
    assert summary.written[".png"].files == 2


def test_folders_called_like_splits_load_with_their_texts(tmp_path: Path, scanned: Callable[..., Path]) -> None:
    folder = tmp_path / "data"
    names = ["data/test/a.png", "data/train/b.png", "data/testset/a.png"]
    make_images(folder, names)
    rows = [{"file_name": name, "text": f"picture {name[5:7]} {number}"} for number, name in enumerate(names)]
    (folder / "metadata.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    run = scanned(folder)
    export_run(run, format="imagefolder", out=tmp_path / "out", columns=False)
    found = load("imagefolder", tmp_path / "cache", data_dir=str(tmp_path / "out"))
    assert found["text"] == [row["text"] for row in rows]
    for number, name in enumerate(names):
        assert np.array_equal(np.asarray(found[number]["image"]), np.asarray(Image.open(folder / name)))
    assert not [name for name in found.column_names if name.startswith("mmcheck")]


def test_columns_of_changing_types_and_awkward_names_load(tmp_path: Path, scanned: Callable[..., Path]) -> None:
    folder = tmp_path / "data"
    make_images(folder, ["a.png", "b.png", "c.png"])
    rows: list[dict[str, Any]] = [
        {"image": "a.png", "caption": "one thing", "size": 1, "tags": ["x"], "mask_file_name": "m.png", "n": 2**70},
        {"image": "b.png", "caption": "two things", "size": 1.5, "tags": [], "n": "many"},
        {"image": "c.png", "caption": "three things", "size": None, "tags": None, "more": {"deep": [1, None]}},
    ]
    (folder / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    run = scanned(folder / "train.jsonl")
    for kind, target in (("imagefolder", {"data_dir": "out-imagefolder"}), ("parquet", {"data_dir": "out-hf-parquet"})):
        name = target["data_dir"].removeprefix("out-")
        export_run(run, format=name, out=tmp_path / target["data_dir"])
        found = load(kind, tmp_path / "cache", data_dir=str(tmp_path / target["data_dir"]))
        assert found["size"] == [1.0, 1.5, None]
        assert found["tags"] == [["x"], [], None]
        assert found["n"] == [str(2**70), "many", None]
        assert json.loads(found["more"][2]) == {"deep": [1, None]}


def test_parquet_gives_decoded_pictures(image_run: Path, data: Path, tmp_path: Path) -> None:
    export_run(image_run, format="hf-parquet", out=tmp_path / "out", shard_size=2)
    names = sorted(path.name for path in (tmp_path / "out").glob("*.parquet"))
    assert names == ["train-00000.parquet", "train-00001.parquet", "train-00002.parquet"]
    found = datasets.load_dataset(str(tmp_path / "out"), split="train", cache_dir=str(tmp_path / "cache"))
    assert isinstance(found.features["image"], datasets.Image)
    assert found["text"] == list(CAPTIONS[:5])
    assert np.array_equal(np.asarray(found[1]["image"]), np.asarray(Image.open(data / "images" / "1.png")))
    stored = pq.read_table(tmp_path / "out" / names[0])["image"][0].as_py()
    assert stored == {"bytes": (data / "images" / "0.jpg").read_bytes(), "path": "0.jpg"}


def test_an_empty_selection_is_a_table_without_rows(image_run: Path, tmp_path: Path) -> None:
    export_run(image_run, format="hf-parquet", out=tmp_path / "out", only=["unchecked"])
    assert pq.read_table(tmp_path / "out" / "train-00000.parquet").num_rows == 0
