"""The words of a caption that may be wrong are shaded in a real browser, and can be searched for like any text."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from mmcheck.core.types import Action, Finding, Measurement, MediaRef, Metric, Sample, Status, Verdict
from mmcheck.report.build import write_report

playwright = pytest.importorskip("playwright.sync_api", reason="the browser tests need playwright")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium binary found (apt-get install chromium)")

CAPTION = "A <b>red</b> ball on the grass"
METRIC = Metric(name="caption_words.wrong_word", description="Probability.", low=0, high=1, higher_is_better=False)


@pytest.fixture
def page(report_run: ModuleType, tmp_path: Path) -> Iterator[playwright.Page]:
    sample = Sample(id="one", manifest="/data/a.jsonl", row_number=1, image=MediaRef(uri="/no.jpg"), caption=CAPTION)
    message = '"red" does not fit this image; "blue" fits better.'
    finding = Finding(
        rule="wrong_caption_word",
        code="wrong_caption_word.another_fits",
        action=Action.FLAG,
        message=message,
        metric=METRIC.name,
        observed=0.97,
        limit=0.9,
    )
    start = CAPTION.index("red")
    measured = Measurement(
        sample_id="one",
        probe="caption_words",
        status=Status.MEASURED,
        values={"wrong_word": 0.97},
        evidence={"words": [[start, start + 3, 0.97]]},
    )
    verdict = Verdict(sample_id="one", action=Action.FLAG, findings=(finding,))
    rules = {"weak": {"metric": METRIC.name, "max": 0.9, "action": "flag"}}
    run = report_run.write_run(
        tmp_path / "run",
        [sample],
        [verdict],
        {"caption_words": [measured]},
        metrics={"caption_words": (METRIC,)},
        config={"rules": rules},
    )
    with playwright.sync_playwright() as engine:
        browser = engine.chromium.launch(executable_path=CHROMIUM, args=["--headless", "--no-sandbox", "--disable-gpu"])
        found = browser.new_page()
        found.goto(write_report(run).as_uri())
        yield found
        browser.close()


def test_the_wrong_word_is_shaded_where_it_stands_and_named(page: playwright.Page) -> None:
    row = page.locator("tr.pair")
    said = row.locator(".said p.text")
    assert said.inner_text() == CAPTION
    word = said.locator(".w")
    assert word.all_inner_texts() == ["red"]
    background = word.evaluate("node => getComputedStyle(node).backgroundColor")
    assert background not in ("rgba(0, 0, 0, 0)", "transparent")
    assert "0.97" in (word.get_attribute("title") or "")
    assert '"blue" fits better' in row.locator(".findings").inner_text()
    page.fill("#f-text", "red</b> ball")
    assert row.is_visible()
    page.fill("#f-text", "purple ball")
    assert not row.is_visible()
