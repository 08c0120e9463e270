"""The command line of exports."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from mmcheck.api import open_run
from mmcheck.cli.export import export
from mmcheck.core.errors import UserError

app = typer.Typer()
app.command("export")(export)


def call(*words: object) -> Any:
    return CliRunner().invoke(app, [str(word) for word in words])


def test_it_ends_with_what_was_written_and_how_to_load_it(image_run: Path, tmp_path: Path) -> None:
    out = tmp_path / "shards"
    done = call(image_run, "--format", "webdataset", "--out", out, "--shard-size", 2)
    assert done.exit_code == 0, done.output
    assert "5 rows written as webdataset" in done.stdout
    assert "verdict flag, not in --only" in done.stdout
    assert f"--train-data '{out}/{{00000..00002}}.tar'" in done.stdout.replace("\n", "")
    again = call(image_run, "--format", "webdataset", "--out", out, "--shard-size", 2, "--quiet")
    assert again.exit_code == 0
    assert "holds this export already; nothing was written." in again.stdout


def test_json_is_the_summary_and_nothing_else(image_run: Path, tmp_path: Path) -> None:
    done = call(image_run, "-f", "open-clip-csv", "-o", tmp_path / "out", "--only", "keep, flag", "--json")
    summary = json.loads(done.stdout)
    assert (summary["rows"], summary["only"], summary["other_verdicts"]) == (6, ["keep", "flag"], {"quarantine": 1})
    assert summary["schema_version"] == 1


def test_an_export_of_which_no_row_is_left_is_refused_with_the_reason(image_run: Path, tmp_path: Path) -> None:
    done = call(image_run, "-f", "audiofolder", "-o", tmp_path / "out")
    assert isinstance(done.exception, UserError)
    assert done.exception.exit_code == 2
    told = str(done.exception)
    assert "no row can be written as audiofolder: all 5 rows with the verdict keep would be left out." in told
    assert "5: has no recording, such as " in told
    assert "for images there are open-clip-csv, " in told
    assert "audiofolder" not in told.partition("hint:")[2]
    assert not (tmp_path / "out").exists()
    assert not list(tmp_path.glob(".tmp-*"))


def test_a_run_that_keeps_nothing_exits_with_1(image_run: Path, tmp_path: Path) -> None:
    open_run(image_run).judge(overrides=["rules.none={metric: media.width, min: 9999, action: quarantine}"])
    done = call(image_run, "-f", "open-clip-csv", "-o", tmp_path / "out", "--only", "keep,flag")
    assert done.exit_code == 1
    assert "the run has no row with the verdict keep or flag: the export is valid and empty." in done.stdout
    assert "verdict quarantine, not in --only" in done.stdout
    again = call(image_run, "-f", "open-clip-csv", "-o", tmp_path / "out", "--only", "keep,flag", "--json")
    assert (again.exit_code, json.loads(again.stdout)["was_there"]) == (1, True)
    # Nothing to look at is no bad news.
    assert call(image_run, "-f", "jsonl", "-o", tmp_path / "flags", "--only", "flag").exit_code == 0


def test_wrong_wishes_exit_with_2(image_run: Path, tmp_path: Path) -> None:
    done = call(image_run, "-f", "webdataset", "-o", tmp_path / "out", "--media", "reference")
    assert isinstance(done.exception, UserError)
    assert done.exception.exit_code == 2


@pytest.mark.parametrize("columns", [True, False])
def test_a_notebook_exports_the_same(columns: bool, image_run: Path, tmp_path: Path) -> None:
    summary = open_run(image_run).export("jsonl", tmp_path / "out", columns=columns)
    lines = (tmp_path / "out" / "train.jsonl").read_text("utf-8").splitlines()
    assert len(lines) == summary.rows == 5
    assert any(name.startswith("mmcheck_") for name in json.loads(lines[0])) is columns
