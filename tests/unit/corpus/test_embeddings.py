from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmcheck.corpus.base import analysis_table
from mmcheck.corpus.embeddings import gather_bank, half_keys, pair_keys, read_embeddings, vector_keys


@dataclass
class FakeShard:
    """Embeddings of one shard in memory; None where a row has none."""

    image: list
    text: list
    status: list | None = None

    def samples(self, columns=None):
        return pa.table({"id": [str(n) for n in range(len(self.image))]})

    def measurements(self, probe, columns=None):
        size = next((len(v) for v in self.image if v is not None), 2)
        table = pa.table(
            {
                "status": self.status or ["measured"] * len(self.image),
                "embedding.image": pa.array(self.image, pa.list_(pa.float16(), size)),
                "embedding.text": pa.array(self.text, pa.list_(pa.float16(), size)),
            }
        )
        return table.select([name for name in columns if name in table.column_names])


def vectors(count, seed=0, size=4):
    return np.random.default_rng(seed).normal(size=(count, size)).astype(np.float16)


def shards_of(images, texts, size):
    return [
        FakeShard(list(images[start : start + size]), list(texts[start : start + size]))
        for start in range(0, len(images), size)
    ]


def test_absent_broken_and_zero_rows_are_left_out():
    good = np.array([3, 4], dtype=np.float16)
    bad = np.array([np.nan, 1], dtype=np.float16)
    zero = np.zeros(2, dtype=np.float16)
    shard = FakeShard([good, None, bad, zero, good], [good, good, good, good, None])
    present, found = read_embeddings(shard, "image_text", ["image", "text"])
    assert present.tolist() == [True, False, False, False, False]
    assert found["image"].tolist() == [pytest.approx([0.6, 0.8])]
    present, _ = read_embeddings(FakeShard([good], [good], ["failed"]), "image_text", ["image"])
    assert present.tolist() == [False]


def test_a_probe_that_kept_none():
    class Bare(FakeShard):
        def measurements(self, probe, columns=None):
            return None if probe == "other" else pa.table({"status": ["measured"] * 3})

    for probe in ("other", "image_text"):
        present, found = read_embeddings(Bare([1] * 3, [1] * 3), probe, ["image"])
        assert not present.any()
        assert found["image"].shape == (0, 0)
    assert len(gather_bank([], "image_text", ["image"], size=8, seed=0)) == 0


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 60), st.integers(1, 20), st.integers(1, 70), st.randoms(use_true_random=False))
def test_the_bank_depends_on_content_alone(count, shard_size, size, random):
    images, texts = vectors(count), vectors(count, 1)
    bank = gather_bank(shards_of(images, texts, shard_size), "p", ["image", "text"], size=size, seed=3)
    order = list(range(count)) + [random.randrange(count) for _ in range(10)]  # some twice
    random.shuffle(order)
    again = gather_bank(shards_of(images[order], texts[order], 7), "p", ["image", "text"], size=size, seed=3)
    assert len(bank) == min(size, count)
    assert again.keys.tolist() == bank.keys.tolist()
    assert np.array_equal(again.vectors["image"], bank.vectors["image"])
    assert np.array_equal(again.vectors["text"], bank.vectors["text"])
    assert (bank.num_rows, again.num_rows) == (count, count + 10)
    # Rows name the first of equal ones.
    assert [order[row] for row in again.rows.tolist()] == bank.rows.tolist()
    assert all(order.index(order[row]) == row for row in again.rows.tolist())


@dataclass
class ReadShard(FakeShard):
    """The same, of files whose bytes were read, with their captions."""

    names: list = field(default_factory=list)

    def samples(self, columns=None):
        return pa.table({"id": self.names, "caption": [f"caption of {name}" for name in self.names]})

    def measurements(self, probe, columns=None):
        if probe != "media":
            return super().measurements(probe, columns)
        digests = [sha256(name.encode()).digest() for name in self.names]
        return pa.table({"image_sha256": pa.array(digests, pa.binary(32))})


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 40), st.integers(1, 50), st.randoms(use_true_random=False))
def test_what_a_model_computes_in_the_last_bits_chooses_no_other_pairs(count, size, random):
    images, texts, names = vectors(count), vectors(count, 1), [f"{n}.jpg" for n in range(count)]
    bank = gather_bank(
        [ReadShard(list(images), list(texts), names=names)], "image_text", ["image", "text"], size=size, seed=3
    )
    order = random.sample(range(count), count)
    noisy = images * (1 + vectors(count, 7) * np.float16(1e-3))
    cut = random.randint(0, count)
    shards = [
        ReadShard([noisy[n] for n in part], [texts[n] for n in part], names=[names[n] for n in part])
        for part in (order[:cut], order[cut:])
        if part
    ]
    again = gather_bank(shards, "image_text", ["image", "text"], size=size, seed=3)
    assert [order[row] for row in again.rows.tolist()] == bank.rows.tolist()
    assert again.keys.tolist() == bank.keys.tolist()
    for name, keys in bank.halves.items():
        assert again.halves[name].tolist() == keys.tolist()
        assert len(np.unique(keys)) == len(bank)
    assert not np.intersect1d(bank.halves["image"], bank.halves["text"]).size


def test_equal_files_and_captions_have_equal_keys_whatever_stands_beside_them():
    shard = ReadShard(list(vectors(3)), list(vectors(3, 1)), names=["a", "b", "a"])
    present, found = read_embeddings(shard, "image_text", ["image", "text"])
    halves = half_keys(shard, "image_text", present, found, 0)
    assert halves["image"][0] == halves["image"][2] != halves["image"][1]
    assert halves["text"][0] == halves["text"][2] != halves["text"][1]
    assert pair_keys(halves, ["image", "text"])[0] == pair_keys(halves, ["image", "text"])[2]
    assert not np.intersect1d(pair_keys(halves, ["image", "text"]), pair_keys(halves, ["text", "image"])).size
    assert not np.intersect1d(halves["image"], half_keys(shard, "image_text", present, found, 1)["image"]).size


def test_keyed_by_one_half_holds_each_of_it_once():
    texts = np.repeat(vectors(2), 3, axis=0)
    bank = gather_bank(shards_of(vectors(6, 5), texts, 4), "p", ["image", "text"], size=9, seed=0, keyed_by=["text"])
    assert sorted(bank.rows.tolist()) == [0, 3]


def test_keys_are_spread_and_depend_on_the_seed():
    keys = vector_keys(0, vectors(4000))
    assert len(np.unique(keys)) == 4000
    share = keys.astype(np.float64) / 2.0**64
    assert abs(share.mean() - 0.5) < 0.02
    assert not np.intersect1d(keys, vector_keys(1, vectors(4000))).size
    # The two halves are no bag: swapping them is another pair.
    one, two = vectors(5), vectors(5, 1)
    assert not np.intersect1d(vector_keys(0, one, two), vector_keys(0, two, one)).size


def test_analysis_table_tells_absent_from_measured():
    table = analysis_table(
        pa.array(["a", "b", "c"]),
        {"x": np.array([1.0, np.nan, np.inf]), "y": np.array([np.nan, np.nan, 2.0])},
        reasons="no pair",
        causes=[None, "no_pair", "no_pair"],
    )
    assert table["status"].to_pylist() == ["measured", "not_applicable", "measured"]
    assert table["x"].to_pylist() == [1.0, None, None]
    assert table["reason"].to_pylist() == [None, "no pair", None]
    assert table["cause"].to_pylist() == [None, "no_pair", None]
