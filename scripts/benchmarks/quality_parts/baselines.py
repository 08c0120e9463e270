"""What others do to find wrong image-caption pairs, for comparison only: nothing here is part of the product."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scripts.benchmarks.quality_parts.figures import roc_auc

Vectors = NDArray[np.float32]
Floats = NDArray[np.floating[Any]]
Bools = NDArray[np.bool_]

PUBLISHED_COSINE = 0.28
"""The cut of LAION-2B-en."""
KEPT_SHARE = 0.3
"""DataComp's strongest simple filter keeps the 30 % with the highest cosine."""
_CHUNK = 1024


def two_gaussians(cosine: Floats) -> Floats:
    """Return each row's posterior of the lower of two Gaussians fitted to the cosines by EM, shape (n,)."""
    from sklearn.mixture import GaussianMixture

    column = cosine.reshape(-1, 1).astype(np.float64)
    model = GaussianMixture(2, random_state=0, n_init=3).fit(column)
    posterior: Floats = model.predict_proba(column)[:, int(model.means_[:, 0].argmin())]
    return posterior


@dataclass(frozen=True, slots=True, kw_only=True)
class LemonOptions:
    """Hyper-parameters of LEMoN."""

    neighbours: int = 30
    beta: float = 5.0
    gamma: float = 5.0
    tau_1: float = 0.1
    tau_2: float = 5.0


def lemon(image: Vectors, text: Vectors, options: LemonOptions) -> Floats:
    """Return LEMoN's score of each row, higher for likelier errors (Zhang et al., ICML 2025, arXiv 2407.18941).

    s = d(x, y) + beta * mean_k d(y, y_n) exp(-tau_1 d(x, x_n)) exp(-tau_2 d(x_n, y_n)) over the k nearest images
    + gamma * the same over the k nearest texts with the roles exchanged; d is one minus the cosine.

    Args:
        image: Unit rows, [n, d].
        text: Unit rows, [n, d].
        options: Hyper-parameters.
    """
    own = 1.0 - np.einsum("ij,ij->i", image, text)
    by_image = _neighbour_term(image, text, own, options)
    by_text = _neighbour_term(text, image, own, options)
    score: Floats = own + options.beta * by_image + options.gamma * by_text
    return score


def lemon_oracle(image: Vectors, text: Vectors, faulty: Bools) -> tuple[Floats, LemonOptions]:
    """Return LEMoN's score with the hyper-parameters of the best ROC-AUC of a grid, chosen with the truth in hand."""
    best: tuple[float, Floats, LemonOptions] | None = None
    own = 1.0 - np.einsum("ij,ij->i", image, text)
    for neighbours, tau_1, tau_2 in product((5, 30), (0.0, 1.0, 5.0), (0.0, 1.0, 5.0)):
        plain = LemonOptions(neighbours=neighbours, tau_1=tau_1, tau_2=tau_2)
        by_image = _neighbour_term(image, text, own, plain)
        by_text = _neighbour_term(text, image, own, plain)
        for beta, gamma in product((0.0, 1.0, 5.0, 20.0), repeat=2):
            score = own + beta * by_image + gamma * by_text
            area = roc_auc(score, faulty)
            if best is None or area > best[0]:
                options = LemonOptions(neighbours=neighbours, beta=beta, gamma=gamma, tau_1=tau_1, tau_2=tau_2)
                best = area, score, options
    if best is None:
        raise AssertionError("the grid is never empty")
    return best[1], best[2]


def _neighbour_term(near: Vectors, far: Vectors, own: Floats, options: LemonOptions) -> Floats:
    """Return the mean over the neighbours in `near` of how far apart the other halves lie, [n]."""
    import faiss

    size = min(options.neighbours, len(near) - 1)
    index = faiss.IndexFlatIP(near.shape[1])
    index.add(np.ascontiguousarray(near, dtype=np.float32))
    term = np.zeros(len(near))
    for start in range(0, len(near), _CHUNK):
        rows = np.arange(start, min(start + _CHUNK, len(near)))
        cosine, found = index.search(np.ascontiguousarray(near[rows], dtype=np.float32), size + 1)
        # A row is not its own neighbour; where equal rows push it out of the list, the last one goes.
        is_self = found == rows[:, None]
        is_self[~is_self.any(axis=1), -1] = True
        found, cosine = found[~is_self].reshape(-1, size), cosine[~is_self].reshape(-1, size)
        apart = 1.0 - np.einsum("id,ikd->ik", far[rows], far[found])
        weight = np.exp(-options.tau_1 * (1.0 - cosine)) * np.exp(-options.tau_2 * own[found])
        term[rows] = (apart * weight).mean(axis=1)
    return term
