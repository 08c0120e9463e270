from __future__ import annotations

import json

import numpy as np
import pyarrow as pa

from mmcheck.corpus.slice_labels import MAX_SLICES, REST, choose_slices, read_labels


class FakeShard:
    """Samples only."""

    def __init__(self, language, rows):
        self._table = pa.table(
            {
                "id": [str(n) for n in range(len(rows))],
                "language": pa.array(language, pa.string()),
                "row": pa.array(rows, pa.string()),
            }
        )

    def samples(self, columns=None):
        return self._table.select(columns)


def test_labels_join_the_keys_and_leave_absent_values_out():
    rows = [json.dumps(row) for row in ({"source": "a"}, {"source": None}, {}, {"source": ["x"]}, [1])]
    shard = FakeShard(["en", "de", None, "", "日本語"], rows)
    assert read_labels(shard, ("language", "source")) == [
        "language=en, source=a",
        "language=de",
        "",
        "",
        "language=日本語",
    ]
    assert read_labels(shard, ()) == [""] * 5
    assert read_labels(FakeShard([], []), ("language",)) == []


def test_small_values_go_to_the_rest():
    names, places = choose_slices(lambda: iter([["en"] * 300 + ["de"] * 299, ["fr"] * 400 + [""] * 500]), 300)
    assert names == [REST, "en", "fr"]
    assert places == {"en": 1, "fr": 2}


def test_one_value_is_no_slice():
    assert choose_slices(lambda: iter([["en"] * 1000]), 300) == ([REST], {})
    assert choose_slices(lambda: iter([]), 300) == ([REST], {})


def test_the_largest_slices_are_kept_and_order_does_not_matter():
    labels = [f"v{number:02d}" for number in range(40) for _ in range(50 + number)]
    names, _ = choose_slices(lambda: iter([labels]), 50)
    assert len(names) == MAX_SLICES + 1
    assert "v39" in names
    assert "v00" not in names
    shuffled = np.random.default_rng(0).permutation(labels).tolist()
    assert choose_slices(lambda: iter([shuffled[:700], shuffled[700:]]), 50)[0] == names


def test_a_column_of_nearly_unique_values_is_counted_whatever_the_order():
    rare = [[f"id{n}" for n in range(start, start + 3000)] for start in range(0, 30000, 3000)]
    assert choose_slices(lambda: iter(rare), 50)[0] == [REST]
    # One row a shard: a count that forgets rare names on the way never sees it grow.
    common = [[*part, *["often"] * 6] for part in rare]
    assert choose_slices(lambda: iter(common), 50)[0] == [REST, "often"]
    assert choose_slices(lambda: iter(common[::-1]), 50)[0] == [REST, "often"]
    only = [["often"] * 6000, *rare[:1], *rare[1:4]]
    assert choose_slices(lambda: iter(only), 50)[0] == [REST, "often"]
