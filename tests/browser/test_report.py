"""The report in a real browser: it works, and a manifest cannot make it do anything."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from mmcheck.core.types import Action, Finding, Measurement, Sample, Status, Verdict
from mmcheck.report.build import write_report

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
    "--autoplay-policy=no-user-gesture-required",
]
ATTACKS = (
    "</script><script>window.hit=1;alert(1)</script>",
    '<img src=x onerror="window.hit=1;alert(1)">',
    '"><svg onload=window.hit=1>',
    "' onmouseover='window.hit=1",
    "javascript:window.hit=1",
    "</style><style>body{display:none}</style><iframe srcdoc='<script>parent.hit=1</script>'></iframe>",
    "<base href=//evil.example><meta http-equiv=refresh content='0;url=//evil.example'>",
    "${window.hit=1} {{constructor.constructor('window.hit=1')()}} {% raw %}",
    "safe \u202egnp.exe\u2066 \u200bend",
    "]]><!--<script>",
)


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

    def shown(self) -> list[str]:
        return self.page.locator("tr.pair:visible .id").all_inner_texts()


@pytest.fixture(scope="module")
def browser() -> Iterator[playwright.Browser]:
    with playwright.sync_playwright() as engine:
        started = engine.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield started
        started.close()


@pytest.fixture(scope="module")
def report(report_run: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_report(report_run.make_gallery(tmp_path_factory.mktemp("gallery")))


@pytest.fixture
def watched(browser: playwright.Browser, report: Path) -> Iterator[Watched]:
    page = Watched(browser, report, viewport={"width": 1280, "height": 900})
    yield page
    page.context.close()
    assert page.surprises == []


def test_filters_narrow_the_table_and_say_how_far(watched: Watched) -> None:
    page = watched.page
    everything = watched.shown()
    assert len(everything) == page.locator("tr.pair").count()
    page.select_option("#f-action", "flag")
    flagged = watched.shown()
    assert 0 < len(flagged) < len(everything)
    assert page.locator("#f-count").inner_text() == f"{len(flagged)} of {len(everything)} pairs"
    page.click("#f-reset")
    playwright.expect(page.locator("#f-count")).not_to_contain_text("of")
    assert watched.shown() == everything
    page.select_option("#f-modality", "audio")
    assert all(name.startswith("speech/") for name in watched.shown())
    page.fill("#f-text", "CROWN fox")
    assert 0 < len(watched.shown()) < 12
    page.fill("#f-text", "no such words")
    assert watched.shown() == []
    assert page.locator("#nothing").is_visible()


def test_a_reason_in_the_overview_filters_the_table(watched: Watched) -> None:
    watched.page.locator("[data-filter-code]", has_text="wrong_words.above_max").click()
    codes = watched.page.locator("tr.pair:visible .findings").all_inner_texts()
    assert codes
    assert all("wrong_words.above_max" in text for text in codes)
    assert watched.page.url.endswith("#pairs?reason=wrong_words.above_max")


def test_sorting_by_metric_id_and_manifest(watched: Watched) -> None:
    page = watched.page
    page.select_option("#f-sort", "m:image_text.similarity")
    metric = "[data-metric='image_text.similarity']"
    first = page.evaluate(
        "metric => [...document.querySelectorAll('tr.pair')].map(row => row.querySelector(metric))"
        ".map(held => held && Number(held.value))",
        metric,
    )
    present = [value for value in first if value is not None]
    assert len(present) > 2
    assert first == sorted(present) + [None] * (len(first) - len(present)), "pairs without the value come last"
    page.select_option("#f-sort", "id")
    assert watched.shown() == sorted(watched.shown())
    head = page.locator("th[data-sort=manifest]")
    head.locator("button").click()
    assert head.get_attribute("aria-sort") == "ascending"
    up = page.evaluate("[...document.querySelectorAll('tr.pair')].map(r => Number(r.dataset.index))")
    assert up == sorted(up)
    head.locator("button").focus()
    page.keyboard.press("Enter")
    assert head.get_attribute("aria-sort") == "descending"
    down = page.evaluate("[...document.querySelectorAll('tr.pair')].map(r => Number(r.dataset.index))")
    assert down == up[::-1]


def test_recordings_can_be_played_one_at_a_time_and_pictures_are_seen(watched: Watched) -> None:
    page = watched.page
    seconds = page.evaluate(
        """async () => {
            const [first, second] = document.querySelectorAll('audio');
            await first.play();
            await second.play();
            await new Promise(done => setTimeout(done, 50));
            return [first.duration, first.paused, second.paused, first.error];
        }"""
    )
    assert seconds[0] > 1
    assert seconds[1:] == [True, False, None]
    assert page.evaluate("[...document.images].every(i => i.complete && i.naturalWidth > 20)")
    assert page.locator(".placeholder").count() == 1


def test_the_word_diff_is_coloured_and_struck(watched: Watched) -> None:
    look = watched.page.evaluate(
        """() => ['del', 'ins', '.s4'].map(s => document.querySelector('#rows ' + s))
            .map(e => [getComputedStyle(e).textDecorationLine, getComputedStyle(e).backgroundColor])"""
    )
    assert look[0][0] == "line-through"
    assert look[1][0] == "underline"
    assert len({colour for _, colour in look} - {"rgba(0, 0, 0, 0)"}) == 3
    assert "crown" in watched.page.locator("#rows .diff").first.inner_text()


@pytest.mark.parametrize("width", [400, 768, 1280])
def test_nothing_sticks_out_at_any_width(browser: playwright.Browser, report: Path, width: int) -> None:
    watched = Watched(browser, report, viewport={"width": width, "height": 800})
    assert watched.page.evaluate("document.documentElement.scrollWidth") <= width
    watched.context.close()
    assert watched.surprises == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_texts_have_enough_contrast_in_both_schemes(browser: playwright.Browser, report: Path, scheme: str) -> None:
    watched = Watched(browser, report, color_scheme=scheme)
    weak = watched.page.evaluate(CONTRAST)
    watched.context.close()
    assert weak == []


CONTRAST = """() => {
  const rgb = c => (c.match(/[\\d.]+/g) || []).map(Number);
  const light = c => c.slice(0, 3).map(v => v / 255).map(v => v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [.2126, .7152, .0722][i], 0);
  const ground = e => {
    const layers = [];
    for (; e; e = e.parentElement) {
      const c = rgb(getComputedStyle(e).backgroundColor), a = c.length > 3 ? c[3] : 1;
      if (a > 0) layers.push([c, a]);
      if (a === 1) break;
    }
    return layers.reverse().reduce((under, [c, a]) => under.map((v, i) => v * (1 - a) + c[i] * a), [255, 255, 255]);
  };
  const weak = [];
  const all = '.muted, .note, .chip, .tile dt, del, ins, .s1, .s2, .s3, .s4, h1, .code, a, .label, summary';
  for (const e of document.querySelectorAll(all)) {
    const [a, b] = [light(rgb(getComputedStyle(e).color)), light(ground(e))].sort((x, y) => y - x);
    if ((a + .05) / (b + .05) < 4.5) weak.push(e.tagName + '.' + e.className + ' ' + e.textContent.slice(0, 20));
  }
  return [...new Set(weak)];
}"""


def test_the_page_is_whole_without_scripts(browser: playwright.Browser, report: Path) -> None:
    watched = Watched(browser, report, java_script_enabled=False)
    assert watched.page.locator("tr.pair").first.is_visible()
    assert watched.page.locator("svg.bar").first.is_visible()
    assert not watched.page.locator("#controls").is_visible()
    watched.context.close()


def test_a_manifest_can_not_make_the_page_run_anything(
    browser: playwright.Browser, report_run: ModuleType, tmp_path: Path
) -> None:
    samples, verdicts, measured = [], [], []
    for number, attack in enumerate(ATTACKS):
        samples.append(
            Sample(
                id=f"{number}{attack}",
                manifest=f"/data/{attack}",
                row_number=number,
                image=report_run.draw_image(tmp_path / f"{number}.png", number),
                caption=attack,
                transcript=attack,
                language=attack,
                row={attack: attack},
            )
        )
        action = (Action.QUARANTINE, Action.FLAG, Action.UNCHECKED, Action.KEEP)[number % 4]
        finding = Finding(
            rule=attack, code=attack, action=Action.FLAG, message=attack, metric=attack, observed=1.0, limit=2.0
        )
        verdicts.append(Verdict(sample_id=samples[-1].id, action=action, findings=(finding,), decided_by=attack))
        measured.append(
            Measurement(
                sample_id=samples[-1].id,
                probe="transcript",
                status=Status.MEASURED,
                values={"wer": 0.1, "mean_log_prob": -1.0},
                evidence={
                    "alignment": [["substitute", attack, attack], ["insert", "", attack]],
                    "words": [[attack, -9]],
                },
            )
        )
    rules = {attack: {"metric": "transcript.wer", "max": 0.5} for attack in ATTACKS}
    run = report_run.write_run(tmp_path / "run", samples, verdicts, {"transcript": measured}, config={"rules": rules})
    watched = Watched(browser, write_report(run))
    page = watched.page
    for link in page.locator("[data-filter-code]").all():
        link.click()
        assert len(watched.shown()) == 1
    page.click("#f-reset")
    for option in page.locator("#f-sort option").all():
        page.select_option("#f-sort", option.get_attribute("value"))
    page.locator("tr.pair").first.hover()
    page.fill("#f-text", ATTACKS[0])
    assert len(watched.shown()) == 1
    assert page.evaluate("window.hit") is None
    assert page.evaluate("document.scripts.length") == 1
    assert page.evaluate("document.querySelectorAll('iframe, base, object, embed').length") == 0
    text = page.locator("body").inner_text()
    assert "\u202e" not in text
    assert "U+202E" in text
    page.evaluate(
        "const s = document.createElement('script'); s.textContent = 'window.hit = 1'; document.body.append(s)"
    )
    assert page.evaluate("window.hit") is None, "the policy refuses any script but the page's own"
    refused = [surprise for surprise in watched.surprises if "Content Security Policy" in surprise]
    assert watched.surprises == refused
    assert len(refused) == 1
    watched.context.close()
