"""Marks on the report: they stay, they are exported, and judging follows them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mmcheck.api import open_run, scan
from mmcheck.people.decision_log import read_decisions

playwright = pytest.importorskip("playwright.sync_api", reason="the browser tests need playwright")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium binary found (apt-get install chromium)")

HOSTILE = 'it\'s "</script><img src=x onerror=window.hit=1>" \u202egnp ünïcode'


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A scan of five pictures whose captions are too short, one of them with an id that tries to be markup."""
    folder = tmp_path_factory.mktemp("marked")
    rng = np.random.default_rng(0)
    rows = []
    for number in range(5):
        Image.fromarray(rng.integers(0, 255, (240, 320, 3), dtype=np.uint8)).save(folder / f"{number}.png")
        rows.append(
            {"id": HOSTILE if number == 4 else f"s{number}", "image": f"{number}.png", "caption": f"cup {number}"}
        )
    (folder / "data.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    scan(folder / "data.jsonl", folder / "run", probes="media,caption_text", overrides=["rules.short_caption.min=20"])
    from mmcheck.report.build import write_report

    return write_report(open_run(folder / "run").folder)


@pytest.fixture
def page(report: Path) -> Iterator[playwright.Page]:
    with playwright.sync_playwright() as engine:
        browser = engine.chromium.launch(executable_path=CHROMIUM, args=["--headless", "--no-sandbox", "--disable-gpu"])
        context = browser.new_context(viewport={"width": 1280, "height": 900}, accept_downloads=True)
        context.set_default_timeout(120_000)  # a busy machine is slow, not wrong
        opened = context.new_page()
        opened.goto(report.as_uri())
        yield opened
        assert opened.evaluate("window.hit") is None
        browser.close()


def row(page: playwright.Page, name: str) -> playwright.Locator:
    return page.locator("tr.pair", has=page.locator(".id", has_text=name))


def test_marks_stay_over_a_reload_are_exported_and_judged(page: playwright.Page, report: Path, tmp_path: Path) -> None:
    def mark(name: str, word: str) -> None:
        row(page, name).get_by_role("button", name=word, exact=True).click()

    mark("s0", "right")
    mark("s1", "wrong")
    mark("s2", "unsure")
    mark("s3", "wrong")
    mark("s3", "wrong")  # a second press takes it back
    mark("s1", "right")  # another one changes it
    mark("it's", "right")
    page.reload()
    assert page.locator("#m-count").inner_text() == "4 pairs marked"
    pressed = row(page, "s1").locator("[aria-pressed=true]")
    assert pressed.inner_text() == "right"
    page.select_option("#f-mark", "none")
    assert page.locator("tr.pair:visible").count() == 1
    page.click("#m-export")
    assert page.evaluate("document.getElementById('m-name').validity.valid") is False
    page.fill("#m-name", " Ann Ö ")
    with page.expect_download() as download:
        page.click("#m-export")
    export = tmp_path / "decisions.jsonl"
    download.value.save_as(export)
    found = read_decisions(export)
    assert found.unread == ()
    assert {one.sample_id: one.choice.value for one in found.decisions} == {
        "s0": "keep",
        "s1": "keep",
        "s2": "unsure",
        HOSTILE: "keep",
    }
    assert all(one.reviewer == "Ann Ö" and one.content and one.codes for one in found.decisions)
    run = open_run(shutil.copytree(report.parent, tmp_path / "run"))  # judging replaces the report
    run.judge(decisions=export)
    table = run.samples().to_arrow()
    actions = dict(zip(table["id"].to_pylist(), table["action"].to_pylist(), strict=True))
    before = {"s0": "keep", "s1": "keep", HOSTILE: "keep"}
    assert {name: actions[name] for name in before} == before
    assert actions["s2"] != "keep"
    assert run.summary["review"]["rows"]["stale"] == 0


def test_what_is_shown_stands_in_the_address(page: playwright.Page, report: Path) -> None:
    page.select_option("#f-action", "flag")
    page.fill("#f-text", "s2")
    page.select_option("#f-sort", "id")
    address = page.url
    assert "#pairs?" in address
    page.goto("about:blank")
    page.goto(address)
    assert page.locator("tr.pair:visible .id").all_inner_texts() == ["s2"]
    assert page.input_value("#f-sort") == "id"
    page.click("#f-reset")
    playwright.expect(page.locator("tr.pair:visible")).to_have_count(5)
    assert page.url.endswith("#pairs")


def test_a_row_has_an_address_of_its_own(page: playwright.Page, report: Path) -> None:
    link = row(page, "s3").get_by_role("link", name="link", exact=True).get_attribute("href")
    assert page.locator(link).locator(".id").inner_text() == "s3"
