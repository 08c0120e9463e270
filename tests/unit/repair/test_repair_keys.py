from __future__ import annotations

from pathlib import Path

import pytest

from mmcheck.core.errors import OutputError
from mmcheck.repair.orders import natural_key
from mmcheck.repair.write import _provenance, new_folder


def test_numbers_sort_by_value_however_long():
    names = ["a10", "a2", "a002b", "a", "10", "9", "x" + "9" * 5000, "x1"]
    assert sorted(names, key=natural_key)[:2] == ["9", "10"]
    assert natural_key("a2") < natural_key("a10")
    assert natural_key("x1") < natural_key("x" + "9" * 5000)


def test_a_second_repair_keeps_what_the_first_one_says():
    row = {"mmcheck_repair": "swap", "mmcheck_repair_from": "b", "mmcheck_repair_original": "the first text"}
    assert _provenance([], row)["mmcheck_repair_from"] == "b"
    again = _provenance([{"kind": "shift", "source_id": "c", "confidence": 0.9, "text": "the second text"}], row)
    assert (again["mmcheck_repair"], again["mmcheck_repair_from"]) == ("shift", "c")
    assert again["mmcheck_repair_original"] == "the first text"
    fresh = _provenance([{"kind": "shift", "source_id": "c", "confidence": 0.9, "text": "was here"}], {})
    assert fresh["mmcheck_repair_original"] == "was here"


def test_the_working_folder_is_no_target(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(OutputError, match="working folder"):
        new_folder(Path(".")).check(())
