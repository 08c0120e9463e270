"""Overlap of two sets, against what holds by construction: contents with variants that are near, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mmcheck.config import DuplicatesConfig
from mmcheck.core.types import Measurement, MediaRef, Metric, RowProblem, Sample, Status
from mmcheck.overlap import media as overlap_search
from mmcheck.overlap import search as module
from mmcheck.overlap.pairs import Members, cross
from mmcheck.overlap.search import MAX_LISTED, find_overlap
from mmcheck.store.media_columns import MEDIA_COLUMNS
from mmcheck.store.schema import measurements_to_table, samples_to_table

DIM = 16
OPTIONS = DuplicatesConfig(text_similarity=0.8)
NOUNS = ("kestrel", "violin", "glacier", "pomegranate", "lighthouse")


@dataclass(frozen=True)
class Row:
    """What a row holds: numbers of contents, with a variant that is near the content's other variants."""

    image: tuple[int, int] | None = None
    text: tuple[int, int] | None = None
    is_blind: bool = False
    """Whether the image has no embedding."""
    is_broken: bool = False
    file: int = 0
    """Number of a file that looks the same as others of its content and variant, but has other bytes."""
    is_blank: bool = False
    """Whether the image is of one colour."""


def caption(content: int, variant: int) -> str:
    plain = f"a {NOUNS[content % 5]} number {content} stands in front of the {NOUNS[(content + 2) % 5]} " * 3
    return plain.strip() if not variant else f"{plain} {'xyzwvu'[variant % 6]}"


def look(content: int, variant: int):
    """Return embedding, hash and colours of an image."""
    rng = np.random.default_rng([5, content])
    vector, bits = rng.standard_normal(DIM), int(rng.integers(0, 2**63))
    colours = rng.integers(40, 200, 48)
    own = np.random.default_rng([6, content, variant])
    if variant:
        vector = vector + 0.02 * own.standard_normal(DIM)
        bits ^= 1 << int(own.integers(0, 64))
        colours = colours + own.integers(-2, 3, 48)
    return (vector / np.linalg.norm(vector)).astype(np.float32), bits, colours.astype(np.uint8)


class FakeShard:
    """One shard in memory."""

    def __init__(self, rows, side):
        self.rows = rows
        self.names = [f"{side}-{number}" for number in range(len(rows))]
        self.stored = [
            Sample(
                id=name,
                manifest="m",
                row_number=number + 1,
                image=MediaRef(uri=f"/{name}.png") if row.image else None,
                caption=caption(*row.text) if row.text else None,
                problem=RowProblem(cause="ragged", message="m:1 is ragged") if row.is_broken else None,
            )
            for number, (row, name) in enumerate(zip(rows, self.names, strict=True))
        ]

    def samples(self, columns=None):
        table = samples_to_table(self.stored, 0)
        return table if columns is None else table.select(columns)

    def measurements(self, probe, columns=None):
        if probe not in ("media", "image_text"):
            return None
        table = measurements_to_table(
            [self._measure(probe, row, name) for row, name in zip(self.rows, self.names, strict=True)],
            [Metric(name="media.blankness", description="")] if probe == "media" else [],
            MEDIA_COLUMNS,
        )
        return table if columns is None else table.select([name for name in columns if name in table.column_names])

    def _measure(self, probe, row, name):
        if row.image is None or row.is_broken or (probe == "image_text" and row.is_blind):
            return Measurement(sample_id=name, probe=probe, status=Status.NOT_APPLICABLE, reason="no image")
        vector, bits, colours = look(*row.image)
        if probe == "image_text":
            return Measurement(sample_id=name, probe=probe, status=Status.MEASURED, embeddings={"image": vector})
        if row.is_blank:
            bits, colours = 1 << 63, np.full(48, 255, dtype=np.uint8)
        content = {
            "image_sha256": sha256(f"sha-{row.image}-{row.file}".encode()).digest(),
            "image_phash": bits.to_bytes(8, "big"),
            "image_colours": colours.tobytes(),
        }
        values = {"blankness": 1.0 if row.is_blank else 0.1}
        return Measurement(sample_id=name, probe=probe, status=Status.MEASURED, values=values, content=content)


def shards(rows, side, size=3):
    return [FakeShard(rows[start : start + size], f"{side}{start}") for start in range(0, len(rows), size)]


def search(train, test, size=3, **options):
    return find_overlap(shards(train, "a", size), shards(test, "b", size), OPTIONS, **options)


def shared(one: Row, other: Row, kind: str) -> str | None:
    """Return how two rows share something of a kind, by construction."""
    if one.is_broken or other.is_broken:
        return None
    if kind == "pair":
        both = [shared(one, other, part) for part in ("image", "text")]
        return None if None in both else "exact" if both == ["exact", "exact"] else "near"
    left, right = (getattr(row, kind) for row in (one, other))
    if left is None or right is None or left[0] != right[0]:
        return None
    return "exact" if left == right else "near"


