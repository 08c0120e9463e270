"""A dataset's name on the hub: read only where it is named, through a stand-in hub on 127.0.0.1."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from tests.fixtures.image_layouts import TEXTS, picture
from tests.integration.hub_server import StandInHub


def shard(number: int) -> bytes:
    file = io.BytesIO()
    image = [{"bytes": picture(number * 40), "path": f"{number}.jpg"}]
    pq.write_table(pa.table({"image": image, "text": [TEXTS[number]]}), file)
    return file.getvalue()


def scan(hub: StandInHub, tmp_path: Path, *options: str) -> subprocess.CompletedProcess[str]:
    home = {"HF_HOME": str(tmp_path / "hf"), "HF_ENDPOINT": hub.endpoint, "HF_HUB_OFFLINE": "0"}
    command = [sys.executable, "-m", "mmcheck", "scan", "hf://datasets/org/pairs", "--out", str(tmp_path / "run")]
    return subprocess.run(
        [*command, "--probes", "media,caption_text", *options],
        env={**os.environ, **home},
        capture_output=True,
        text=True,
        timeout=200,
    )


def test_a_hub_name_is_scanned_and_written_as_a_repository(tmp_path: Path) -> None:
    files = {f"data/train-{number:05d}-of-00002.parquet": shard(number) for number in range(2)}
    with StandInHub({"org/pairs": {**files, "README.md": b"---\nlicense: mit\n---\n"}}) as hub:
        done = scan(hub, tmp_path, "--set", "input.allow_remote=true")
        assert hub.requests
    assert done.returncode == 0, done.stderr + done.stdout
    summary = json.loads((tmp_path / "run" / "summary.json").read_text("utf-8"))
    assert summary["rows_read"] == 2
    written = {path.name for path in (tmp_path / "run").glob("*/pairs/data/*.parquet")}
    assert written == {Path(name).name for name in files}
