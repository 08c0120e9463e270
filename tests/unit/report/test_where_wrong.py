"""Where a run goes wrong: slices, stretches of rows, dates."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from mmcheck.core.types import Action, Finding, MediaRef, Sample, Verdict
from mmcheck.report.build import build_report
from mmcheck.report.finding_rows import read_findings
from mmcheck.report.slice_columns import SliceColumn, read_slice_columns
from mmcheck.report.where_wrong import WhereWrong, find_where_wrong, rank_segments
from mmcheck.store.run_folder import RunFolder, read_part

MakeRun = Callable[..., RunFolder]


@pytest.fixture
def make_run(report_run: ModuleType, tmp_path: Path) -> MakeRun:
    """A run of rows of which those with the given numbers are quarantined; ``row`` makes each row's own columns."""

    def make(
        count: int, wrong: set[int], row: Callable[[int], dict[str, Any]] = lambda number: {}, **fields: Any
    ) -> RunFolder:
        finding = Finding(
            rule="mismatch", code="mismatch.below_min", action=Action.QUARANTINE, message="They do not belong together."
        )
        samples, verdicts = [], []
        for number in range(count):
            own = {name: value(number) for name, value in fields.items()}
            sample = {"manifest": "/data/a.jsonl", "row_number": number + 1, "caption": "a dog", "row": row(number)}
            samples.append(Sample(id=f"s{number}", **{**sample, **own}))
            taken = number in wrong
            action = Action.QUARANTINE if taken else Action.KEEP
            verdicts.append(Verdict(sample_id=f"s{number}", action=action, findings=(finding,) if taken else ()))
        run: RunFolder = report_run.write_run(tmp_path / "run", samples, verdicts, shard_size=64)
        return run

    return make


def look(run: RunFolder) -> WhereWrong:
    parts = [partial(read_part, run.verdicts_part(shard), ["action", "findings"]) for shard in run.shards()]
    return find_where_wrong(run, read_findings(parts))


def scattered(count: int, share: float, seed: int = 0) -> set[int]:
    return set(np.flatnonzero(np.random.default_rng(seed).random(count) < share).tolist())


def test_a_bad_source_is_named_with_its_rate_and_interval(make_run: MakeRun) -> None:
    wrong = {number for number in range(400) if number % 4 == 1 and number % 3} | scattered(400, 0.03)
    found = look(make_run(400, wrong, lambda number: {"source": "abcd"[number % 4], "score": number / 7}))
    first = found.segments[0]
    assert (first.column, first.value, first.fault) == ("source", "b", "quarantined")
    assert first.rows == 100
    assert first.low < first.rate < first.high
    assert first.elsewhere < 0.1
    assert {segment.value for segment in found.segments} == {"b"}
    assert {segment.fault for segment in found.segments} == {"quarantined", "mismatch.below_min"}


def test_an_even_run_tells_nothing(make_run: MakeRun) -> None:
    def row(number: int) -> dict[str, Any]:
        return {"source": f"s{number % 40}", "day": f"2026-01-{number % 28 + 1:02d}"}

    run = make_run(600, scattered(600, 0.2), row)
    found = look(run)
    assert (found.sentences, found.segments, found.strip) == ((), (), ())
    assert "Where it goes wrong" not in build_report(run)


def test_the_row_since_when_it_goes_wrong_is_told(make_run: MakeRun) -> None:
    wrong = {number for number in range(200, 300) if number % 10} | scattered(200, 0.02)
    run = make_run(300, wrong)
    found = look(run)
    assert found.sentences[0].startswith("From row 202 of a.jsonl on, ")
    assert "are quarantined; before that" in found.sentences[0]
    assert "stands out by mismatch.below_min" in found.sentences[0]
    page = build_report(run)
    assert found.sentences[0] in page
    assert 'class="strip-plot"' in page


def test_a_stretch_over_two_manifests_names_both(make_run: MakeRun) -> None:
    run = make_run(
        400,
        set(range(150, 250)),
        manifest=lambda number: f"/data/{'ab'[number >= 200]}.tar",
        row_number=lambda number: number % 200 + 1,
    )
    assert look(run).sentences[0].startswith("From row 151 of a.tar to row 50 of b.tar, 100 % of the rows")


def test_dates_are_told_whatever_the_order_of_the_rows(make_run: MakeRun) -> None:
    order = np.random.default_rng(3).permutation(600)
    days = [date(2026, 1, 1) + timedelta(days=int(number) // 10) for number in order]
    wrong = {at for at, day in enumerate(days) if day >= date(2026, 2, 10)}
    found = look(make_run(600, wrong, lambda at: {"crawled": days[at].isoformat() + "T10:00:00Z"}))
    assert len(found.sentences) == 1
    assert found.sentences[0].startswith(
        "Since 2026-02-10 (by crawled), 100 % of the rows are quarantined; before that 0 %"
    )


def test_folder_type_manifest_and_language_are_slices_too(make_run: MakeRun) -> None:
    wrong = {number for number in range(300) if number % 3 == 0}
    run = make_run(
        300,
        wrong,
        image=lambda number: MediaRef(uri=f"/data/{'xyz'[number % 3]}/{number}.{'webp' if number % 3 == 0 else 'jpg'}"),
        language=lambda number: "de" if number % 3 == 0 else None,
    )
    told = {(segment.column, segment.value) for segment in look(run).segments}
    assert told == {("image folder", "x"), ("image type", ".webp"), ("language", "de")}


def test_only_columns_of_few_values_are_read_as_slices(make_run: MakeRun) -> None:
    def row(number: int) -> dict[str, Any]:
        late = {"late": "v"} if number >= 300 else {}
        return {
            "id": f"id-{number}",
            "score": 0.5 * number,
            "licence": "ab"[number % 2],
            "same": "one",
            "nested": {"x": 1},
            "flag": number % 2 == 0,
            "mmcheck_action": "xy"[number % 2],
            "json": {"nsfw": "NY"[number % 2]},
            **late,
        }

    slices, dates = read_slice_columns(make_run(400, set(), row))
    assert {column.name: column.values for column in slices} == {
        "licence": ("a", "b"),
        "flag": ("true", "false"),
        "nsfw": ("N", "Y"),
        "late": ("(none)", "v"),
    }
    assert all(len(column.numbers) == 400 for column in slices)
    assert dates == []


def test_hostile_names_stay_text(make_run: MakeRun) -> None:
    hostile = "<script>alert(1)</script>"
    run = make_run(
        200,
        set(range(100)),
        lambda number: {hostile: hostile if number < 100 else "b"},
        manifest=lambda number: hostile,
    )
    assert look(run).segments
    assert hostile not in build_report(run)


def test_slices_with_most_rows_too_many_come_first() -> None:
    numbers = np.repeat(np.arange(3), [1_000, 100, 2_000]).astype(np.int16)
    faults = np.zeros(3_100, dtype=bool)
    faults[:300] = True  # 30 % of the first slice
    faults[1_000:1_090] = True  # 90 % of the second, which is small
    found = rank_segments([("x", faults)], [SliceColumn(name="c", values=("big", "small", "sound"), numbers=numbers)])
    assert [segment.value for segment in found] == ["big", "small"]
