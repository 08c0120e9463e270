from __future__ import annotations

import json
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmcheck.config.analyses import AlignmentConfig
from mmcheck.corpus.alignment.analysis import Alignment

DIM = 24


@dataclass
class FakeShard:
    """Stored tables in memory; ``tables`` maps a probe to its columns."""

    ids: list[str]
    tables: dict[str, dict] = field(default_factory=dict)
    language: list | None = None
    rows: list | None = None
    transcripts: list | None = None
    manifests: list | None = None

    def samples(self, columns=None):
        count = len(self.ids)
        table = pa.table(
            {
                "id": pa.array(self.ids, pa.string()),
                "language": pa.array(self.language or [None] * count, pa.string()),
                "row": pa.array(self.rows or ["{}"] * count, pa.string()),
                "manifest": pa.array(self.manifests or ["rows.jsonl"] * count, pa.string()),
                "caption": pa.array(["a caption"] * count, pa.string()),
                "transcript": pa.array(self.transcripts or [None] * count, pa.string()),
            }
        )
        return table if columns is None else table.select(columns)

    def measurements(self, probe, columns=None):
        if probe not in self.tables:
            return None
        table = pa.table(self.tables[probe])
        return table if columns is None else table.select([name for name in columns if name in table.column_names])


def unit(vectors):
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def make_pairs(count, seed=0, noise=0.3, vague=0):
    """Return images and texts of scenes; the last ``vague`` texts say nothing."""
    rng = np.random.default_rng(seed)
    meaning = rng.normal(size=(count, DIM))
    # What all images have in common, and all that a vague text has.
    meaning[:, 0] = 2.5
    texts = meaning + noise * rng.normal(size=meaning.shape)
    if vague:
        texts[-vague:, 1:] = 0.02 * rng.normal(size=(vague, DIM - 1))
    return unit(meaning + noise * rng.normal(size=meaning.shape)), unit(texts)


def shuffle(texts, share, seed=1):
    rng = np.random.default_rng(seed)
    moved = rng.permutation(len(texts))[: round(share * len(texts))]
    texts = texts.copy()
    texts[moved] = texts[np.roll(moved, 1)]
    return texts, np.isin(np.arange(len(texts)), moved)


def stored(vectors):
    return pa.FixedSizeListArray.from_arrays(pa.array(vectors.astype(np.float16).reshape(-1)), vectors.shape[1])


def image_shards(images, texts, size=97, unknown=None, language=None, rows=None, manifests=None):
    shards = []
    for start in range(0, len(images), size):
        part = slice(start, start + size)
        table = {
            "status": ["measured"] * len(images[part]),
            "embedding.image": stored(images[part]),
            "embedding.text": stored(texts[part]),
        }
        if unknown is not None:
            table["unknown_token_ratio"] = pa.array(unknown[part], pa.float64())
        shards.append(
            FakeShard(
                [f"s{n}" for n in range(start, start + len(images[part]))],
                {"image_text": table},
                language=None if language is None else list(language[part]),
                rows=None if rows is None else list(rows[part]),
                manifests=None if manifests is None else list(manifests[part]),
            )
        )
    return shards


def analyse(shards, seed=0, **options):
    """Return the values as arrays by column, and the summary."""
    analysis = Alignment(AlignmentConfig(**options), seed)
    tables = list(analysis.analyse(shards))
    assert [table.num_rows for table in tables] == [len(shard.ids) for shard in shards]
    summary = json.loads(json.dumps(analysis.summary(), allow_nan=False))
    if not tables:
        return {}, summary
    joined = pa.concat_tables(tables)
    assert joined["sample_id"].to_pylist() == [name for shard in shards for name in shard.ids]
    columns = {name: joined[name].to_pylist() for name in ("status", "reason", "cause")}
    for name in ("posterior", "score", "p_value"):
        if f"image_{name}" in joined.column_names:
            columns[name] = joined[f"image_{name}"].to_numpy(zero_copy_only=False).astype(float)
    return columns, summary


@pytest.mark.parametrize("score", ["csls", "s_clip_loss", "cosine"])
@pytest.mark.parametrize("share", [0.0, 0.1, 0.4])
def test_shuffled_pairs_are_taken_and_true_ones_are_not(score, share):
    images, texts = make_pairs(800)
    texts, is_wrong = shuffle(texts, share)
    values, summary = analyse(image_shards(images, texts), score=score)
    taken = values["posterior"] > 0.5
    assert taken[is_wrong].sum() >= 0.95 * is_wrong.sum()
    assert taken[~is_wrong].mean() <= 0.01
    found = summary["image"]
    assert found["state"] == "judged"
    assert found["share"] == pytest.approx(share, abs=0.02)
    assert found["share_low"] <= share <= found["share_high"]
    assert set(values["status"]) == {"measured"}


