"""Only what mmcheck wrote is ever removed from a run folder."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import mmcheck
from mmcheck.core.errors import OutputError
from mmcheck.overlap.run import overlap_runs
from mmcheck.report.build import write_report
from mmcheck.store.own_entries import clear_run, foreign_files, read_inventory, remove

PROBES = ["media", "caption_text"]


class Notes:
    """Keeps what a scan tells."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def phase(self, name: str, total: int | None) -> None: ...

    def advance(self, steps: int = 1) -> None: ...

    def note(self, message: str) -> None:
        self.told.append(message)


def _files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_a_folder_with_somebody_elses_run_json_is_left_alone(make_dataset: Callable[..., Path], tmp_path: Path) -> None:
    home = tmp_path / "experiment"
    (home / "clean").mkdir(parents=True)
    (home / "run.json").write_text(json.dumps({"lr": 1e-4, "state": "done"}))
    (home / "clean" / "weights.bin").write_bytes(b"months of work")
    (home / ".tmp-cache").write_text("x")
    before = _files(home)
    for overwrite in (False, True):
        with pytest.raises(OutputError, match="not written by mmcheck"):
            mmcheck.scan(make_dataset(2, name=f"d{overwrite}"), home, probes=PROBES, overwrite=overwrite)
    assert _files(home) == before


@pytest.mark.parametrize("content", [b"{", b"[]", b'"run"', b"\xff\xfe"])
def test_a_run_json_that_says_nothing_is_nobodys(
    make_dataset: Callable[..., Path], tmp_path: Path, content: bytes
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "run.json").write_bytes(content)
    (home / "notes.txt").write_text("dear")
    with pytest.raises(OutputError, match="not written by mmcheck"):
        mmcheck.scan(make_dataset(2), home, probes=PROBES, overwrite=True)
    assert _files(home) == {"run.json", "notes.txt"}


def test_overwriting_removes_the_run_and_leaves_what_others_put_there(
    make_dataset: Callable[..., Path], tmp_path: Path
) -> None:
    run = mmcheck.scan(make_dataset(6, name="one", broken=True), tmp_path / "run", probes=PROBES)
    foreign = ("notes.txt", "clean/my.csv", "clean/deep/er.txt", "samples/why.md", "measurements/media/x.txt", "own/a")
    for name in foreign:
        (run.path / name).parent.mkdir(parents=True, exist_ok=True)
        (run.path / name).write_text("mine")
    told = Notes()
    other = mmcheck.scan(make_dataset(3, name="two"), tmp_path / "run", probes=PROBES, overwrite=True, progress=told)
    assert other.summary["rows_read"] == 3
    assert all((run.path / name).read_text() == "mine" for name in foreign)
    assert not (run.path / "quarantine").exists()
    assert any("did not write; they are kept" in note and "notes.txt" in note for note in told.told)


def test_what_others_put_beside_the_manifests_survives_judging(
    make_dataset: Callable[..., Path], tmp_path: Path
) -> None:
    run = mmcheck.scan(make_dataset(6, broken=True), tmp_path / "run", probes=PROBES)
    written = _files(run.path / "clean"), _files(run.path / "quarantine")
    (run.path / "clean" / "splits").mkdir()
    (run.path / "clean" / "splits" / "dev.txt").write_text("mine")
    (run.path / "quarantine" / "reviewed.md").write_text("mine")
    told = Notes()
    run.judge(overrides=["rules.broken_row.enabled=true"], progress=told)
    assert (run.path / "clean" / "splits" / "dev.txt").read_text() == "mine"
    assert (run.path / "quarantine" / "reviewed.md").read_text() == "mine"
    assert _files(run.path / "clean") - {"splits/dev.txt"} == written[0]
    assert _files(run.path / "quarantine") - {"reviewed.md"} == written[1]
    assert sum("they are kept" in note for note in told.told) == 2
    assert read_inventory(run.path)["clean"] == ["data.jsonl"]


def test_a_manifest_that_is_not_written_any_more_goes(make_dataset: Callable[..., Path], tmp_path: Path) -> None:
    run = mmcheck.scan(make_dataset(6), tmp_path / "run", probes=PROBES)
    strict: list[Any] = ["rules.all_of_them={metric: caption_text.num_words, max: 0, action: quarantine}"]
    run.judge(overrides=strict)
    assert (run.path / "quarantine" / "data.jsonl").is_file()
    (run.path / "quarantine" / "mine.md").write_text("mine")
    run.judge("default")
    assert _files(run.path / "quarantine") == {"mine.md"}


def test_links_are_never_followed(make_dataset: Callable[..., Path], tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "data.jsonl").write_text("mine")
    (elsewhere / "00000.parquet").write_text("mine")
    run = mmcheck.scan(make_dataset(4), tmp_path / "run", probes=PROBES)
    (run.path / "clean" / "there").symlink_to(elsewhere)
    run.judge()
    assert (run.path / "clean" / "there").is_symlink()
    (run.path / "flagged").symlink_to(elsewhere)
    summary = (run.path / "summary.json").read_bytes()
    with pytest.raises(OutputError, match="flagged is a link"):
        run.judge()
    assert (run.path / "summary.json").read_bytes() == summary
    with pytest.raises(OutputError, match="flagged is a link"):
        mmcheck.scan(make_dataset(2, name="two"), run.path, probes=PROBES, overwrite=True)
    assert _files(elsewhere) == {"data.jsonl", "00000.parquet"}


def test_every_file_that_the_commands_write_is_known(make_dataset: Callable[..., Path], tmp_path: Path) -> None:
    run = mmcheck.scan(make_dataset(6, name="one", broken=True), tmp_path / "run", probes=PROBES)
    write_report(run.folder)
    overlap_runs(run.path, make_dataset(4, name="two"))
    assert clear_run(run.path) == []
    assert _files(run.path) == {".lock"}


def test_an_inventory_cannot_lead_out_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "run" / "clean").mkdir(parents=True)
    (tmp_path / "precious").write_text("mine")
    (tmp_path / "run" / "outputs.json").write_text(
        json.dumps({"clean": ["../../precious", str(tmp_path / "precious")]})
    )
    assert read_inventory(tmp_path / "run") == {"clean": []}
    remove(tmp_path / "run" / "clean", ["a/b"])
    assert (tmp_path / "precious").read_text() == "mine"
    assert list(foreign_files(tmp_path, ["precious"])) == ["run/outputs.json"]
