from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from scripts.benchmarks.quality_parts.baselines import LemonOptions, lemon, lemon_oracle, two_gaussians
from scripts.benchmarks.quality_parts.figures import roc_auc


def unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def pairs(size: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    image = rng.normal(size=(size, 8))
    return unit(image), unit(image + 0.3 * rng.normal(size=(size, 8)))


def plain_lemon(image: np.ndarray, text: np.ndarray, options: LemonOptions) -> list[float]:
    """The formula of the paper, row by row."""
    own = [1 - float(x @ y) for x, y in zip(image, text, strict=True)]
    scores = []
    for row in range(len(image)):
        score = own[row]
        for near, far, weight in ((image, text, options.beta), (text, image, options.gamma)):
            others = sorted((o for o in range(len(near)) if o != row), key=lambda o: -float(near[row] @ near[o]))
            terms = [
                (1 - float(far[row] @ far[o]))
                * np.exp(-options.tau_1 * (1 - float(near[row] @ near[o])))
                * np.exp(-options.tau_2 * own[o])
                for o in others[: options.neighbours]
            ]
            score += weight * float(np.mean(terms))
        scores.append(score)
    return scores


@pytest.mark.parametrize("options", [LemonOptions(neighbours=3), LemonOptions(neighbours=5, tau_1=2.0, gamma=1.0)])
def test_lemon_is_the_formula_of_the_paper(options: LemonOptions) -> None:
    image, text = pairs(25)
    np.testing.assert_allclose(lemon(image, text, options), plain_lemon(image, text, options), rtol=1e-4)


def test_lemon_never_counts_a_row_as_its_own_neighbour_among_equal_rows() -> None:
    image, text = pairs(6)
    image[:], wrong = image[0], text.copy()
    # All images are equal: each row is compared with the others' captions, its own would lower the score.
    options = LemonOptions(neighbours=5, beta=1.0, gamma=0.0, tau_1=0.0, tau_2=0.0)
    apart = 1 - wrong @ wrong.T
    own = 1 - np.einsum("ij,ij->i", image, wrong)
    np.testing.assert_allclose(lemon(image, wrong, options), own + apart.sum(axis=1) / 5, rtol=1e-4)


def test_lemon_works_on_fewer_rows_than_neighbours() -> None:
    image, text = pairs(4)
    assert np.isfinite(lemon(image, text, LemonOptions(neighbours=30))).all()


def test_the_tuned_lemon_is_at_least_as_good_as_the_cosine() -> None:
    image, text = pairs(40)
    faulty = np.zeros(40, dtype=bool)
    faulty[:8] = True
    text[:8] = text[np.roll(np.arange(8), 1)]
    score, _ = lemon_oracle(image, text, faulty)
    assert roc_auc(score, faulty) >= roc_auc(-np.einsum("ij,ij->i", image, text), faulty)


def test_two_gaussians_find_the_lower_hill() -> None:
    rng = np.random.default_rng(1)
    cosine = np.concatenate([rng.normal(0.4, 0.02, 300), rng.normal(0.0, 0.02, 40)])
    posterior = two_gaussians(cosine)
    assert posterior[:300].max() < 0.01
    assert posterior[300:].min() > 0.99
