"""What is written loads together: every folder's manifest has the same types, whatever rows went where."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from mmcheck.api import scan
from mmcheck.config import Config

FOLDERS = ("clean", "flagged", "quarantine", "unchecked")
RULES: dict[str, Any] = {
    "unreadable_media": {"rule": "unreadable_media", "action": "unchecked"},
    "wordy": {"metric": "caption_text.num_words", "max": 6, "action": "flag"},
    "short_caption": {"metric": "caption_text.num_words", "min": 3, "action": "quarantine"},
    "vague_caption": {"metric": "caption.vagueness", "max": 1.0, "action": "flag"},
    "unverifiable": {"metric": "caption.unverifiable", "max": 0.5, "action": "flag"},
}
CONFIG = Config(rules=RULES)
ROWS = [
    {"image": "0.png", "caption": "a chair beside the window", "mmcheck_n": None},
    {"image": "1.png", "caption": "a green bicycle leans on a brick wall at night", "mmcheck_n": None},
    {"image": "2.png", "caption": "dog", "mmcheck_n": None},
    {"image": "none.png", "caption": "two horses in a field", "mmcheck_n": None},
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number in range(3):
        Image.effect_noise((64, 48), 30 + 40 * number).save(tmp_path / f"{number}.png")
    return tmp_path


def scanned(manifest: Path, folder: Path) -> dict[str, Path]:
    scan(manifest, folder / "run", CONFIG, probes="media,caption_text")
    found = {
        name: path for name in FOLDERS for path in (folder / "run" / name).glob(f"{manifest.stem}{manifest.suffix}")
    }
    assert list(found) == list(FOLDERS)
    return found


def load(kind: str, files: list[Path], cache: Path) -> Any:
    return datasets.load_dataset(kind, data_files=[str(file) for file in files], split="train", cache_dir=str(cache))


def test_json_lines_of_all_folders_load_together(folder: Path) -> None:
    rows = [{key: value for key, value in row.items() if key != "mmcheck_n"} for row in ROWS]
    manifest = folder / "train.jsonl"
    manifest.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    found = scanned(manifest, folder)
    for number, names in enumerate(
        (*itertools.permutations(FOLDERS[:3], 2), *itertools.combinations(FOLDERS, 2), FOLDERS)
    ):
        loaded = load("json", [found[name] for name in names], folder / f"cache{number}")
        assert len(loaded) == len(names)
        types = {name: feature.dtype for name, feature in loaded.features.items() if name.startswith("mmcheck_")}
        assert set(types.values()) == {"string", "float64"}
        assert types["mmcheck_codes"] == types["mmcheck_reasons"] == "string"
        assert types["mmcheck_caption_vagueness"] == "float64"
    lines = [json.loads(found[name].read_text("utf-8")) for name in FOLDERS]
    assert all(value is not None for line in lines for value in line.values())
    assert lines[0]["mmcheck_codes"] == lines[0]["mmcheck_reasons"] == ""
    assert lines[1]["mmcheck_codes"] == "wordy.above_max"
    # What no row of the run has a value of is no column.
    assert not any("unverifiable" in name for line in lines for name in line)


def test_parquet_of_all_folders_has_one_schema(folder: Path) -> None:
    manifest = folder / "train.parquet"
    before = pa.Table.from_pylist(ROWS)
    assert before.schema.field("mmcheck_n").type == pa.null()
    pq.write_table(before, manifest)
    found = scanned(manifest, folder)
    schemas = [pq.read_schema(found[name]) for name in FOLDERS]
    assert all(schema == schemas[0] for schema in schemas)
    assert schemas[0].names[:3] == before.schema.names
    assert [schemas[0].field(name).type for name in before.schema.names] == before.schema.types
    new = {field.name: field.type for field in schemas[0] if field.name not in before.schema.names}
    assert new.pop("mmcheck_caption_vagueness") == pa.float64()
    assert new == dict.fromkeys(("mmcheck_id", "mmcheck_action", "mmcheck_codes", "mmcheck_reasons"), pa.string())
    for number, names in enumerate(itertools.permutations(FOLDERS, 2)):
        loaded = load("parquet", [found[name] for name in names], folder / f"cache{number}")
        assert len(loaded) == 2


def test_an_empty_clean_table_has_the_columns_too(folder: Path) -> None:
    manifest = folder / "train.parquet"
    pq.write_table(pa.Table.from_pylist(ROWS[1:2]), manifest)
    scan(manifest, folder / "run", CONFIG, probes="media,caption_text")
    clean, flagged = (pq.read_table(folder / "run" / name / manifest.name) for name in FOLDERS[:2])
    assert (clean.num_rows, flagged.num_rows) == (0, 1)
    assert clean.schema == flagged.schema


@pytest.mark.parametrize("name", ["train.csv", "train.txt"])
def test_a_list_without_header_gets_a_file_beside_it(folder: Path, name: str) -> None:
    lines = [f"{row['image']}|{row['caption']}" for row in ROWS]
    (folder / name).write_text("\n".join(lines) + "\n", "utf-8")
    scan(folder / name, folder / "run", Config(rules=RULES, output={"paths": "keep"}), probes="media,caption_text")
    for number, place in enumerate(FOLDERS):
        assert (folder / "run" / place / name).read_text("utf-8") == lines[number] + "\n"
        (reason,) = map(json.loads, (folder / "run" / place / "train.reasons.jsonl").read_text("utf-8").splitlines())
        assert (reason["row"], reason["input_row"]) == (1, number + 1)
        assert reason["mmcheck_id"] == ROWS[number]["image"]
        assert bool(reason["mmcheck_codes"]) is bool(reason["mmcheck_reasons"]) is (number > 0)
