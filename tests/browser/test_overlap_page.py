"""The overlap's page in a real browser: both rows side by side, at any width, and no row can make it do anything."""

from __future__ import annotations

import json
import re
import shutil
import wave
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mmcheck.config import parse_config
from mmcheck.overlap.page import write_overlap_page
from mmcheck.overlap.run import overlap_runs
from mmcheck.store.run_folder import RunFolder

playwright = pytest.importorskip("playwright.sync_api", reason="the browser tests need playwright")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium binary found (apt-get install chromium)")

ARGUMENTS = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
ATTACKS = (
    "</script><script>window.hit=1;alert(1)</script>",
    '<img src=x onerror="window.hit=1;alert(1)">',
    '"><svg onload=window.hit=1>',
    "{{ constructor.constructor('window.hit=1')() }}",
    "safe \u202egnp.exe\u2066 end",
    "]]><!--<style>body{display:none}",
)
CONFIG = {"probes": {"image_text": {"enabled": False}, "transcript": {"enabled": False}, "media": {"vad": False}}}


def _write(folder: Path, name: str, suffix: str, texts: Callable[[int], str], id_of: Callable[[int], str]) -> Path:
    """Write six pictures and one recording with their manifest; the other suffix makes near copies."""
    lines = []
    for number in range(6):
        file = folder / f"{name}-{number}.{suffix}"
        pixels = np.random.default_rng(number).integers(30, 220, (6, 6, 3), dtype=np.uint8)
        Image.fromarray(pixels).resize((160, 120)).save(file, quality=90)
        lines.append({"id": id_of(number), "image": file.name, "caption": texts(number)})
    with wave.open(str(folder / f"{name}.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes((np.sin(np.arange(24_000) / 9) * 9000).astype("<i2").tobytes())
    lines.append({"id": f"{name} sound", "audio": f"{name}.wav", "transcript": texts(5)})
    manifest = folder / f"{name}.jsonl"
    manifest.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return manifest


def _page(folder: Path, texts: Callable[[int], str], id_of: Callable[[int], str]) -> Path:
    train = _write(folder, "train", "png", texts, id_of)
    test = _write(folder, "test", "jpg", texts, lambda number: f"test {id_of(number)}")
    summary = overlap_runs(train, test, out=folder / "out", config=parse_config(CONFIG))
    assert summary.shared_test_rows == 7
    return write_overlap_page(folder / "out", *(RunFolder(side.run) for side in (summary.train, summary.test)))


class Watched:
    """A page, and everything on it that must not happen."""

    def __init__(self, browser: playwright.Browser, file: Path, **options: Any) -> None:
        self.context = browser.new_context(**options)
        self.page = self.context.new_page()
        self.surprises: list[str] = []
        self.page.on("dialog", lambda dialog: (self.surprises.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        self.page.on("pageerror", lambda error: self.surprises.append(f"error: {error}"))
        self.page.on("console", lambda message: self.surprises.append(f"console: {message.text}"))
        self.page.on("request", lambda request: self._request(request.url))
        self.page.goto(file.as_uri())

    def _request(self, url: str) -> None:
        if not url.startswith(("file:", "data:")):
            self.surprises.append(f"request: {url}")


@pytest.fixture(scope="module")
def browser() -> Iterator[playwright.Browser]:
    with playwright.sync_playwright() as engine:
        started = engine.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield started
        started.close()


@pytest.fixture(scope="module")
def page_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    captions = (
        "a kestrel over the sea",
        "two violins",
        "one glacier at dawn",
        "a pomegranate",
        "a tower",
        "rain again",
    )
    return _page(tmp_path_factory.mktemp("overlap"), captions.__getitem__, lambda number: f"row-\u00fc{number}")


def test_both_rows_of_each_pair_stand_side_by_side(browser: playwright.Browser, page_file: Path) -> None:
    watched = Watched(browser, page_file, viewport={"width": 1280, "height": 900})
    page = watched.page
    assert page.locator("h1").inner_text() == "7 of 7 test rows are in the training set"
    assert page.locator(".overlap").count() == 7
    first = page.locator(".overlap").first
    assert re.search(r"Image nearly, (0\.9\d\d|1\.000)", first.locator(".shared").inner_text())
    assert "Text exactly" in first.locator(".shared").inner_text()
    assert first.locator(".id").all_inner_texts() == ["row-\u00fc0", "test row-\u00fc0"]
    left, right = (box.bounding_box() for box in first.locator(".side").all())
    assert left["y"] == right["y"]
    assert left["x"] + left["width"] <= right["x"]
    page.evaluate("Promise.all([...document.images].map(image => image.decode()))")
    assert page.evaluate("[...document.images].map(image => image.naturalWidth > 50)") == [True] * 12
    assert page.locator(".overlap.exact audio").count() == 2
    assert page.evaluate("document.scripts.length") == 0
    watched.context.close()
    assert watched.surprises == []


@pytest.mark.parametrize("width", [360, 768, 1280])
def test_nothing_sticks_out_at_any_width(browser: playwright.Browser, page_file: Path, width: int) -> None:
    watched = Watched(browser, page_file, viewport={"width": width, "height": 800})
    assert watched.page.evaluate("document.documentElement.scrollWidth") <= width
    watched.context.close()
    assert watched.surprises == []


def test_a_row_cannot_make_the_page_run_anything(browser: playwright.Browser, tmp_path: Path) -> None:
    file = _page(tmp_path, ATTACKS.__getitem__, lambda number: f"{number} {ATTACKS[number]}")
    watched = Watched(browser, file)
    page = watched.page
    assert page.locator(".overlap").count() == 7
    assert page.evaluate("window.hit") is None
    assert page.evaluate("document.scripts.length") == 0
    assert page.evaluate("document.querySelectorAll('iframe, base, object, embed').length") == 0
    assert page.evaluate("document.querySelectorAll('style').length") == 1
    assert "\u202e" not in page.locator("body").inner_text()
    page.evaluate(
        "document.body.append(Object.assign(document.createElement('script'), {textContent: 'window.hit = 1'}))"
    )
    assert page.evaluate("window.hit") is None, "the policy refuses any script"
    watched.context.close()
    assert [text for text in watched.surprises if "Content Security Policy" not in text] == []
