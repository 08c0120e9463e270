"""Rows with several texts, and rows with several media: each stays one row."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mmcheck.config import load_config
from mmcheck.scanning.scan import scan_run
from tests.conftest import encode_picture, make_picture

FILES_ONLY = ("probes.image_text.enabled=false", "probes.transcript.enabled=false")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "data"
    made.mkdir()
    for name in "abc":
        (made / f"{name}.png").write_bytes(encode_picture(make_picture(seed=ord(name)), "PNG"))
    (made / "black.png").write_bytes(encode_picture(make_picture().point(lambda _: 0), "PNG"))
    return made


def scan(manifest: Path, out: Path, *settings: str) -> dict[str, Any]:
    scan_run([str(manifest)], out, load_config("demo", (*FILES_ONLY, *settings)))
    found: dict[str, Any] = json.loads((out / "summary.json").read_text())
    return found


def rows_of(out: Path, place: str) -> list[dict[str, Any]]:
    return [json.loads(line) for path in sorted((out / place).rglob("*.jsonl")) for line in path.open()]


CAPTIONS = ["a red square before a grey pattern", "IMG_0001.jpg", "squares of red and grey, seen from near"]
OTHER = ["a green apple in a bowl on the kitchen table"]


def test_a_list_of_captions_comes_out_as_one_row(folder: Path, tmp_path: Path) -> None:
    manifest = folder / "m.jsonl"
    lines = [{"image": "a.png", "captions": CAPTIONS, "n": 7}, {"image": "b.png", "captions": OTHER, "n": 8}]
    manifest.write_text("".join(json.dumps(line) + "\n" for line in lines))
    summary = scan(manifest, tmp_path / "out")
    assert (summary["rows_read"], summary["source_rows"], summary["keep"]) == (4, 2, 3)
    assert "4 texts in 2 rows" in summary["notes"][0]
    clean, quarantine = rows_of(tmp_path / "out", "clean"), rows_of(tmp_path / "out", "quarantine")
    assert [(row["captions"], row["n"]) for row in clean] == [([CAPTIONS[0], CAPTIONS[2]], 7), (OTHER, 8)]
    assert clean[0]["image"] == str(folder / "a.png")
    assert [row["captions"] for row in quarantine] == [[CAPTIONS[1]]]
    assert quarantine[0]["mmcheck_reasons"].startswith("caption 2: ")


def test_a_list_of_captions_in_parquet_keeps_its_types(folder: Path, tmp_path: Path) -> None:
    table = pa.table(
        {
            "image": ["a.png", "b.png"],
            "captions": pa.array([CAPTIONS, OTHER], pa.large_list(pa.large_string())),
            "n": pa.array([[1, 2, 3], [4]], pa.list_(pa.int8())),
        }
    )
    pq.write_table(table, folder / "m.parquet")
    scan(folder / "m.parquet", tmp_path / "out")
    clean = pq.read_table(tmp_path / "out" / "clean" / "m.parquet")
    assert clean.select(["captions", "n"]).schema == table.select(["captions", "n"]).schema
    assert clean["captions"].to_pylist() == [[CAPTIONS[0], CAPTIONS[2]], OTHER]
    assert clean["n"].to_pylist() == [[1, 2, 3], [4]]


def test_images_and_captions_in_step_stay_in_step(folder: Path, tmp_path: Path) -> None:
    manifest = folder / "m.jsonl"
    manifest.write_text(json.dumps({"images": ["a.png", "b.png", "c.png"], "captions": CAPTIONS}) + "\n")
    scan(manifest, tmp_path / "out")
    (row,) = rows_of(tmp_path / "out", "clean")
    assert row["images"] == [str(folder / "a.png"), str(folder / "c.png")]
    assert row["captions"] == [CAPTIONS[0], CAPTIONS[2]]


@pytest.mark.parametrize("last", ["black.png", "gone.png"])
def test_one_text_for_several_images_is_one_row(folder: Path, tmp_path: Path, last: str) -> None:
    lines = [{"images": ["a.png", "b.png"], "text": CAPTIONS[0]}, {"images": ["c.png", last], "text": CAPTIONS[2]}]
    (folder / "m.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    scan(folder / "m.jsonl", tmp_path / "out")
    (clean,) = rows_of(tmp_path / "out", "clean")
    (quarantined,) = rows_of(tmp_path / "out", "quarantine")
    assert clean["images"] == [str(folder / "a.png"), str(folder / "b.png")]
    assert quarantined["images"] == [str(folder / "c.png"), str(folder / last)]
    assert f"{last} (images)" in quarantined["mmcheck_reasons"]


def test_every_column_that_leads_to_files_is_checked_and_copied(folder: Path, tmp_path: Path) -> None:
    lines = [
        {"image": "a.png", "control_image": "b.png", "caption": CAPTIONS[0], "was": "old/a.png"},
        {"image": "c.png", "control_image": "black.png", "caption": CAPTIONS[2], "was": "old/c.png"},
    ]
    (folder / "m.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    scan(folder / "m.jsonl", tmp_path / "out", "output.write_media=true")
    (clean,) = rows_of(tmp_path / "out", "clean")
    assert all((tmp_path / "out" / "clean" / clean[name]).is_file() for name in ("image", "control_image"))
    assert clean["was"] == "old/a.png", "a column that leads to nothing is not taken for a medium"
    (quarantined,) = rows_of(tmp_path / "out", "quarantine")
    assert "black.png (control_image), is blank" in quarantined["mmcheck_reasons"]


def test_masks_may_be_of_one_colour(folder: Path, tmp_path: Path) -> None:
    (folder / "m.jsonl").write_text(json.dumps({"image": "a.png", "mask": "black.png", "caption": CAPTIONS[0]}) + "\n")
    assert scan(folder / "m.jsonl", tmp_path / "out")["keep"] == 1
