"""The page of a repair in a real browser: it shows everything, and a manifest cannot make it do anything."""

from __future__ import annotations

import importlib.util
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from mmcheck.repair.page import write_repair_page
from mmcheck.repair.run import repair_run

playwright = pytest.importorskip("playwright.sync_api", reason="the browser tests need playwright")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium binary found (apt-get install chromium)")

ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
ATTACKS = (
    "</script><script>window.hit=1;alert(1)</script>",
    '<img src=x onerror="window.hit=1;alert(1)">',
    '"><svg onload=window.hit=1>',
    "' onmouseover='window.hit=1",
    "javascript:window.hit=1",
    "</style><style>body{display:none}</style><iframe srcdoc='<script>parent.hit=1</script>'></iframe>",
    "<base href=//evil.example><meta http-equiv=refresh content='0;url=//evil.example'>",
    "{{constructor.constructor('window.hit=1')()}} {% raw %}",
    "safe \u202egnp.exe\u2066 \u200bend",
    "]]><!--<script>",
)
COUNT = 60


def _load() -> ModuleType:
    file = Path(__file__).resolve().parents[1] / "fixtures" / "repair_run.py"
    spec = importlib.util.spec_from_file_location("repair_run", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


planted = _load()


@pytest.fixture(scope="module")
def page_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hostile")
    planted.draw(folder / "images", COUNT)
    order = planted.shifted(COUNT, 10, 40)
    rows = [
        {
            "id": f"{ATTACKS[n % 10]} {n}",
            "image": f"images/{n}.png",
            "caption": f"{ATTACKS[order[n] % 10]} {order[n]}",
            ATTACKS[n % 10]: ATTACKS[n % 10],
        }
        for n in range(COUNT)
    ]
    manifest = folder / "<img src=x onerror=alert(1)>.jsonl"
    manifest.write_text("".join(json.dumps(row) + "\n" for row in rows))
    run = planted.make_run(folder / "run", [(manifest, "jsonl")])
    summary = repair_run(run.path)
    assert summary.proposals == 30
    return write_repair_page(run)


@pytest.fixture(scope="module")
def browser() -> Iterator[playwright.Browser]:
    with playwright.sync_playwright() as engine:
        started = engine.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield started
        started.close()


def _open(browser: playwright.Browser, file: Path, **options: object) -> tuple[playwright.Page, list[str]]:
    page = browser.new_context(**options).new_page()
    surprises: list[str] = []

    def dismiss(dialog: playwright.Dialog) -> None:
        surprises.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    page.on("dialog", dismiss)
    page.on("pageerror", lambda error: surprises.append(f"error: {error}"))
    page.on("console", lambda message: surprises.append(f"console: {message.text}"))
    page.on(
        "request",
        lambda request: None if request.url.startswith(("file:", "data:")) else surprises.append(request.url),
    )
    page.goto(file.as_uri())
    return page, surprises


def test_a_manifest_can_not_make_the_page_run_anything(browser: playwright.Browser, page_file: Path) -> None:
    page, surprises = _open(browser, page_file)
    assert page.locator(".repair").count() == 30
    assert page.evaluate("window.hit") is None
    assert page.evaluate("document.scripts.length") == 0
    assert page.evaluate("document.querySelectorAll('iframe, base, object, embed').length") == 0
    assert page.evaluate("[...document.images].every(i => i.complete && i.naturalWidth > 10)")
    text = page.locator("body").inner_text()
    assert "\u202e" not in text
    assert "U+202E" in text
    assert "<svg onload=window.hit=1> 12" in text
    assert surprises == []
    page.evaluate(
        "const s = document.createElement('script'); s.textContent = 'window.hit = 1'; document.body.append(s)"
    )
    assert page.evaluate("window.hit") is None, "the policy refuses every script"
    page.context.close()


@pytest.mark.parametrize("width", [400, 768, 1280])
def test_nothing_sticks_out_at_any_width(browser: playwright.Browser, page_file: Path, width: int) -> None:
    page, surprises = _open(browser, page_file, viewport={"width": width, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.context.close()
    assert surprises == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_old_and_new_text_can_be_read_in_both_schemes(
    browser: playwright.Browser, page_file: Path, scheme: str
) -> None:
    page, _ = _open(browser, page_file, color_scheme=scheme)
    weak = page.evaluate(
        """() => {
          const rgb = c => (c.match(/[\\d.]+/g) || []).map(Number);
          const light = c => c.slice(0, 3).map(v => v / 255)
            .map(v => v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
            .reduce((sum, v, i) => sum + v * [.2126, .7152, .0722][i], 0);
          return [...document.querySelectorAll('.repair .was .text, .repair .new .text')].filter(e => {
            const style = getComputedStyle(e);
            const [a, b] = [light(rgb(style.color)), light(rgb(style.backgroundColor))].sort((x, y) => y - x);
            return (a + .05) / (b + .05) < 4.5;
          }).length;
        }"""
    )
    page.context.close()
    assert weak == 0
