"""The coefficients against other programs and published examples, and what must hold of any answers."""

from __future__ import annotations

import krippendorff
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score

from mmcheck.agreement.coefficients import cohen_kappa, fleiss_kappa, krippendorff_alpha, percent_agreement

few = settings(max_examples=50, deadline=None)
tables = st.lists(st.tuples(*[st.integers(0, 3)] * 3), min_size=1, max_size=12).map(lambda rows: np.array(rows))
answers = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=2, max_size=30)

FLEISS_1971 = np.array(
    [
        [0, 0, 0, 0, 14],
        [0, 2, 6, 4, 2],
        [0, 0, 3, 5, 6],
        [0, 3, 9, 2, 0],
        [2, 2, 8, 1, 1],
        [7, 7, 0, 0, 0],
        [3, 2, 6, 3, 0],
        [2, 5, 3, 2, 2],
        [6, 5, 2, 1, 0],
        [0, 2, 2, 3, 7],
    ]
)
"""Fourteen people, ten subjects, five categories: the worked example whose kappa is 0.210."""


def test_fleiss_kappa_of_the_worked_example() -> None:
    found, people = fleiss_kappa(FLEISS_1971)
    assert people == 14
    assert found.value == pytest.approx(0.210, abs=0.0005)
    assert found.low is not None
    assert found.high is not None
    assert found.low < found.value < found.high


def test_fleiss_kappa_takes_the_rows_with_the_usual_number_of_people() -> None:
    mixed = np.vstack([FLEISS_1971, [[1, 1, 0, 0, 0]]])
    assert fleiss_kappa(mixed)[0] == fleiss_kappa(FLEISS_1971)[0]


@few
@given(tables)
def test_alpha_is_what_another_program_says(counts: np.ndarray) -> None:
    several = counts[counts.sum(axis=1) >= 2]
    found = krippendorff_alpha(counts)
    if len(several) == 0 or (several.sum(axis=0) > 0).sum() < 2:
        assert found.value is None
        return
    known = krippendorff.alpha(value_counts=several, level_of_measurement="nominal")
    assert found.value == pytest.approx(known)
    assert found.rows == len(several)


@few
@given(answers)
def test_cohen_kappa_is_what_another_program_says(pairs: list[tuple[int, int]]) -> None:
    one, other = [first for first, _ in pairs], [second for _, second in pairs]
    found = cohen_kappa(one, other, 3)
    if len({*one, *other}) == 1:
        assert found.value is None
        return
    assert found.value == pytest.approx(cohen_kappa_score(one, other))
    swapped = cohen_kappa(other, one, 3)
    assert swapped.value == pytest.approx(found.value)


@few
@given(tables, st.permutations(range(3)), st.randoms())
def test_neither_the_order_of_rows_nor_the_names_of_answers_matter(
    counts: np.ndarray, names: list[int], random: object
) -> None:
    rows = list(range(len(counts)))
    random.shuffle(rows)  # type: ignore[attr-defined]
    mixed = counts[rows][:, names]
    for one, other in (
        (krippendorff_alpha(counts), krippendorff_alpha(mixed)),
        (percent_agreement(counts), percent_agreement(mixed)),
        (fleiss_kappa(counts)[0], fleiss_kappa(mixed)[0]),
    ):
        assert (one.value is None) == (other.value is None)
        assert one.value is None or one.value == pytest.approx(other.value)


@few
@given(tables)
def test_coefficients_keep_to_their_ranges(counts: np.ndarray) -> None:
    share, alpha = percent_agreement(counts), krippendorff_alpha(counts)
    assert share.value is None or 0 <= share.value <= 1
    assert alpha.value is None or alpha.value <= 1 + 1e-9
    for found in (share, alpha):
        if found.low is not None:
            assert found.high is not None
            assert found.low <= found.high


def test_full_agreement_is_one_and_no_rows_are_nothing() -> None:
    counts = np.array([[2, 0], [0, 2], [2, 0]])
    assert krippendorff_alpha(counts).value == fleiss_kappa(counts)[0].value == percent_agreement(counts).value == 1
    assert krippendorff_alpha(counts[:0]).value is None
    assert fleiss_kappa(np.array([[1, 0]])) == (krippendorff_alpha(counts[:0]), 0)


def test_the_interval_holds_the_truth_about_as_often_as_it_says() -> None:
    """Two people who err independently with 10 %: alpha of the whole world is known by simulating very many rows."""
    rng = np.random.default_rng(1)

    def simulate(rows: int) -> np.ndarray:
        truth = rng.random(rows) < 0.3
        votes = np.stack([truth ^ (rng.random(rows) < 0.1) for _ in range(2)])
        return np.stack([(~votes).sum(axis=0), votes.sum(axis=0)], axis=1)

    actual = krippendorff_alpha(simulate(300_000)).value
    assert actual is not None
    found = [krippendorff_alpha(simulate(150)) for _ in range(100)]
    held = sum(one.low <= actual <= one.high for one in found if one.low is not None and one.high is not None)
    assert held >= 88
