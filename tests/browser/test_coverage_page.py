"""The map of a set in a real browser: a person can read it, and a caption cannot make it do anything."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from mmcheck.coverage.page import write_coverage_page
from mmcheck.coverage.run import CoverageOptions, cover_run

playwright = pytest.importorskip("playwright.sync_api", reason="the browser tests need playwright")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium binary found (apt-get install chromium)")

ARGUMENTS = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
ATTACKS = (
    "</script><script>window.hit=1;alert(1)</script>",
    '<img src=x onerror="window.hit=1;alert(1)">',
    '"><svg onload=window.hit=1>',
    "</div></text></svg><iframe srcdoc='<script>parent.hit=1</script>'></iframe>",
    "${window.hit=1} {{constructor.constructor('window.hit=1')()}}",
    "safe \u202egnp.exe\u2066 end",
    "]]><!--<script>",
)
_WRITER = Path(__file__).resolve().parents[1] / "fixtures" / "coverage_run.py"


class Watched:
    """A page, and everything on it that must not happen."""

    def __init__(self, browser: playwright.Browser, file: Path, **options: object) -> None:
        self.context = browser.new_context(**options)
        self.page = self.context.new_page()
        self.surprises: list[str] = []
        self.page.on("dialog", self._dismiss)
        self.page.on("pageerror", lambda error: self.surprises.append(f"error: {error}"))
        self.page.on("console", lambda message: self.surprises.append(f"console: {message.text}"))
        self.page.on("request", self._request)
        self.page.goto(file.as_uri())

    def _dismiss(self, dialog: playwright.Dialog) -> None:
        self.surprises.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def _request(self, request: playwright.Request) -> None:
        if not request.url.startswith(("file:", "data:")):
            self.surprises.append(f"request: {request.url}")


@pytest.fixture(scope="module")
def writer() -> ModuleType:
    spec = importlib.util.spec_from_file_location("coverage_run", _WRITER)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def browser() -> Iterator[playwright.Browser]:
    with playwright.sync_playwright() as engine:
        started = engine.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield started
        started.close()


@pytest.fixture(scope="module")
def coverage_page(writer: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("coverage")
    run = writer.write_groups(folder / "run", [0] * 30 + [1] * 20 + [2] * 10, images=True, quarantined=range(8))
    reference = writer.write_groups(folder / "reference", [0, 1, 3] * 30, images=True, seed=4)
    cover_run(run, CoverageOptions(num_clusters=3), reference=reference)
    return write_coverage_page(run, reference=reference)


@pytest.fixture
def watched(browser: playwright.Browser, coverage_page: Path) -> Iterator[Watched]:
    page = Watched(browser, coverage_page, viewport={"width": 1280, "height": 900})
    yield page
    page.context.close()
    assert page.surprises == []


def hover(page: playwright.Page, number: int) -> None:
    """Move the mouse to a point."""
    page.locator(".map-frame").scroll_into_view_if_needed()
    box = page.locator(f"circle[data-n='{number}']").bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)


def test_every_sample_has_a_point_and_every_cluster_a_name(watched: Watched) -> None:
    page = watched.page
    assert page.locator(".map-points circle").count() == 60
    assert set(page.locator(".map-labels text").all_text_contents()) == {"anchor", "banjo", "cactus"}
    assert page.locator(".map-count").inner_text() == "60 points"
    colours = page.evaluate(
        "[...new Set([...document.querySelectorAll('.map-points circle')].map(c => getComputedStyle(c).fill))]"
    )
    assert len(colours) == 3


def test_hovering_shows_caption_and_picture(watched: Watched) -> None:
    page = watched.page
    assert not page.locator(".map-card").is_visible()
    hover(page, 3)
    card = page.locator(".map-card")
    assert card.is_visible()
    assert card.locator(".map-text").inner_text().startswith("a anchor seen from the")
    assert card.locator(".map-cluster").inner_text() == "anchor"
    assert "run-00" in card.locator(".map-id").inner_text()
    drawn = page.evaluate(
        """() => { const c = document.querySelector('.map-card canvas');
        const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;
        return [c.hidden, c.width, new Set(d).size]; }"""
    )
    assert drawn[0] is False
    assert drawn[1] == 80
    assert drawn[2] > 3, "the picture has several colours"
    inside = page.evaluate(
        """() => { const [a, b] = ['.map-card', '.map-frame']
            .map(s => document.querySelector(s).getBoundingClientRect());
        return a.left >= b.left && a.right <= b.right && a.top >= b.top && a.bottom <= b.bottom; }"""
    )
    assert inside
    page.mouse.move(5, 5)
    assert not card.is_visible()


def test_colouring_by_quarantine_shows_the_pairs_taken(watched: Watched) -> None:
    page = watched.page
    page.select_option(".map-colour", "wrong")
    assert page.locator(".map-points circle.m1").count() == 8
    fills = page.evaluate("['m0', 'm1'].map(c => getComputedStyle(document.querySelector('.map-points .' + c)).fill)")
    assert fills[0] != fills[1]


def test_search_and_clusters_dim_the_others(watched: Watched) -> None:
    page = watched.page
    page.fill(".map-find", "BANJO seen")
    assert page.locator(".map-count").inner_text() == "20 of 60 points"
    assert page.locator("circle.dim").count() == 40
    page.locator("[data-show-cluster]", has_text="cactus").click()
    assert page.locator(".map-count").inner_text() == "10 of 60 points"
    assert page.locator(".map-frame svg").get_attribute("viewBox") != "0 0 1000 640"
    page.locator(".coverage-map button[type=reset]").click()
    playwright.expect(page.locator(".map-count")).to_have_text("60 points")
    assert page.locator(".map-frame svg").get_attribute("viewBox") == "0 0 1000 640"


def test_the_map_answers_the_keyboard(watched: Watched) -> None:
    page = watched.page
    page.locator(".map-frame").focus()
    page.keyboard.press("ArrowRight")
    first = page.locator(".map-id").inner_text()
    assert first
    seen = {first}
    for key in ("ArrowRight", "ArrowDown", "ArrowLeft", "ArrowUp", "ArrowRight"):
        page.keyboard.press(key)
        seen.add(page.locator(".map-id").inner_text())
    assert len(seen) > 2
    assert page.locator("circle.here").count() == 1
    page.keyboard.press("+")
    assert page.locator(".map-frame svg").get_attribute("viewBox") != "0 0 1000 640"
    page.keyboard.press("Escape")
    page.locator(".map-card").wait_for(state="hidden")


def test_a_tap_shows_the_caption(browser: playwright.Browser, coverage_page: Path) -> None:
    watched = Watched(browser, coverage_page, viewport={"width": 400, "height": 800}, has_touch=True)
    page = watched.page
    page.locator(".map-frame").scroll_into_view_if_needed()
    box = page.locator("circle[data-n='3']").bounding_box()
    page.touchscreen.tap(box["x"] + 2, box["y"] + 2)
    assert "seen from the" in page.locator(".map-text").inner_text()
    watched.context.close()
    assert watched.surprises == []


def test_the_table_shows_pictures_and_what_is_missing(watched: Watched) -> None:
    page = watched.page
    assert page.locator("table.clusters tbody tr").count() == 3
    assert page.evaluate("[...document.querySelectorAll('.related img')].every(i => i.complete && i.naturalWidth > 20)")
    assert page.locator("table.clusters img").count() == 12
    text = page.locator("main").inner_text()
    assert "Missing here" in text
    assert "dolphin" in text


@pytest.mark.parametrize("width", [400, 768, 1280])
def test_nothing_sticks_out_at_any_width(browser: playwright.Browser, coverage_page: Path, width: int) -> None:
    watched = Watched(browser, coverage_page, viewport={"width": width, "height": 800})
    assert watched.page.evaluate("document.documentElement.scrollWidth") <= width
    watched.context.close()
    assert watched.surprises == []


def test_the_map_is_there_without_scripts_and_in_print(browser: playwright.Browser, coverage_page: Path) -> None:
    watched = Watched(browser, coverage_page, java_script_enabled=False)
    page = watched.page
    assert page.locator(".map-points circle").first.is_visible()
    assert page.locator("table.clusters").is_visible()
    assert not page.locator(".coverage-map form").is_visible()
    page.emulate_media(media="print")
    assert page.locator(".map-points circle").first.is_visible()
    watched.context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_names_stand_out_from_the_ground(browser: playwright.Browser, coverage_page: Path, scheme: str) -> None:
    watched = Watched(browser, coverage_page, color_scheme=scheme)
    ink, ground = watched.page.evaluate(
        """() => [getComputedStyle(document.querySelector('.map-labels text')).fill,
        getComputedStyle(document.querySelector('.map-frame')).backgroundColor]
        .map(c => c.match(/\\d+/g).slice(0, 3).reduce((s, v) => s + Number(v), 0))"""
    )
    assert abs(ink - ground) > 450
    watched.context.close()


def test_a_caption_cannot_make_the_page_run_anything(
    browser: playwright.Browser, writer: ModuleType, tmp_path: Path
) -> None:
    captions = {number: ATTACKS[number % len(ATTACKS)] for number in range(42)}
    columns = {ATTACKS[0]: [ATTACKS[number % 3] for number in range(42)]}
    run = writer.write_groups(tmp_path / "run", [0, 1, 2] * 14, captions=captions, columns=columns, images=True)
    cover_run(run, CoverageOptions(num_clusters=3, slice_by=(ATTACKS[0],)), reference=run)
    watched = Watched(browser, write_coverage_page(run, reference=run))
    page = watched.page
    for number in range(42):
        hover(page, number)
    hover(page, 0)
    assert page.locator(".map-text").inner_text().strip() != ""
    page.fill(".map-find", "onerror")
    assert page.locator(".map-count").inner_text() == "6 of 42 points"
    assert page.evaluate("window.hit") is None
    assert page.evaluate("document.scripts.length") == 1
    assert page.evaluate("document.querySelectorAll('iframe, base, object, embed').length") == 0
    assert "\u202e" not in page.locator("body").inner_text()
    assert watched.surprises == []
    page.evaluate(
        "const s = document.createElement('script'); s.textContent = 'window.hit = 1'; document.body.append(s)"
    )
    assert page.evaluate("window.hit") is None, "the policy refuses any script but the page's own"
    watched.context.close()
