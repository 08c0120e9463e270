"""Wrong words planted in a small world of colours, things and places are found, named and marked."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pytest

from mmcheck.config.analyses import CaptionWordsConfig
from mmcheck.corpus.caption_words.analysis import CaptionWords

COLOURS = ("red", "blue", "green", "white", "black", "orange")
THINGS = ("ball", "car", "cat", "house", "kite", "boat")
PLACES = ("on the grass", "in the snow", "on a table", "by the sea")
WIDTH, ROWS, WRONG = 48, 360, 24


class Shard:
    """Samples, embeddings and posteriors in memory."""

    def __init__(self, captions: Sequence[str | None], images: np.ndarray, texts: np.ndarray, posterior: np.ndarray):
        ids = [f"row-{row}" for row in range(len(captions))]
        self._samples = pa.table({"id": ids, "caption": pa.array(captions, pa.string())})
        status = ["measured" if caption else "not_applicable" for caption in captions]
        vectors = {
            f"embedding.{name}": pa.FixedSizeListArray.from_arrays(pa.array(block.ravel()), block.shape[1])
            for name, block in (("image", images.astype(np.float16)), ("text", texts.astype(np.float16)))
        }
        self._tables = {
            "image_text": pa.table({"sample_id": ids, "status": status, **vectors}),
            "alignment": pa.table({"sample_id": ids, "image_posterior": posterior}),
        }

    def samples(self, columns: Sequence[str] | None = None) -> pa.Table:
        return self._samples if columns is None else self._samples.select(list(columns))

    def measurements(self, probe: str, columns: Sequence[str] | None = None) -> pa.Table | None:
        table = self._tables.get(probe)
        if table is None or columns is None:
            return table
        return table.select([name for name in columns if name in table.column_names])


def world(*, seed: int = 0, noise: float = 0.12, wrong: int = WRONG, rows: int = ROWS) -> tuple[Shard, dict[int, str]]:
    """Return a set, and the wrong word of each row that has one; rows 0 to ``wrong`` have a wrong colour or thing."""
    rng = np.random.default_rng(seed)
    means = {word: rng.standard_normal(WIDTH) for word in (*COLOURS, *THINGS, *PLACES)}
    base = {name: 2 * rng.standard_normal(WIDTH) for name in ("image", "text")}
    captions, images, texts, faults = [], [], [], {}
    for row in range(rows):
        shown = [str(rng.choice(words)) for words in (COLOURS, THINGS, PLACES)]
        told = list(shown)
        if row < wrong:
            place = row % 2
            told[place] = str(rng.choice([word for word in (COLOURS, THINGS)[place] if word != shown[place]]))
            faults[row] = told[place]
        start = str(rng.choice(("A", "a photo of a", "there is a")))
        captions.append(f"{start} {' '.join(told)}.")
        for name, words, found in (("image", shown, images), ("text", told, texts)):
            vector = base[name] + sum(means[word] for word in words)
            found.append(vector + noise * np.sqrt(WIDTH) * rng.standard_normal(WIDTH) / 2)
    blocks = [np.array(block) / np.linalg.norm(block, axis=1, keepdims=True) for block in (images, texts)]
    return Shard(captions, *blocks, np.full(rows, 0.001)), faults


def analyse(*shards: Shard, **options: int) -> tuple[pa.Table, dict]:
    analysis = CaptionWords(CaptionWordsConfig(**options), 0)
    table = pa.concat_tables(analysis.analyse(shards))
    return table, analysis.summary()


@pytest.fixture(scope="module")
def found() -> tuple[Shard, pa.Table, dict, dict[int, str]]:
    shard, faults = world()
    return shard, *analyse(shard), faults


def test_wrong_words_stand_out(found: tuple[Shard, pa.Table, dict, dict[int, str]]) -> None:
    _, table, summary, faults = found
    chance = table["wrong_word"].to_numpy()
    assert summary["state"] == "judged"
    assert (chance[: len(faults)] > 0.9).mean() >= 0.85
    assert (chance[len(faults) :] > 0.9).mean() <= 0.02


def test_the_wrong_word_is_named_and_what_fits_better(found: tuple[Shard, pa.Table, dict, dict[int, str]]) -> None:
    _, table, _, faults = found
    named = table["word"].to_pylist()
    hits = [row for row in faults if named[row] == faults[row]]
    assert len(hits) >= 0.9 * len(faults)
    for row in hits:
        kind = COLOURS if faults[row] in COLOURS else THINGS
        assert table["other"][row].as_py() in (*kind, None)


def test_evidence_marks_the_word_where_it_stands(found: tuple[Shard, pa.Table, dict, dict[int, str]]) -> None:
    shard, table, _, faults = found
    captions = shard.samples()["caption"].to_pylist()
    marked = 0
    for row, wrong in faults.items():
        marks = json.loads(table["evidence"][row].as_py() or '{"words": []}')["words"]
        words = {captions[row][start:stop].lower(): chance for start, stop, chance in marks}
        marked += bool(words) and max(words, key=lambda word: words[word]) == wrong
    assert marked >= 0.9 * len(faults)


def test_the_order_of_rows_and_shards_changes_no_value(found: tuple[Shard, pa.Table, dict, dict[int, str]]) -> None:
    shard, table, _, _ = found
    order = np.random.default_rng(3).permutation(ROWS)
    parts = []
    for rows in (order[:100], order[100:]):
        stored = shard.measurements("image_text")
        vectors = [np.stack(stored.take(pa.array(rows))[f"embedding.{name}"].to_pylist()) for name in ("image", "text")]
        captions = [shard.samples()["caption"][int(row)].as_py() for row in rows]
        parts.append(Shard(captions, *vectors, np.full(len(rows), 0.001)))
    other, _ = analyse(*parts)
    np.testing.assert_allclose(other["score"].to_numpy(), table["score"].to_numpy()[order], rtol=1e-6, atol=1e-8)
    assert other["word"].to_pylist() == [table["word"][int(row)].as_py() for row in order]


def test_a_sound_set_is_left_alone() -> None:
    shard, _ = world(seed=1, wrong=0)
    table, _ = analyse(shard)
    assert (table["wrong_word"].to_numpy() > 0.9).sum() <= 1


def test_few_pairs_are_not_judged_and_the_reason_is_told() -> None:
    shard, _ = world(rows=60, wrong=3)
    table, summary = analyse(shard)
    assert summary["state"] == "too_few_pairs"
    assert table["wrong_word"].null_count == 60
    assert table["known_words"].null_count == 0
    assert summary["reason"] == "there are only 60 image-caption pairs to learn words from; 200 are needed"


def test_mismatched_pairs_are_not_learned_from() -> None:
    shard, _ = world(rows=230, wrong=0)
    posterior = np.where(np.arange(230) < 40, 0.99, 0.01)
    shard._tables["alignment"] = pa.table({"image_posterior": posterior})
    _, summary = analyse(shard)
    assert summary["state"] == "too_few_pairs"


def test_embeddings_that_know_no_words_are_told() -> None:
    shard, _ = world()
    rng = np.random.default_rng(5)
    captions = shard.samples()["caption"].to_pylist()
    noise = [rng.standard_normal((ROWS, WIDTH)) for _ in range(2)]
    table, summary = analyse(Shard(captions, *noise, np.full(ROWS, 0.001)))
    assert summary["state"] == "words_not_seen"
    assert table["wrong_word"].null_count == ROWS


def test_rows_without_a_caption_or_a_common_word_have_no_value() -> None:
    shard, _ = world()
    captions = shard.samples()["caption"].to_pylist()
    captions[-1], captions[-2] = None, "Zebra!"
    stored = shard.measurements("image_text")
    vectors = [np.stack(stored[f"embedding.{name}"].to_pylist()) for name in ("image", "text")]
    table, _ = analyse(Shard(captions, *vectors, np.full(ROWS, 0.001)))
    assert table["wrong_word"][-1].as_py() is None
    assert table["wrong_word"][-2].as_py() is None
    assert table["known_words"][-2].as_py() == 0


def test_pairs_that_are_mismatched_as_a_whole_have_no_wrong_word() -> None:
    shard, faults = world()
    posterior = np.where(np.arange(ROWS) < 2, 0.9, 0.01)
    shard._tables["alignment"] = pa.table({"image_posterior": posterior})
    table, summary = analyse(shard)
    assert table["wrong_word"].to_pylist()[:2] == [None, None]
    assert table["word"].to_pylist()[:2] == [None, None]
    assert table["score"].null_count == 0
    assert summary["compared"] == ROWS - 2
    assert table["word"][2].as_py() == faults[2]