contents = st.tuples(st.integers(0, 3), st.integers(0, 2))
rows = st.builds(
    Row,
    image=st.none() | contents,
    text=st.none() | contents,
    is_blind=st.sampled_from([False, False, True]),
    is_broken=st.sampled_from([False] * 7 + [True]),
)


@given(train=st.lists(rows, max_size=9), test=st.lists(rows, max_size=9))
@example(train=[Row(image=(0, 0), text=(0, 0))], test=[Row(text=(0, 0)), Row(image=(0, 0))])
@settings(max_examples=60, deadline=None)
def test_exactly_what_is_shared_is_found_whichever_side_is_larger(train, test):
    found = search(train, test)
    parts = {part.kind: part for part in found.parts}
    for kind in ("image", "text", "pair"):
        truth = {
            (left, right): how
            for left, one in enumerate(train)
            for right, other in enumerate(test)
            if (how := shared(one, other, kind))
        }
        if kind not in parts:
            assert not truth
            continue
        part = parts[kind]
        listed = part.listed
        seen = {
            (left, right): "exact" if exact else "near"
            for left, right, exact in zip(
                listed.train.tolist(), listed.test.tolist(), listed.exact.tolist(), strict=True
            )
        }
        assert seen == truth
        assert part.num_pairs == len(truth)
        assert part.num_exact_pairs == sum(how == "exact" for how in truth.values())
        assert np.flatnonzero(part.train_rows).tolist() == sorted({left for left, _ in truth})
        assert np.flatnonzero(part.test_rows).tolist() == sorted({right for _, right in truth})
        exact = {right for (_, right), how in truth.items() if how == "exact"}
        assert np.flatnonzero(part.exact_test_rows).tolist() == sorted(exact)
        assert (listed.similarity <= 1.0 + 1e-6).all()
        assert (listed.similarity[listed.exact] == 1.0).all()


@given(train=st.lists(rows, max_size=8), test=st.lists(rows, max_size=8), seed=st.integers(0, 99))
@settings(max_examples=25, deadline=None)
def test_the_order_of_the_rows_and_the_shards_change_nothing(train, test, seed):
    order = np.random.default_rng(seed).permutation(len(train))
    plain, mixed = search(train, test), search([train[row] for row in order], test, size=5)
    assert [part.kind for part in plain.parts] == [part.kind for part in mixed.parts]
    for one, other in zip(plain.parts, mixed.parts, strict=True):
        assert other.train_rows.tolist() == one.train_rows[order].tolist()
        assert other.test_rows.tolist() == one.test_rows.tolist()
        back = [
            (int(order[left]), int(right)) for left, right in zip(other.listed.train, other.listed.test, strict=True)
        ]
        assert sorted(back) == sorted(zip(one.listed.train.tolist(), one.listed.test.tolist(), strict=True))


@pytest.mark.parametrize(("train", "test"), [([], []), ([Row(image=(0, 0))], []), ([], [Row(text=(0, 0))])])
def test_an_empty_side_shares_nothing(train, test):
    found = search(train, test)
    assert found.parts == ()
    assert len(found.readable_test) == len(test)


def test_without_comparable_embeddings_hashes_still_find_near_copies():
    train, test = [Row(image=(0, 0)), Row(image=(1, 0))], [Row(image=(1, 1)), Row(image=(2, 0)), Row(image=(0, 0))]
    part = search(train, test, use_embeddings=()).parts[0]
    pairs = list(zip(part.listed.train.tolist(), part.listed.test.tolist(), part.listed.exact.tolist(), strict=True))
    assert pairs == [(1, 0, False), (0, 2, True)]
    assert part.searched is not None
    assert part.searched.index is None


def test_much_repeated_contents_concern_all_rows_but_are_listed_a_few_times():
    part = search([Row(image=(0, 0))] * 400, [Row(image=(0, 1))] * 300, size=100).parts[0]
    assert part.num_pairs == 400 * 300
    assert part.train_rows.all()
    assert part.test_rows.all()
    per_test = np.bincount(part.listed.test, minlength=300)
    assert per_test[1:].max() <= MAX_LISTED
    assert (per_test >= 1).all()
    assert set(part.listed.train.tolist()) == set(range(400)), "every row that is removed can say why"


