from __future__ import annotations

import json
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmcheck.config import CaptionConfig, load_config
from mmcheck.core.types import MediaRef, RowProblem, Sample
from mmcheck.corpus.caption.analysis import Caption
from mmcheck.store.schema import samples_to_table

RULES = load_config("default").rules
VAGUE_FROM, UNVERIFIABLE_FROM = RULES["vague_caption"].max, RULES["unverifiable_caption"].max
SIZE = 48
NOUNS = ("dog", "kettle", "bridge", "violin", "tractor", "lantern", "pumpkin", "windmill")
COLOURS = ("red", "green", "purple", "golden", "striped", "rusty", "wooden", "frozen")
PLACES = ("harbour", "meadow", "kitchen", "tunnel", "rooftop", "desert", "library", "garage")


@dataclass
class Row:
    """One row of a set that is made up."""

    name: str
    caption: str | None
    image: np.ndarray | None
    text: np.ndarray | None
    language: str | None = None
    count: float | None = 1.0
    unknown: float | None = None
    tokens: float = 8.0
    problem: RowProblem | None = None


@dataclass
class FakeShard:
    """One shard in memory."""

    rows: list[Row]
    tables: dict[str, pa.Table] = field(default_factory=dict)

    def samples(self, columns=None):
        table = samples_to_table(
            [
                Sample(
                    id=row.name,
                    manifest="m",
                    row_number=1,
                    caption=row.caption,
                    language=row.language,
                    problem=row.problem,
                    image=MediaRef(uri=f"/{row.name}.jpg"),
                )
                for row in self.rows
            ],
            0,
        )
        return table if columns is None else table.select(columns)

    def measurements(self, probe, columns=None):
        if probe == "repetition":
            return pa.table({"caption_count": pa.array([row.count for row in self.rows], pa.float64())})
        if probe != "image_text":
            return self.tables.get(probe)
        kept = [row.image is not None and row.text is not None for row in self.rows]
        table = pa.table(
            {
                "status": ["measured" if seen else "not_applicable" for seen in kept],
                "num_tokens": [row.tokens for row in self.rows],
                "unknown_token_ratio": pa.array([row.unknown for row in self.rows], pa.float64()),
                "embedding.image": halves([row.image for row in self.rows]),
                "embedding.text": halves([row.text for row in self.rows]),
            }
        )
        return table.select([name for name in columns if name in table.column_names])


def halves(vectors):
    return pa.array([None if v is None else v.astype(np.float16) for v in vectors], pa.list_(pa.float16(), SIZE))


def unit(vector):
    return vector / np.linalg.norm(vector)


def world():
    """Return the embedding of each of 24 words, and a direction that tells none of them; the last number is free."""
    rng = np.random.default_rng(0)
    words = {word: np.append(unit(rng.normal(size=SIZE - 1)), 0.0) for word in (*NOUNS, *COLOURS, *PLACES)}
    span = np.linalg.svd(np.stack(list(words.values())), full_matrices=False)[2]
    ones = np.append(np.ones(SIZE - 1), 0.0)
    return words, unit(ones - span.T @ (span @ ones))


WORDS, MUTE = world()


def scenes(count, *, seed=0, mute=()):
    """Return rows whose captions name what their images show; texts of `mute` rows carry nothing."""
    rng = np.random.default_rng(seed + 1)
    rows = []
    for number in range(count):
        chosen = [rng.choice(kind) for kind in (COLOURS, NOUNS, PLACES)]
        shown = unit(sum(WORDS[word] for word in chosen))
        text = unit(shown + 0.03 * rng.normal(size=SIZE))
        if number in mute:
            text = unit(MUTE + 0.01 * rng.normal(size=SIZE))
        image = unit(shown + 0.03 * rng.normal(size=SIZE))
        rows.append(Row(f"s{number}", f"a {chosen[0]} {chosen[1]} in the {chosen[2]} {number}", image, text))
    return rows


def say_nothing(rows, numbers, caption="a nice picture", count=1.0):
    """Give some rows a vague caption, with an embedding that tells nothing apart."""
    for number in numbers:
        rows[number].caption, rows[number].text, rows[number].count = caption, MUTE.copy(), count


def analyse(rows, size=40, **options):
    """Return the analysis and its rows by sample id, evidence decoded."""
    analysis = Caption(CaptionConfig(**options), 0)
    shards = [FakeShard(rows[start : start + size]) for start in range(0, len(rows), size)]
    tables = list(analysis.analyse(shards))
    assert [table.num_rows for table in tables] == [len(shard.rows) for shard in shards]
    found = pa.concat_tables(tables).to_pylist() if tables else []
    return analysis.summary(), {
        row["sample_id"]: row | {"evidence": json.loads(row["evidence"] or "{}")} for row in found
    }


