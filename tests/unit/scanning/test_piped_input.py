"""Standard input as a manifest: kept in the run, so that everything later works without the pipe."""

from __future__ import annotations

import gzip
import io
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import mmcheck

Command = Callable[..., tuple[int, str, str]]
OPTIONS = ("--probes", "media,caption_text", "--quiet", "--no-report")


class _Pipe:
    def __init__(self, data: bytes, *, is_terminal: bool = False) -> None:
        self.buffer = io.BytesIO(data)
        self.buffer.isatty = lambda: is_terminal  # type: ignore[method-assign]


@pytest.fixture
def pipe(monkeypatch: pytest.MonkeyPatch, make_dataset: Callable[..., Path]) -> Callable[..., Path]:
    """Put a manifest (or bytes) into standard input, with the manifest's folder as the working directory."""
    manifest = make_dataset(4)

    def make(data: bytes | None = None, *, is_terminal: bool = False) -> Path:
        content = manifest.read_bytes() if data is None else data
        monkeypatch.setattr(sys, "stdin", _Pipe(content, is_terminal=is_terminal))
        monkeypatch.chdir(manifest.parent)
        return manifest

    return make


def test_scan_continue_judge_and_compare(pipe: Callable[..., Path], command: Command, tmp_path: Path) -> None:
    run = str(tmp_path / "run")
    manifest = pipe()
    assert command("scan", "-", "--out", run, *OPTIONS)[0] == 0
    kept = tmp_path / "run" / "input" / "stdin.jsonl"
    assert kept.read_bytes() == manifest.read_bytes()
    assert mmcheck.open_run(run).summary["rows_read"] == 4
    written = [json.loads(x) for p in (tmp_path / "run").glob("*/stdin.jsonl") if p != kept for x in p.open()]
    assert sorted(row["image"] for row in written) == [str(manifest.parent / f"{n}.png") for n in range(4)]
    # The same text again continues; another one is another run.
    pipe()
    assert command("scan", "-", "--out", run, *OPTIONS)[0] == 0
    assert command("judge", run, "--quiet")[0] == 0
    assert command("overlap", run, str(manifest), "--quiet")[0] == 1
    pipe(manifest.read_bytes().splitlines(keepends=True)[0])
    code, _, told = command("scan", "-", "--out", run, *OPTIONS)
    assert (code, "belongs to another run" in told) == (2, True)
    assert kept.read_bytes() == manifest.read_bytes()
    pipe(manifest.read_bytes().splitlines(keepends=True)[0])
    assert command("scan", "-", "--out", run, *OPTIONS, "--overwrite")[0] == 0
    assert mmcheck.open_run(run).summary["rows_read"] == 1
    assert not list(tmp_path.glob(".mmcheck-stdin-*"))


@pytest.mark.parametrize("kind", ["csv", "gzip"])
def test_other_formats(pipe: Callable[..., Path], command: Command, tmp_path: Path, kind: str) -> None:
    text = "image,caption\n" + "".join(f"{n}.png,a red cup number {n}\n" for n in range(4))
    data = text.encode() if kind == "csv" else gzip.compress(pipe().read_bytes())
    pipe(data)
    assert command("scan", "-", "--out", str(tmp_path / "run"), *OPTIONS)[0] == 0
    name = "stdin.csv" if kind == "csv" else "stdin.jsonl.gz"
    assert (tmp_path / "run" / "input" / name).read_bytes() == data
    assert list((tmp_path / "run").glob(f"*/{name}")) != [tmp_path / "run" / "input" / name]
    assert command("judge", str(tmp_path / "run"), "--quiet")[0] == 0


def test_a_root_and_another_manifest(
    pipe: Callable[..., Path], command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = pipe()
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    code, _, told = command("scan", "-", "--out", str(tmp_path / "no"), *OPTIONS)
    assert code == 2
    assert f"relative paths start from {tmp_path / 'elsewhere'}, the working directory" in told
    pipe()
    monkeypatch.chdir(tmp_path / "elsewhere")
    options = ("--root", str(manifest.parent), *OPTIONS)
    assert command("scan", "-", str(manifest), "--out", str(tmp_path / "run"), *options)[0] == 0
    assert mmcheck.open_run(tmp_path / "run").summary["rows_read"] == 8


def test_a_dry_run_leaves_nothing(pipe: Callable[..., Path], command: Command, tmp_path: Path) -> None:
    pipe()
    assert command("scan", "-", "--out", str(tmp_path / "run"), "--dry-run", *OPTIONS)[0] == 0
    assert {path.name for path in tmp_path.iterdir()} == {"data"}


@pytest.mark.parametrize(
    ("data", "is_terminal", "said"),
    [
        (b"", False, "standard input is empty"),
        (b"x", True, "nothing is piped"),
        (b"\x00" * 99, False, "no known format"),
    ],
)
def test_what_is_no_manifest(
    pipe: Callable[..., Path], command: Command, tmp_path: Path, data: bytes, is_terminal: bool, said: str
) -> None:
    pipe(data, is_terminal=is_terminal)
    code, _, told = command("scan", "-", "--out", str(tmp_path / "run"), *OPTIONS)
    assert code == 2
    assert said in told
    assert {path.name for path in tmp_path.iterdir()} == {"data"}


def test_twice_and_elsewhere(pipe: Callable[..., Path], command: Command, tmp_path: Path) -> None:
    pipe()
    assert "twice" in command("scan", "-", "-", "--out", str(tmp_path / "run"))[2]
    code, _, told = command("overlap", "-", str(pipe()), "--out", str(tmp_path / "o"))
    assert (code, "standard input can only be scanned" in told) == (2, True)


def test_a_real_pipe(make_dataset: Callable[..., Path], tmp_path: Path) -> None:
    manifest = make_dataset(2)
    words = [sys.executable, "-m", "mmcheck", "scan", "-", "--out", str(tmp_path / "run"), *OPTIONS]
    with manifest.open("rb") as file:
        done = subprocess.run(words, stdin=file, cwd=manifest.parent, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert mmcheck.open_run(tmp_path / "run").summary["rows_read"] == 2
