"""Gives the tests of the gate the writer of small run folders."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

_WRITER = Path(__file__).resolve().parents[2] / "fixtures" / "report_run.py"


@pytest.fixture(scope="session")
def report_run() -> ModuleType:
    spec = importlib.util.spec_from_file_location("report_run", _WRITER)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