def test_vague_captions_stand_out_and_misaligned_ones_do_not():
    rows = scenes(200)
    say_nothing(rows, range(10))
    texts = [row.text for row in rows[10:40]]
    for row, text in zip(rows[10:40], [*texts[1:], texts[0]], strict=True):
        row.text = text
    summary, found = analyse(rows)
    vague = [found[f"s{n}"]["vagueness"] for n in range(10)]
    misaligned = [found[f"s{n}"]["vagueness"] for n in range(10, 40)]
    right = [found[f"s{n}"]["vagueness"] for n in range(40, 200)]
    assert min(vague) > VAGUE_FROM > max(misaligned)
    assert max(right) < VAGUE_FROM
    assert summary["uses_model"]
    assert summary["sentences"] == []
    told = summary["counted"][0]
    assert (told["metric"], told["compared"], told["place"]) == ("caption.vagueness", 200, 0)
    sentence = told["many"].format(count=10, compared=200, share=0.05)
    assert sentence == "10 of 200 captions are vague (5.0%): they fit most images about equally well."
    worst = summary["worst"]["vagueness"][0]
    assert worst["caption"] == "a nice picture"
    assert worst["value"] == pytest.approx(max(vague), abs=1e-4)


@pytest.mark.parametrize(("count", "share"), [(50, 0.05), (60, 0.6), (400, 0.3)])
def test_one_limit_works_for_all_sizes_and_shares(count, share):
    rows = scenes(count)
    number = round(share * count)
    say_nothing(rows, range(number))
    _, found = analyse(rows)
    vagueness = np.array([found[f"s{n}"]["vagueness"] for n in range(count)])
    assert (vagueness[:number] > VAGUE_FROM).all()
    assert (vagueness[number:] < VAGUE_FROM).all()


def test_evidence_names_what_fired_and_shows_three_unlike_images():
    rows = scenes(120)
    say_nothing(rows, [0], "a nice picture", count=4.0)
    _, found = analyse(rows)
    evidence = found["s0"]["evidence"]
    assert evidence["cues"] == ["fits_many_images", "few_content_words", "generic_words", "repeated"]
    assert evidence["num_images"] == 120
    assert evidence["num_fitting_images"] == pytest.approx(found["s0"]["num_fitting_images"], abs=1)
    assert 100 < evidence["num_fitting_images"] <= 120
    assert evidence["generic_words"] == ["nice", "picture"]
    assert "has no content word" in evidence["sentence"]
    others = evidence["fitting"]
    assert len(set(others)) == 3
    assert "s0" not in others
    images = {row.name: row.image for row in rows}
    shown = [images["s0"], *(images[name] for name in others)]
    likeness = [float(a @ b) for n, a in enumerate(shown) for b in shown[n + 1 :]]
    assert max(likeness) < 0.3
    assert not {"cues", "fitting"} & set(found["s5"]["evidence"])


def test_the_number_of_fitting_images_is_scaled_to_the_whole_set():
    rows = scenes(400)
    say_nothing(rows, [0])
    _, found = analyse(rows, bank_size=64)
    assert 300 < found["s0"]["num_fitting_images"] <= 400
    _, whole = analyse(rows)
    assert whole["s0"]["num_fitting_images"] == pytest.approx(found["s0"]["num_fitting_images"], rel=0.1)
    assert np.median([whole[f"s{n}"]["num_fitting_images"] for n in range(1, 400)]) < 40


def test_boilerplate_is_vague_and_a_true_caption_of_many_images_is_not():
    rows = scenes(200)
    boilerplate = "free shipping worldwide, visit our online store today"
    say_nothing(rows, range(12), boilerplate, count=12.0)
    for row in rows[12:24]:
        row.caption, row.count = "red dog harbour", 12.0
    summary, found = analyse(rows)
    assert all(found[f"s{n}"]["vagueness"] > VAGUE_FROM for n in range(12))
    assert all("repeated" in found[f"s{n}"]["evidence"]["cues"] for n in range(12))
    assert all(found[f"s{n}"]["vagueness"] < VAGUE_FROM for n in range(12, 24))
    assert summary["worst"]["vagueness"][0]["caption"] == boilerplate


