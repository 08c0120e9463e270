"""Vectors are brought to length 1 or told why not; keys are found in any order."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as of_numpy

from mmcheck.vectors.checks import ABSENT, NOT_FINITE, SOUND, ZERO, check_vectors
from mmcheck.vectors.columns import hash_text, hash_texts
from mmcheck.vectors.matching import KeyIndex

QUICK = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@QUICK
@given(of_numpy.arrays(st.sampled_from([np.float16, np.float32, np.float64]), (4, 3)))
def test_vectors_are_of_length_one_or_unusable(block: np.ndarray) -> None:
    found = check_vectors(block)
    lengths = np.linalg.norm(found.unit.astype(np.float64), axis=1)
    np.testing.assert_allclose(lengths[found.is_sound], 1, atol=1e-5)
    assert (found.unit[~found.is_sound] == 0).all()
    with np.errstate(over="ignore"):
        single = block.astype(np.float32)
    finite = np.isfinite(single).all(axis=1)
    assert (finite == np.isin(found.state, (SOUND, ZERO))).all()
    assert ((found.state == ZERO) == (finite & (single == 0).all(axis=1))).all()
    assert ((found.state == ABSENT) == np.isnan(single).all(axis=1)).all()


def test_the_largest_and_smallest_numbers_do_no_harm() -> None:
    found = check_vectors(np.array([[3e38, 3e38], [1e-40, 0], [1, 0], [np.nan, 1]], dtype=np.float32))
    assert found.state.tolist() == [SOUND, SOUND, SOUND, NOT_FINITE]
    assert found.num_normalised == 2


@QUICK
@given(st.lists(st.one_of(st.none(), st.text(max_size=2), st.integers(0, 9))), st.lists(st.text(max_size=2)))
def test_keys_are_found_as_in_a_mapping(tmp_path: Path, known: list[object], asked: list[str]) -> None:
    index = KeyIndex(hash_texts(known), tmp_path)
    plain = [" ".join(str(key).split()) if key is not None else "" for key in known]
    first = {key: row for row, key in reversed(list(enumerate(plain))) if key}
    assert index.find(hash_texts(asked)).tolist() == [first.get(" ".join(key.split()), -1) for key in asked]
    filled = [key for key in plain if key]
    assert index.is_unique == (len(set(filled)) == len(filled))


def test_spaces_do_not_count_and_nothing_is_nothing() -> None:
    assert hash_text(" a  b\n") == hash_text("a b")
    assert hash_text(7) == hash_text("7")
    assert hash_text(None) == hash_text("  ") == hash_text(float("nan")) == 0
