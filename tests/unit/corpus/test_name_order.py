from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from mmcheck.core.types import Sample
from mmcheck.corpus.name_order import rank_by_name
from mmcheck.store.schema import samples_to_table


@dataclass
class FakeShard:
    """One shard in memory."""

    stored: list[Sample]

    def samples(self, columns=None):
        table = samples_to_table(self.stored, 0)
        return table if columns is None else table.select(columns)


def named(name, **changes):
    return Sample(**{"id": name, "manifest": "/data/rows.jsonl", "row_number": 1, "caption": "x", **changes})


def in_order(samples, num_shards=1):
    shards = [FakeShard(samples[n::num_shards]) for n in range(num_shards)]
    listed = [sample for shard in shards for sample in shard.stored]
    place = rank_by_name(shards)
    assert sorted(place.tolist()) == list(range(len(samples)))
    return [listed[row] for row in np.argsort(place).tolist()]


def test_the_shortest_name_comes_first_and_then_the_alphabet():
    names = ["cat (1).jpg", "10", "cat.jpg", "b", "9", "\u4e2d"]
    assert [sample.id for sample in in_order([named(name) for name in names])] == [
        "9",
        "b",
        "\u4e2d",
        "10",
        "cat.jpg",
        "cat (1).jpg",
    ]


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(["a", "b", "ab", "long name", ""]), st.integers(0, 3)), max_size=20, unique=True
    ),
    st.randoms(use_true_random=False),
    st.integers(1, 4),
)
def test_only_names_and_contents_decide(drawn, random, num_shards):
    """Ids that are numbers of rows, and numbers of repeated ids, are given anew in each order."""

    def planned(contents):
        made, seen = [], {}
        for number, (name, value) in enumerate(contents, start=1):
            base = name or f"rows.jsonl:{number}"
            seen[base] = seen.get(base, 0) + 1
            id_ = base if seen[base] == 1 else f"{base}#{seen[base]}"
            made.append(named(id_, row_number=number, own_id=bool(name), row={"name": name, "value": value}))
        return made

    moved = random.sample(drawn, len(drawn))
    one, other = ([dict(s.row) for s in in_order(planned(rows), num_shards)] for rows in (drawn, moved))
    assert one == other


def test_rows_that_nobody_asks_for_keep_their_numbers():
    shards = [FakeShard([named("c"), named("b")]), FakeShard([named("a"), replace(named("0"), caption=None)])]
    assert rank_by_name(shards, np.array([True, False, True, False])).tolist() == [2, 1, 0, 3]
    assert rank_by_name([], None).tolist() == []
