from __future__ import annotations

import importlib.util
import json
import re
from html import unescape
from pathlib import Path
from types import ModuleType

import pytest

from mmcheck.core.errors import RunError
from mmcheck.coverage.map import HEIGHT, WIDTH, draw_map, map_script, map_style, render_map
from mmcheck.coverage.page import build_coverage_page, read_summary
from mmcheck.coverage.run import CoverageOptions, cover_run

_WRITER = Path(__file__).resolve().parents[2] / "fixtures" / "coverage_run.py"
HOSTILE = "</div><script>alert(1)</script> & \u202e <b>"


@pytest.fixture(scope="module")
def writer() -> ModuleType:
    spec = importlib.util.spec_from_file_location("coverage_run", _WRITER)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def data_of(html: str) -> dict[str, object]:
    found = re.search(r'<div class="map-data" hidden>(.*?)</div>', html, re.DOTALL)
    assert found is not None
    value = json.loads(unescape(found[1]))
    assert isinstance(value, dict)
    return value


def test_the_map_can_be_put_into_another_page(writer: ModuleType, tmp_path: Path) -> None:
    run = writer.write_groups(tmp_path / "run", [0, 1, 2] * 12, captions={0: HOSTILE}, images=True)
    cover_run(run, CoverageOptions(num_clusters=3))
    drawing = draw_map(run, "image", read_summary(run))
    assert drawing is not None
    html = render_map(drawing)
    assert html.count("<circle ") == 36
    assert "<script" not in html
    assert "style=" not in html, "the content policy refuses inline style"
    assert "\u202e" not in html
    data = data_of(html)
    assert data["points"][0][1] == "</div><script>alert(1)</script> & <U+202E> <b>"
    assert all(0 <= point.x <= WIDTH and 0 <= point.y <= HEIGHT for point in drawing.points)
    assert len(drawing.sheets) == 1
    assert all(part[4] is not None for part in data["points"])
    assert "innerHTML" not in map_script()
    assert "url(" not in map_style()


def test_without_thumbnails_no_medium_is_opened(writer: ModuleType, tmp_path: Path) -> None:
    run = writer.write_groups(tmp_path / "run", [0, 1, 2] * 12)
    cover_run(run)
    drawing = draw_map(run, "image", read_summary(run), max_thumbnails=0)
    assert drawing is not None
    assert drawing.sheets == ()
    page = build_coverage_page(run, max_thumbnails=0)
    assert "<img" not in page
    assert 'class="placeholder' not in page


def test_missing_media_leave_words_and_equal_runs_give_equal_pages(writer: ModuleType, tmp_path: Path) -> None:
    run = writer.write_groups(tmp_path / "run", [0, 1, 2] * 12)
    cover_run(run)
    page = build_coverage_page(run)
    assert "no file" in page or "missing" in page or "not exist" in page or "not there" in page
    assert build_coverage_page(run) == page
    assert not re.search(r'(?:src|href)="(?!data:|#)', page)


def test_the_page_needs_the_tables(writer: ModuleType, tmp_path: Path) -> None:
    run = writer.write_groups(tmp_path / "run", [0, 1] * 10)
    with pytest.raises(RunError, match="mmcheck coverage"):
        build_coverage_page(run)
    cover_run(run)
    (run.path / "coverage" / "samples.parquet").write_bytes(b"PAR1")
    with pytest.raises(RunError, match="damaged"):
        build_coverage_page(run)
