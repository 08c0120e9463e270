"""Sets that are shuffled in large part: partners are found by the scores alone, and none where they are gone."""

from __future__ import annotations

import numpy as np
import pytest

from mmcheck.core.pair_kinds import IMAGE_CAPTION
from mmcheck.repair.partners import find_partners
from mmcheck.repair.scores import EmbeddingScores
from mmcheck.repair.search import FileRows, RepairPlan, propose_repairs

Order = np.ndarray


def _vectors(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    shared = rng.standard_normal((count, 32))
    sides = [shared + 0.6 * rng.standard_normal((count, 32)) for _ in range(2)]
    first, second = (side / np.linalg.norm(side, axis=1, keepdims=True) for side in sides)
    return first.astype(np.float16), second.astype(np.float16)


def _scores(count: int, moved: float, lost: float, seed: int) -> tuple[EmbeddingScores, Order]:
    """Return a set of which a share of the texts is shuffled, and a share of these is replaced by outsiders.

    The second value is the row that each row's text belongs to, -1 for an outsider.
    """
    rng = np.random.default_rng(seed + 9)
    order = np.arange(count)
    places = rng.permutation(count)[: int(moved * count)]
    order[places] = places[rng.permutation(len(places))]
    images, texts = _vectors(count, seed)
    texts = texts[order]
    gone = rng.choice(places, int(lost * len(places)), replace=False)
    texts[gone] = _vectors(count, seed + 100)[1][gone]
    order[gone] = -1
    here = np.ones(count, dtype=bool)
    return EmbeddingScores(images, texts, here, here), order


def _plan(scores: EmbeddingScores) -> RepairPlan:
    rows = np.arange(scores.num_rows)
    return propose_repairs(scores, [FileRows(name="a.csv", rows=rows, numbers=rows + 1)], kind=IMAGE_CAPTION)


def _right(plan: RepairPlan, order: Order) -> tuple[float, int]:
    """Return the share of right ones among the sure proposals, and how many these are."""
    sure = [proposal for proposal in plan.proposals if proposal.confidence >= 0.8]
    return (float(np.mean([order[p.source] == p.row for p in sure])) if sure else 1.0), len(sure)


@pytest.mark.parametrize(("count", "least"), [(60, 50), (300, 270), (1000, 900)])
@pytest.mark.parametrize("seed", range(2))
def test_a_set_shuffled_as_a_whole_is_put_in_order(count: int, least: int, seed: int) -> None:
    scores, order = _scores(count, 1.0, 0.0, seed)
    plan = _plan(scores)
    share, found = _right(plan, order)
    assert share >= 0.97
    assert found >= least
    assert plan.random_share is not None
    assert plan.random_share > 0.9


@pytest.mark.parametrize("count", [60, 300, 1000])
@pytest.mark.parametrize("seed", range(3))
def test_where_all_texts_are_outsiders_nothing_is_proposed(count: int, seed: int) -> None:
    scores, order = _scores(count, 1.0, 1.0, seed)
    assert find_partners(scores) is None
    assert _right(_plan(scores), order)[1] <= 0.01 * count


@pytest.mark.parametrize("moved", [0.6, 0.8])
def test_partners_are_found_where_half_of_the_wrong_texts_are_outsiders(moved: float) -> None:
    scores, order = _scores(300, moved, 0.5, 3)
    share, found = _right(_plan(scores), order)
    assert share >= 0.95
    assert found >= 0.8 * np.sum((order >= 0) & (order != np.arange(300)))


@pytest.mark.parametrize("moved", [0.3, 0.6, 0.8])
@pytest.mark.parametrize("seed", range(2))
def test_where_all_wrong_texts_are_outsiders_nothing_is_proposed(moved: float, seed: int) -> None:
    scores, order = _scores(300, moved, 1.0, seed)
    assert _right(_plan(scores), order)[1] <= 3


def test_partners_are_sought_among_the_given_rows_only() -> None:
    scores, order = _scores(200, 1.0, 0.0, 4)
    rows = np.arange(0, 200, 2)
    found = find_partners(scores)
    assert found is not None
    assert np.mean(order[found.texts] == found.media) > 0.95
    some = find_partners(scores, rows)
    assert some is None or set(some.media) | set(some.texts) <= set(rows.tolist())