def test_much_said_in_words_that_tell_nothing_apart_is_unverifiable_and_not_vague():
    rows = scenes(150, mute=range(3))
    for row in rows[:3]:
        row.caption = "Ida Tarbell beside Calvin Coolidge, Vermont 1923"
    summary, found = analyse(rows)
    for name in ("s0", "s1", "s2"):
        assert found[name]["unverifiable"] > UNVERIFIABLE_FROM
        assert found[name]["vagueness"] < VAGUE_FROM
        assert found[name]["evidence"]["reasons"] == ["no_information"]
    assert max(found[f"s{n}"]["unverifiable"] for n in range(3, 150)) < UNVERIFIABLE_FROM
    assert {row["id"] for row in summary["worst"]["unverifiable"]} >= {"s0"}


def test_unknown_words_and_scripts_are_unverifiable():
    rows = scenes(80)
    rows[0].unknown, rows[1].unknown = 0.9, 0.0
    rows[2].caption, rows[2].tokens = "\u8349\u539f\u4e0a\u7684\u4e00\u5934\u7ea2\u8272\u7684\u725b", 22.0
    summary, found = analyse(rows)
    assert found["s0"]["unverifiable"] == pytest.approx(0.9)
    assert "unknown_words" in found["s0"]["evidence"]["reasons"]
    assert found["s1"]["unverifiable"] < UNVERIFIABLE_FROM
    assert found["s2"]["unverifiable"] >= UNVERIFIABLE_FROM
    assert "unknown_script" in found["s2"]["evidence"]["reasons"]
    assert [row["id"] for row in summary["worst"]["unverifiable"][:2]] == ["s2", "s0"]


def test_a_language_that_the_model_does_not_know_is_named():
    rows = scenes(300)
    rng = np.random.default_rng(9)
    for number, row in enumerate(rows):
        row.language = "fi-FI" if number < 40 else "en"
        if number < 40:
            # Captions of this language differ, but have nothing to do with their images.
            row.text = unit(rng.normal(size=SIZE))
    summary, found = analyse(rows)
    assert summary["foreign_languages"] == ["fi"]
    assert "Captions in the language 'fi' fit their own images no better than others" in summary["sentences"][-1]
    assert min(found[f"s{n}"]["unverifiable"] for n in range(40)) > UNVERIFIABLE_FROM
    assert "foreign_language" in found["s3"]["evidence"]["reasons"]
    assert max(found[f"s{n}"]["unverifiable"] for n in range(40, 300)) < UNVERIFIABLE_FROM


def lexical_only(rows, cause, text, **options):
    summary, found = analyse(rows, **options)
    assert not summary["uses_model"]
    assert summary["cause"] == cause
    assert text in summary["sentences"][0]
    assert "by their words alone" in summary["sentences"][0]
    for row in found.values():
        assert row["entropy"] is None
        assert row["num_fitting_images"] is None
        assert row["vagueness"] == row["lexical_vagueness"]
    return summary, found


def test_few_images_leave_the_words():
    rows = scenes(20)
    say_nothing(rows, [0])
    summary, found = lexical_only(rows, "few_images", "only 20 different images")
    assert found["s0"]["vagueness"] > VAGUE_FROM > found["s1"]["vagueness"]
    assert summary["counted"][0]["place"] == 1, "what the model cannot do comes first"


def test_equal_images_do_not_make_a_background():
    rows = scenes(200)
    for row in rows:
        row.image = rows[0].image
    lexical_only(rows, "few_images", "only 1 different images")


def test_identical_captions_leave_the_words():
    rows = scenes(100)
    say_nothing(rows, range(100), "a red kettle in the old harbour", count=100.0)
    lexical_only(rows, "identical_captions", "All captions are the same")


def test_embeddings_that_are_all_but_constant_leave_the_words():
    rows = scenes(100)
    rng = np.random.default_rng(0)
    for row in rows:
        row.image = unit(np.ones(SIZE)) + 1e-4 * rng.normal(size=SIZE)
    lexical_only(rows, "constant_embeddings", "the same embedding")


def test_a_model_that_sees_nothing_in_the_data_is_not_asked():
    rows = scenes(200)
    rng = np.random.default_rng(3)
    for row in rows:
        row.text = unit(rng.normal(size=SIZE))
    _, found = lexical_only(rows, "model_cannot_judge", "it cannot judge this data")
    assert max(row["vagueness"] for row in found.values()) < VAGUE_FROM


def test_without_embeddings_words_are_counted():
    rows = [Row("a", "a photo", None, None), Row("b", "a brown horse by the river", None, None)]
    _, found = lexical_only(rows, "no_embeddings", "No pair has embeddings")
    assert found["a"]["vagueness"] == 1.0
    assert found["b"]["vagueness"] < 0.3
    assert found["a"]["evidence"]["cues"] == ["few_content_words", "generic_words"]


