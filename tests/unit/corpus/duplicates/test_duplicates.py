from __future__ import annotations

import json
import sys
from collections import defaultdict
from dataclasses import dataclass, replace
from hashlib import sha256

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmcheck.config import DuplicatesConfig
from mmcheck.core.types import Measurement, MediaRef, Metric, RowProblem, Sample, Status
from mmcheck.corpus.duplicates.analysis import Duplicates
from mmcheck.corpus.media_items import read_index, read_media_rows, to_items
from mmcheck.store.media_columns import MEDIA_COLUMNS
from mmcheck.store.schema import measurements_to_table, samples_to_table

DIM = 16
_METRICS = {
    "media": ("width", "height", "duration", "jpeg_damage", "grey_bottom"),
    "image_text": ("similarity",),
    "transcript": ("mean_log_prob",),
}


@dataclass
class Row:
    """One row of a made-up run; ``scene`` and ``edit`` say what the picture shows and what was done to it."""

    id: str
    scene: int = 0
    edit: int = 0
    caption: str | None = None
    score: float | None = 0.3
    side: int = 100
    recording: int | None = None
    file: str | None = None
    problem: bool = False
    failed: bool = False
    damage: str | None = None
    source: str | None = None


class FakeShard:
    """One shard in memory."""

    def __init__(self, rows, probes=("media", "image_text", "transcript")):
        self.rows = rows
        self.probes = probes

    def samples(self, columns=None):
        table = samples_to_table([sample(row) for row in self.rows], 0)
        return table if columns is None else table.select(columns)

    def measurements(self, probe, columns=None):
        if probe not in self.probes:
            return None
        metrics = [Metric(name=f"{probe}.{name}", description=name) for name in _METRICS[probe]]
        table = measurements_to_table([measure(row, probe) for row in self.rows], metrics, MEDIA_COLUMNS)
        return table if columns is None else table.select([name for name in columns if name in table.column_names])


def sample(row):
    ref = MediaRef(uri=f"/{row.file or row.id}")
    texts = {"caption": row.caption} if row.recording is None else {"transcript": row.caption}
    media = {"image": ref} if row.recording is None else {"audio": ref}
    problem = RowProblem(cause="ragged", message="bad") if row.problem else None
    return Sample(id=row.id, manifest=row.source or row.id, row_number=1, problem=problem, **media, **texts)


def vector(number, edit, dim=DIM):
    """Return a unit vector; edits of one number are near each other (cosine about 0.997)."""
    found = np.random.default_rng(number).standard_normal(dim)
    found = found / np.linalg.norm(found)
    if edit:
        found = found + 0.05 * np.random.default_rng([number, edit]).standard_normal(dim) / np.sqrt(dim)
    return (found / np.linalg.norm(found)).astype(np.float16)


def measure(row, probe):
    if row.failed:
        return Measurement(sample_id=row.id, probe=probe, status=Status.FAILED, reason="broken")
    values, content, embeddings = {}, {}, {}
    if probe == "media" and row.recording is None:
        rng = np.random.default_rng([row.scene, 1])
        bits = int(rng.integers(0, 2**63)) ^ (3 << row.edit)
        values = {"width": float(row.side), "height": float(row.side)}
        values |= {row.damage: 1.0} if row.damage else {}
        content = {
            "image_sha256": sha256(f"{row.scene}-{row.edit}".encode()).digest(),
            "image_phash": bits.to_bytes(8, "big"),
            "image_colours": rng.integers(50, 200, 48).astype(np.uint8).tobytes(),
        }
    elif probe == "media":
        values = {"duration": row.side / 10}
        content = {"audio_sha256": sha256(f"{row.recording}-{row.edit}".encode()).digest()}
        embeddings = {"audio": vector(row.recording, row.edit, 40)}
    elif (probe == "image_text") == (row.recording is None):
        values = {_METRICS[probe][0]: row.score} if row.score is not None else {}
        embeddings = {"image": vector(row.scene, row.edit)} if probe == "image_text" else {}
    else:
        return Measurement(sample_id=row.id, probe=probe, status=Status.NOT_APPLICABLE, reason="other medium")
    return Measurement(
        sample_id=row.id, probe=probe, status=Status.MEASURED, values=values, content=content, embeddings=embeddings
    )


def analyse(*shards, probes=("media", "image_text", "transcript"), **options):
    """Return the rows of all shards as dicts, evidence decoded, by sample id, and the summary."""
    analysis = Duplicates(DuplicatesConfig(**options), 0)
    tables = list(analysis.analyse([FakeShard(rows, probes) for rows in shards]))
    assert [table.num_rows for table in tables] == [len(rows) for rows in shards]
    names = {metric.name.partition(".")[2] for metric in analysis.metrics}
    found = {}
    for table in tables:
        assert names <= set(table.column_names)
        for row in table.to_pylist():
            found[row["sample_id"]] = {**row, "evidence": json.loads(row["evidence"] or "{}")}
    json.dumps(analysis.summary())
    return found, analysis.summary()


