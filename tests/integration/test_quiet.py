"""A scan asks nobody, leaves nothing behind outside its run folder, and no library talks on stderr."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from mmcheck.config import bundled_dir

# A lookup by Python ends the scan; one by a library's own code is seen by strace.
_WATCHED = """
import sys
def watch(event, args):
    if event in ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"):
        sys.stderr.write(f"LOOKED UP {args}\\n")
sys.addaudithook(watch)
from mmcheck.cli.app import main
main()
"""


def _rows(name: str, column: str) -> list[dict[str, str]]:
    folder = bundled_dir("demo_data") / name
    file = next(iter(sorted(folder.glob("*.jsonl"))))
    rows = [json.loads(line) for line in file.read_text("utf-8").splitlines()[:3]]
    return [{**row, column: str(folder / row[column])} for row in rows]


@pytest.mark.parametrize("traced", [False, True], ids=["python", "native"])
def test_a_scan_looks_no_name_up(tmp_path: Path, traced: bool) -> None:
    if traced and shutil.which("strace") is None:
        pytest.skip("strace is not installed: lookups by native code are not watched")
    image = _rows("image-caption", "file_name")
    audio = _rows("audio-transcript", "audio_filepath")
    rows = [{"image": row["file_name"], "caption": row["text"]} for row in image]
    rows += [{"audio": row["audio_filepath"], "transcript": row["text"]} for row in audio]
    (tmp_path / "m.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    (tmp_path / "home").mkdir()
    # onnxruntime keeps quiet by itself where a variable says that this is CI.
    kept = {k: v for k, v in os.environ.items() if k not in ("CI", "ORT_DISABLE_TELEMETRY", "HF_HUB_DISABLE_TELEMETRY")}
    kept = {k: v for k, v in kept.items() if not k.endswith(("_CI", "CIRCLECI", "ACTIONS")) and "XDG" not in k}
    trace = tmp_path / "trace.txt"
    tracer = ["strace", "-f", "-qq", "-e", "trace=connect,sendto,sendmsg", "-o", str(trace)] if traced else []
    # With strace the probes that bring libraries of their own are enough, and ten times quicker than the models.
    probes = ["--probes", "media,caption_text"] if traced else []
    words = ["scan", str(tmp_path / "m.jsonl"), "--config", "demo", "--out", str(tmp_path / "run"), "-q", *probes]
    done = subprocess.run(
        [*tracer, sys.executable, "-c", _WATCHED, *words],
        env={**kept, "HOME": str(tmp_path / "home")},
        capture_output=True,
        text=True,
        check=False,
    )
    if traced and done.returncode and "ptrace" in done.stderr.lower():
        pytest.skip("strace may not trace here: lookups by native code are not watched")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert [str(path) for path in (tmp_path / "home").rglob("*") if path.is_file()] == []
    if traced:
        lines = trace.read_text("utf-8", "replace").splitlines()
        assert [line for line in lines if re.search(r"AF_INET6?|resolve", line)] == []
