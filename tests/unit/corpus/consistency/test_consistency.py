from __future__ import annotations

import json
from dataclasses import dataclass, replace
from hashlib import sha256

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmcheck.config import ConsistencyConfig
from mmcheck.core.types import MediaRef, RowProblem, Sample
from mmcheck.corpus.consistency.analysis import Consistency
from mmcheck.store.schema import samples_to_table

SIZE = 64
FIGURES = ("caption_conflict", "transcript_conflict", "unlike_images", "breadth")


@dataclass(frozen=True)
class Row:
    """One row of a set that is made up."""

    name: str
    text: str | None = None
    image: np.ndarray | None = None
    caption: np.ndarray | None = None
    group: float | None = None
    digest: str | None = None
    is_audio: bool = False
    language: str | None = None
    vagueness: float | None = None
    entropy: float | None = None
    problem: RowProblem | None = None

    def sample(self):
        """Return it as it is stored."""
        ref = MediaRef(uri=f"/{self.name}.bin")
        media = {"audio": ref, "transcript": self.text} if self.is_audio else {"image": ref, "caption": self.text}
        return Sample(id=self.name, manifest="m", row_number=1, language=self.language, problem=self.problem, **media)


@dataclass
class FakeShard:
    """One shard in memory."""

    rows: list[Row]
    absent: tuple[str, ...] = ()

    def samples(self, columns=None):
        table = samples_to_table([row.sample() for row in self.rows], 0)
        return table if columns is None else table.select(columns)

    def measurements(self, probe, columns=None):
        if probe in self.absent:
            return None
        kept = [row.image is not None for row in self.rows]
        tables = {
            "image_text": {
                "status": ["measured" if seen else "not_applicable" for seen in kept],
                "embedding.image": halves([row.image for row in self.rows]),
                "embedding.text": halves([row.caption for row in self.rows]),
            },
            "media": {
                f"{kind}_sha256": pa.array(
                    [
                        sha256(row.digest.encode()).digest()
                        if row.digest and row.is_audio == (kind == "audio")
                        else None
                        for row in self.rows
                    ],
                    pa.binary(32),
                )
                for kind in ("image", "audio")
            },
            "duplicates": {
                f"{kind}_group": pa.array(
                    [row.group if row.is_audio == (kind == "audio") else None for row in self.rows], pa.float64()
                )
                for kind in ("image", "audio")
            },
            "caption": {
                name: pa.array([getattr(row, name) for row in self.rows], pa.float64())
                for name in ("vagueness", "entropy")
            },
        }
        if probe not in tables:
            return None
        table = pa.table(tables[probe])
        return table.select([name for name in columns if name in table.column_names])


def halves(vectors):
    return pa.array([None if v is None else v.astype(np.float16) for v in vectors], pa.list_(pa.float16(), SIZE))


def unit(vector):
    return vector / np.linalg.norm(vector)


def noisy(vector, rng, size=0.05):
    return unit(vector + size * rng.normal(size=SIZE))


def pairs(count, seed=0):
    """Return rows with an image of their own and a caption that fits it."""
    rng = np.random.default_rng(seed)
    rows = []
    for number in range(count):
        scene = unit(rng.normal(size=SIZE))
        rows.append(Row(f"s{number}", f"caption number {number}", noisy(scene, rng), noisy(scene, rng), entropy=0.6))
    return rows