def test_one_row_without_an_embedding_is_judged_by_its_words():
    rows = scenes(100)
    rows[0].image = None
    rows[0].caption = "an image"
    _, found = analyse(rows)
    assert found["s0"]["vagueness"] == 1.0
    assert found["s0"]["entropy"] is None
    assert found["s1"]["entropy"] is not None


def test_absent_and_broken_captions_are_not_applicable():
    rows = scenes(60)
    rows[0].caption, rows[1].caption = None, "  "
    rows[2].problem = RowProblem(cause="broken_json", message="broken")
    _, found = analyse(rows)
    for name in ("s0", "s1", "s2"):
        assert found[name]["status"] == "not_applicable"
        assert found[name]["cause"] == "no_caption"
        assert found[name]["vagueness"] is None
    assert found["s3"]["status"] == "measured"


def test_nothing_at_all():
    summary, found = analyse([])
    assert found == {}
    assert summary["sentences"] == []


def test_stored_figures_of_the_words_are_used():
    rows = scenes(3)
    stored = pa.table(
        {
            "specificity": pa.array([0.0, None, 0.9]),
            "filename_likeness": [0.0, 0.0, 1.0],
            "content_words": [0.0, 4.0, 4.0],
            "language_probability": [0.9, 0.9, 0.9],
            "evidence": ['{"generic_words":["stuff"]}', None, None],
        }
    )
    (table,) = Caption(CaptionConfig(), 0).analyse([FakeShard(rows, {"caption_text": stored})])
    found = table["lexical_vagueness"].to_pylist()
    assert found[0] == 1.0
    assert 0.0 < found[1] < 0.5
    assert found[2] == 1.0
    assert json.loads(table["evidence"][0].as_py())["generic_words"] == ["stuff"]


VALUES = ("vagueness", "entropy", "spread", "lexical_vagueness", "num_fitting_images", "unverifiable")


def assert_same(first, second, names):
    for name in names:
        for value in VALUES:
            assert second[name][value] == pytest.approx(first[name][value], rel=1e-4, abs=1e-5), (name, value)


def mixed_set(seed):
    rows = scenes(80, seed=seed)
    say_nothing(rows, range(0, 80, 7))
    return rows


@settings(max_examples=5, deadline=None)
@given(st.integers(0, 1000), st.randoms())
def test_the_order_of_rows_and_shards_changes_nothing(seed, random):
    rows = mixed_set(seed)
    _, first = analyse(rows, bank_size=64)
    random.shuffle(rows)
    _, second = analyse(rows, size=random.choice([7, 13, 200]), bank_size=64)
    assert_same(first, second, first)


@settings(max_examples=5, deadline=None)
@given(st.integers(0, 1000), st.lists(st.integers(0, 79), min_size=1, max_size=60))
def test_exact_duplicates_change_nothing(seed, copied):
    rows = mixed_set(seed)
    _, first = analyse(rows, bank_size=64)
    copies = [Row(f"copy{n}", rows[n].caption, rows[n].image, rows[n].text) for n in copied]
    _, second = analyse(
        [*rows, *(Row(**{**vars(c), "name": f"{c.name}-{k}"}) for k, c in enumerate(copies))], bank_size=64
    )
    assert_same(first, second, first)


@settings(max_examples=5, deadline=None)
@given(st.integers(0, 1000), st.floats(0.1, 0.6))
def test_a_constant_added_to_all_cosines_changes_no_verdict(seed, share):
    """Equal new coordinates on both sides scale all cosines and add a constant: another model's modality gap."""
    rows = mixed_set(seed)
    for row in rows:
        row.image[-1] = row.text[-1] = 0.0
    _, first = analyse(rows)
    for row in rows:
        for side in ("image", "text"):
            # The last coordinate gives way to the constant.
            inside = unit(getattr(row, side)[:-1]) * np.sqrt(1 - share)
            setattr(row, side, np.concatenate([inside, [np.sqrt(share)]]))
    _, second = analyse(rows)
    for name in first:
        assert (first[name]["vagueness"] >= VAGUE_FROM) == (second[name]["vagueness"] >= VAGUE_FROM), name


def test_another_seed_only_changes_the_sample():
    one, other = Caption(CaptionConfig(), 0), Caption(CaptionConfig(), 1)
    assert one.fingerprint() != other.fingerprint()
    assert one.fingerprint() == Caption(CaptionConfig(enabled=True), 0).fingerprint()
    assert one.fingerprint() != Caption(CaptionConfig(bank_size=64), 0).fingerprint()
