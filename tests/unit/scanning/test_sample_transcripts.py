from __future__ import annotations

from pathlib import Path

from mmcheck.core.types import MediaRef, RowProblem, Sample, Shard
from mmcheck.scanning.plan import sample_transcripts
from mmcheck.store.schema import samples_to_table, write_part


def row(number: int, text: str | None, *, heard: bool = True, problem: RowProblem | None = None) -> Sample:
    audio = MediaRef(uri=f"{number}.wav") if heard else None
    return Sample(id=f"s{number}", manifest="m", row_number=number, audio=audio, transcript=text, problem=problem)


def test_only_texts_of_rows_that_are_verified_are_taken(tmp_path: Path) -> None:
    broken = RowProblem(cause="ragged", message="too few cells")
    rows = [
        row(1, "one"),
        row(2, "two"),
        row(3, "two"),
        row(4, "broken", problem=broken),
        row(5, "text without sound", heard=False),
        row(6, "  "),
        row(7, None),
    ]
    shard = Shard(index=0, start=0, stop=len(rows))
    write_part(tmp_path / "samples" / shard.part, samples_to_table(rows, 0), {})
    assert sorted(sample_transcripts(tmp_path, [shard], 0)) == [("one", None), ("two", None)]
