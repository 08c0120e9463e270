from __future__ import annotations

import json

from mmcheck.core.json_row import JsonRow
from mmcheck.core.types import MediaRef, Sample
from mmcheck.formats.base import OutputRow
from mmcheck.formats.joined_rows import join_rows


def part(item: int, text: str, *, row: int = 1, reasons: str = "", similarity: float | None = None) -> OutputRow:
    columns = {"image": "a.jpg", "texts": [text], "n": [1.0]}
    sample = Sample(
        id=f"a.jpg#{item + 1}",
        manifest="/m.jsonl",
        row_number=row,
        image=MediaRef(uri="/a.jpg"),
        caption=text,
        row=JsonRow(columns, json.dumps(columns).replace("1.0", "1.00")),
        item=item,
        split=("texts",),
    )
    extra = {"mmcheck_id": sample.id, "mmcheck_reasons": reasons, "mmcheck_x_similarity": similarity}
    return OutputRow(sample=sample, extra=extra)


def test_the_texts_of_one_row_come_together_again() -> None:
    rows = list(join_rows([part(0, "one"), part(2, "three"), part(1, "other", row=2)]))
    assert [dict(out.sample.row)["texts"] for out in rows] == [["one", "three"], ["other"]]
    assert [out.items for out in rows] == [(0, 2), (1,)]
    assert '"n": [1.00]' in rows[0].sample.row.text
    assert rows[0].extra["mmcheck_id"] == "a.jpg#1;a.jpg#3"


def test_reasons_name_their_texts_and_the_worst_number_stands() -> None:
    parts = [
        part(0, "one", reasons="Vague.", similarity=0.4),
        part(1, "two", similarity=0.1),
        part(3, "four", reasons="Vague."),
        part(4, "five", reasons="Short."),
    ]
    (out,) = join_rows(parts, {"mmcheck_x_similarity": True})
    assert out.extra["mmcheck_reasons"] == "captions 1, 4: Vague. caption 5: Short."
    assert out.extra["mmcheck_x_similarity"] == 0.1
    (out,) = join_rows(parts, {"mmcheck_x_similarity": False})
    assert out.extra["mmcheck_x_similarity"] == 0.4


def test_rows_of_one_text_pass_through() -> None:
    plain = OutputRow(sample=Sample(id="x", manifest="m", row_number=1, row={"texts": ["one"]}), extra={})
    assert list(join_rows([plain, plain])) == [plain, plain]