def test_the_posterior_falls_with_the_score_and_the_p_value_is_the_tail_of_the_null():
    images, texts = make_pairs(400, noise=0.8)
    values, _ = analyse(image_shards(images, shuffle(texts, 0.3)[0]))
    order = np.argsort(values["score"])
    assert (np.diff(values["posterior"][order]) <= 1e-6).all()
    assert (np.diff(values["p_value"][order]) <= 1e-6).all()
    assert values["p_value"].min() > 0
    assert values["p_value"].max() <= 1


@settings(max_examples=3, deadline=None)
@given(seed=st.integers(0, 1000), share=st.sampled_from([0.0, 0.1, 0.5]), size=st.integers(20, 300))
def test_neither_order_nor_shards_nor_copies_change_a_verdict(seed, share, size):
    images, texts = make_pairs(150, seed=seed, noise=0.6)
    texts, _ = shuffle(texts, share, seed)
    plain, _ = analyse(image_shards(images, texts))
    order = np.random.default_rng(seed).permutation(150)
    mixed, _ = analyse(image_shards(images[order], texts[order], size=size))
    np.testing.assert_allclose(mixed["posterior"], plain["posterior"][order], atol=1e-3)
    copies = np.concatenate([np.arange(150), order[:60], order[:20]])
    copied, _ = analyse(image_shards(images[copies], texts[copies], size=size))
    np.testing.assert_allclose(copied["posterior"], plain["posterior"][copies], atol=1e-3)


def test_equal_input_gives_equal_values():
    images, texts = make_pairs(200)
    first, second = (analyse(image_shards(images, texts)) for _ in range(2))
    np.testing.assert_array_equal(first[0]["posterior"], second[0]["posterior"])
    assert first[1] == second[1]


def test_near_copies_count_once_in_the_share():
    images, texts = make_pairs(300, seed=3)
    texts, is_wrong = shuffle(texts, 0.2)
    rng = np.random.default_rng(0)
    right = np.flatnonzero(~is_wrong)[:100]
    near = np.concatenate([np.arange(300), *[right] * 6])
    noise = 0.005 * rng.normal(size=(2, len(near), DIM))
    values, summary = analyse(image_shards(unit(images[near] + noise[0]), unit(texts[near] + noise[1])))
    assert summary["image"]["num_pairs"] == 900
    # Six near-copies of each of 100 right pairs would else bring the share down to 7 %.
    assert summary["image"]["share"] == pytest.approx(0.2, abs=0.03)
    assert (values["posterior"][:300][is_wrong] > 0.5).mean() > 0.95


@pytest.mark.parametrize("score", ["csls", "s_clip_loss"])
def test_random_pairs_score_like_the_null_where_captions_come_in_near_copies(score):
    p_values = []
    for seed in range(3):
        rng = np.random.default_rng(seed)
        kind = rng.integers(0, 100, 1000)
        scenes = rng.normal(size=(100, DIM))
        scenes[:, 0] = 2.5
        images = unit(scenes[kind] + 0.6 * rng.normal(size=(1000, DIM)))
        texts = unit(unit(scenes + 0.3 * rng.normal(size=scenes.shape))[kind] + 0.01 * rng.normal(size=(1000, DIM)))
        moved, is_wrong = shuffle(texts, 0.3, seed)
        is_wrong &= np.einsum("ij,ij->i", moved, texts) < 0.95
        values, _ = analyse(image_shards(images, moved), score=score)
        p_values.append(values["p_value"][is_wrong])
    # The null must not be held against fewer copies of its own text than the set's rows are.
    assert np.concatenate(p_values).mean() == pytest.approx(0.5, abs=0.05)


def test_captions_that_say_nothing_are_not_called_wrong():
    images, texts = make_pairs(600, vague=200)
    texts[:400], is_wrong = shuffle(texts[:400], 0.6)
    values, summary = analyse(image_shards(images, texts))
    assert summary["image"]["num_uninformative"] == pytest.approx(200, abs=5)
    assert summary["image"]["share"] == pytest.approx(0.6, abs=0.03)
    assert (values["posterior"][:400][is_wrong] > 0.5).mean() > 0.95
    assert not (values["posterior"][400:] > 0.5).any()
    assert values["cause"][400:].count("unverifiable_caption") >= 195
    assert any("fit most images" in sentence for sentence in summary["sentences"])


