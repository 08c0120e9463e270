"""Which rows are looked at, with which probability, and what an exam plants."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from mmcheck.core.errors import UserError
from mmcheck.review.exam import SWAPPED, UNTOUCHED
from mmcheck.review.serve import open_desk
from mmcheck.review.worklist import Sampling
from mmcheck.store.run_folder import RunFolder

Visit = Callable[..., Any]


def rows(run: RunFolder, sample: str, count: int | None = None) -> list[int]:
    return open_desk(run.path, Sampling(sample), reviewer="ann", count=count).worklist.rows.tolist()


def test_borderline_begins_at_the_limit_and_leaves_out_the_sure(run: RunFolder) -> None:
    assert rows(run, "borderline")[:4] == [30, 31, 46, 32]
    assert set(rows(run, "borderline")) == {*range(30, 42), 46}


def test_flagged_and_quarantine_follow_the_verdicts(run: RunFolder) -> None:
    assert rows(run, "flagged") == list(range(30, 42))
    assert sorted(rows(run, "quarantine")) == [42, 43, 44, 45]


def test_limits_of_raw_scores_count_where_nothing_else_does(report_run: ModuleType, tmp_path: Path) -> None:
    run = report_run.make_gallery(tmp_path)
    found = rows(run, "borderline")
    scores = run.measurements_table("image_text", ["similarity"])["similarity"].to_pylist()
    assert found
    assert all(min(abs(scores[row] - 0.2), abs(scores[row] - 0.24)) < 0.02 for row in found if row < 18)


def test_a_random_sample_is_the_same_each_time_and_grows_at_its_end(run: RunFolder) -> None:
    few, many = rows(run, "random", 10), rows(run, "random", 20)
    assert many[:10] == few == rows(run, "random", 10)
    assert len(set(many)) == 20
    assert few != sorted(few)


def test_drawn_rows_carry_their_probability(run: RunFolder, visit: Visit) -> None:
    visitor = visit(run, "random", count=12)
    visitor.decide("keep")
    (record,) = visitor.log()
    assert record.sample == "random"
    assert record.probability == pytest.approx(12 / 48)


def write_audit(run: RunFolder, **change: Any) -> None:
    drawn = [
        {"index": 44, "sample_id": "img-044", "stratum": "quarantine", "probability": 0.5},
        {"index": 3, "sample_id": "img-003", "stratum": "keep", "probability": 0.02},
    ]
    audit = {"schema": "mmcheck.audit/1", "seed": 0, "strata": [], "samples": drawn, **change}
    (run.path / "review").mkdir(exist_ok=True)
    (run.path / "review" / "audit.json").write_text(json.dumps(audit))


def test_an_audit_is_looked_at_as_it_was_drawn(run: RunFolder, visit: Visit) -> None:
    write_audit(run)
    visitor = visit(run, "audit", blind=True)
    visitor.decide("keep")
    visitor.decide("quarantine")
    assert [(one.sample_id, one.sample, one.stratum, one.probability) for one in visitor.log()] == [
        ("img-044", "audit", "quarantine", 0.5),
        ("img-003", "audit", "keep", 0.02),
    ]


def test_without_an_audit_the_command_that_makes_it_is_told(run: RunFolder) -> None:
    with pytest.raises(UserError, match=f"mmcheck audit {run.path} --n 150"):
        rows(run, "audit")


@pytest.mark.parametrize(
    "change",
    [
        {"schema": "mmcheck.audit/2"},
        {"samples": [{"index": 3, "sample_id": "img-004", "stratum": "keep", "probability": 0.5}]},
        {"samples": [{"index": 300, "sample_id": "img-004", "stratum": "keep", "probability": 0.5}]},
        {"samples": [{"index": 4, "sample_id": "img-004", "stratum": "keep", "probability": 0}]},
        {"samples": None},
    ],
)
def test_an_audit_of_other_rows_is_refused(run: RunFolder, change: dict[str, Any]) -> None:
    write_audit(run, **change)
    with pytest.raises(UserError, match=r"audit\.json"):
        rows(run, "audit")


def test_an_exam_hides_what_was_found_and_tells_how_it_went(run: RunFolder, visit: Visit) -> None:
    visitor = visit(run, exam=True)
    planted = {row: visitor.desk.planted(row) for row in range(48) if visitor.desk.planted(row)}
    kinds = [one.exam for one in planted.values()]
    assert kinds.count(SWAPPED) == kinds.count(UNTOUCHED) == 10
    assert not set(planted) & set(visitor.desk.worklist.rows.tolist())
    swapped = next(one for one in planted.values() if one.exam == SWAPPED)
    page = visitor.page(f"/row/{swapped.row}")
    assert "swap" not in page
    assert f"caption number {swapped.row}<" not in page
    assert "probability" not in page
    missed = False
    while 'id="decision"' in visitor.page():
        one = planted.get(int(visitor.fields()["row"]))
        is_swap = one is not None and one.exam == SWAPPED
        visitor.decide("keep" if not is_swap or not missed else "quarantine")
        missed = missed or is_swap
    log = visitor.log()
    assert len(log) == 33
    assert sum(one.exam is not None for one in log) == 20
    assert all(one.blind for one in log)
    assert "Of 10 pairs with another pair&#39;s text planted in them, 9 were found." in visitor.page()
    assert "Of 10 pairs that are surely right, 0 were turned down." in visitor.page()
    assert visit(run, exam=True).desk.upcoming() == []


def test_an_exam_decides_about_no_row_and_can_be_undone(run: RunFolder, visit: Visit) -> None:
    visitor = visit(run, exam=True)
    row = next(row for row in range(48) if visitor.desk.planted(row))
    visitor.decide("quarantine", f"/row/{row}")
    (record,) = visitor.log()
    assert record.exam is not None
    assert record.sample is None
    assert visitor.desk.standing().done == 1
    visitor.post("/undo")
    assert visitor.desk.standing().done == 0
    plain = visit(run, "random", count=48)
    assert plain.desk.standing().done == 0


def test_an_exam_needs_sure_pairs(report_run: ModuleType, tmp_path: Path) -> None:
    run = report_run.make_gallery(tmp_path)
    with pytest.raises(UserError, match="surely right"):
        open_desk(run.path, Sampling.BORDERLINE, reviewer="ann", exam=True)
