"""The command line starts quickly because it imports no model library; the layers hold."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from mmcheck.core.parts import ANALYSES, PROBES
from mmcheck.core.registry import Registry

MODELS = ("torch", "open_clip", "transformers", "ctranslate2", "faster_whisper")
HEAVY = (*MODELS, "pyarrow", "numpy", "pandas", "scipy", "sklearn", "faiss", "PIL", "av", "soundfile", "yaml")


def _run(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout


def test_the_command_line_imports_nothing_heavy() -> None:
    found = _run(f"import sys, mmcheck.cli.app; print([m for m in {HEAVY!r} if m in sys.modules])")
    assert found.strip() == "[]"


@pytest.mark.parametrize("module", ["mmcheck.api", "mmcheck.judge.policy", "mmcheck.report.build"])
def test_judging_and_reporting_import_no_model_library(module: str) -> None:
    found = _run(f"import sys, {module}; print([m for m in {MODELS!r} if m in sys.modules])")
    assert found.strip() == "[]"


@pytest.mark.parametrize("words", [["--help"], ["list"], ["list", "--json"], ["--version"]])
def test_what_people_type_first_loads_nothing_heavy(words: list[str]) -> None:
    code = f"""
import sys
from mmcheck.cli.app import main
sys.argv = ["mmcheck", *{words!r}]
try:
    main()
finally:
    sys.stderr.write(repr([module for module in {HEAVY!r} if module in sys.modules]))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert done.stdout.strip()
    assert done.stderr == "[]"


@pytest.mark.parametrize("table", [PROBES, ANALYSES], ids=lambda table: table.kind)
def test_what_is_listed_is_what_is_measured(table: Registry[Any]) -> None:
    for entry in table:
        assert table.metrics(entry.name) == table.get(entry.name).metrics, entry.name