def groups_of(found, column="image_group"):
    """Return the groups as sets of ids."""
    members = defaultdict(set)
    for name, row in found.items():
        if row[column] is not None:
            members[row[column]].add(name)
    return {frozenset(ids) for ids in members.values()}


def test_copies_hang_on_the_best_one():
    rows = [
        Row("a", scene=1, score=0.2, caption="a red cube on grass"),
        Row("b", scene=2, caption="two cats"),
        Row("c", scene=1, edit=1, score=0.4, caption="a red cube on grass"),
        Row("d", scene=1, edit=2, score=0.3, caption="something else entirely"),
    ]
    found, summary = analyse(rows[:2], rows[2:])
    assert [found[name]["image_order"] for name in "abcd"] == [3, 1, 1, 2]
    assert [found[name]["image_group"] for name in "abcd"] == [1, None, 1, 1]
    assert [found[name]["image_group_size"] for name in "abcd"] == [3, 1, 3, 3]
    assert found["c"]["image_similarity"] == pytest.approx(1)
    assert 0.95 < found["a"]["image_similarity"] < 1
    assert found["b"]["image_similarity"] is None
    assert found["a"]["evidence"] == {"image": ["c", "d"], "text": ["c"], "pair": ["c"]}
    assert found["d"]["evidence"] == {"image": ["c", "a"]}
    assert [found[name]["pair_order"] for name in "abcd"] == [2, 1, 1, 1]
    assert [found[name]["pair_group_size"] for name in "abcd"] == [2, 1, 2, 1]
    assert (summary["image"]["groups"], summary["image"]["rows"], summary["image"]["copies"]) == (1, 3, 2)
    assert summary["image"]["largest"] == [{"group": 1, "size": 3, "ids": ["c", "d", "a"]}]
    assert summary["image"]["index"]["kind"] == "exact"
    assert any("2 rows repeat other rows' images" in text for text in summary["sentences"])


@pytest.mark.parametrize(("keep", "best"), [("best_aligned", "b"), ("largest", "c"), ("first", "a")])
def test_who_is_kept(keep, best):
    rows = [
        Row("a", scene=1, score=0.1, side=50),
        Row("b", scene=1, edit=1, score=0.5, side=60),
        Row("c", scene=1, edit=2, score=None, side=90),
    ]
    found, _ = analyse(rows, keep=keep)
    assert [name for name, row in found.items() if row["image_order"] == 1] == [best]
    assert sorted(row["image_order"] for row in found.values()) == [1, 2, 3]


@pytest.mark.parametrize("damage", ["jpeg_damage", "grey_bottom"])
@pytest.mark.parametrize("keep", ["best_aligned", "largest", "first"])
def test_a_damaged_image_is_never_the_better_copy(keep, damage):
    rows = [
        Row("a", scene=1, score=0.9, side=200, damage=damage),
        Row("b", scene=1, edit=1, score=0.1, side=50),
        Row("c", scene=2, damage=damage),
    ]
    found, _ = analyse(rows, keep=keep)
    assert [found[name]["image_order"] for name in "abc"] == [2, 1, 1]


def test_captions_of_one_row_are_no_copies_of_its_recording(monkeypatch):
    # A list of captions beside one recording: the recording and its transcript stand in each of the samples.
    def with_recording(row):
        found = plain(row)
        return replace(found, audio=MediaRef(uri=f"/{row.source}.wav"), transcript=f"the words of {row.source}")

    plain = sample
    monkeypatch.setattr(sys.modules[__name__], "sample", with_recording)
    texts = ["a red cube on grass", "two cats asleep", "A red cube on grass."]
    rows = [
        Row(f"{name}{number}", scene=scene, file=f"f{scene}", caption=f"{text} {scene}", source=name)
        for scene, name in ((1, "a"), (2, "b"))
        for number, text in enumerate(texts)
    ]
    found, summary = analyse(rows)
    assert [found[row.id]["pair_order"] for row in rows] == [1, 1, 2, 1, 1, 2], "the third caption is the first again"
    assert summary["transcript"]["copies"] == 0
    assert not any("other rows' transcripts" in sentence for sentence in summary["sentences"])


