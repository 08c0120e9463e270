"""``mmcheck repair``: what it prints, writes and returns."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import pytest
import typer
from typer.testing import CliRunner

from mmcheck.cli.repair import repair
from mmcheck.core.errors import MmcheckError


def _load() -> ModuleType:
    file = Path(__file__).resolve().parents[2] / "fixtures" / "repair_run.py"
    spec = importlib.util.spec_from_file_location("repair_run", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


planted = _load()
COUNT = 50


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return _make(tmp_path, planted.shifted(COUNT, 10, 30))


def _make(tmp_path: Path, order: list[int]) -> Path:
    planted.draw(tmp_path / "images", COUNT)
    rows = [{"image": f"images/{n}.png", "caption": f"thing {order[n]}"} for n in range(COUNT)]
    manifest = tmp_path / "a.jsonl"
    manifest.write_text("".join(json.dumps(row) + "\n" for row in rows))
    planted.make_run(tmp_path / "run", [(manifest, "jsonl")])
    return tmp_path / "run"


def _call(*words: str | Path) -> tuple[int, str]:
    app = typer.Typer()
    app.command()(repair)
    result = CliRunner().invoke(app, [str(word) for word in words])
    if isinstance(result.exception, MmcheckError):
        return result.exception.exit_code, str(result.exception)
    return result.exit_code, result.output


def test_it_tells_what_happened_and_writes_page_and_manifests(run: Path, tmp_path: Path) -> None:
    code, said = _call(run, "--write", tmp_path / "out", "--quiet")
    assert code == 0
    assert "rows 12-30 of a.jsonl: each caption belongs to the image before it." in said
    assert "20 proposals" in said
    assert "suspect pairs" in said
    assert str(tmp_path / "out") in said.replace("\n", "")
    assert (run / "repair" / "repair.html").is_file()
    assert (tmp_path / "out" / "a.jsonl").is_file()


def test_json_is_the_summary_and_nothing_else(run: Path) -> None:
    code, said = _call(run, "--json", "--quiet")
    assert code == 0
    assert json.loads(said) == json.loads((run / "repair" / "summary.json").read_text())


def test_nothing_to_repair_is_no_error(tmp_path: Path) -> None:
    code, said = _call(_make(tmp_path, list(range(COUNT))), "--quiet")
    assert code == 0
    assert "Nothing to repair: no pair looks wrong." in said


def test_a_higher_confidence_leaves_proposals_out_and_says_so(run: Path) -> None:
    code, said = _call(run, "--min-confidence", "1", "--quiet")
    assert code == 0
    assert "more proposals are below that confidence" in said


@pytest.mark.parametrize("words", [["--min-confidence", "2"], ["--min-confidence", "much"], ["--wirte", "x"]])
def test_wrong_options_are_refused(run: Path, words: list[str]) -> None:
    code, _ = _call(run, *words)
    assert code == 2


def test_a_folder_that_is_no_run_is_refused_with_a_hint(tmp_path: Path) -> None:
    code, said = _call(tmp_path)
    assert code == 2
    assert "hint: " in said


def test_help_shows_examples() -> None:
    code, said = _call("--help")
    assert code == 0
    assert "--write DIR" in said.replace("  ", " ") or "--write" in said
    assert "mmcheck repair runs/first" in said
