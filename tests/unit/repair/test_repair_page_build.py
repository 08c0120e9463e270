"""The page of a repair: what is on it, escaped, offline, and the same every time."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path
from types import ModuleType

import pytest

from mmcheck.core.errors import RunError
from mmcheck.repair.page import build_repair_page, write_repair_page
from mmcheck.repair.run import repair_run
from mmcheck.store.run_folder import RunFolder


def _load() -> ModuleType:
    file = Path(__file__).resolve().parents[2] / "fixtures" / "repair_run.py"
    spec = importlib.util.spec_from_file_location("repair_run", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


planted = _load()
COUNT = 50


def _run(
    tmp_path: Path, order: list[int], *, lost: int | None = None, config: dict | None = None, write: str | None = None
) -> RunFolder:
    planted.draw(tmp_path / "images", COUNT)
    rows = [
        {"id": f"<b>{n}</b>", "image": f"images/{n}.png", "caption": f"<script>alert(1)</script> {order[n]}"}
        for n in range(COUNT)
    ]
    manifest = tmp_path / "a.jsonl"
    manifest.write_text("".join(json.dumps(row) + "\n" for row in rows))
    run = planted.make_run(tmp_path / "run", [(manifest, "jsonl")], config=config)
    repair_run(run.path, write=None if write is None else tmp_path / write)
    if lost is not None:
        (tmp_path / "images" / f"{lost}.png").unlink()
    return run


def test_each_proposal_stands_beside_its_picture(tmp_path: Path) -> None:
    run = _run(tmp_path, planted.shifted(COUNT, 10, 30), lost=12)
    page = build_repair_page(run)
    assert page.count('class="card repair"') == 20
    assert page.count("<img ") == 19
    assert "no picture" in page
    assert "20 of 50 rows would get another text" in page
    assert "each caption belongs to the image before it." in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt; 10" in page
    assert "<script" not in page
    assert "<b>12</b>" not in page


def test_the_page_is_the_same_every_time_and_leads_nowhere(tmp_path: Path) -> None:
    run = _run(tmp_path, planted.shifted(COUNT, 10, 30))
    first = write_repair_page(run).read_bytes()
    assert write_repair_page(run).read_bytes() == first
    links = re.findall(rb"(?:href|src)=\"([^\"]*)\"", first)
    assert links
    assert all(link.startswith((b"data:", b"#")) for link in links)


def test_many_proposals_are_cut_and_the_cut_is_said(tmp_path: Path) -> None:
    run = _run(tmp_path, planted.shifted(COUNT, 10, 30), config={"report": {"max_rows": 7}})
    page = build_repair_page(run)
    assert page.count('class="card repair"') == 7
    assert "7 of 20 proposals are shown" in page


def test_the_page_tells_whether_something_was_written_and_where(tmp_path: Path) -> None:
    page = build_repair_page(_run(tmp_path, planted.shifted(COUNT, 10, 30), write="mended"))
    assert f"20 rows are changed in <code>{tmp_path / 'mended'}</code>" in page
    assert str(tmp_path / "mended" / "a.jsonl") in page
    assert "Nothing was written" not in page


def test_the_page_tells_that_nothing_was_written(tmp_path: Path) -> None:
    page = build_repair_page(_run(tmp_path, planted.shifted(COUNT, 10, 30)))
    assert "Nothing was written" in page
    assert "--write DIR" in page


def test_nothing_to_repair_is_said(tmp_path: Path) -> None:
    page = build_repair_page(_run(tmp_path, list(range(COUNT))))
    assert "Nothing to repair" in page
    assert "card repair" not in page


def test_a_run_that_was_not_repaired_is_an_error_with_a_hint(tmp_path: Path) -> None:
    run = _run(tmp_path, list(range(COUNT)))
    (run.path / "repair" / "summary.json").unlink()
    with pytest.raises(RunError, match="summary") as caught:
        build_repair_page(run)
    assert "mmcheck repair" in str(caught.value.hint)
