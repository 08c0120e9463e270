from __future__ import annotations

import errno
from pathlib import Path

import pytest

from mmcheck.core.atomic import atomic_path, sweep, write_text
from mmcheck.core.errors import OutputError


def test_a_file_appears_only_when_it_is_whole(tmp_path: Path) -> None:
    final = tmp_path / "deep" / "file.txt"
    with atomic_path(final) as temporary:
        temporary.write_text("half")
        assert not final.exists()
    assert final.read_text() == "half"
    assert list(final.parent.iterdir()) == [final]


def test_a_failure_leaves_the_old_file_and_no_rest(tmp_path: Path) -> None:
    final = tmp_path / "file.txt"
    final.write_text("old")

    def write() -> None:
        with atomic_path(final) as temporary:
            temporary.write_text("new")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write()
    assert final.read_text() == "old"
    assert list(tmp_path.iterdir()) == [final]


def test_a_full_disk_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="No space left") as caught, atomic_path(tmp_path / "x"):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert caught.value.hint
    assert caught.value.exit_code == 2


def test_sweep_removes_what_a_kill_left(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / ".tmp-1-part").write_text("x")
    (tmp_path / ".tmp-clean").mkdir()
    (tmp_path / "kept").write_text("x")
    sweep(tmp_path)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["a", "kept"]


def test_lone_surrogates_are_written(tmp_path: Path) -> None:
    write_text(tmp_path / "x", "a\ud800b")
    assert (tmp_path / "x").read_bytes() == b"a\xed\xa0\x80b"