def with_near_duplicates(count, seed=0, wrong=()):
    """Return pairs whose first half has near-duplicates, captioned anew; those in `wrong` with another's caption."""
    rows, rng = pairs(count, seed), np.random.default_rng(seed + 1)
    copies = []
    for number in range(count // 2):
        row = rows[number]
        rows[number] = replace(row, group=float(number))
        caption = rows[(number + 3) % count].caption if number in wrong else row.caption
        copies.append(
            Row(
                f"near{number}",
                f"again {number}",
                noisy(row.image, rng, 0.01),
                noisy(caption, rng, 0.02),
                group=float(number),
                entropy=0.6,
            )
        )
    return [*rows, *copies]


def analyse(rows, size=30, absent=(), **options):
    """Return the summary and the rows by sample id, evidence decoded."""
    analysis = Consistency(ConsistencyConfig(**options), 0)
    shards = [FakeShard(list(rows[start : start + size]), absent) for start in range(0, len(rows), size)]
    tables = list(analysis.analyse(shards))
    assert [table.num_rows for table in tables] == [len(shard.rows) for shard in shards]
    found = pa.concat_tables(tables).to_pylist() if tables else []
    return analysis.summary(), {
        row["sample_id"]: row | {"evidence": json.loads(row["evidence"] or "{}")} for row in found
    }


def test_a_contradicting_caption_is_found_and_its_partner_is_not_blamed():
    summary, found = analyse(with_near_duplicates(80, wrong=(2, 9)))
    for number in range(40):
        copy, original = found[f"near{number}"], found[f"s{number}"]
        assert original["caption_conflict"] < 0.2
        if number in (2, 9):
            assert copy["caption_conflict"] > 0.6
            assert copy["evidence"]["caption_conflict"] == [f"s{number}"]
            assert copy["evidence"]["captions"] == {f"s{number}": f"caption number {number}"}
        else:
            assert copy["caption_conflict"] < 0.2
            assert copy["evidence"] == {}
    assert found["s70"]["caption_conflict"] is None
    assert set(summary["examples"]["caption_conflict"][:2]) == {"near2", "near9"}
    assert summary["compared"]["caption_conflict"] == 80
    told = summary["counted"][0]
    assert (told["metric"], told["compared"]) == ("consistency.caption_conflict", 80)
    assert told["many"].format(count=2, compared=80).startswith("2 of 80 captions contradict others")
    assert told["one"].format(count=1, compared=80).startswith("1 of 80 captions contradicts others")


def test_equal_files_are_a_group_without_the_analysis_of_duplicates():
    rows, rng = pairs(60), np.random.default_rng(5)
    same = [replace(row, digest="ab" * 32) for row in rows[:1]]
    wrong = Row("wrong", "another", noisy(rows[0].image, rng, 0.001), rows[7].caption, digest="ab" * 32)
    right = Row("right", "reworded", noisy(rows[0].image, rng, 0.001), noisy(rows[0].caption, rng), digest="ab" * 32)
    _, found = analyse([*same, *rows[1:], wrong, right], absent=("duplicates", "caption"))
    assert found["wrong"]["caption_conflict"] > 0.6
    assert found["right"]["caption_conflict"] < 0.5
    assert found["s0"]["caption_conflict"] < 0.5
    assert set(found["wrong"]["evidence"]["caption_conflict"]) == {"s0", "right"}


def test_a_vague_caption_contradicts_nothing():
    rows = with_near_duplicates(60, wrong=(4,))
    rows = [replace(row, vagueness=0.9) if row.name == "near4" else row for row in rows]
    _, found = analyse(rows)
    assert found["near4"]["caption_conflict"] == 0.0
    _, found = analyse(rows, vague_from=0.95)
    assert found["near4"]["caption_conflict"] > 0.5


def test_a_wrong_group_of_different_images_is_no_conflict():
    rows = pairs(60)
    rows = [replace(row, group=0.0) if number < 2 else row for number, row in enumerate(rows)]
    _, found = analyse(rows)
    assert found["s0"]["caption_conflict"] == 0.0
    assert found["s1"]["caption_conflict"] == 0.0


def test_a_model_that_sees_nothing_compares_no_captions():
    rng = np.random.default_rng(0)
    rows = [replace(row, caption=unit(rng.normal(size=SIZE))) for row in with_near_duplicates(80)]
    summary, found = analyse(rows)
    assert {row["caption_conflict"] for row in found.values()} == {None}
    assert "are not compared" in summary["sentences"][-1]


def test_constant_embeddings_and_tiny_sets_give_no_figures():
    constant = [replace(row, image=np.ones(SIZE) / 8, caption=np.ones(SIZE) / 8) for row in with_near_duplicates(60)]
    for rows in (constant, with_near_duplicates(4)):
        _, found = analyse(rows)
        assert {row["caption_conflict"] for row in found.values()} == {None}


def transcripts(*texts, **settings):
    return [Row(f"a{number}", text, is_audio=True, **settings) for number, text in enumerate(texts)]


def test_differing_transcripts_of_one_recording_are_found_by_vote():
    rows = transcripts(
        "The cat sat on the mat.",
        "the cat sat on the mat",
        "The cat sat, on the mat!",
        "buy now and save",
        digest="cd" * 32,
    )
    rows = [replace(row, group=3.0, digest=f"{number:02}" * 32) for number, row in enumerate(rows)]
    summary, found = analyse(rows)
    assert [found[f"a{n}"]["transcript_conflict"] for n in range(3)] == [0.0, 0.0, 0.0]
    assert found["a3"]["transcript_conflict"] == 1.0
    assert set(found["a3"]["evidence"]["transcript_conflict"]) == {"a0", "a1", "a2"}
    assert found["a3"]["evidence"]["transcripts"]["a0"] == "The cat sat on the mat."
    assert summary["examples"]["transcript_conflict"] == ["a3"]


def test_equal_files_with_differing_transcripts_conflict_both():
    _, found = analyse(transcripts("one two three four", "one two three five", digest="cd" * 32))
    assert found["a0"]["transcript_conflict"] == pytest.approx(0.25)
    assert found["a1"]["evidence"]["transcript_conflict"] == ["a0"]


def test_scripts_without_spaces_are_compared_by_characters():
    rows = transcripts("\u4eca\u5929\u5929\u6c14\u5f88\u597d", "\u4eca\u5929\u5929\u6c14\u4e0d\u597d", digest="ef" * 32)
    _, found = analyse(rows)
    assert found["a0"]["transcript_conflict"] == pytest.approx(1 / 6)


def test_what_tools_left_in_a_transcript_makes_no_conflict():
    rows = transcripts("salt &amp; pepper on the table", "SPEAKER_00: salt & pepper on the table", digest="cd" * 32)
    _, found = analyse(rows)
    assert not any(row["transcript_conflict"] for row in found.values())


def test_absent_and_broken_transcripts_are_not_compared():
    rows = transcripts("one two", None, "  ", digest="cd" * 32)
    broken = replace(rows[0], name="broken", text="three", problem=RowProblem(cause="ragged", message="broken"))
    _, found = analyse([*rows, broken])
    assert {row["transcript_conflict"] for row in found.values()} == {None}
    assert {row["cause"] for row in found.values()} == {"nothing_to_compare"}


def test_one_caption_on_unlike_images():
    rows = pairs(60)
    rng = np.random.default_rng(4)
    alike = [
        replace(rows[10], name=f"like{number}", text="a red ball", image=noisy(rows[10].image, rng, 0.01))
        for number in range(3)
    ]
    rows[:4] = [replace(row, text="Stock photo!") for row in rows[:4]]
    summary, found = analyse([*rows, *alike])
    assert min(found[f"s{n}"]["unlike_images"] for n in range(4)) > 0.7
    assert len({found[f"s{n}"]["unlike_images"] for n in range(4)}) == 1
    assert max(found[f"like{n}"]["unlike_images"] for n in range(3)) < 0.1
    assert found["s20"]["unlike_images"] is None
    assert sorted(found["s1"]["evidence"]["unlike_images"]) == ["s0", "s2", "s3"]
    assert summary["examples"]["unlike_images"] == ["s0", "s1", "s2"]


def test_a_caption_much_broader_than_those_of_like_images():
    rng = np.random.default_rng(2)
    scenes = [unit(rng.normal(size=SIZE)) for _ in range(4)]
    rows = [
        replace(row, image=noisy(scenes[n % 4], rng), entropy=0.4 + 0.1 * (n % 4) + 0.01 * rng.normal())
        for n, row in enumerate(pairs(120))
    ]
    rows[0], rows[1] = replace(rows[0], entropy=0.99), replace(rows[1], entropy=0.02)
    rows[2] = replace(rows[2], entropy=None)
    summary, found = analyse(rows)
    assert found["s0"]["breadth"] > 6
    assert found["s1"]["breadth"] < -6
    assert found["s2"]["breadth"] is None
    assert max(abs(found[f"s{n}"]["breadth"]) for n in range(3, 120)) < 6
    assert len(found["s0"]["evidence"]["breadth"]) == 3
    assert all(int(name[1:]) % 4 == 0 for name in found["s0"]["evidence"]["breadth"])
    assert set(summary["examples"]["breadth"][:2]) == {"s0", "s1"}
    assert all(row["evidence"]["breadth"] for row in found.values() if abs(row["breadth"] or 0) > 1)


def test_without_the_caption_analysis_there_is_no_breadth():
    _, found = analyse(pairs(80), absent=("caption",))
    assert {row["breadth"] for row in found.values()} == {None}


def test_nothing_at_all():
    summary, found = analyse([])
    assert found == {}
    assert summary["sentences"] == []


def assert_near(found, wanted, tolerance, where):
    if wanted is None:
        assert found is None, where
    else:
        assert found == pytest.approx(wanted, rel=tolerance, abs=tolerance), where


def assert_same(first, second):
    for name, row in first.items():
        for figure in FIGURES:
            assert_near(second[name][figure], row[figure], 1e-3, (name, figure))


def mixed_set(seed):
    rng = np.random.default_rng(seed)
    rows = [replace(row, entropy=float(rng.random())) for row in with_near_duplicates(60, seed, wrong=(1, 8))]
    rows[40:43] = [replace(row, text="the same words") for row in rows[40:43]]
    spoken = transcripts("one two three", "one two four", "one two four five", digest="aa" * 32)
    return [*rows, *spoken]


@settings(max_examples=5, deadline=None)
@given(st.integers(0, 1000), st.randoms())
def test_the_order_of_rows_and_shards_changes_nothing(seed, random):
    rows = mixed_set(seed)
    _, first = analyse(rows)
    # The numbers of groups follow the order of rows.
    numbers = list(range(30))
    random.shuffle(numbers)
    rows = [row if row.group is None else replace(row, group=float(numbers[int(row.group)])) for row in rows]
    random.shuffle(rows)
    _, second = analyse(rows, size=random.choice([7, 17, 500]))
    assert_same(first, second)


@settings(max_examples=5, deadline=None)
@given(st.integers(0, 1000), st.lists(st.integers(0, 92), min_size=1, max_size=40))
def test_exact_duplicates_change_nothing(seed, copied):
    rows = mixed_set(seed)
    rows = [replace(row, digest=row.digest or f"{number:02x}" * 32) for number, row in enumerate(rows)]
    _, first = analyse(rows)
    copies = [replace(rows[number], name=f"copy{place}") for place, number in enumerate(copied)]
    _, second = analyse([*rows, *copies])
    assert_same(first, second)


@settings(max_examples=5, deadline=None)
@given(st.integers(0, 1000), st.floats(0.1, 0.6))
def test_a_constant_added_to_all_cosines_changes_no_verdict(seed, share):
    def shifted(vector):
        return None if vector is None else np.append(unit(vector[:-1]) * np.sqrt(1 - share), np.sqrt(share))

    def flat(vector):
        return None if vector is None else np.append(unit(vector[:-1]), 0.0)

    rows = [replace(row, image=flat(row.image), caption=flat(row.caption)) for row in mixed_set(seed)]
    _, first = analyse(rows)
    _, second = analyse([replace(row, image=shifted(row.image), caption=shifted(row.caption)) for row in rows])
    for name, row in first.items():
        for figure in ("caption_conflict", "unlike_images"):
            # Cosines scaled and rounded to half precision: the figures stay.
            assert_near(second[name][figure], row[figure], 0.03, (name, figure))


class CountingShard(FakeShard):
    """A shard that counts how often its embeddings are read."""

    reads = 0

    def measurements(self, probe, columns=None):
        CountingShard.reads += any(name.startswith("embedding.") for name in columns or ())
        return super().measurements(probe, columns)


def sharing(count):
    """Return rows of which each shares its image with a far one, and its caption with another far one."""
    rows = with_near_duplicates(count, wrong=(1, 2))
    return [replace(row, text=f"caption {number % (count // 2)}") for number, row in enumerate(rows)]


@pytest.mark.parametrize("most", [8, 32])
def test_reads_of_a_shard_do_not_grow_with_the_set(monkeypatch, most):
    monkeypatch.setattr("mmcheck.corpus.consistency.member_groups._MAX_VECTORS", most)
    reads = []
    for count in (100, 400):
        monkeypatch.setattr(CountingShard, "reads", 0)
        shards = [CountingShard(sharing(count)[start : start + 25]) for start in range(0, count * 3 // 2, 25)]
        list(Consistency(ConsistencyConfig(), 0).analyse(shards))
        reads.append(CountingShard.reads / len(shards))
    assert reads[0] == reads[1]
    assert reads[1] <= 8


def test_values_do_not_depend_on_how_many_groups_are_looked_at_at_once(monkeypatch):
    rows = sharing(120)
    _, whole = analyse(rows)
    assert max(row["caption_conflict"] or 0 for row in whole.values()) > 0.5
    monkeypatch.setattr("mmcheck.corpus.consistency.member_groups._MAX_VECTORS", 8)
    _, parts = analyse(rows)
    assert parts == whole
