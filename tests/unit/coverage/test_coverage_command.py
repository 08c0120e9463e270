from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import pytest
import typer
from typer.testing import CliRunner

from mmcheck.cli.coverage import coverage
from mmcheck.core.errors import UserError

_WRITER = Path(__file__).resolve().parents[2] / "fixtures" / "coverage_run.py"

app = typer.Typer()
app.command("coverage")(coverage)


@pytest.fixture(scope="module")
def writer() -> ModuleType:
    spec = importlib.util.spec_from_file_location("coverage_run", _WRITER)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_it_prints_tables_and_sentences_and_writes_the_page(writer: ModuleType, tmp_path: Path) -> None:
    run = writer.write_groups(tmp_path / "run", [0] * 20 + [1] * 10, captions={0: "\x1b[31man anchor [bold]"})
    done = CliRunner().invoke(app, [str(run.path), "-k", "2", "--thumbnails", "0"])
    assert done.exit_code == 0, done.output
    assert "30 rows in 2 clusters" in done.output
    assert "banjo" in done.output
    assert "image by language" in done.output
    assert "- 30 images fall into 2 clusters" in done.output
    assert "\x1b" not in done.output
    page = run.path / "coverage" / "coverage.html"
    assert str(page) in done.output
    assert "banjo" in page.read_text("utf-8")


def test_json_is_the_summary_and_nothing_else(writer: ModuleType, tmp_path: Path) -> None:
    run = writer.write_groups(tmp_path / "run", [0, 1] * 15)
    done = CliRunner().invoke(app, [str(run.path), "--json", "--slice-by", "nothing", "--quiet"])
    assert isinstance(done.exception, UserError)
    assert done.exception.exit_code == 2
    done = CliRunner().invoke(app, [str(run.path), "--json", "--reference", str(run.path), "--quiet"])
    assert json.loads(done.stdout)["views"]["image"]["missing"] == []


@pytest.mark.parametrize("groups", [[], [0, 1, 2]])
def test_a_tiny_run_is_told_in_words(writer: ModuleType, tmp_path: Path, groups: list[int]) -> None:
    run = writer.write_groups(tmp_path / "run", groups)
    done = CliRunner().invoke(app, [str(run.path)])
    if groups:
        assert done.exit_code == 0, done.output
        assert "Only 3 images have an embedding; 10 are needed" in done.output
        assert "<circle" not in (run.path / "coverage" / "coverage.html").read_text("utf-8")
    else:
        assert isinstance(done.exception, UserError)
        assert "no embeddings" in str(done.exception)


def test_help_has_examples() -> None:
    done = CliRunner().invoke(app, ["--help"])
    assert done.exit_code == 0
    assert "mmcheck coverage runs/first --reference" in " ".join(done.output.split())