def test_captions_that_say_nothing_keep_the_share_as_posterior():
    images, texts = make_pairs(600, vague=200)
    texts[:400], _ = shuffle(texts[:400], 0.1)
    values, summary = analyse(image_shards(images, texts))
    silent = values["posterior"][400:]
    assert np.median(silent) == pytest.approx(summary["image"]["share"], abs=1e-4)
    assert np.median(values["p_value"][400:]) == pytest.approx(0.5, abs=0.15)


def test_unknown_words_are_unverifiable_not_wrong():
    images, texts = make_pairs(200)
    unknown = np.where(np.arange(200) < 20, 0.9, 0.1)
    values, summary = analyse(image_shards(images, texts, unknown=unknown))
    assert values["cause"][:20] == ["unverifiable_caption"] * 20
    assert values["cause"][20:] == [None] * 180
    assert summary["image"]["num_unverifiable"] == 20
    values, _ = analyse(image_shards(images, texts, unknown=unknown), max_unknown_tokens=1.0)
    assert set(values["cause"]) == {None}


def test_a_model_that_knows_hardly_a_word_cannot_tell():
    images, texts = make_pairs(200)
    values, summary = analyse(image_shards(images, texts, unknown=np.where(np.arange(200) < 180, 1.0, 0.0)))
    assert set(values["cause"]) == {"model_cannot_tell"}
    assert "180 of 200 captions" in summary["image"]["reason"]


@pytest.mark.parametrize("count", [60, 150, 1000])
def test_a_model_that_knows_nothing_cannot_tell(count):
    images, _ = make_pairs(count, seed=1)
    _, texts = make_pairs(count, seed=2)
    values, summary = analyse(image_shards(images, texts))
    assert summary["image"]["state"] == "model_cannot_tell"
    assert summary["sentences"][0].startswith("This model cannot judge this data")
    assert "another model" in summary["sentences"][0]
    assert set(values["cause"]) == {"model_cannot_tell"}
    assert not np.isfinite(values["posterior"]).any()


@pytest.mark.parametrize("shift", [1, 7])
def test_a_shifted_column_is_said_to_be_one(shift):
    images, texts = make_pairs(500)
    values, summary = analyse(image_shards(images, np.roll(texts, shift, axis=0)))
    assert summary["image"]["state"] == "misaligned_throughout"
    assert "mmcheck repair" in summary["sentences"][0]
    assert set(values["cause"]) == {"misaligned_throughout"}


def test_few_pairs_are_not_judged_however_often_they_occur():
    images, texts = make_pairs(30)
    twice = np.tile(np.arange(30), 5)
    values, summary = analyse(image_shards(images[twice], texts[twice]))
    assert summary["image"]["state"] == "too_few_pairs"
    assert "30 distinct" in summary["image"]["reason"]
    assert set(values["status"]) == {"not_applicable"}


def test_equal_captions_and_constant_embeddings_have_states_of_their_own():
    images, texts = make_pairs(100)
    _, summary = analyse(image_shards(images, np.repeat(texts[:1], 100, axis=0)))
    assert summary["image"]["state"] == "captions_all_alike"
    _, summary = analyse(image_shards(np.repeat(images[:1], 100, axis=0), texts))
    assert summary["image"]["state"] == "constant_embeddings"


def test_slices_are_judged_on_their_own_where_they_are_large():
    images, texts = make_pairs(1000)
    texts[:400] = np.roll(texts[:400], 3, axis=0)
    language = np.array(["de"] * 400 + ["en"] * 400 + ["fr"] * 200)
    values, summary = analyse(image_shards(images, texts, language=language), min_slice=300)
    assert summary["image"]["state"] == "judged"
    slices = summary["image"]["slices"]
    assert slices["language=de"]["state"] == "misaligned_throughout"
    assert slices["language=en"]["state"] == slices["rest"]["state"] == "judged"
    assert summary["image"]["share"] < 0.02
    assert "in 2 of 3 slices" in summary["sentences"][0]
    assert summary["image"]["num_pairs_in_share"] == pytest.approx(600, abs=5)
    assert any("language=de" in sentence for sentence in summary["sentences"][1:])
    assert set(values["cause"][:400]) == {"misaligned_throughout"}
    assert set(values["cause"][400:]) == {None}
    assert np.isfinite(values["posterior"][800:]).all()


