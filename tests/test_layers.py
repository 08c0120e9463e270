"""The command line starts quickly because it imports no model library; the layers hold."""

from __future__ import annotations

import ast
import graphlib
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import mmcheck
from mmcheck.core.parts import ANALYSES, PROBES
from mmcheck.core.registry import Registry

MODELS = ("torch", "open_clip", "transformers", "ctranslate2", "faster_whisper")
HEAVY = (
    *MODELS,
    "num2words",
    "pyarrow",
    "numpy",
    "pandas",
    "scipy",
    "sklearn",
    "faiss",
    "PIL",
    "av",
    "soundfile",
    "yaml",
)


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


def _imports() -> dict[str, set[str]]:
    """Return module -> mmcheck modules that it imports anywhere in its text, for the type checker too."""
    root = Path(mmcheck.__file__).parent
    modules = {
        ".".join(("mmcheck", *path.relative_to(root).with_suffix("").parts)): path for path in root.rglob("*.py")
    }
    modules = {name.removesuffix(".__init__"): path for name, path in modules.items()}
    found: dict[str, set[str]] = {}
    for name, path in modules.items():
        wanted = found[name] = set()
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                wanted |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                inner = {f"{node.module}.{alias.name}" for alias in node.names}
                wanted |= inner & set(modules) or {node.module}
        wanted &= set(modules)
    return found


def test_no_file_imports_itself_by_way_of_others() -> None:
    graphlib.TopologicalSorter(_imports()).prepare()


def test_no_module_is_named_by_a_string_outside_the_tables_of_parts() -> None:
    root = Path(mmcheck.__file__).parent
    tables = {root / "core" / "parts.py", root / "core" / "registry.py"}
    pattern = re.compile(r"""import_module\(\s*f?["']mmcheck|["']mmcheck\.[a-z_]+(\.[a-z_]+)*:[A-Z]""")
    named = [path.name for path in root.rglob("*.py") if path not in tables and pattern.search(path.read_text("utf-8"))]
    assert named == []
