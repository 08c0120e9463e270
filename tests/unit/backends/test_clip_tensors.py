"""Batches in passes: the same rows in the same order, in passes of about one size."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import torch

from mmcheck.backends.clip_tensors import images_per_pass, unit_rows


@pytest.mark.parametrize(
    ("per_pass", "sizes"), [(None, [7]), (7, [7]), (100, [7]), (6, [4, 3]), (3, [3, 3, 1]), (1, [1] * 7)]
)
def test_passes_change_nothing(per_pass: int | None, sizes: list[int]) -> None:
    seen: list[int] = []

    def collate(inputs: Sequence[float]) -> torch.Tensor:
        seen.append(len(inputs))
        return torch.tensor([[value, 3.0] for value in inputs])

    rows = unit_rows([0.0, 4.0, -4.0, 1.0, 2.0, 3.0, 9.0], lambda batch: batch, collate, per_pass)
    assert seen == sizes
    assert rows.shape == (7, 2)
    np.testing.assert_allclose(rows[:3], [[0, 1], [0.8, 0.6], [-0.8, 0.6]], atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-6)


def test_no_inputs_are_no_rows() -> None:
    assert unit_rows([], lambda batch: batch, lambda inputs: torch.zeros(0), 3).shape[0] == 0


def test_a_pass_on_a_cpu_keeps_its_tensors_below_what_is_handed_back() -> None:
    for tokens, width in ((50, 3072), (257, 4096), (577, 4096)):
        count = images_per_pass("cpu", tokens, width)
        assert count is not None
        assert 1 <= count * tokens * width * 4 / 2**20 <= 32
    assert images_per_pass("cpu", 100_000, 10_000) == 1
    assert images_per_pass("cuda", 50, 3072) is None