def test_many_files_of_one_look_are_all_found_without_embeddings(monkeypatch):
    train = [Row(image=(0, 0), file=number + 1, is_blind=True) for number in range(300)]
    test = [Row(image=(0, 1), file=number, is_blind=True) for number in range(40)]
    found = search(train, test, size=100)
    assert found.parts[0].num_pairs == 300 * 40
    assert not found.is_cut
    monkeypatch.setattr(overlap_search, "_MAX_SAME_LOOK", 8)
    found = search(train, test, size=100)
    assert found.parts[0].train_rows.all()
    assert found.parts[0].test_rows.all()
    assert found.is_cut


def test_one_hash_in_many_colours_hides_no_copy():
    """More images of one hash than were ever held against others, and the copy is the last of them."""
    bits = b"\xa5" * 8
    sides = [
        shards([Row(image=(number, 0), is_blind=True) for number in numbers], name, size=500)
        for name, numbers in (("a", range(1300)), ("b", [1299]))
    ]
    for own in sides:
        for shard in own:
            plain = shard._measure

            def measure(probe, row, name, plain=plain):
                made = plain(probe, row, name)
                if probe == "media":
                    made.content["image_phash"] = bits
                    made.content["image_sha256"] = sha256(name.encode()).digest()
                return made

            shard._measure = measure
    found = find_overlap(*sides, OPTIONS)
    assert np.flatnonzero(found.parts[0].train_rows).tolist() == [1299]
    assert not found.is_cut


def test_blank_images_count_with_their_text_alone():
    blank = {"image": (0, 0), "is_blank": True}
    train = [Row(**blank), Row(**blank, file=1, is_blind=True), Row(**blank, text=(1, 0)), Row(image=(2, 0))]
    test = [Row(**blank), Row(**blank, file=2, is_blind=True), Row(**blank, text=(1, 0)), Row(image=(2, 0))]
    found = search(train, test)
    image, text, pair = found.parts
    assert list(zip(image.listed.train.tolist(), image.listed.test.tolist(), strict=True)) == [(3, 3)]
    assert found.blank_test.tolist() == [True, False, True, False]
    assert text.test_rows.tolist() == [False, False, True, False]
    assert list(zip(pair.listed.train.tolist(), pair.listed.test.tolist(), strict=True)) == [(2, 2)]


@pytest.mark.parametrize("is_turned", [False, True])
def test_a_row_amid_many_near_ones_finds_them_all(is_turned):
    many, few = [Row(image=(0, variant)) for variant in range(60)], [Row(image=(0, 99))]
    found = search(few, many, size=20) if is_turned else search(many, few, size=20)
    assert found.parts[0].train_rows.all()
    assert found.parts[0].test_rows.all()
    assert not found.is_cut


def test_more_near_ones_than_are_looked_at_are_told(monkeypatch):
    monkeypatch.setattr(overlap_search, "_FIRST_PARTNERS", 2)
    monkeypatch.setattr(overlap_search, "_MAX_PARTNERS", 4)
    many = [Row(image=(0, variant)) for variant in range(12)]
    found = search(many, [Row(image=(0, variant + 20)) for variant in range(20)])
    assert found.is_cut
    assert found.parts[0].test_rows.all()


def test_what_could_not_be_read_is_told_apart():
    found = search([Row(image=(0, 0))], [Row(image=(0, 0), is_broken=True), Row(text=(1, 0)), Row(image=(2, 0))])
    assert found.readable_test.tolist() == [False, False, True]
    assert found.compared == {"image": (1, 1), "caption": (0, 1), "audio": (0, 0), "transcript": (0, 0)}


@given(
    one=st.lists(st.integers(-1, 4), max_size=12),
    other=st.lists(st.integers(-1, 4), max_size=12),
    pairs=st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), max_size=8),
    limit=st.integers(1, 12),
    block=st.integers(1, 20),
)
@settings(deadline=None)
def test_products_of_groups_are_whole_in_any_blocks(one, other, pairs, limit, block):
    from mmcheck.overlap import pairs as overlap_pairs

    left, right = (np.array(part, dtype=np.int64) for part in (one, other))
    chosen = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    before, overlap_pairs._BLOCK = overlap_pairs._BLOCK, block
    try:
        blocks = list(cross(Members(left, 5), Members(right, 5), chosen[:, 0], chosen[:, 1], limit))
    finally:
        overlap_pairs._BLOCK = before
    seen = [entry for found in blocks for entry in zip(*(part.tolist() for part in found), strict=True)]
    truth = [
        (number, row, partner)
        for number, (a, b) in enumerate(pairs)
        for row in np.flatnonzero(left == a)[:limit].tolist()
        for partner in np.flatnonzero(right == b)[:limit].tolist()
    ]
    assert seen == truth


def test_kinds_are_in_the_order_that_is_documented():
    found = search([Row(image=(0, 0), text=(0, 0))], [Row(image=(0, 0), text=(0, 0))])
    assert [part.kind for part in found.parts] == [kind for kind in module.KINDS if kind != "audio"]
