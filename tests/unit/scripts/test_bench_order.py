"""The bench `order` sees what differs, and scans the same rows in each of its orders."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from scripts.benchmarks.order import VARIANTS, tell
from scripts.benchmarks.order_parts.compare import compare_runs
from scripts.benchmarks.order_parts.sets import ROW, OrderSet


class FakeRun:
    """A finished run that was made up."""

    def __init__(self, **columns: list[Any]) -> None:
        count = len(columns["action"])
        rows = [json.dumps({ROW: number}) for number in columns.pop("numbers", range(count))]
        self.table = pa.table({"id": [f"r{n}" for n in range(count)], "row": rows, **columns})

    def samples(self) -> FakeRun:
        return self

    def to_arrow(self) -> pa.Table:
        return self.table


def make(order: list[int], actions: list[str], codes: list[list[str]], values: list[float | None]) -> Any:
    columns = {"action": actions, "codes": codes, "p.value": values}
    return FakeRun(numbers=order, **{name: [column[n] for n in order] for name, column in columns.items()})


def test_rows_are_told_whatever_their_order() -> None:
    told = (["keep", "flag", "keep"], [[], ["a", "b"], []], [0.1, 0.2, None])
    found = compare_runs(make([0, 1, 2], *told), make([2, 0, 1], told[0], [[], ["b", "a"], []], told[2]))
    assert (found.rows, found.verdicts, found.codes, found.values, found.example) == (3, 0, 0, {}, "")


def test_every_difference_is_seen() -> None:
    one = make([0, 1, 2], ["keep", "flag", "keep"], [[], ["a"], []], [0.1, 0.2, 0.3])
    other = make([1, 2, 0], ["keep", "keep", "keep"], [["c"], [], []], [0.1, 0.25, 0.3])
    found = compare_runs(one, other)
    assert (found.verdicts, found.codes) == (1, 2)
    assert found.values == {"p.value": pytest.approx(0.05)}
    assert found.example == "r0: keep / keep c"
    absent = compare_runs(one, make([0, 1, 2], ["keep", "flag", "keep"], [[], ["a"], []], [0.1, None, 0.3]))
    assert math.isnan(absent.values["p.value"])
    with pytest.raises(ValueError, match="other rows"):
        compare_runs(one, make([0, 1], ["keep", "flag"], [[], []], [0.1, 0.2]))


def test_a_manifest_holds_the_same_rows_in_each_order_and_finds_its_media(tmp_path: Path) -> None:
    (tmp_path / "data" / "images").mkdir(parents=True)
    rows = [{"file_name": f"images/{n}.jpg", ROW: n} for n in range(30)]
    own = OrderSet(name="x", has_models=True, media="file_name", folder=tmp_path / "data", rows=rows)
    read = {}
    for seed in (None, 1, 2):
        file = own.write(tmp_path / str(seed), seed)
        read[seed] = [json.loads(line)[ROW] for line in file.read_text("utf-8").splitlines()]
        assert (file.parent / "images").is_dir()
    assert read[None] == list(range(30))
    assert read[1] != read[2] != read[None]
    assert all(sorted(listed) == read[None] for listed in read.values())


def test_ways_differ_and_the_table_tells_each(tmp_path: Path) -> None:
    assert len({variant.name for variant in VARIANTS}) == len(VARIANTS)
    assert any("probes.image_text.batch_size=1" in variant.settings() for variant in VARIANTS)
    own = OrderSet(name="demo", has_models=True, media="x", folder=tmp_path, rows=[])
    one = make([0], ["keep"], [[]], [0.1])
    told = tell([(own, VARIANTS[0], compare_runs(one, make([0], ["flag"], [[]], [0.1])))])
    assert told.splitlines()[-1] == f"| demo, {VARIANTS[0].name} | 1 | 1 | 0 | 0 | none |"
