"""What reaches the terminal: no text drives it, no library talks, and a closed stdout ends nothing."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mmcheck.cli.console import neutralise

MMCHECK = [sys.executable, "-m", "mmcheck"]
EVIL = "\x1b]0;title\x07\x9b31m\u202eend"


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    rng = np.random.default_rng(1)
    rows = []
    for number in range(2):
        name = f"{EVIL}{number}.png"
        Image.fromarray(rng.integers(0, 255, (60, 80, 3), dtype=np.uint8)).save(tmp_path / name)
        rows.append({"id": f"{EVIL}{number}", "image": name, "caption": f"a blue {EVIL} kettle {number}"})
    path = tmp_path / f"{EVIL}.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


def in_terminal(*words: str, cwd: Path) -> tuple[int, str]:
    """Run a command whose stdout and stderr are a terminal; return its exit code and what the terminal got."""
    master, slave = pty.openpty()
    with subprocess.Popen([*MMCHECK, *words], stdout=slave, stderr=slave, cwd=cwd) as process:
        os.close(slave)
        seen = b""
        while True:
            try:
                block = os.read(master, 1 << 16)
            except OSError:
                break
            if not block:
                break
            seen += block
    os.close(master)
    return process.returncode, seen.decode("utf-8", "replace")


def test_controls_are_written_out() -> None:
    assert neutralise("a\x1b[31m\u202eb\tc\n\r") == "a\\u001b[31m\\u202eb\tc\n\\u000d"
    assert neutralise("\u202e\x9b\udcff", on_terminal=False) == "\u202e\\u009b\\udcff"
    persian = "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645 \u5b57"
    assert neutralise(persian) == persian
    assert json.loads(neutralise(json.dumps({"a": EVIL}, ensure_ascii=False))) == {"a": EVIL}


@pytest.mark.parametrize(
    "words",
    [
        ("scan", "{manifest}", "--out", "run", "--probes", "media,caption_text", "--no-report"),
        ("scan", "{manifest}", "--out", "run", "--probes", "media,caption_text", "--dry-run"),
        ("scan", "{manifest}", "--out", "run", "--set", "input.columns.caption=" + EVIL),
        ("scan", EVIL, "--out", "run"),
        ("config", "check", EVIL),
        ("judge", EVIL),
    ],
)
def test_names_from_outside_do_not_drive_the_terminal(manifest: Path, tmp_path: Path, words: tuple[str, ...]) -> None:
    code, seen = in_terminal(*(word.format(manifest=manifest.name) for word in words), cwd=tmp_path)
    assert code in (0, 2)
    assert "\x1b]0" not in seen
    assert not {"\x07", "\x9b", "\u202e"} & set(seen)


@pytest.mark.parametrize(
    "command", ["list | head -n 1", "list --json | head -c 1", "config show | true", "list >&-", "nonsense 2>&-"]
)
def test_a_closed_output_ends_quietly(command: str, tmp_path: Path) -> None:
    line = f"{sys.executable} -m mmcheck {command}"
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.stderr == ""


def test_a_scan_whose_reader_went_away_is_finished(manifest: Path, tmp_path: Path) -> None:
    scan = f"{sys.executable} -m mmcheck scan *.jsonl -o run --probes media,caption_text --no-report --quiet"
    line = scan + ' | true; echo "${PIPESTATUS[0]}"'
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert (done.stdout.strip(), done.stderr) == ("0", "")
    assert (tmp_path / "run" / "clean").is_dir()
