from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from PIL import Image
from typer.testing import CliRunner

from mmcheck.cli.overlap import overlap
from mmcheck.core.errors import UserError
from mmcheck.store.run_record import read_record, write_record

app = typer.Typer()
app.command("overlap")(overlap)
_CONFIG = {
    "probes": {"image_text": {"enabled": False}, "transcript": {"enabled": False}, "media": {"vad": False}},
}


@pytest.fixture
def sides(tmp_path: Path, write_jsonl: Callable[..., Path]) -> tuple[Path, Path, Path]:
    """Two manifests of three pictures that share one, and a config without models."""
    rows: dict[str, list[dict[str, str]]] = {"train": [], "test": []}
    for name, seeds in (("train", (1, 2, 3)), ("test", (4, 5))):
        for seed in seeds:
            pixels = np.random.default_rng(seed).integers(30, 220, (6, 6, 3), dtype=np.uint8)
            Image.fromarray(pixels).resize((96, 96)).save(tmp_path / f"{seed}.png")
            rows[name].append({"id": f"{name}{seed}", "image": f"{seed}.png", "caption": f"\x1b[31mpicture {seed} [b]"})
    shutil.copy(tmp_path / "2.png", tmp_path / "copy.png")
    rows["test"].append({"id": "\u7121\u202e[bold]", "image": "copy.png", "caption": "something else"})
    (tmp_path / "config.yaml").write_text(json.dumps(_CONFIG))
    return write_jsonl(rows["train"], "train.jsonl"), write_jsonl(rows["test"], "test.jsonl"), tmp_path / "config.yaml"


def call(*words: object) -> Any:
    return CliRunner().invoke(app, [str(word) for word in words])


def test_the_exit_code_says_whether_too_much_is_shared(sides: tuple[Path, Path, Path], tmp_path: Path) -> None:
    train, test, config = sides
    out = tmp_path / "out"
    done = call(train, test, "--out", out, "--config", config)
    assert done.exit_code == 1, done.output
    assert "1 of 3 rows of TEST (33.3 %) also occurs in TRAIN" in done.stdout
    assert "TRAIN 3 rows, TEST 3 rows" in done.stdout
    assert f"{out}/clean/train.jsonl" in done.stdout.replace("\n", "")
    assert "more of TEST is shared (1) than --max-overlap allows (0)." in done.stderr
    assert "scanning TRAIN" in done.stderr
    assert "\x1b" not in done.output
    assert (out / "overlap.html").is_file()
    again = call(train, test, "--out", out, "--config", config, "--max-overlap", 1, "--quiet")
    assert again.exit_code == 0, again.output
    assert "scanning" not in again.stderr


def test_json_is_the_summary_and_nothing_else(sides: tuple[Path, Path, Path], tmp_path: Path) -> None:
    train, test, config = sides
    out = tmp_path / "out"
    done = call(train, test, "--out", out, "--config", config, "--json", "--by", "image, text")
    assert done.exit_code == 1
    summary = json.loads(done.stdout)
    assert summary == json.loads((out / "summary.json").read_text("utf-8"))
    assert summary["by"] == ["image", "text"]
    assert summary["kinds"]["image"]["exact_test_rows"] == 1


def test_an_unfinished_run_is_wrong_input_and_not_an_overlap(sides: tuple[Path, Path, Path], tmp_path: Path) -> None:
    train, test, config = sides
    call(train, test, "--out", tmp_path / "out", "--config", config)
    run = tmp_path / "out" / "train-run"
    write_record(run, read_record(run).updated(state="measuring"))
    done = call(run, test, "--out", tmp_path / "other")
    assert isinstance(done.exception, UserError)
    assert done.exception.exit_code == 2
    assert "is not complete" in str(done.exception)
    assert "mmcheck scan" in str(done.exception)


@pytest.mark.parametrize("options", [("--by", "vibe"), ("--by", ","), ("--config", "no-such.yaml")])
def test_wrong_options_end_in_words(sides: tuple[Path, Path, Path], tmp_path: Path, options: tuple[str, str]) -> None:
    done = call(*sides[:2], "--out", tmp_path / "out", *options)
    assert isinstance(done.exception, UserError)
    assert "hint: " in str(done.exception)
