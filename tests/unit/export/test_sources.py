"""Any run can be exported, wherever its media were: in Parquet, in tars, in the text of a table, in several folders."""

from __future__ import annotations

import base64
import csv
import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from mmcheck.export.run import export_run

from .conftest import make_images

CAPTIONS = ["a green wall of bricks", "NA", "\u4e00\u53ea\u72d7, running"]


@pytest.fixture
def pictures(tmp_path: Path) -> list[bytes]:
    make_images(tmp_path / "made", ["0.png", "1.jpg", "2.png"])
    return [path.read_bytes() for path in sorted((tmp_path / "made").iterdir())]


def parquet(folder: Path, pictures: list[bytes]) -> Path:
    media = [{"bytes": data, "path": None} for data in pictures]
    pq.write_table(pa.table({"image": media, "caption": CAPTIONS, "n": [1, 2, 3]}), folder / "rows.parquet")
    return folder / "rows.parquet"


def tar(folder: Path, pictures: list[bytes]) -> Path:
    with tarfile.open(folder / "rows.tar", "w") as file:
        for number, data in enumerate(pictures):
            members = {"jpg" if number == 1 else "png": data, "txt": CAPTIONS[number].encode()}
            members["json"] = json.dumps({"n": number + 1}).encode()
            for ending, content in members.items():
                info = tarfile.TarInfo(f"k{number}.{ending}")
                info.size = len(content)
                file.addfile(info, io.BytesIO(content))
    return folder / "rows.tar"


def base64_table(folder: Path, pictures: list[bytes]) -> Path:
    with (folder / "rows.tsv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, delimiter="\t")
        table.writerow(["image", "caption", "n"])
        for number, data in enumerate(pictures):
            table.writerow([base64.b64encode(data).decode(), CAPTIONS[number], number + 1])
    return folder / "rows.tsv"


@pytest.mark.parametrize("make", [parquet, tar, base64_table])
def test_media_inside_other_files_come_out_byte_for_byte(
    make: Callable[..., Path], pictures: list[bytes], tmp_path: Path, scanned: Callable[..., Path]
) -> None:
    run = scanned(make(tmp_path, pictures))
    for name, media in (("imagefolder", None), ("webdataset", None), ("jsonl", "copy"), ("hf-parquet", None)):
        assert export_run(run, format=name, out=tmp_path / name, media=media).rows == 3
    lines = [json.loads(line) for line in (tmp_path / "imagefolder" / "metadata.jsonl").read_text("utf-8").splitlines()]
    assert [line["text"] for line in lines] == CAPTIONS
    assert [int(line["n"]) for line in lines] == [1, 2, 3]
    assert [(tmp_path / "imagefolder" / line["file_name"]).read_bytes() for line in lines] == pictures
    assert {"text", "n", "file_name", "id"} >= {name for name in lines[0] if not name.startswith(("mmcheck_", "__"))}
    with tarfile.open(tmp_path / "webdataset" / "00000.tar") as shard:
        names = [name for name in shard.getnames() if name.endswith((".png", ".jpg"))]
        assert [shard.extractfile(name).read() for name in names] == pictures  # type: ignore[union-attr]
    table = pq.read_table(tmp_path / "hf-parquet" / "train-00000.parquet")
    assert [medium["bytes"] for medium in table["image"].to_pylist()] == pictures
    assert table["text"].to_pylist() == CAPTIONS
    rows = [json.loads(line) for line in (tmp_path / "jsonl" / "data.jsonl").read_text("utf-8").splitlines()]
    for row, data in zip(rows, pictures, strict=True):
        assert any(isinstance(value, str) and Path(value).is_file() for value in row.values())
        assert base64.b64encode(data).decode() not in row.values()


def test_two_folders_with_files_of_one_name_stay_apart(tmp_path: Path, scanned: Callable[..., Path]) -> None:
    manifests = []
    for number, name in enumerate(("one", "two")):
        make_images(tmp_path / name, [f"{extra}.png" for extra in range(number + 1)])
        Image.new("RGB", (9, 9), (number, 0, 0)).save(tmp_path / name / "same.png")
        (tmp_path / name / "rows.jsonl").write_text(json.dumps({"image": "same.png", "caption": f"card {name}"}) + "\n")
        manifests.append(tmp_path / name / "rows.jsonl")
    run = scanned(*manifests)
    export_run(run, format="imagefolder", out=tmp_path / "out", media="copy")
    lines = [json.loads(line) for line in (tmp_path / "out" / "metadata.jsonl").read_text().splitlines()]
    assert [line["file_name"] for line in lines] == ["images/same.png", "images/same-2.png"]
    found = [np.asarray(Image.open(tmp_path / "out" / line["file_name"]))[0, 0, 0] for line in lines]
    assert found == [0, 1]
    export_run(run, format="jsonl", out=tmp_path / "back")
    assert sorted(path.name for path in (tmp_path / "back").glob("*.jsonl")) == ["rows-2.jsonl", "rows.jsonl"]


def test_a_medium_that_went_away_costs_its_row_and_is_told(tmp_path: Path, scanned: Callable[..., Path]) -> None:
    make_images(tmp_path, ["0.png", "1.png"])
    rows = [{"image": f"{number}.png", "caption": f"picture {number} of two"} for number in range(2)]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    run = scanned(tmp_path / "rows.jsonl")
    (tmp_path / "0.png").unlink()
    summary = export_run(run, format="webdataset", out=tmp_path / "out")
    assert summary.rows == 1
    assert summary.left_out["has an image that cannot be used (missing)"].ids == ("0.png",)
    linked = export_run(run, format="imagefolder", out=tmp_path / "linked")
    assert linked.left_out["has an image that cannot be used (missing)"].rows == 1


def test_rows_with_several_media_say_that_only_the_first_was_written(
    tmp_path: Path, scanned: Callable[..., Path]
) -> None:
    make_images(tmp_path, ["0.png", "1.png"])
    (tmp_path / "rows.jsonl").write_text(json.dumps({"images": ["0.png", "1.png"], "caption": "two pictures"}) + "\n")
    run = scanned(tmp_path / "rows.jsonl")
    summary = export_run(run, format="imagefolder", out=tmp_path / "out")
    assert "1 row has further media; imagefolder takes one a row" in " ".join(summary.notes)


def test_paths_are_written_as_asked_for(tmp_path: Path, scanned: Callable[..., Path]) -> None:
    make_images(tmp_path / "in", ["0.png"])
    (tmp_path / "in" / "rows.csv").write_text("filepath,title\n0.png,a small picture\n")
    run = scanned(tmp_path / "in" / "rows.csv")
    found = {}
    for paths in ("absolute", "relative", "keep"):
        export_run(run, format="open-clip-csv", out=tmp_path / paths, paths=paths, columns=False)
        found[paths] = (tmp_path / paths / "train.csv").read_text().splitlines()[1].partition("\t")[0]
    assert found == {"absolute": str(tmp_path / "in" / "0.png"), "relative": "../in/0.png", "keep": "0.png"}
