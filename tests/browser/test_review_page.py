"""The review in a real browser, served by the command itself: keys, undo, reload, two reviewers, hostile texts."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from mmcheck.people.decision_log import log_path, read_decisions
from mmcheck.people.standing import standing_decisions
from mmcheck.store.run_folder import RunFolder

playwright = pytest.importorskip("playwright.sync_api", reason="the browser tests need playwright")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium binary found (apt-get install chromium)")

ARGUMENTS = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
ATTACKS = (
    "</script><script>window.hit=1;alert(1)</script>",
    '<img src=x onerror="window.hit=1;alert(1)">',
    '"><svg onload=window.hit=1>',
    "</textarea><script>window.hit=1</script>",
    "{{ constructor.constructor('window.hit=1')() }}",
    "safe \u202egnp.exe\u2066 end " + "unbroken" * 60,
)


class Served:
    """``mmcheck review`` at work, and the pages that were opened on it."""

    def __init__(self, browser: playwright.Browser, run: RunFolder, *options: str) -> None:
        self._browser = browser
        self.run = run
        words = [sys.executable, "-m", "mmcheck", "review", str(run.path), *options]
        self.process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.surprises: list[str] = []

    def address(self) -> str:
        """Return the next address that the command prints."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if found := re.search(r"http://127\.0\.0\.1:\d+/\?token=\S+", line):
                return found[0]
        raise AssertionError("the command ended without an address")

    def open(self, **options: Any) -> playwright.Page:
        page = self._browser.new_context(**options).new_page()
        page.set_default_timeout(120_000)  # a busy machine is slow, not wrong
        page.on("dialog", lambda dialog: (self.surprises.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        page.on("pageerror", lambda error: self.surprises.append(f"error: {error}"))
        page.on("console", lambda message: self.surprises.append(f"console: {message.text}"))
        page.on(
            "request",
            lambda request: (
                None
                if re.match(r"http://127\.0\.0\.1:\d+/|data:", request.url)
                else self.surprises.append(f"request: {request.url}")
            ),
        )
        page.goto(self.address())
        return page

    def stop(self) -> str:
        self.process.send_signal(signal.SIGINT)
        told, _ = self.process.communicate(timeout=60)
        return str(told)


@pytest.fixture(scope="module")
def browser() -> Iterator[playwright.Browser]:
    with playwright.sync_playwright() as engine:
        started = engine.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield started
        started.close()


@pytest.fixture(scope="module")
def review_run() -> ModuleType:
    file = Path(__file__).resolve().parents[1] / "fixtures" / "review_run.py"
    spec = importlib.util.spec_from_file_location("review_run", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def served(browser: playwright.Browser) -> Iterator[Callable[..., Served]]:
    made: list[Served] = []

    def start(run: RunFolder, *options: str) -> Served:
        made.append(Served(browser, run, *options))
        return made[-1]

    yield start
    for one in made:
        if one.process.poll() is None:
            os.kill(one.process.pid, signal.SIGKILL)
            one.process.communicate()


def _press(page: playwright.Page, key: str) -> None:
    with page.expect_navigation():
        page.keyboard.press(key)


def _row(page: playwright.Page) -> str:
    return str(page.locator(".desk").get_attribute("data-row"))


def test_a_dozen_pairs_by_keyboard_with_undo_and_a_reload(
    report_run: ModuleType, review_run: ModuleType, tmp_path: Path, served: Callable[..., Served]
) -> None:
    run = review_run.make_run(report_run, tmp_path)
    review = served(run, "--reviewer", "ann", "--count", "12")
    page = review.open(viewport={"width": 1280, "height": 800})
    assert page.url.endswith("/"), "the token does not stay in the address"
    assert page.evaluate("document.cookie") == ""
    assert page.evaluate("document.querySelector('.desk img').decode().then(() => true)")
    for key in "kqvk":
        _press(page, key)
    taken_back = _row(page)
    _press(page, "q")
    _press(page, "z")
    assert _row(page) == taken_back
    assert "Taken back: quarantine." in page.locator(".notice").inner_text()
    page.goto("/".join(page.url.split("/")[:3]))
    page.reload()
    assert _row(page) == taken_back
    _press(page, "k")

    page.keyboard.press("e")
    page.keyboard.press("Control+A")
    page.keyboard.type("a keen quick fox")
    with page.expect_navigation():
        page.keyboard.press("Control+Enter")
    page.keyboard.press("n")
    page.keyboard.type("quite sure")
    page.keyboard.press("Enter")
    _press(page, "u")
    _press(page, "s")
    while page.locator(".desk").count():
        _press(page, "k")
    assert page.locator("h1").inner_text() == "Nothing left to review"
    assert review.surprises == []

    told = review.stop()
    assert review.process.returncode == 0
    assert "12 of 12 decided." in told
    assert f"mmcheck judge {run.path} --apply-review" in told
    log = read_decisions(log_path(run.path)).decisions
    standing = standing_decisions(log)
    assert len(log) == 14
    assert [one.choice for one in standing] == [
        *"keep quarantine vague keep keep edit unsure skip".split(),
        *["keep"] * 4,
    ]
    assert standing[5].text == "a keen quick fox"
    assert standing[6].note == "quite sure"
    assert all(one.seconds is not None and one.seconds < 60 for one in standing)


def test_two_reviewers_and_a_second_browser_at_once(
    report_run: ModuleType, review_run: ModuleType, tmp_path: Path, served: Callable[..., Served]
) -> None:
    run = review_run.make_run(report_run, tmp_path)
    ann, ben = (served(run, "--reviewer", name, "--blind") for name in ("ann", "ben"))
    first, other = ann.open(), ben.open()
    second = ann.open()
    assert "probability" not in first.locator("main").inner_text()
    _press(first, "k")
    _press(other, "q")
    _press(second, "k")
    second.reload()
    first.reload()
    assert _row(first) == _row(second)
    assert [(one.reviewer, one.choice) for one in read_decisions(log_path(run.path)).decisions] == [
        ("ann", "keep"),
        ("ben", "quarantine"),
        ("ann", "keep"),
    ]


def test_hostile_texts_run_nothing_and_break_no_layout(
    report_run: ModuleType, review_run: ModuleType, tmp_path: Path, served: Callable[..., Served]
) -> None:
    run = review_run.make_run(report_run, tmp_path, lambda number: f"{ATTACKS[number % 6]} {number}")
    (tmp_path / "media" / "031.png").unlink()
    review = served(run, "--reviewer", "ann", "--sample", "flagged")
    page = review.open(viewport={"width": 1280, "height": 800})
    base = page.url.rstrip("/")
    for width in (1280, 700, 360):
        page.set_viewport_size({"width": width, "height": 800})
        for path in ("/", "/row/35", "/grid"):
            page.goto(base + path)
            assert page.evaluate("document.documentElement.scrollWidth") <= width, (path, width)
            assert page.evaluate("window.hit") is None
            assert page.evaluate("document.querySelectorAll('iframe, object, embed, base').length") == 0
            assert page.evaluate("document.scripts.length") == 1
    assert [text for text in review.surprises if "404" not in text] == [], "only the missing picture is told"
    page.goto(f"{base}/row/31")
    page.locator(".medium .placeholder").wait_for()
    assert "031.png" in page.locator(".medium .placeholder").inner_text()
    page.evaluate(
        "document.body.append(Object.assign(document.createElement('script'), {textContent: 'window.hit = 1'}))"
    )
    assert page.evaluate("window.hit") is None, "the policy refuses any script without the nonce"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_texts_and_buttons_can_be_read_in_both_schemes(
    report_run: ModuleType, review_run: ModuleType, tmp_path: Path, served: Callable[..., Served], scheme: str
) -> None:
    run = review_run.make_run(report_run, tmp_path)
    page = served(run, "--reviewer", "ann").open(color_scheme=scheme, viewport={"width": 390, "height": 800})
    weak = page.evaluate(
        """() => {
          const rgb = c => (c.match(/[\\d.]+/g) || []).map(Number);
          const ground = e => { while (e) { const c = rgb(getComputedStyle(e).backgroundColor);
            if (c.length === 3 || c[3] > 0) return c; e = e.parentElement; } return [255, 255, 255]; };
          const light = c => c.slice(0, 3).map(v => v / 255)
            .map(v => v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
            .reduce((sum, v, i) => sum + v * [.2126, .7152, .0722][i], 0);
          return [...document.querySelectorAll('.actions button, .main-text, .findings p, .muted, .label, summary')]
            .filter(e => e.offsetParent && !e.disabled).filter(e => {
              const [a, b] = [light(rgb(getComputedStyle(e).color)), light(ground(e))].sort((x, y) => y - x);
              return (a + .05) / (b + .05) < 4.5;
            }).map(e => e.outerHTML.slice(0, 80));
        }"""
    )
    assert weak == []
    for button in page.locator(".actions button:visible").all():
        box = button.bounding_box()
        assert box is not None
        assert box["height"] >= 36
        assert box["x"] + box["width"] <= 390
