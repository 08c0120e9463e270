from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from scripts.benchmarks.quality_parts.tables import (
    Target,
    number,
    percent,
    put_block,
    table,
    target_table,
    update_document,
)


def make(mean: float, worst: float, *, at_least: bool = True) -> Target:
    return Target(promise="p", mean=mean, worst=worst, where="here", limit=0.9, at_least=at_least)


@pytest.mark.parametrize(
    ("mean", "worst", "verdict"),
    [
        (0.95, 0.9, "met"),
        (0.95, 0.89, "met on the mean, missed there"),
        (0.89, 0.8, "missed"),
        (float("nan"), float("nan"), "not measured"),
    ],
)
def test_a_target_is_met_only_if_the_worst_cell_meets_it(mean: float, worst: float, verdict: str) -> None:
    assert make(mean, worst).verdict == verdict
    assert verdict in target_table([make(mean, worst)])


def test_an_upper_limit_is_kept_by_smaller_figures() -> None:
    assert make(0.1, 0.2, at_least=False).verdict == "met"
    assert make(0.1, 0.95, at_least=False).verdict == "met on the mean, missed there"


def test_figures_never_look_better_than_they_are() -> None:
    assert number(0.99999) == "0.999+"
    assert number(1.0) == "1.000"
    assert number(float("nan")) == "-"
    assert percent(0.0004) == "0.04 %"


def test_blocks_are_replaced_where_they_stand_and_appended_where_they_do_not() -> None:
    document = put_block("# Title\n\nwritten by hand\n", "images", "one")
    document = put_block(document, "audio", "two \\1")
    again = put_block(document, "images", "three")
    assert "one" not in again
    assert again.index("written by hand") < again.index("three") < again.index("two \\1")
    assert put_block(again, "images", "three") == again


def test_the_document_keeps_what_was_written_by_hand(tmp_path: Path) -> None:
    path = tmp_path / "quality.md"
    update_document(path, {"images": "a"})
    path.write_text(path.read_text().replace("# Detection quality", "# Detection quality\n\nprose"))
    update_document(path, {"images": "b", "audio": "c"})
    text = path.read_text()
    assert "prose" in text
    assert "\nb\n" in text
    assert "\na\n" not in text
    assert "\nc\n" in text


def test_tables_have_as_many_cells_as_columns() -> None:
    lines = table(["a", "b"], [["x", "1"], ["y", "2"]]).splitlines()
    assert len(lines) == 4
    assert {line.count("|") for line in lines} == {3}


def test_a_row_of_another_width_is_refused() -> None:
    with pytest.raises(ValueError, match="has 1 cells, wanted 2"):
        table(["a", "b"], [["x"]])