def test_recordings_and_transcripts():
    rows = [
        Row("a", recording=1, caption="hello there world", score=-0.5, side=30),
        Row("b", recording=1, edit=1, caption="Hello there, world!", score=-0.2, side=31),
        Row("c", recording=1, edit=2, caption="hello there world", score=-0.1, side=90),
        Row("d", recording=2, caption="hello there world", score=-0.1),
        Row("e", scene=5, caption="hello there world"),
    ]
    found, summary = analyse(rows)
    assert groups_of(found, "audio_group") == {frozenset("ab")}, "c is much longer"
    assert [found[name]["audio_order"] for name in "abcd"] == [2, 1, 1, 1]
    assert found["e"]["audio_group_size"] is None
    assert found["a"]["text_group_size"] == 4, "a caption is not compared with transcripts"
    assert found["e"]["text_group_size"] == 1
    assert (found["a"]["pair_order"], found["b"]["pair_order"]) == (2, 1)
    assert summary["audio"]["copies"] == 1
    assert summary["transcript"]["rows"] == 4


def test_equal_files_are_one_group_whatever_was_measured():
    rows = [Row(name, scene=3, caption="the same text") for name in "abcd"]
    for probes in (("media", "image_text"), ("media",), ("image_text",)):
        found, _ = analyse(rows, [Row("z", scene=9)], probes=probes)
        assert groups_of(found) == {frozenset("abcd")}, probes
        assert sorted(found[name]["image_order"] for name in "abcd") == [1, 2, 3, 4]
    found, _ = analyse([Row("a", file="x"), Row("b", scene=1, file="x"), Row("c", scene=2)], probes=())
    assert groups_of(found) == set(), "nothing is a copy of itself"


def test_one_image_with_several_captions_is_one_image():
    rows = [
        Row(f"{image}{text}", scene=image, file=f"f{image}", caption=f"no {text} of {image}")
        for image in range(3)
        for text in "abcde"
    ]
    found, summary = analyse(rows[:7], rows[7:])
    assert {(row["image_group_size"], row["image_order"], row["pair_order"]) for row in found.values()} == {(1, 1, 1)}
    assert not summary["sentences"] or "image" not in " ".join(summary["sentences"])


def test_equal_bytes_under_other_names_with_other_captions_are_one_image():
    found, _ = analyse([Row(name, scene=3, caption=f"text {name}") for name in "abcd"])
    assert {row["image_order"] for row in found.values()} == {1}


def test_a_near_copy_of_an_image_with_several_captions_is_found_in_all_its_rows():
    rows = [Row(f"a{n}", scene=1, file="a", caption=f"{n} words of a", score=0.5) for n in range(3)]
    rows += [Row(f"b{n}", scene=1, edit=1, file="b", caption=f"other {n} of b") for n in range(2)]
    found, summary = analyse(rows)
    assert {row["image_group_size"] for row in found.values()} == {2}
    assert [found[name]["image_order"] for name in ("a0", "a1", "a2", "b0", "b1")] == [1, 1, 1, 2, 2]
    assert found["b1"]["evidence"]["image"] == ["a0"]
    assert found["a2"]["evidence"]["image"] == ["b0"]
    assert summary["image"] | {"largest": 0, "limits": 0, "index": 0} == summary["image"] | {
        "groups": 1,
        "rows": 5,
        "copies": 2,
        "largest": 0,
        "limits": 0,
        "index": 0,
    }


def test_the_very_same_pair_twice_is_a_pair_twice():
    rows = [
        Row("a", file="x", caption="a dog"),
        Row("b", file="x", caption="a cat"),
        Row("c", file="x", caption="A dog."),
    ]
    found, _ = analyse(rows)
    assert [found[name]["pair_order"] for name in "abc"] == [1, 1, 2]
    assert [found[name]["image_order"] for name in "abc"] == [1, 1, 1]


def test_without_a_model_the_hash_finds_copies():
    rows = [Row(f"{scene}{edit}", scene=scene, edit=edit) for scene in range(20) for edit in range(3)]
    found, summary = analyse(rows, probes=("media",))
    assert groups_of(found) == {frozenset(f"{scene}{edit}" for edit in range(3)) for scene in range(20)}
    assert found["31"]["image_similarity"] > 0.9
    assert "index" not in summary["image"]


def test_rows_without_anything_and_no_rows():
    rows = [Row("a", problem=True, caption="x"), Row("b", failed=True), Row("c", failed=True, file="b")]
    found, summary = analyse(rows, [])
    assert {row["status"] for row in found.values()} == {"not_applicable"}
    assert all("no medium" in row["reason"] and row["cause"] == "nothing_to_compare" for row in found.values())
    assert summary == {"sentences": []}
    assert analyse() == ({}, {"sentences": []})
    assert analyse([Row("a", caption="x")])[0]["a"]["image_group_size"] == 1


