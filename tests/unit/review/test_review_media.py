"""The media of a run as the review gives them out."""

from __future__ import annotations

import io
import wave
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from PIL import Image

from mmcheck.store.run_folder import RunFolder

Visit = Callable[..., Any]


def test_pictures_come_small_for_the_page_and_whole_on_demand(
    report_run: ModuleType, review_run: ModuleType, tmp_path: Path, visit: Visit
) -> None:
    run = review_run.make_run(report_run, tmp_path)
    Image.new("RGB", (3000, 1500), "teal").save(tmp_path / "media" / "003.png")
    visitor = visit(run)
    for size, width in (("small", 280), ("page", 1280), ("full", 3000)):
        answer = visitor.client.get(f"/media/3/{size}")
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "image/jpeg"
        assert Image.open(io.BytesIO(answer.content)).size == (width, width // 2)


def test_recordings_can_be_asked_for_in_parts(run: RunFolder, visit: Visit) -> None:
    client = visit(run).client
    whole = client.get("/media/46/sound")
    assert whole.headers["accept-ranges"] == "bytes"
    with wave.open(io.BytesIO(whole.content)) as file:
        assert (file.getframerate(), file.getnframes()) == (16_000, 16_000)
    size = len(whole.content)
    part = client.get("/media/46/sound", headers={"range": "bytes=100-199"})
    assert part.status_code == 206
    assert part.headers["content-range"] == f"bytes 100-199/{size}"
    assert part.content == whole.content[100:200]
    assert client.get("/media/46/sound", headers={"range": "bytes=-5"}).content == whole.content[-5:]
    assert client.get("/media/46/sound", headers={"range": "bytes=100-"}).content == whole.content[100:]
    beyond = client.get("/media/46/sound", headers={"range": f"bytes={size}-"})
    assert beyond.status_code == 416
    assert beyond.headers["content-range"] == f"bytes */{size}"
    for odd in ("bytes=-", "bytes=5-2,7-9", "lines=1-2", "bytes=x-"):
        assert client.get("/media/46/sound", headers={"range": odd}).content == whole.content
    assert client.get("/media/46/sound", headers={"range": "bytes=9-3"}).status_code == 416


@pytest.mark.parametrize(
    "path",
    [
        "/media/999/page",
        "/media/-1/page",
        "/media/3/../../../../etc/passwd",
        "/media/..%2f..%2fetc%2fpasswd/page",
        "/media/%2fetc%2fpasswd/page",
        "/media/3/original",
        "/media/3/sound",
        "/media/46/page",
        "/media/99999999999999999999999/page",
    ],
)
def test_nothing_but_the_media_of_rows_is_given_out(run: RunFolder, visit: Visit, path: str) -> None:
    answer = visit(run).client.get(path)
    assert answer.status_code == 404
    assert b"root:" not in answer.content
    assert answer.headers["content-type"].startswith("text/plain")


@pytest.mark.parametrize("data", [b"", b"\x89PNG\r\n\x1a\n broken", b"<svg xmlns='x' onload='alert(1)'/>", b"<html>"])
def test_a_file_that_is_no_picture_is_told_and_not_handed_on(
    run: RunFolder, visit: Visit, tmp_path: Path, data: bytes
) -> None:
    (tmp_path / "media" / "003.png").write_bytes(data)
    visitor = visit(run)
    answer = visitor.client.get("/media/3/page")
    assert answer.status_code == 404
    assert answer.headers["content-type"].startswith("text/plain")
    assert data == b"" or data not in answer.content
    assert visitor.client.get("/media/3/ahead").status_code == 204
    assert "caption number 3" in visitor.page("/row/3")


def test_a_missing_file_is_told_by_its_name(run: RunFolder, visit: Visit, tmp_path: Path) -> None:
    (tmp_path / "media" / "003.png").unlink()
    assert "003.png" in visit(run).client.get("/media/3/page").text
