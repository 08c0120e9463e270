from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="session")
def people() -> ModuleType:
    """Makes runs of known truth and simulated reviewers: tests/fixtures/people_run.py."""
    file = Path(__file__).resolve().parents[2] / "fixtures" / "people_run.py"
    spec = importlib.util.spec_from_file_location("people_run", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
