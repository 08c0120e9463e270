from __future__ import annotations

import json
import shlex
from pathlib import Path

import datasets
from PIL import Image
from typer.testing import CliRunner

from mmcheck.cli.app import app
from mmcheck.decide.clean_loads import tell_loading
from mmcheck.store.run_folder import RunFolder

CONFIG = {"rules": {"unreadable_media": {"rule": "unreadable_media", "action": "quarantine"}}, "extends": "none"}


def test_the_command_at_the_end_of_a_scan_makes_a_folder_that_loads(tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(3):
        Image.effect_noise((64, 48), 30 + 40 * number).save(folder / f"{number}.png")
        (folder / f"{number}.txt").write_text(f"noise number {number}")
    (tmp_path / "config.yaml").write_text(json.dumps(CONFIG))
    words = ["scan", str(folder), "--out", str(tmp_path / "run"), "--config", str(tmp_path / "config.yaml")]
    done = CliRunner().invoke(app, [*words, "--probes", "media", "--no-report", "--quiet"])
    assert done.exit_code == 0, done.output
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("  mmcheck export")]
    made = CliRunner().invoke(app, [*shlex.split(line)[1:], "--quiet"])
    assert made.exit_code == 0, made.output
    found = datasets.load_dataset(
        "imagefolder",
        data_dir=str(tmp_path / "run-imagefolder"),
        split="train",
        cache_dir=str(tmp_path / "cache"),
    )
    assert found["text"] == [f"noise number {number}" for number in range(3)]
    run = RunFolder(tmp_path / "run")
    assert tell_loading(run.record, "run", write_media=True) == []
