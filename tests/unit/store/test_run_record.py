"""run.json is read as a record: later keys are kept, and what would be misread is refused by name."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

import mmcheck
from mmcheck.core.errors import RunError
from mmcheck.store.run_folder import RunFolder
from mmcheck.store.run_record import RunRecord, read_record, write_record
from mmcheck.store.seal import read_json, write_json


@pytest.fixture
def run(make_dataset: Callable[..., Path], tmp_path: Path) -> mmcheck.Run:
    return mmcheck.scan(make_dataset(5), tmp_path / "run", probes=["media"], overrides=["run.shard_size=2"])


def change(folder: Path, **changes: Any) -> None:
    write_json(folder / "run.json", {**read_json(folder / "run.json"), **changes})


def test_what_a_scan_writes_is_read_as_it_was_written(run: mmcheck.Run) -> None:
    before = read_json(run.path / "run.json")
    record = read_record(run.path)
    assert (record.schema_version, record.state, record.rows) == (1, "complete", 5)
    assert [(shard.start, shard.stop) for shard in record.shards()] == [(0, 2), (2, 4), (4, 5)]
    assert [entry.rows_in_source for entry in record.inputs] == [5]
    assert record.probes["media"].metrics[0].name.startswith("media.")
    assert record.holds("image")
    assert not record.holds("audio")
    write_record(run.path, record)
    assert read_json(run.path / "run.json", sealed=True) == before


def test_a_record_cannot_be_changed(run: mmcheck.Run) -> None:
    with pytest.raises(ValidationError):
        run.folder.record.rows = 3  # type: ignore[misc]


def test_keys_of_a_later_version_are_kept_at_any_depth(run: mmcheck.Run) -> None:
    told = read_json(run.path / "run.json")
    told["probes"]["media"] |= {"workers": 3}
    told["inputs"][0] |= {"license": "CC0"}
    change(run.path, **told, mood="good")
    record = read_record(run.path)
    write_record(run.path, record.updated(state="measuring"))
    again = json.loads((run.path / "run.json").read_text("utf-8"))
    assert again["mood"] == "good"
    assert again["probes"]["media"]["workers"] == 3
    assert again["inputs"][0]["license"] == "CC0"
    assert again["state"] == "measuring"


def test_a_run_of_an_early_version_is_read(tmp_path: Path) -> None:
    told = {"identity": "x", "shard_size": 4, "rows": 6, "probes": {"p": {"fingerprint": "f", "metrics": []}}}
    (tmp_path / "run.json").write_text(json.dumps({**told, "analyses": {}}))
    record = RunFolder(tmp_path).record
    assert (record.seed, record.inputs, record.reused) == (0, (), None)
    assert record.holds("image")
    assert record.probes["p"].settled == {}


def test_a_file_of_a_later_schema_is_refused_and_stays(
    run: mmcheck.Run, make_dataset: Callable[..., Path], tmp_path: Path
) -> None:
    change(run.path, schema_version=2, mmcheck_version="9.9")
    before = (run.path / "run.json").read_bytes()
    with pytest.raises(RunError, match=r"later mmcheck \(9\.9\).*schema_version is 2") as caught:
        mmcheck.open_run(run.path).judge()
    assert "later one" in (caught.value.hint or "")
    with pytest.raises(RunError, match="later mmcheck"):
        mmcheck.scan(make_dataset(5, name="other"), run.path, probes=["media"], overrides=["run.shard_size=2"])
    assert (run.path / "run.json").read_bytes() == before


def test_a_summary_of_a_later_schema_is_refused(run: mmcheck.Run) -> None:
    assert run.summary.get("schema_version") == 1
    write_json(run.path / "summary.json", {**read_json(run.path / "summary.json"), "schema_version": 2})
    with pytest.raises(RunError, match=r"summary\.json was written by a later mmcheck"):
        _ = mmcheck.open_run(run.path).summary


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [("rows", "many", "rows"), ("probes", {"media": 3}, "probes.media"), ("state", "asleep", "state")],
)
def test_values_of_the_wrong_kind_are_named(run: mmcheck.Run, key: str, value: Any, told: str) -> None:
    change(run.path, **{key: value})
    with pytest.raises(RunError, match=rf"run\.json is damaged: {told}: "):
        read_record(run.path)


def test_settled_values_are_those_that_the_probe_tells(tmp_path: Path) -> None:
    about = {"model": "small", "weights": {"sha256": "ab"}, "verification": {"precision": "int8", "window": "fitted"}}
    part = RunRecord.model_validate(
        {
            "identity": "x",
            "shard_size": 1,
            "rows": 0,
            "analyses": {},
            "probes": {"transcript": {"fingerprint": "f", "metrics": [], "about": about}},
        }
    ).probes["transcript"]
    assert part.settled == {"precision": "int8", "window": "fitted"}
    assert (part.model, part.weights_sha256, part.min_side) == ("small", "ab", None)
