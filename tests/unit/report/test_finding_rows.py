from __future__ import annotations

import itertools
from types import ModuleType

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mmcheck.core.types import Action, Finding, Verdict
from mmcheck.report.finding_rows import NO_FINDING, FindingRows, choose_rows, read_findings

RELAXED = settings(
    deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture], max_examples=60
)


def verdict(action: str, *codes: str, observed: float | None = None, limit: float | None = None) -> Verdict:
    found = tuple(
        Finding(
            rule=code.partition(".")[0],
            code=code,
            action=Action(action) if action != "keep" else Action.FLAG,
            message=f"{code} of {observed}",
            observed=observed,
            limit=limit,
        )
        for code in codes
    )
    return Verdict(sample_id="x", action=Action(action), findings=found)


def read(report_run: ModuleType, verdicts: list[Verdict]) -> FindingRows:
    return read_findings([lambda: report_run.verdicts_table(verdicts)])


def test_codes_are_counted_by_pairs_and_kept_pairs_do_not_count(report_run: ModuleType) -> None:
    found = read(
        report_run,
        [
            verdict("quarantine", "a.x", "a.x", "b.y"),
            verdict("keep", "a.x"),
            verdict("flag", "b.y"),
            verdict("unchecked"),
            verdict("keep"),
        ],
    )
    assert [(code.code, code.pairs, code.action) for code in found.codes] == [
        ("b.y", 2, "quarantine"),
        ("a.x", 1, "quarantine"),
        (NO_FINDING, 1, "unchecked"),
    ]
    assert found.by_rule == {"a": 2, "b": 2}


@pytest.mark.parametrize("cuts", [(4,), (1, 1, 1, 1), (0, 3, 0, 1), ()])
def test_parts_are_read_as_one(report_run: ModuleType, cuts: tuple[int, ...]) -> None:
    verdicts = [
        verdict("keep"),
        verdict("quarantine", "b.y", "a.x", observed=0.1, limit=0.2),
        verdict("flag", "a.x", observed=0.0, limit=0.2),
        verdict("unchecked"),
    ]
    stops = np.cumsum([0, *cuts]).tolist()
    parts = [
        lambda start=start, stop=stop: report_run.verdicts_table(verdicts[start:stop])
        for start, stop in itertools.pairwise(stops)
    ]
    found = read_findings(parts)
    whole = read(report_run, verdicts[: stops[-1]])
    assert found.actions.tolist() == whole.actions.tolist()
    assert found.by_rule == whole.by_rule == ({"b": 1, "a": 2} if cuts else {})
    told = [(code.code, code.action, code.pairs, code.rows.tolist(), code.message) for code in found.codes]
    assert told == [(code.code, code.action, code.pairs, code.rows.tolist(), code.message) for code in whole.codes]
    if cuts:
        assert told[0] == ("a.x", "quarantine", 2, [2, 1], "a.x of 0.0")


def test_the_worst_of_a_code_comes_first(report_run: ModuleType) -> None:
    values = [0.19, 0.01, 0.15, 0.02]
    found = read(report_run, [verdict("quarantine", "low.below_min", observed=v, limit=0.2) for v in values])
    assert found.codes[0].rows.tolist() == [1, 3, 2, 0]
    assert found.codes[0].message == "low.below_min of 0.01"
    assert choose_rows(found, 2) == [1, 3]


def test_a_rare_code_is_not_crowded_out(report_run: ModuleType) -> None:
    verdicts = [verdict("quarantine", "common.x", observed=0.0, limit=9.0) for _ in range(500)]
    verdicts += [verdict("flag", "rare.y"), verdict("unchecked", "odd.z")]
    chosen = choose_rows(read(report_run, verdicts), 10)
    assert len(chosen) == 10
    assert {500, 501} <= set(chosen)
    assert chosen[-2:] == [500, 501], "flagged and unchecked pairs come after the quarantined ones"


def test_no_rows_and_no_limit(report_run: ModuleType) -> None:
    assert choose_rows(read(report_run, []), 10) == []
    assert read(report_run, []).codes == ()
    assert choose_rows(read(report_run, [verdict("flag", "a.x")]), 0) == []


ACTION = st.sampled_from(["keep", "flag", "quarantine", "unchecked"])
CODES = st.lists(st.sampled_from(["a.x", "a.y", "b.x", "c.z"]), max_size=3)


@RELAXED
@given(drawn=st.lists(st.tuples(ACTION, CODES, st.floats(-5, 5) | st.none()), max_size=30), limit=st.integers(0, 40))
def test_choice_is_fair_whatever_the_verdicts(
    report_run: ModuleType, drawn: list[tuple[str, list[str], float | None]], limit: int
) -> None:
    verdicts = [verdict(action, *codes, observed=value, limit=0.0) for action, codes, value in drawn]
    found = read(report_run, verdicts)
    chosen = choose_rows(found, limit)
    not_kept = {row for row, (action, _, _) in enumerate(drawn) if action != "keep"}
    assert len(chosen) == len(set(chosen)) == min(limit, len(not_kept))
    assert set(chosen) <= not_kept
    if limit >= len(found.codes):
        assert all(set(code.rows.tolist()) & set(chosen) for code in found.codes)
