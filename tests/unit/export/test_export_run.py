"""What holds for every export: chosen rows, whole folders, the same bytes, nothing of others touched."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from mmcheck.core.errors import ConfigError, OutputError, UserError
from mmcheck.core.parts import TARGETS
from mmcheck.export.folder import look_into
from mmcheck.export.run import export_run
from mmcheck.export.summary import MARKER, find_summary
from mmcheck.store.run_record import read_record, write_record


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_rows_to_keep_are_written_and_the_others_are_counted(image_run: Path, tmp_path: Path) -> None:
    summary = export_run(image_run, format="open-clip-csv", out=tmp_path / "out")
    assert summary.rows == 5
    assert summary.other_verdicts == {"flag": 1, "quarantine": 1}
    assert summary.left_out == {}
    both = export_run(image_run, format="open-clip-csv", out=tmp_path / "both", only=["flag", "keep"])
    assert (both.rows, both.only) == (6, ("keep", "flag"))


def test_the_same_export_gives_the_same_bytes_and_is_not_made_twice(image_run: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    first = export_run(image_run, format="webdataset", out=out, shard_size=2)
    before = files_of(out)
    stamp = (out / "00000.tar").stat().st_mtime_ns
    again = export_run(image_run, format="webdataset", out=out, shard_size=2)
    assert again.was_there
    assert not first.was_there
    assert (out / "00000.tar").stat().st_mtime_ns == stamp
    os.rename(out, tmp_path / "moved")
    export_run(image_run, format="webdataset", out=out, shard_size=2)
    assert files_of(out) == before
    assert not list(tmp_path.glob(".tmp-*"))


def test_another_export_needs_overwrite_and_what_others_put_there_is_never_removed(
    image_run: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    export_run(image_run, format="webdataset", out=out)
    with pytest.raises(OutputError, match="holds another export"):
        export_run(image_run, format="open-clip-csv", out=out)
    export_run(image_run, format="open-clip-csv", out=out, overwrite=True)
    assert sorted(files_of(out)) == [MARKER, "train.csv"]
    (out / "notes.txt").write_text("mine")
    with pytest.raises(OutputError, match="was changed after it was exported"):
        export_run(image_run, format="webdataset", out=out, overwrite=True)
    assert (out / "notes.txt").read_text() == "mine"
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    (foreign / "a.txt").write_text("mine")
    with pytest.raises(OutputError, match=r"is not empty; a\.txt is not of an export, and --overwrite"):
        export_run(image_run, format="webdataset", out=foreign, overwrite=True)
    assert files_of(foreign) == {"a.txt": b"mine"}


def test_a_failed_export_leaves_nothing_behind(image_run: Path, tmp_path: Path, monkeypatch: Any) -> None:
    from mmcheck.export.tar_shards import TarShards

    def fail(self: TarShards, members: object) -> str:
        raise OutputError("the disk is full.")

    monkeypatch.setattr(TarShards, "add", fail)
    with pytest.raises(OutputError, match="the disk is full"):
        export_run(image_run, format="webdataset", out=tmp_path / "out")
    assert not (tmp_path / "out").exists()
    assert not list(tmp_path.glob(".tmp-*"))


def test_an_interrupted_export_continues_with_the_same_bytes(image_run: Path, tmp_path: Path, monkeypatch: Any) -> None:
    from mmcheck.export.targets.open_clip_csv import OpenClipCsv

    write, calls = OpenClipCsv.write, []

    def interrupt(self: OpenClipCsv, rows: Any, shelf: Any, folder: Path) -> None:
        write(self, rows, shelf, folder)
        calls.append(sorted(path.name for path in folder.rglob("*.png")))
        if len(calls) == 1:
            raise KeyboardInterrupt

    monkeypatch.setattr(OpenClipCsv, "write", interrupt)
    with pytest.raises(KeyboardInterrupt):
        export_run(image_run, format="open-clip-csv", out=tmp_path / "out", media="copy")
    assert not (tmp_path / "out").exists()
    (staging,) = (path for path in tmp_path.glob(".tmp-export-*") if path.is_dir())
    stamp = {path.name: path.stat().st_mtime_ns for path in staging.rglob("*.png")}
    export_run(image_run, format="open-clip-csv", out=tmp_path / "out", media="copy")
    assert {path.name: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*.png")} == stamp
    assert not list(tmp_path.glob(".tmp-*"))
    done = files_of(tmp_path / "out")
    os.rename(tmp_path / "out", tmp_path / "first")
    export_run(image_run, format="open-clip-csv", out=tmp_path / "out", media="copy")
    assert files_of(tmp_path / "out") == done


@pytest.mark.parametrize(
    ("wishes", "message"),
    [
        ({"format": "webdatset"}, "unknown export format 'webdatset'"),
        ({"only": ["good"]}, "--only names 'good'"),
        ({"only": []}, "--only names no verdict"),
        ({"media": "link"}, "--media link is not possible for webdataset"),
        ({"media": "move"}, "--media must be reference, link or copy"),
        ({"shard_size": 0}, "--shard-size must be at least 1"),
        ({"format": "open-clip-csv", "shard_size": 5}, "--shard-size means nothing"),
        ({"format": "open-clip-csv", "media": "copy", "paths": "keep"}, "--paths keep"),
        ({"format": "open-clip-csv", "paths": "near"}, "--paths near is not possible"),
    ],
)
def test_what_is_not_possible_is_refused_before_anything_is_written(
    wishes: dict[str, Any], message: str, image_run: Path, tmp_path: Path
) -> None:
    with pytest.raises((UserError, ConfigError), match=message):
        export_run(image_run, **{"format": "webdataset", "out": tmp_path / "out", **wishes})
    assert not (tmp_path / "out").exists()


def test_an_unfinished_run_is_refused(image_run: Path, tmp_path: Path) -> None:
    write_record(image_run, read_record(image_run).updated(state="measuring"))
    with pytest.raises(Exception, match="is not complete"):
        export_run(image_run, format="webdataset", out=tmp_path / "out")


@pytest.mark.parametrize("name", TARGETS.names())
def test_no_row_is_a_valid_export_or_is_refused_in_a_sentence(name: str, image_run: Path, tmp_path: Path) -> None:
    try:
        summary = export_run(image_run, format=name, out=tmp_path / "out", only=["unchecked"])
    except UserError:
        assert not (tmp_path / "out").exists()
        return
    assert summary.rows == 0
    found = find_summary(tmp_path / "out")
    assert found is not None
    assert found.content == look_into(tmp_path / "out").digest
