from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from scripts.benchmarks.quality_parts import pairs
from scripts.synthetic.captions import Claim, holds


class Encoder:
    """Counts what it is asked for; embeddings are the texts' lengths."""

    def __init__(self) -> None:
        self.num_pictures = 0

    def images(self, pictures: list[Any]) -> np.ndarray:
        self.num_pictures += len(pictures)
        return np.array([[np.asarray(picture).mean(), 1.0] for picture in pictures], dtype=np.float16)

    def texts(self, captions: list[str]) -> np.ndarray:
        return np.array([[len(caption), 1.0] for caption in captions], dtype=np.float16)


@pytest.fixture
def encoder(monkeypatch: pytest.MonkeyPatch) -> Encoder:
    fake = Encoder()
    monkeypatch.setattr(pairs, "encoder", lambda: fake)
    monkeypatch.setattr(pairs, "weights_digest", lambda: "0" * 64)
    monkeypatch.setattr(pairs, "BLOCK", 4)
    return fake


@pytest.mark.parametrize("index", range(0, 400, 7))
def test_captions_are_true_or_false_as_they_claim(index: int) -> None:
    told = pairs.tell(1, index)
    assert holds(told.specific, told.scene)
    assert holds(told.mixed, told.scene)
    assert told.mixed != Claim()
    assert not holds(told.wrong, told.scene)
    assert len(told.captions) == len(pairs.TEXTS)


def test_equal_seeds_tell_equal_scenes_and_other_seeds_others() -> None:
    first = pairs.tell(3, 5)
    pairs.tell.cache_clear()
    assert pairs.tell(3, 5) == first
    assert pairs.tell(4, 5) != first


def test_a_near_duplicate_is_like_its_picture_and_not_equal() -> None:
    told = pairs.tell(1, 2)
    picture, near = (np.asarray(image, dtype=float) for image in pairs.draw(told, 1, 2))
    other = np.asarray(pairs.draw(pairs.tell(1, 3), 1, 3)[0], dtype=float)
    assert picture.shape == near.shape == (192, 192, 3)
    assert 0 < np.abs(picture - near).mean() < np.abs(picture - other).mean()


def test_a_pool_goes_on_where_it_stopped(tmp_path: Path, encoder: Encoder) -> None:
    small = pairs.load_pool(tmp_path, seed=1, size=6)
    drawn = encoder.num_pictures
    assert drawn == 2 * 8  # two blocks of four, each picture with its near-duplicate
    large = pairs.load_pool(tmp_path, seed=1, size=10)
    assert encoder.num_pictures == drawn + 2 * 4
    assert len(small) == 6
    assert len(large) == 10
    np.testing.assert_array_equal(small.image, large.image[:6])
    for place, name in enumerate(pairs.TEXTS):
        assert [len(told.captions[place]) for told in large.told] == large.texts[name][:, 0].tolist()


def test_a_block_that_fails_leaves_no_half_block(tmp_path: Path, encoder: Encoder) -> None:
    encoder.texts = lambda captions: 1 / 0  # type: ignore[method-assign]
    with pytest.raises(ZeroDivisionError):
        pairs.load_pool(tmp_path, seed=1, size=4)
    assert not list(tmp_path.rglob("*.npz"))


def test_a_written_pool_can_be_read_without_the_bench(tmp_path: Path, encoder: Encoder) -> None:
    pool = pairs.load_pool(tmp_path, seed=2, size=4)
    pairs.write_pool(pool, tmp_path / "pool")
    with np.load(tmp_path / "pool.npz") as stored:
        assert stored["image"].shape == (4, 2)
    lines = (tmp_path / "pool.jsonl").read_text().splitlines()
    assert len(lines) == 4
    assert '"wrong_attribute"' in lines[0]
