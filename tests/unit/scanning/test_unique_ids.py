from __future__ import annotations

import pytest

from mmcheck.core.errors import ManifestError
from mmcheck.core.types import MediaRef, Sample
from mmcheck.scanning.unique_ids import UniqueIds


def make(ids: UniqueIds, *samples: Sample) -> list[str]:
    return [ids.make(sample) for sample in samples]


def row(number: int, id_: str, uri: str = "/a.jpg", *, own: bool = True, member: str | None = None) -> Sample:
    return Sample(id=id_, manifest="/m.parquet", row_number=number, own_id=own, image=MediaRef(uri=uri, member=member))


def test_one_id_for_all_captions_of_an_image() -> None:
    ids = UniqueIds()
    ids.begin("/m.parquet")
    assert make(ids, row(1, "7"), row(2, "7"), row(3, "8", "/b.jpg"), row(4, "7"), row(5, "7#2")) == [
        *("7", "7#2", "8", "7#3", "7#2#2"),
    ]


def test_one_id_for_different_images_is_refused_with_a_way_out() -> None:
    ids = UniqueIds()
    ids.begin("/m.parquet")
    ids.make(row(1, "7"))
    with pytest.raises(ManifestError, match="in row 1 and in row 9, to different media") as caught:
        ids.make(row(9, "7", "/b.jpg"))
    assert "input.columns.id=none" in str(caught.value.hint)


def test_media_inside_the_manifest_may_share_an_id() -> None:
    ids = UniqueIds()
    ids.begin("/m.parquet")
    cells = [row(number, "7", "/m.parquet", member=f"image[{number}]") for number in range(3)]
    assert make(ids, *cells) == ["7", "7#2", "7#3"]


def test_a_hundred_thousand_rows_of_one_image_are_planned_in_one_pass() -> None:
    class CountedIds(UniqueIds):
        asked = 0

        def _is_free(self, wanted: str) -> bool:
            self.asked += 1
            return super()._is_free(wanted)

    ids = CountedIds()
    ids.begin("/m.jsonl")
    made = make(ids, *(row(number, "a.jpg", own=False) for number in range(100_000)))
    assert made[-1] == "a.jpg#100000"
    assert len(set(made)) == 100_000
    assert ids.asked < 100_000


def test_ids_of_earlier_manifests_get_the_name_of_theirs() -> None:
    ids = UniqueIds()
    found = []
    for _ in range(3):
        ids.begin("/x/m.jsonl")
        found += make(ids, row(1, "a", own=False), row(2, "a", own=False))
    assert found == ["a", "a#2", "m.jsonl:a", "m.jsonl:a#2", "m.jsonl#2:a", "m.jsonl#2:a#2"]
