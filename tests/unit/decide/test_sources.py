"""Rows are written only from sources that are still what was scanned."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

import mmcheck
from mmcheck.core.errors import ManifestError
from mmcheck.overlap.run import overlap_runs

ROWS = 4
PROBES = ["media", "caption_text"]


def _pictures(folder: Path) -> list[dict[str, Any]]:
    folder.mkdir(exist_ok=True)
    rows = []
    for number in range(ROWS):
        Image.effect_noise((40, 40), 60 + number).save(folder / f"{number}.png")
        rows.append({"image": f"{number}.png", "caption": f"a red kettle number {number} on a stove", "sku": number})
    return rows


def _parquet(folder: Path) -> Path:
    pq.write_table(pa.Table.from_pylist(_pictures(folder)), folder / "d.parquet")
    return folder / "d.parquet"


def _csv(folder: Path) -> Path:
    rows = _pictures(folder)
    with (folder / "d.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]), delimiter=";")
        writer.writeheader()
        writer.writerows(rows)
    return folder / "d.csv"


def _imagefolder(folder: Path) -> Path:
    rows = [{"file_name": row.pop("image"), **row} for row in _pictures(folder)]
    pq.write_table(pa.Table.from_pylist(rows), folder / "metadata.parquet")
    return folder


def _tar(folder: Path) -> Path:
    rows = _pictures(folder)
    with tarfile.open(folder / "d.tar", "w") as archive:
        for row in rows:
            archive.add(folder / row["image"], row["image"])
            text = row["caption"].encode()
            info = tarfile.TarInfo(row["image"].replace(".png", ".txt"))
            info.size = len(text)
            archive.addfile(info, io.BytesIO(text))
    return folder / "d.tar"


def _file(source: Path) -> Path:
    return source / "metadata.parquet" if source.is_dir() else source


def _swap(file: Path) -> None:
    if file.suffix == ".parquet":
        table = pq.read_table(file)
        pq.write_table(table.take([2, 0, 1, 3]), file)
    else:
        data = file.read_bytes()
        file.write_bytes(data.replace(b"number 1", b"number 9"))


def _append(file: Path) -> None:
    if file.suffix == ".parquet":
        table = pq.read_table(file)
        pq.write_table(pa.concat_tables([table, table.slice(0, 1)]), file)
    else:
        file.write_bytes(file.read_bytes() + b"\n")


def _cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-40])


def _link(file: Path) -> None:
    other = file.with_name(f"other{file.suffix}")
    shutil.copy(file, other)
    _swap(other)
    file.unlink()
    file.symlink_to(other)


def _tree(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != ".lock"
    }


@pytest.mark.parametrize("make", [_parquet, _csv, _imagefolder])
@pytest.mark.parametrize("change", [_swap, _append, _cut, _link, os.unlink])
def test_judging_refuses_a_source_that_is_not_what_was_scanned(
    tmp_path: Path, make: Callable[[Path], Path], change: Callable[[Path], object]
) -> None:
    source = make(tmp_path / "data")
    run = mmcheck.scan(source, tmp_path / "run", probes=PROBES)
    before = _tree(run.path)
    change(_file(source))
    with pytest.raises(ManifestError) as caught:
        run.judge()
    assert caught.value.exit_code == 2
    assert _file(source).name in caught.value.message
    assert "scanned" in caught.value.message or "cannot be read" in caught.value.message
    assert "--reuse" in str(caught.value.hint)
    assert _tree(run.path) == before


def test_a_source_that_was_merely_touched_or_moved_back_is_judged(tmp_path: Path) -> None:
    source = _parquet(tmp_path / "data")
    run = mmcheck.scan(source, tmp_path / "run", probes=PROBES)
    before = _tree(run.path / "clean")
    data = source.read_bytes()
    source.unlink()
    source.write_bytes(data)
    os.utime(source, (1, 1))
    run.judge()
    assert _tree(run.path / "clean") == before


def test_rows_that_the_run_holds_need_no_source(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    rows = _pictures(folder)
    source = folder / "d.jsonl"
    source.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    run = mmcheck.scan(source, tmp_path / "run", probes=PROBES)
    before = _tree(run.path / "clean")
    source.write_text("", "utf-8")
    run.judge()
    source.unlink()
    run.judge()
    assert _tree(run.path / "clean") == before


def test_tars_are_read_again_only_where_media_are_written(tmp_path: Path) -> None:
    source = _tar(tmp_path / "data")
    run = mmcheck.scan(source, tmp_path / "run", probes=PROBES)
    _swap(source)
    run.judge()
    with pytest.raises(ManifestError, match=r"d\.tar is not what was scanned"):
        run.judge(overrides=["output.write_media=true"])


def test_an_overlap_refuses_before_it_compares(tmp_path: Path) -> None:
    source = _parquet(tmp_path / "train")
    mmcheck.scan(source, tmp_path / "run", probes=PROBES)
    mmcheck.scan(_csv(tmp_path / "test"), tmp_path / "other", probes=PROBES)
    _swap(source)
    with pytest.raises(ManifestError, match="is not what was scanned"):
        overlap_runs(tmp_path / "run", tmp_path / "other")
    assert not (tmp_path / "run" / "clean" / "overlap").exists()