def test_slices_may_be_keys_of_the_manifest():
    images, texts = make_pairs(700)
    rows = [json.dumps({"source": "album" if n < 350 else "crawl", "n": n}) for n in range(700)]
    _, summary = analyse(image_shards(images, texts, rows=rows), slice_by=("source",), min_slice=300)
    assert set(summary["image"]["slices"]) == {"source=album", "source=crawl"}
    _, summary = analyse(image_shards(images, texts, rows=rows), slice_by=("n",), min_slice=300)
    assert summary["image"]["slices"] == {}
    assert summary["image"]["state"] == "judged"


def test_slices_may_be_manifests():
    images, texts = make_pairs(700)
    manifests = [f"/data/a/long/way/down/to/the/place/of/all/manifests/{'ab'[n % 2]}.jsonl" for n in range(700)]
    _, summary = analyse(image_shards(images, texts, manifests=manifests), slice_by=("manifest",), min_slice=300)
    assert len(summary["image"]["slices"]) == 2
    assert all(name.endswith(("/a.jsonl", "/b.jsonl")) for name in summary["image"]["slices"])


def test_the_summary_has_bins_for_a_plot():
    images, texts = make_pairs(300)
    _, summary = analyse(image_shards(images, texts))
    bins = summary["image"]["bins"]
    assert len(bins["edges"]) == len(bins["pairs"]) + 1 == len(bins["null"]) + 1 == len(bins["posterior"]) + 1
    assert sum(bins["pairs"]) == pytest.approx(300, abs=0.1)
    assert sum(bins["null"]) == pytest.approx(300, abs=0.1)


def test_a_run_without_pairs_has_nothing_to_say():
    values, summary = analyse([FakeShard(["a", "b"])])
    assert values["status"] == ["not_applicable"] * 2
    assert values["cause"] == [None, None]
    assert summary == {"sentences": []}
    assert analyse([]) == ({}, {"sentences": []})


def test_rows_without_embeddings_stand_between_those_with():
    images, texts = make_pairs(120)
    shards = [FakeShard(["x"]), *image_shards(images, texts, size=50), FakeShard(["y"])]
    values, _ = analyse(shards)
    assert np.isfinite(values["posterior"]).tolist() == [False, *[True] * 120, False]


def test_options_and_seed_change_the_fingerprint():
    plain = Alignment(AlignmentConfig(), 0).fingerprint()
    assert Alignment(AlignmentConfig(), 0).fingerprint() == plain
    assert Alignment(AlignmentConfig(), 1).fingerprint() != plain
    assert Alignment(AlignmentConfig(neighbours=5), 0).fingerprint() != plain


def test_a_handful_without_a_slice_is_judged_with_the_largest():
    images, texts = make_pairs(500)
    language = np.array(["en"] * 470 + ["de"] * 20 + [None] * 10, dtype=object)
    values, summary = analyse(image_shards(images, texts, language=language), min_slice=300)
    assert summary["image"]["state"] == "judged"
    assert np.isfinite(np.array(values["posterior"], dtype=float)).all()


def test_a_sample_with_two_pairs_has_values_of_each():
    images, texts = make_pairs(200)
    texts, is_wrong = shuffle(texts, 0.1)
    shards = image_shards(images, texts)
    rng = np.random.default_rng(0)
    for number, shard in enumerate(shards):
        count = len(shard.ids)
        few = count if number == 0 else 0
        shard.transcripts = [f"sentence {number} {row}" for row in range(count)]
        own = pa.array([-0.5 + 0.1 * rng.normal() if row < 40 and few else None for row in range(count)], pa.float64())
        shard.tables["transcript"] = {"status": ["measured"] * count, "mean_log_prob": own}
        shard.tables["transcript_null"] = {"status": ["measured"] * count, "evidence": pa.nulls(count, pa.string())}
    joined = pa.concat_tables(Alignment(AlignmentConfig(), 0).analyse(shards))
    posterior = joined["image_posterior"].to_numpy()
    np.testing.assert_array_equal(posterior > 0.5, is_wrong)
    assert set(joined["image_cause"].to_pylist()) == {None}
    assert joined["audio_cause"].to_pylist() == ["too_few_pairs"] * 40 + [None] * 160
    assert "40 distinct recordings" in joined["audio_reason"][0].as_py()
    assert joined["audio_posterior"].null_count == 200
    assert set(joined["status"].to_pylist()) == {"measured"}


def test_a_run_of_one_kind_has_no_columns_of_the_other():
    images, texts = make_pairs(60)
    (table,) = Alignment(AlignmentConfig(), 0).analyse(image_shards(images, texts))
    assert not [name for name in table.column_names if name.startswith("audio")]
