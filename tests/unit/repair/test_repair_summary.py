"""``RUN/repair/summary.json``: read as it was written, and refused where it would be misread."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mmcheck.core.errors import RunError
from mmcheck.repair.summary import ComparedPairs, EncodedOrphans, RepairSummary, Written, read_summary
from mmcheck.store.run_folder import RunFolder
from mmcheck.store.run_record import RunRecord, write_record

SUMMARY = RepairSummary(
    run="run",
    rows_read=3,
    min_confidence=0.8,
    proposals=0,
    proposals_by_kind={},
    expected_wrong=0.0,
    less_sure=0,
    suspects=1,
    explanations=(),
    sentences=("Nothing is proposed: no other text is certain enough for any of 1 suspect pair.",),
    notes=(),
    modalities={"image": ComparedPairs(pairs=3, suspects=1, random_share=0.2, partner_share=None)},
    orphans=EncodedOrphans(captions=0, images=0),
    # The name of a file that is not UTF-8.
    written=Written(folder="a\udce4", files=("a\udce4/m.jsonl",), repaired_rows=0, not_written=(), notes=()),
)


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    write_record(tmp_path, RunRecord(identity="x", shard_size=8, rows=3, probes={}, analyses={}))
    (tmp_path / "repair").mkdir()
    SUMMARY.write(tmp_path / "repair" / "summary.json", ensure_ascii=True, allow_nan=False)
    return RunFolder(tmp_path)


def _change(run: RunFolder, **changes: object) -> None:
    file = run.path / "repair" / "summary.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))


def test_a_summary_is_read_as_it_was_written(run: RunFolder) -> None:
    assert read_summary(run) == SUMMARY
    stored = json.loads((run.path / "repair" / "summary.json").read_text())
    assert next(iter(stored)) == "schema_version"
    assert stored["modalities"]["image"]["partner_share"] is None


def test_without_write_nothing_stands_under_written(tmp_path: Path) -> None:
    SUMMARY.model_copy(update={"written": Written()}).write(tmp_path / "s.json", ensure_ascii=True, allow_nan=False)
    assert json.loads((tmp_path / "s.json").read_text())["written"] == {}


def test_files_without_a_version_and_with_unknown_keys_are_read(run: RunFolder) -> None:
    file = run.path / "repair" / "summary.json"
    stored = json.loads(file.read_text())
    del stored["schema_version"]
    file.write_text(json.dumps({**stored, "later": 1}))
    assert read_summary(run) == SUMMARY


def test_a_file_of_a_later_version_is_refused(run: RunFolder) -> None:
    _change(run, schema_version=2)
    with pytest.raises(RunError, match="its schema_version is 2, and this one reads 1"):
        read_summary(run)


def test_a_value_of_another_kind_is_named(run: RunFolder) -> None:
    _change(run, modalities={"image": {"pairs": "many", "suspects": 1, "random_share": None, "partner_share": None}})
    with pytest.raises(RunError, match=r"summary\.json is missing or damaged: modalities\.image\.pairs"):
        read_summary(run)


@pytest.mark.parametrize("text", ["", "[]", "{", '{"run": "run"}'])
def test_a_damaged_file_is_refused(run: RunFolder, text: str) -> None:
    (run.path / "repair" / "summary.json").write_text(text)
    with pytest.raises(RunError, match=r"summary\.json is missing or damaged") as caught:
        read_summary(run)
    assert "mmcheck repair" in str(caught.value.hint)


def test_a_summary_cannot_be_changed(run: RunFolder) -> None:
    with pytest.raises(ValueError, match="frozen"):
        read_summary(run).rows_read = 4  # type: ignore[misc]
