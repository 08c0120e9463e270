"""Lists and tables: the columns of the manifest, DataComp's uids, COCO's captions, img2dataset's shards."""

from __future__ import annotations

import hashlib
import json
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import webdataset
from PIL import Image
from torchvision.datasets import CocoCaptions

from mmcheck.api import scan
from mmcheck.config import Config
from mmcheck.core.errors import UserError
from mmcheck.export.run import export_run

from .conftest import CAPTIONS, CONFIG, make_images


def test_the_same_format_is_written_as_clean_is(image_run: Path, tmp_path: Path) -> None:
    export_run(image_run, format="jsonl", out=tmp_path / "out")
    assert (tmp_path / "out" / "train.jsonl").read_bytes() == (image_run / "clean" / "train.jsonl").read_bytes()
    export_run(image_run, format="jsonl", out=tmp_path / "kept", paths="keep", columns=False)
    first = json.loads((tmp_path / "kept" / "train.jsonl").read_text().splitlines()[0])
    assert first == {"image": "images/0.jpg", "caption": CAPTIONS[0], "source": "album 0"}


def test_the_same_parquet_keeps_its_types(tmp_path: Path, scanned: Callable[..., Path]) -> None:
    make_images(tmp_path, ["0.png", "1.png"])
    table = pa.table(
        {
            "image": ["0.png", "1.png"],
            "caption": ["a red square", "a blue square"],
            "weight": pa.array([1, 2], pa.int8()),
        }
    )
    pq.write_table(table, tmp_path / "train.parquet")
    run = scanned(tmp_path / "train.parquet")
    export_run(run, format="parquet", out=tmp_path / "out")
    found = pq.read_table(tmp_path / "out" / "train.parquet")
    assert found["weight"].type == pa.int8()
    assert found["mmcheck_action"].to_pylist() == ["keep", "keep"]


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_another_format_has_the_manifests_own_columns(form: str, image_run: Path, data: Path, tmp_path: Path) -> None:
    export_run(image_run, format=form, out=tmp_path / "out", columns=False)
    file = tmp_path / "out" / f"data.{form}"
    found = pd.read_csv(file, keep_default_na=False) if form == "csv" else pd.read_parquet(file)
    assert list(found.columns) == ["image", "caption", "source"]
    assert found["caption"].tolist() == list(CAPTIONS[:5])
    assert found["image"].tolist()[0] == str(data / "images" / "0.jpg")


def uid(number: int) -> str:
    return hashlib.md5(str(number).encode(), usedforsecurity=False).hexdigest()


def test_a_datacomp_subset_holds_the_uids_of_the_rows(tmp_path: Path, scanned: Callable[..., Path]) -> None:
    make_images(tmp_path, [f"{number}.png" for number in range(4)])
    rows: list[dict[str, Any]] = [
        {"uid": uid(number % 3), "image": f"{number}.png", "text": f"picture {number}"} for number in range(4)
    ]
    rows.append({"uid": "17", "image": "0.png", "text": "no uid here"})
    (tmp_path / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    config = Config(rules=CONFIG.rules, input={"columns": {"id": "none"}})
    scan(tmp_path / "train.jsonl", tmp_path / "run", config, probes="media,caption_text")
    summary = export_run(tmp_path / "run", format="datacomp", out=tmp_path / "out")
    found = np.load(tmp_path / "out" / "subset.npy")
    wanted = np.array(
        sorted({(int(uid(number)[:16], 16), int(uid(number)[16:32], 16)) for number in range(3)}),
        np.dtype("u8,u8"),
    )
    assert found.dtype == wanted.dtype
    assert np.array_equal(found, wanted)
    assert summary.left_out["has no uid of 32 hexadecimal digits"].rows == 1
    assert any("1 rows have the uid of another row" in note for note in summary.notes)


def test_a_run_without_uids_is_refused(image_run: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no row has a uid"):
        export_run(image_run, format="datacomp", out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_repeats_at_the_border_of_a_chunk_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from mmcheck.export.targets import datacomp

    monkeypatch.setattr(datacomp, "_CHUNK", 3)
    numbers = np.random.default_rng(0).integers(0, 9, 50)
    source = np.array([(number, number) for number in numbers], datacomp.UIDS)
    source.tofile(tmp_path / "unsorted")
    repeated = datacomp._write_sorted(tmp_path / "unsorted", tmp_path / "sorted.npy", len(source))
    found = np.load(tmp_path / "sorted.npy")
    assert np.array_equal(found, np.unique(source))
    assert repeated == 50 - len(found)


def test_coco_captions_are_read_by_torchvision(tmp_path: Path, scanned: Callable[..., Path]) -> None:
    make_images(tmp_path, ["0.png", "1.png"])
    rows = [
        {"image": "0.png", "captions": ["a red square", "something square"]},
        {"image": "1.png", "captions": ['a "blue"\nsquare']},
    ]
    (tmp_path / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    run = scanned(tmp_path / "train.jsonl")
    export_run(run, format="coco-captions", out=tmp_path / "out", media="copy")
    found = CocoCaptions(root=str(tmp_path / "out"), annFile=str(tmp_path / "out" / "captions.json"))
    assert [captions for _, captions in found] == [row["captions"] for row in rows]
    assert np.array_equal(np.asarray(found[1][0]), np.asarray(Image.open(tmp_path / "1.png").convert("RGB")))
    told = json.loads((tmp_path / "out" / "captions.json").read_text())["images"]
    assert told[0] == {"id": 1, "file_name": "images/0.png", "width": 80, "height": 60}


def test_shards_are_as_img2dataset_writes_them(image_run: Path, data: Path, tmp_path: Path) -> None:
    export_run(image_run, format="img2dataset", out=tmp_path / "out", shard_size=3)
    out = tmp_path / "out"
    assert sorted(path.name for path in out.glob("0*")) == [
        *("00000.parquet", "00000.tar", "00000_stats.json", "00001.parquet", "00001.tar", "00001_stats.json")
    ]
    table = pq.read_table(out / "00001.parquet")
    assert table.column_names[:5] == ["url", "caption", "key", "status", "error_message"]
    assert table.schema == pq.read_table(out / "00000.parquet").schema
    assert table["key"].to_pylist() == ["000010000", "000010001"]
    assert table["source"].to_pylist() == ["album 3", "album 4"]
    with tarfile.open(out / "00001.tar") as shard:
        about = json.load(shard.extractfile("000010001.json"))  # type: ignore[arg-type]
    assert about["sha256"] == hashlib.sha256((data / "images" / "4.jpg").read_bytes()).hexdigest()
    assert (about["width"], about["height"], about["caption"]) == (80, 60, "null")
    assert json.loads((out / "00001_stats.json").read_text())["successes"] == 2
    loaded = list(webdataset.WebDataset(str(out / "{00000..00001}.tar"), shardshuffle=False).decode("pil"))
    assert [sample["txt"] for sample in loaded] == list(CAPTIONS[:5])
    again = scan([str(path) for path in out.glob("*.tar")], tmp_path / "again", CONFIG, probes="media,caption_text")
    assert again.summary["rows_read"] == 5
