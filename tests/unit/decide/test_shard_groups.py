from __future__ import annotations

import json
import shutil

import pyarrow.parquet as pq
import pytest

import mmcheck
from mmcheck.core.errors import RunError
from mmcheck.decide import line_spool, shard_groups

ACTIONS = ("clean", "flagged", "quarantine", "unchecked")


@pytest.fixture
def run(tmp_path):
    captions = ["a dog on a bench", "", "IMG_2041.jpg", "a red table by a window"]
    rows = [{"id": f"r{n}", "image": f"{n}.jpg", "caption": captions[n % 4]} for n in range(30)]
    lines = [json.dumps(row) for row in rows]
    lines.insert(7, "{broken")
    (tmp_path / "a.jsonl").write_text("\n".join(lines[:16]) + "\n")
    table = ["id,image,caption", *(f"c{n},{n}.jpg,a green lamp number {n}" for n in range(9))]
    (tmp_path / "b.csv").write_text("\n".join(table) + "\n")
    (tmp_path / "c.jsonl").write_text("\n".join(lines[16:]) + "\n")
    manifests = [tmp_path / name for name in ("a.jsonl", "b.csv", "c.jsonl")]
    return mmcheck.scan(manifests, tmp_path / "run", "default", probes=["caption_text"], overrides=["run.shard_size=4"])


def written(run):
    folders = [*ACTIONS, "verdicts"]
    files = [file for folder in folders for file in sorted((run.path / folder).rglob("*")) if file.is_file()]
    return {str(file.relative_to(run.path)): file.read_bytes() for file in [*files, run.path / "summary.json"]}


def test_groups_and_chunks_change_no_byte(run, monkeypatch):
    expected = written(run)
    assert {name.split("/")[0] for name in expected} >= {"clean", "quarantine", "verdicts"}
    for rows, chunk in ((1, 1), (8, 3), (1000, 2)):
        monkeypatch.setattr(shard_groups, "_FEWEST_ROWS", rows)
        monkeypatch.setattr(line_spool, "_CHUNK", chunk)
        run.judge()
        assert written(run) == expected


def test_every_row_of_every_input_is_written_once_and_in_order(run):
    found = {}
    for folder in ACTIONS:
        for file in sorted((run.path / folder).glob("*.jsonl")):
            lines = [line for line in file.read_bytes().splitlines() if line != b"{broken"]
            ids = [json.loads(line)["id"] for line in lines]
            numbers = [int(name.removeprefix("r")) for name in ids]
            assert numbers == sorted(numbers)
            for number in numbers:
                assert number not in found
                found[number] = file.name
    assert sorted(found) == list(range(30))
    assert {found[0], found[29]} == {"a.jsonl", "c.jsonl"}


def test_a_missing_part_is_told_and_leaves_no_verdicts(run):
    shutil.rmtree(run.path / "measurements" / "caption_text")
    with pytest.raises(RunError, match=r"caption_text.*missing or damaged"):
        run.judge()
    assert not (run.path / "summary.json").exists()


def test_evidence_and_embeddings_are_not_read(run):
    for group in shard_groups.read_groups(run.folder):
        for name, table in group.measured.items():
            assert "evidence" not in table.column_names, name
            assert not any(column.startswith("embedding.") for column in table.column_names)
            assert table.num_rows == group.samples.num_rows


def _exchange(one, other):
    one.rename(one.with_suffix(".aside"))
    other.rename(one)
    one.with_suffix(".aside").rename(other)


@pytest.mark.parametrize("labelled", [True, False])
def test_parts_of_other_samples_are_refused(run, labelled):
    parts = sorted((run.path / "measurements/caption_text").glob("*.parquet"))
    if not labelled:  # as earlier versions wrote them
        for part in parts:
            table = pq.ParquetFile(part).read()
            kept = {
                key: value
                for key, value in table.schema.metadata.items()
                if key not in (b"mmcheck.ids", b"mmcheck.seal")
            }
            assert len(kept) < len(table.schema.metadata)
            pq.write_table(table.replace_schema_metadata(kept), part)
        expected = written(run)
        run.judge()
        assert written(run) == expected
    _exchange(parts[1], parts[2])
    with pytest.raises(RunError, match=r"caption_text/00001\.parquet belongs to other samples"):
        run.judge()
