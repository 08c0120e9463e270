from __future__ import annotations

from pathlib import Path

import pytest

from mmcheck.core.errors import OutputError
from mmcheck.formats.output_rows import link_or_copy
from mmcheck.formats.text_source import output_name


@pytest.mark.parametrize(
    ("manifest", "stem", "name"),
    [
        ("/d/train.jsonl", "train", "train.jsonl"),
        ("/d/train.jsonl.gz", "train", "train.jsonl.gz"),
        ("/d/train.jsonl.gz", "train.jsonl", "train.jsonl.gz"),
        ("/d/train.jsonl", "train-2", "train-2.jsonl"),
        ("/d/train.v1.tsv.zst", "0001", "0001.tsv.zst"),
        ("s3://b/manifest.json", "manifest", "manifest.json"),
        ("/d/manifest", "manifest", "manifest.x"),
        ("", "empty", "empty.x"),
    ],
)
def test_names_follow_the_input(manifest: str, stem: str, name: str) -> None:
    assert output_name(manifest, stem, ".x") == name


def test_links_where_possible_and_follows_links_of_the_source(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x")
    (tmp_path / "alias").symlink_to(tmp_path / "a")
    link_or_copy(str(tmp_path / "alias"), tmp_path / "out", "s/b")
    assert not (tmp_path / "out" / "s" / "b").is_symlink()
    assert (tmp_path / "out" / "s" / "b").samefile(tmp_path / "a")
    link_or_copy(str(tmp_path / "a"), tmp_path / "out", "s/b")


def test_copies_where_links_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "no links here")

    monkeypatch.setattr("os.link", refuse)
    (tmp_path / "a").write_bytes(b"x")
    link_or_copy(str(tmp_path / "a"), tmp_path / "out", "b")
    assert (tmp_path / "out" / "b").read_bytes() == b"x"


@pytest.mark.parametrize("name", ["../b", "/tmp/b", "x/../../b", ""])
def test_refuses_to_leave_the_folder(tmp_path: Path, name: str) -> None:
    (tmp_path / "a").write_bytes(b"x")
    with pytest.raises(OutputError, match="outside"):
        link_or_copy(str(tmp_path / "a"), tmp_path / "out", name)


def test_refuses_to_leave_the_folder_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x")
    (tmp_path / "out").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "out" / "s").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OutputError, match="outside"):
        link_or_copy(str(tmp_path / "a"), tmp_path / "out", "s/b")
    assert list((tmp_path / "elsewhere").iterdir()) == []