def test_evidence_names_few_of_many():
    rows = [Row(f"r{n:02d}", scene=1, edit=n % 4, score=0.5 - n / 100) for n in range(30)]
    found, summary = analyse(rows[:11], rows[11:])
    assert groups_of(found) == {frozenset(found)}
    # The best picture's equal copies first, by their names; the score of a pair is that of all its copies.
    assert found["r20"]["evidence"]["image"] == ["r00", "r04", "r08", "r12"]
    assert found["r04"]["evidence"]["image"] == ["r00", "r08", "r12", "r16"]
    assert found["r00"]["image_order"] == 1
    assert len(summary["image"]["largest"][0]["ids"]) == 4


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3), st.floats(0, 1)), min_size=1, max_size=24),
    st.randoms(use_true_random=False),
    st.integers(1, 5),
)
def test_groups_do_not_depend_on_the_order_of_rows(drawn, random, num_shards):
    rows = [
        Row(f"s{n}", scene=scene, edit=edit, score=round(score, 3), caption=f"a text about scene number {scene}")
        for n, (scene, edit, score) in enumerate(drawn)
    ]
    found, _ = analyse(rows)
    assert {name for one in groups_of(found) for name in one} == {
        row.id for row in rows if sum(other.scene == row.scene for other in rows) > 1
    }
    assert all(len({row.scene for row in rows if row.id in one}) == 1 for one in groups_of(found))
    shuffled = random.sample(rows, len(rows))
    moved, _ = analyse(*(shuffled[n::num_shards] for n in range(num_shards)))
    assert groups_of(moved) == groups_of(found)
    columns = [f"{kind}_{what}" for kind in ("image", "text", "pair") for what in ("group_size", "order")]
    for column in (*columns, "image_similarity"):
        assert {name: row[column] for name, row in moved.items()} == {name: row[column] for name, row in found.items()}


@settings(max_examples=15, deadline=None)
@given(st.permutations(range(6)), st.lists(st.floats(-1e-6, 1e-6), min_size=6, max_size=6))
def test_what_a_score_has_in_its_last_digits_does_not_choose_the_copy(order, noise):
    names = ["cat.jpg", "cat (1).jpg", "cat (2).jpg", "dog 10.jpg", "dog 9.jpg", "dog 11.jpg"]
    rows = [
        Row(name, scene=n // 3, caption=f"scene {n // 3}", score=0.31 + change)
        for n, (name, change) in enumerate(zip(names, noise, strict=True))
    ]
    found, _ = analyse([rows[n] for n in order])
    assert [name for name in names if found[name]["pair_order"] == 1] == ["cat.jpg", "dog 9.jpg"]
    assert [found[name]["image_order"] for name in names] == [1, 2, 3, 2, 1, 3]


@settings(max_examples=10, deadline=None)
@given(st.integers(2, 6))
def test_repeating_every_row_joins_no_other_groups(times):
    rows = [Row(f"{scene}-{edit}", scene=scene, edit=edit) for scene, edit in ((0, 0), (0, 1), (1, 0), (2, 0), (2, 3))]
    copies = [Row(f"{row.id}#{n}", scene=row.scene, edit=row.edit) for row in rows for n in range(times)]
    found, _ = analyse(copies)
    assert len(groups_of(found)) == 3
    assert all(len({name[0] for name in one}) == 1 for one in groups_of(found))


def test_an_approximate_index_finds_the_same():
    rows = [Row(f"{scene}-{edit}", scene=scene, edit=edit) for scene in range(150) for edit in range(2)]
    shards = [FakeShard(rows[n::3]) for n in range(3)]
    _, media = read_media_rows(shards)
    items = to_items(media["image"].key, media["image"].rank("first", np.arange(300)))
    index, place = read_index(shards, "image", items, 0, exact_rows=10)
    assert not index.is_exact
    assert (np.sort(place) == np.arange(300)).all()
    for scene, edit in ((0, 0), (149, 1), (77, 0)):
        row = [row.id for n in range(3) for row in rows[n::3]].index(f"{scene}-{edit}")
        near = index.search(vector(scene, edit)[None].astype(np.float32), 2)[1][0].tolist()
        both = {f"{scene}-0", f"{scene}-1"}
        wanted = {row for row, one in enumerate([row.id for n in range(3) for row in rows[n::3]]) if one in both}
        assert set(near) == {int(place[items.of_row[one]]) for one in wanted}
        assert near[0] == place[items.of_row[row]]


def test_the_fingerprint_follows_the_options():
    prints = {
        Duplicates(options, seed).fingerprint()
        for options in (DuplicatesConfig(), DuplicatesConfig(keep="first"), DuplicatesConfig(image_similarity=0.9))
        for seed in (0, 1)
    }
    assert len(prints) == 6
