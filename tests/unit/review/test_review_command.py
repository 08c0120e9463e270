"""``mmcheck review`` on the command line."""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from mmcheck.store.run_folder import RunFolder

Command = Callable[..., tuple[int, str, str]]


def test_a_taken_port_is_told(run: RunFolder, command: Command) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        code, _, told = command("review", str(run.path), "--reviewer", "ann", "--port", str(taken.getsockname()[1]))
    assert code == 2
    assert "leave out --port" in told


def test_what_is_missing_is_told(run: RunFolder, tmp_path: Path, command: Command) -> None:
    code, _, told = command("review", str(run.path), "--sample", "audit")
    assert code == 2
    assert "mmcheck audit" in told
    code, _, told = command("review", str(tmp_path))
    assert code == 2
    assert "is not a run folder" in told
    (run.path / "summary.json").unlink()
    code, _, told = command("review", str(run.path))
    assert code == 3
    assert "before judging" in told


def test_without_its_packages_the_extra_is_told(
    run: RunFolder, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "mmcheck.review.serve", raising=False)
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    code, _, told = command("review", str(run.path))
    assert code == 2
    assert "pip install 'mmcheck[review]'" in told
