from __future__ import annotations

import numpy as np
import pytest

from mmcheck.corpus import evidence_rows
from mmcheck.corpus.evidence_rows import worst_rows


def test_the_worst_rows_get_evidence_and_so_do_all_that_a_summary_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evidence_rows, "EVIDENCE_ROWS", 2)
    values = np.array([0.2, 0.9, np.nan, 0.6, 0.0, 0.7])
    assert np.flatnonzero(worst_rows(values)).tolist() == [1, 5]
    assert np.flatnonzero(worst_rows(values, counted_from=0.6)).tolist() == [1, 3, 5]


def test_rows_of_a_small_set_get_evidence_unless_there_is_nothing_to_show() -> None:
    assert worst_rows(np.array([0.02, 0.0, np.nan, 1.0])).tolist() == [True, False, False, True]


def test_of_equal_values_the_first_rows_get_evidence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evidence_rows, "EVIDENCE_ROWS", 2)
    assert worst_rows(np.full(4, 0.3)).tolist() == [True, True, False, False]
