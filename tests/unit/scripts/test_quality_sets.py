"""Planted sets, their tables, and what is counted as found; on made-up embeddings, so that nothing is drawn."""

from __future__ import annotations

import random
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from scripts.benchmarks.quality_parts import moves, vague
from scripts.benchmarks.quality_parts.figures import Counts
from scripts.benchmarks.quality_parts.pairs import TEXTS, Pool, tell
from scripts.benchmarks.quality_parts.repairing import Proposed
from scripts.benchmarks.quality_parts.sets import STYLES, Planted, Recipe, plant
from scripts.benchmarks.quality_parts.stored import MemoryShard, run_analyses, to_shards

WIDTH = 24


def make_pool(size: int) -> Pool:
    """Captions lie near their picture, whatever they say; only the vague ones lie in one place."""
    rng = np.random.default_rng(0)

    def unit(rows: np.ndarray) -> np.ndarray:
        return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float16)

    image = rng.normal(size=(size, WIDTH))
    texts = {name: unit(image + 0.6 * rng.normal(size=(size, WIDTH))) for name in TEXTS}
    texts["text_vague"] = unit(np.ones((size, WIDTH)) + 0.1 * rng.normal(size=(size, WIDTH)))
    near = unit(image + 0.05 * rng.normal(size=(size, WIDTH)))
    return Pool(told=[tell(1, row) for row in range(size)], image=unit(image), near=near, texts=texts)


POOL = make_pool(400)


@pytest.mark.parametrize("style", STYLES)
def test_every_planted_fault_is_one_and_nothing_else_is(style: str) -> None:
    recipe = Recipe(size=200, style=style, shuffled=0.4, attribute=0.1, vague=0.05, near=0.1)
    planted = plant(POOL, recipe, random.Random(1))
    kinds, counts = np.unique(planted.fault.astype(str), return_counts=True)
    assert dict(zip(kinds, counts, strict=True)) == {"": 90, "attribute": 20, "shuffled": 80, "vague": 10}
    for row in range(200):
        assert planted.fits(row, row) == (planted.fault[row] in ("", "vague"))
    assert planted.is_near.sum() == 20


def test_a_single_wrong_row_takes_the_caption_of_another() -> None:
    planted = plant(POOL, Recipe(size=50, shuffled=0.02), random.Random(3))
    (row,) = np.flatnonzero(planted.fault == "shuffled")
    assert not planted.fits(row, row)


def test_equal_chance_gives_equal_sets_and_other_chance_others() -> None:
    recipe = Recipe(size=60, shuffled=0.2, near=0.1)
    one, two, three = (plant(POOL, recipe, random.Random(seed)) for seed in (5, 5, 6))
    np.testing.assert_array_equal(one.text, two.text)
    assert one.captions() != three.captions()


def test_a_set_larger_than_its_pool_is_refused() -> None:
    with pytest.raises(ValueError, match="500 rows is wanted, but the pool has 400"):
        plant(POOL, Recipe(size=500), random.Random(0))


def test_blur_weakens_the_model_but_keeps_likes_alike() -> None:
    plain = plant(POOL, Recipe(size=100, near=0.2), random.Random(2))
    weak = plant(POOL, Recipe(size=100, near=0.2, blur=1.0), random.Random(2))
    assert weak.cosine.mean() < 0.8 * plain.cosine.mean()
    copy = int(np.flatnonzero(weak.is_near)[0])
    (original,) = np.flatnonzero((weak.picture == weak.picture[copy]) & ~weak.is_near)
    image = weak.image.astype(float)
    assert image[copy] @ image[original] > 0.9
    np.testing.assert_allclose(np.linalg.norm(image, axis=1), 1.0, atol=1e-2)


def test_shards_hold_what_a_scan_would_have_stored() -> None:
    planted = plant(POOL, Recipe(size=600 - 250, near=0.05), random.Random(4))
    shards = to_shards(planted, with_words=True)
    assert sum(shard.samples(["id"]).num_rows for shard in shards) == 350
    table = shards[0].measurements("image_text", ["similarity", "embedding.image"])
    assert table is not None
    assert table.num_rows == shards[0].samples().num_rows
    np.testing.assert_allclose(table["similarity"].to_numpy()[:5], planted.cosine[:5], atol=1e-6)
    plain = shards[0].measurements("image_text")
    assert plain is not None
    assert not any(name.startswith("embedding.") for name in plain.column_names)
    assert shards[0].measurements("transcript") is None
    assert isinstance(shards[0], MemoryShard)


def test_the_products_own_analysis_and_rule_judge_the_set() -> None:
    planted = plant(POOL, Recipe(size=150, shuffled=0.2), random.Random(7))
    judged = run_analyses(to_shards(planted), ("alignment",))
    posterior = judged.values["alignment.image_posterior"]
    taken = np.array([action == "quarantine" for action in judged.actions])
    assert len(taken) == 150
    assert np.isfinite(posterior).all()
    np.testing.assert_array_equal(taken, posterior > 0.5)
    assert taken[planted.fault == "shuffled"].mean() > 0.8 > 0.2 > taken[planted.fault == ""].mean()
    assert "image" in judged.summaries["alignment"]


def test_the_share_of_fitting_pictures_knows_vague_from_specific() -> None:
    planted = plant(POOL, Recipe(size=100, vague=0.2), random.Random(8))
    share = vague.share_fitting(planted, random.Random(0))
    assert (share[planted.fault == "vague"] == 1.0).all()
    assert share[planted.fault == ""].max() < 0.2


def judge(planted: Planted, move: object, found: Proposed, monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    monkeypatch.setattr(moves, "propose", lambda _: found)
    return moves._judge(planted, move)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", [name for name in moves.MOVES if "outside" not in name and name != "nothing"])
def test_perfect_proposals_are_counted_as_such(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    planted = plant(POOL, Recipe(size=120), random.Random(9))
    move = moves.MOVES[name](planted, random.Random(9))
    owner = {int(caption): row for row, caption in enumerate(planted.caption)}
    perfect = [(int(row), owner[int(planted.picture[row])]) for row in move.rows]
    outcome = judge(planted, move, Proposed(perfect, list(move.blocks[:1])), monkeypatch)
    counts = outcome["counts"]
    assert isinstance(counts, Counts)
    assert len(move.rows) > 4
    assert (counts.precision, counts.recall) == (1.0, 1.0)
    assert outcome["block_error"] == (0 if move.blocks else None)
    assert outcome["false_blocks"] == 0


def test_wrong_and_needless_proposals_are_counted_against_it(monkeypatch: pytest.MonkeyPatch) -> None:
    planted = plant(POOL, Recipe(size=120), random.Random(9))
    move = moves.MOVES["nothing"](planted, random.Random(9))
    outcome = judge(planted, move, Proposed([(0, 1), (5, 5)], [(10, 20)]), monkeypatch)
    counts = outcome["counts"]
    assert isinstance(counts, Counts)
    assert counts.false_alarms == 2
    assert counts.hits == 0
    assert outcome["false_blocks"] == 1


def test_captions_from_outside_belong_to_no_picture_of_the_set() -> None:
    planted = plant(POOL, Recipe(size=120), random.Random(9))
    before = planted.caption.copy()
    moves.MOVES["5 % from outside"](planted, random.Random(9))
    changed = planted.caption != before
    assert changed.sum() == 6
    assert not set(planted.caption[changed]) & set(planted.picture)
