"""Databases, spreadsheets and archives are refused with the line that exports them; near misses are named."""

from __future__ import annotations

import json
import shlex
import shutil
import sqlite3
import subprocess
import zipfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from mmcheck.config import InputConfig
from mmcheck.core.errors import ManifestError
from mmcheck.formats.detect import detect_format, recognise_format
from mmcheck.formats.near_misses import find_near_miss


def refused(path: Path) -> str:
    with pytest.raises(ManifestError) as caught:
        detect_format(str(path), InputConfig())
    return str(caught.value)


def test_sqlite(tmp_path: Path) -> None:
    path = tmp_path / "my data.db"
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE captions (image TEXT, caption TEXT)")
        database.execute('CREATE TABLE "odd ""name" (x INTEGER)')
        database.execute("INSERT INTO captions VALUES ('a.png', 'a, red square')")
        database.commit()
    message = refused(path)
    assert 'an SQLite database (tables: captions, odd "name)' in message
    line = message.partition(".csv: ")[2].strip()
    assert line.startswith("sqlite3 -readonly -header -csv")
    assert "SELECT * FROM captions" in line
    if shutil.which("sqlite3"):
        subprocess.run(line, shell=True, check=True, cwd=tmp_path)
        assert (tmp_path / "my data.csv").read_text().splitlines()[0] == "image,caption"
    assert not list(tmp_path.glob("*.db-*"))


def test_a_damaged_database_is_named_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "x.db").write_bytes(b"SQLite format 3\0" + bytes(2000))
    assert "an SQLite database." in refused(tmp_path / "x.db")


def test_duckdb(tmp_path: Path) -> None:
    (tmp_path / "x.duckdb").write_bytes(bytes(8) + b"DUCK" + bytes(4096))
    message = refused(tmp_path / "x.duckdb")
    assert "a DuckDB database" in message
    assert "COPY (SELECT * FROM TABLE_NAME) TO" in message


def test_excel(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.xlsx", "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr(
            "xl/workbook.xml", '<workbook><sheets><sheet name="Bob\'s clips" sheetId="1"/></sheets></workbook>'
        )
    message = refused(tmp_path / "x.xlsx")
    assert "an Excel workbook (sheet: Bob's clips)" in message
    words = shlex.split(message.partition("duckdb -c ")[2])
    assert words[0] == (
        f"COPY (SELECT * FROM read_xlsx('{tmp_path}/x.xlsx', sheet = 'Bob''s clips')) TO '{tmp_path}/x.parquet'"
    )
    (tmp_path / "x.xls").write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(100))
    assert "an old Excel file" in refused(tmp_path / "x.xls")


def test_zip(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
        archive.writestr("images/0.png", b"x")
        archive.writestr("metadata.jsonl", "{}")
    message = refused(tmp_path / "set.zip")
    assert "a ZIP archive of 2 files, such as images/0.png, metadata.jsonl" in message
    assert f"unzip -q {tmp_path}/set.zip -d {tmp_path}/set" in message
    (tmp_path / "cut.zip").write_bytes((tmp_path / "set.zip").read_bytes()[:60])
    assert "a ZIP archive." in refused(tmp_path / "cut.zip")


@pytest.mark.parametrize("magic", [b"7z\xbc\xaf\x27\x1c", b"Rar!\x1a\x07"])
def test_other_archives(tmp_path: Path, magic: bytes) -> None:
    (tmp_path / "x").write_bytes(magic + bytes(100))
    assert "unpack it" in refused(tmp_path / "x")


@pytest.mark.parametrize(
    ("text", "near"),
    [
        ({"audio_path": "a.wav", "duration": 1.0, "text": "hello"}, "a NeMo manifest, but for the column `audio_path`"),
        ({"id": "1", "type": "MonoCut", "supervisions": []}, "a lhotse CutSet whose supervisions are empty"),
        ({"images": [{"id": 1, "file_name": "a.jpg"}], "categories": []}, "a COCO file without `annotations`"),
        ({"audio_filepath": "a.wav", "duration": 1.0, "text": "hello"}, None),
        ({"images": [{"id": 1}], "annotations": []}, None),
        ({"image": "a.png", "caption": "x"}, None),
    ],
)
def test_near_misses(tmp_path: Path, text: dict[str, Any], near: str | None) -> None:
    (tmp_path / "m.json").write_text(json.dumps(text))
    found = find_near_miss(str(tmp_path / "m.json"))
    assert found is None if near is None else found is not None and near in found


def test_how_surely(tmp_path: Path) -> None:
    manifest = tmp_path / "m.jsonl"
    manifest.write_text(json.dumps({"audio_filepath": "a.wav", "duration": 1.0, "text": "hello"}) + "\n")
    found = recognise_format(str(manifest), InputConfig())
    assert found.format == "nemo"
    assert found.told.startswith("surely: it has a mark")
    assert "next would be jsonl (by its shape" in found.told
    assert recognise_format(str(manifest), InputConfig(format="jsonl")).told == "forced by --format"
    manifest.write_text(json.dumps({"audio_path": "a.wav", "duration": 1.0, "text": "hello"}) + "\n")
    assert "nearly a NeMo manifest" in recognise_format(str(manifest), InputConfig()).told


def test_a_dry_run_says_so(command: Callable[..., Any], make_dataset: Callable[..., Path], tmp_path: Path) -> None:
    code, told, _ = command("scan", str(make_dataset(2)), "--out", str(tmp_path / "run"), "--dry-run", "--json")
    assert code == 0
    assert json.loads(told)["inputs"][0]["recognised"].startswith("by its shape alone")
