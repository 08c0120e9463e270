"""The command line starts quickly because it imports no model library; the layers hold."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = (
    "torch",
    "open_clip",
    "transformers",
    "ctranslate2",
    "faster_whisper",
    "pyarrow",
    "numpy",
    "pandas",
    "PIL",
    "av",
)


def _run(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout


def test_the_command_line_imports_nothing_heavy() -> None:
    found = _run(f"import sys, mmcheck.cli.app; print([m for m in {HEAVY!r} if m in sys.modules])")
    assert found.strip() == "[]"


@pytest.mark.parametrize("module", ["mmcheck.api", "mmcheck.judge.policy", "mmcheck.report.build"])
def test_judging_and_reporting_import_no_model_library(module: str) -> None:
    models = HEAVY[:5]
    found = _run(f"import sys, {module}; print([m for m in {models!r} if m in sys.modules])")
    assert found.strip() == "[]"


def test_listing_parts_imports_no_model_library() -> None:
    code = "import sys; from mmcheck.core.catalogue import known_metrics; n = len(known_metrics());"
    found = _run(f"{code} print(n > 20, [m for m in {HEAVY[:5]!r} if m in sys.modules])")
    assert found.strip() == "True []"
