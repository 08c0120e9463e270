"""Shares from stratified samples: what must hold of any counts, and how often intervals hold the truth."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from mmcheck.people.allocation import Demand, share_out
from mmcheck.people.exact_interval import exact_interval
from mmcheck.people.stratified import Cell, Parts, estimate_share

number = st.integers(0, 300)
cells = st.lists(
    st.builds(
        lambda rows, drawn, wrong: Cell(
            rows=rows + 1.0, drawn=min(rows + 1, drawn), mismatched=min(rows + 1, drawn, wrong), expected=0.3
        ),
        number,
        number,
        number,
    ),
    min_size=1,
    max_size=6,
)
few = settings(max_examples=40, deadline=None)


def both(cells: list[Cell]) -> Parts:
    return Parts(matched=[True] * len(cells), mismatched=[True] * len(cells))


def wrong(cells: list[Cell], inside: list[bool] | None = None) -> Parts:
    return Parts(matched=[False] * len(cells), mismatched=inside or [True] * len(cells))


@few
@given(cells)
def test_any_share_lies_in_its_interval_and_between_0_and_1(found: list[Cell]) -> None:
    share = estimate_share(found, wrong(found), both(found))
    assert share.value is not None
    assert 0 <= share.low <= share.value <= share.high <= 1


@few
@given(cells, st.randoms())
def test_the_order_of_the_strata_changes_nothing(found: list[Cell], random: object) -> None:
    mixed = list(found)
    random.shuffle(mixed)  # type: ignore[attr-defined]
    one, other = estimate_share(found, wrong(found), both(found)), estimate_share(mixed, wrong(mixed), both(mixed))
    assert (one.value, one.low, one.high) == pytest.approx((other.value, other.low, other.high), abs=1e-9)


@few
@given(st.integers(1, 300), st.data())
def test_with_weights_of_one_it_is_the_plain_proportion(rows: int, data: st.DataObject) -> None:
    """Every row drawn with probability 1, in any strata."""
    hits = data.draw(st.integers(0, rows))
    share = estimate_share(one := [Cell(rows=rows, drawn=rows, mismatched=hits)], wrong(one), both(one))
    assert share.value == pytest.approx(hits / rows)
    assert (share.low, share.high) == pytest.approx((hits / rows, hits / rows), abs=1e-9)


@few
@given(st.integers(1, 200), st.data())
def test_one_stratum_has_the_exact_interval(drawn: int, data: st.DataObject) -> None:
    hits = data.draw(st.integers(0, drawn))
    share = estimate_share(one := [Cell(rows=1e9, drawn=drawn, mismatched=hits)], wrong(one), both(one))
    known = stats.binomtest(hits, drawn).proportion_ci(method="exact")
    assert (share.low, share.high) == pytest.approx((known.low, known.high), abs=1e-6)


@pytest.mark.parametrize(("hits", "drawn", "rows"), [(0, 12, 40), (3, 12, 40), (12, 12, 40), (1, 39, 40), (7, 20, 31)])
def test_the_interval_of_a_small_set_is_what_its_definition_says(hits: int, drawn: int, rows: int) -> None:
    known = [count for count in range(rows + 1) if stats.hypergeom.sf(hits - 1, rows, count, drawn) > 0.025]
    also = [count for count in range(rows + 1) if stats.hypergeom.cdf(hits, rows, count, drawn) > 0.025]
    assert exact_interval(hits, drawn, rows) == (min(known) / rows, max(also) / rows)


def test_counts_that_cannot_be_are_refused() -> None:
    with pytest.raises(ValueError, match="cannot be"):
        exact_interval(3, 2)
    with pytest.raises(ValueError, match="cannot be"):
        exact_interval(0, 5, 4)


def test_nothing_found_is_not_nothing_there() -> None:
    found = [Cell(rows=5000, drawn=50, mismatched=0), Cell(rows=200, drawn=40, mismatched=30)]
    share = estimate_share(found, wrong(found, [True, False]), Parts(matched=[True, False], mismatched=[True, False]))
    assert (share.value, share.low) == (0, 0)
    assert 0.05 < share.high < 0.08
    nothing = [Cell(rows=100, drawn=0, mismatched=0, expected=0.0)]
    assert estimate_share(nothing, wrong(nothing), wrong(nothing)).value is None


@few
@given(
    st.integers(0, 500),
    st.lists(
        st.tuples(st.integers(1, 300), st.floats(0.05, 0.5), st.sampled_from("ab"), st.integers(0, 9)), min_size=1
    ),
)
def test_a_sample_is_shared_out_whole(count: int, given_: list[tuple[int, float, str, int]]) -> None:
    demands = [Demand(rows=r, spread=s, purpose=p, at_least=min(least, r)) for r, s, p, least in given_]
    drawn = share_out(count, demands, {"a": 0.4, "b": 0.6})
    assert all(one.at_least <= got <= one.rows for one, got in zip(demands, drawn, strict=True))
    wanted = max(count, sum(one.at_least for one in demands))
    assert sum(drawn) == min(wanted, sum(one.rows for one in demands))


def test_what_varies_and_is_large_gets_more() -> None:
    demands = [
        Demand(rows=9000, spread=0.14, purpose="a"),
        Demand(rows=100, spread=0.5, purpose="a"),
        Demand(rows=900, spread=0.3, purpose="b"),
    ]
    large, small, other = share_out(100, demands, {"a": 0.5, "b": 0.5})
    assert large > small
    assert abs(other - 50) <= 1


@pytest.mark.parametrize(
    ("rows", "share", "sharpness", "sample"), [(3000, 0.1, 3.0, 150), (5000, 0.02, 4.0, 150), (800, 0.2, 1.5, 80)]
)
def test_intervals_hold_the_truth_in_200_audits(rows: int, share: float, sharpness: float, sample: int) -> None:
    """The whole way of an audit but the files: strata, allocation, draw, cells, measures."""
    import pyarrow as pa

    from mmcheck.audit.measures import MEASURES, Seen, make_cells, measure
    from mmcheck.audit.rows import Judged, JudgedRows
    from mmcheck.audit.strata import draw_sample, find_strata

    rng = np.random.default_rng(5)
    is_wrong = rng.random(rows) < share
    x = rng.normal(np.where(is_wrong, sharpness, -sharpness) / 2, 1.0)
    posterior = 1 / (1 + np.exp(-(sharpness * x + np.log(share / (1 - share)))))
    judged = np.where(posterior > 0.5, Judged.MISMATCHED, np.where(posterior > 0.05, Judged.FLAG, Judged.KEEP))
    table = JudgedRows(judged=judged, comparable=np.ones(rows, bool), posterior=posterior)
    strata, ids = find_strata(table), pa.chunked_array([pa.array([str(n) for n in range(rows)])])
    told = [one for one in MEASURES if one.name != "lost_otherwise"]
    actual = {}
    for one in told:
        part = np.isin(judged, one.part) & (
            True if one.part_is_mismatched is None else is_wrong == one.part_is_mismatched
        )
        of = np.isin(judged, one.whole) & (
            True if one.whole_is_mismatched is None else is_wrong == one.whole_is_mismatched
        )
        actual[one.name] = (part & of).sum() / of.sum()
    held = dict.fromkeys(actual, 0)
    for seed in range(200):
        draw = draw_sample(table, strata, ids, sample, seed=seed, identity="")
        seen = [Seen(index=row.index, is_mismatched=bool(is_wrong[row.index])) for row in draw.samples]
        found = make_cells(table, strata, seen)
        for one in told:
            interval = measure(found, one)
            held[one.name] += interval.low - 1e-9 <= actual[one.name] <= interval.high + 1e-9
    assert min(held.values()) >= 186, held
