from __future__ import annotations

import re
import subprocess
import sys
import time
from html.parser import HTMLParser
from pathlib import Path
from types import ModuleType

import numpy as np
import pyarrow as pa
import pytest

from mmcheck.core.errors import OutputError, RunError
from mmcheck.core.types import Action, Finding, Measurement, MediaRef, Sample, Status, Verdict
from mmcheck.report.build import build_report, write_report
from mmcheck.store.run_folder import RunFolder
from mmcheck.store.run_record import write_record
from mmcheck.store.schema import SAMPLES, VERDICTS, write_part


class Page(HTMLParser):
    """The elements and the text of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str, css: str = "") -> list[dict[str, str | None]]:
        return [a for t, a in self.elements if t == tag and css in ["", *(a.get("class") or "").split(" ")]]


def pair(number: int, action: Action = Action.QUARANTINE, **fields: object) -> tuple[Sample, Verdict]:
    values: dict[str, object] = {
        "id": f"s{number}",
        "manifest": "/data/a.jsonl",
        "row_number": number + 1,
        "image": MediaRef(uri="/nowhere/a.jpg"),
        "caption": "a cat",
    }
    sample = Sample(**{**values, **fields})  # type: ignore[arg-type]
    found = Finding(rule="mismatch", code="mismatch.below_min", action=action, message="It does not fit.")
    findings = () if action is Action.KEEP else (found,)
    return sample, Verdict(sample_id=sample.id, action=action, findings=findings)


def write(report_run: ModuleType, folder: Path, pairs: list[tuple[Sample, Verdict]], **options: object) -> RunFolder:
    run: RunFolder = report_run.write_run(folder / "run", [s for s, _ in pairs], [v for _, v in pairs], **options)
    return run


@pytest.fixture(scope="module")
def gallery(report_run: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    run: RunFolder = report_run.make_gallery(tmp_path_factory.mktemp("gallery"))
    return run


@pytest.fixture(scope="module")
def page(gallery: RunFolder) -> Page:
    return Page(build_report(gallery))


def test_the_page_shows_all_that_a_reader_looks_for(page: Page, gallery: RunFolder) -> None:
    summary = gallery.summary
    assert f"Of {summary['rows_read']} pairs, {summary['keep']} are kept" in page.text
    assert len(page.all("tr", "pair")) == summary["rows_read"] - summary["keep"]
    assert len(page.all("figure", "histogram")) == 4
    assert page.all("audio")
    assert page.all("img")
    assert page.all("del")
    assert page.all("ins")
    assert {f"s{number}" for number in (1, 4)} <= {cls for a in page.all("span", "w") for cls in a["class"].split()}  # type: ignore[union-attr]
    assert "there is no file" in page.text or "not there" in page.text
    assert "(empty)" in page.text
    assert "silent" in page.text
    assert "sha256" in page.text
    assert "short_caption:" in page.text, "the config is in the page"
    assert len(page.all("article", "kept-pair")) >= 6


def test_every_histogram_names_its_limits_and_what_lies_beyond(page: Page) -> None:
    labels = [a["aria-label"] for a in page.all("svg") if "Histogram" in (a.get("aria-label") or "")]
    assert any("image_text.similarity" in label and "min 0.2: 4 beyond" in label for label in labels if label)


def test_the_page_loads_nothing_and_names_its_script_and_style_by_hash(page: Page) -> None:
    for tag, attributes in page.elements:
        for name in ("src", "href", "action", "data", "poster", "srcset"):
            value = attributes.get(name)
            assert value is None or value.startswith(("data:", "#")), (tag, name, value)
        assert not any(name.startswith("on") or name == "style" for name in attributes), (tag, attributes)
    policy = next(a["content"] for a in page.all("meta") if a.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert not re.search(r"https?:", policy)


def test_every_control_has_a_label_and_every_picture_a_text(page: Page) -> None:
    assert all(a.get("alt") for a in page.all("img"))
    assert all(a.get("aria-label") for a in page.all("audio"))
    assert all(a.get("aria-label") or a.get("aria-hidden") for a in page.all("svg"))
    assert page.all("html")[0]["lang"] == "en"


def test_equal_runs_give_equal_pages(gallery: RunFolder) -> None:
    assert build_report(gallery) == build_report(RunFolder(gallery.path))


def test_the_report_is_written_into_the_run_folder(gallery: RunFolder) -> None:
    path = write_report(gallery)
    assert path == gallery.path / "report.html"
    assert path.read_text("utf-8").startswith("<!doctype html>")
    assert not list(gallery.path.glob(".tmp-*"))


def test_no_rows(report_run: ModuleType, tmp_path: Path) -> None:
    page = Page(build_report(write(report_run, tmp_path, [])))
    assert "The manifests hold no rows" in page.text
    assert not page.all("tr", "pair")


@pytest.mark.parametrize("action", list(Action))
def test_one_row(report_run: ModuleType, tmp_path: Path, action: Action) -> None:
    page = Page(build_report(write(report_run, tmp_path, [pair(0, action)])))
    assert len(page.all("tr", "pair")) == (action is not Action.KEEP)


def test_a_pair_without_medium_text_or_finding_is_shown_as_such(report_run: ModuleType, tmp_path: Path) -> None:
    sample, _ = pair(0, image=None, caption=None)
    verdict = Verdict(sample_id=sample.id, action=Action.UNCHECKED, decided_by="anna")
    page = Page(build_report(write(report_run, tmp_path, [(sample, verdict)])))
    for said in ("no medium", "(the row has no text)", "No finding is recorded.", "decided by anna", "no_finding"):
        assert said in page.text


def test_rows_are_limited_and_the_page_says_so(report_run: ModuleType, tmp_path: Path) -> None:
    pairs = [pair(number) for number in range(9)]
    config = {"rules": report_run.RULES, "report": {"max_rows": 3}}
    page = Page(build_report(write(report_run, tmp_path, pairs, config=config)))
    assert len(page.all("tr", "pair")) == 3
    assert "3 of 9 such pairs are shown" in page.text
    assert "3 of them shown below" in page.text
    config["report"] = {"max_rows": 0}
    page = Page(build_report(write(report_run, tmp_path, pairs, config=config)))
    assert "9 pairs are not kept; none is shown" in page.text


def test_a_huge_caption_is_cut_and_its_length_said(report_run: ModuleType, tmp_path: Path) -> None:
    text = build_report(write(report_run, tmp_path, [pair(0, caption="<b>" * 3_500_000)]))
    assert len(text) < 200_000
    assert "10,500,000 characters in all" in Page(text).text


def test_other_scripts_come_through_whole(report_run: ModuleType, tmp_path: Path) -> None:
    texts = [
        "\u0642\u0637\u0629 \u0639\u0644\u0649 \u0627\u0644\u0633\u0637\u062d",
        "\u5c4b\u6839\u306e\u4e0a\u306e\u732b",
    ]
    codes = ("ar", "ja")
    pairs = [
        pair(n, caption=text, id=text, language=code) for n, (text, code) in enumerate(zip(texts, codes, strict=True))
    ]
    page = Page(build_report(write(report_run, tmp_path, pairs)))
    assert all(page.text.count(text) == 2 for text in texts)
    assert {a.get("lang") for a in page.all("p", "text")} == {"ar", "ja"}


HOSTILE = (
    "</script><script>window.hit=1</script><img src=x onerror=window.hit=1>\" onload='window.hit=1' {{7*7}} \u202e"
)


def test_a_manifest_can_not_add_an_element(report_run: ModuleType, tmp_path: Path) -> None:
    finding = Finding(
        rule=HOSTILE, code=HOSTILE, action=Action.FLAG, message=HOSTILE, metric=HOSTILE, observed=1.0, limit=2.0
    )
    hostile = Sample(
        id=HOSTILE,
        manifest=f"/data/{HOSTILE}",
        row_number=1,
        image=MediaRef(uri=f"/nowhere/{HOSTILE}.jpg"),
        audio=MediaRef(uri=f"/nowhere/{HOSTILE}.wav"),
        caption=HOSTILE,
        transcript=HOSTILE,
        language=HOSTILE,
    )
    measured = {
        "transcript": [
            Measurement(
                sample_id=HOSTILE,
                probe="transcript",
                status=Status.MEASURED,
                evidence={"alignment": [["substitute", HOSTILE, HOSTILE]], "words": [[HOSTILE, -3.0]]},
            )
        ]
    }
    verdict = Verdict(sample_id=HOSTILE, action=Action.FLAG, findings=(finding,), decided_by=HOSTILE)
    config = {"rules": {HOSTILE: {"metric": "transcript.wer", "max": 0.5, "message": HOSTILE}}}
    run = write(report_run, tmp_path, [(hostile, verdict)], measured=measured, config=config)
    text = build_report(run)
    page = Page(text)
    assert len(page.all("script")) == 1
    assert not any(a.get("src") == "x" for a in page.all("img"))
    assert not any(name.startswith("on") for _, attributes in page.elements for name in attributes)
    assert "\u202e" not in text
    assert "{{7*7}}" in page.text
    assert not [a for a in page.all("p", "text") if a.get("lang")]


def test_an_unjudged_or_damaged_run_is_a_plain_error(report_run: ModuleType, tmp_path: Path) -> None:
    run = write(report_run, tmp_path, [pair(0)])
    next((run.path / "verdicts").iterdir()).write_bytes(b"half")
    with pytest.raises(RunError, match="damaged"):
        build_report(run)
    (run.path / "summary.json").unlink()
    with pytest.raises(RunError, match="interrupted before judging"):
        build_report(run)


def test_a_page_that_can_not_be_written_is_a_plain_error(report_run: ModuleType, tmp_path: Path) -> None:
    run = write(report_run, tmp_path, [pair(0)])
    (run.path / "report.html").mkdir()
    with pytest.raises(OutputError, match=r"report\.html"):
        write_report(run)


def test_a_hundred_thousand_rows_take_seconds(report_run: ModuleType, tmp_path: Path) -> None:
    rows, size = 100_000, 4096
    generator = np.random.default_rng(0)
    similarity = generator.normal(0.27, 0.05, rows)
    actions = np.where(similarity < 0.2, "quarantine", np.where(similarity < 0.24, "flag", "keep"))
    run = write(report_run, tmp_path, [pair(0, Action.KEEP)], measured={"image_text": [], "caption_text": []})
    for part in run.path.glob("*/**/*.parquet"):
        part.unlink()
    write_record(run.path, run.record.updated(rows=rows, shard_size=size))
    run = RunFolder(run.path)
    for shard in run.shards():
        numbers = range(shard.start, shard.stop)
        write_part(run.samples_part(shard), samples_table(numbers), {})
        own = similarity[shard.start : shard.stop]
        findings = [
            [
                {
                    "rule": "mismatch",
                    "code": f"{'mismatch' if value < 0.2 else 'weak_match'}.below_min",
                    "action": action,
                    "message": f"image_text.similarity is {value:.3f}, below the minimum.",
                    "metric": "image_text.similarity",
                    "observed": value,
                    "limit": 0.2,
                }
            ]
            if action != "keep"
            else []
            for value, action in zip(own.tolist(), actions[shard.start : shard.stop].tolist(), strict=True)
        ]
        columns = {
            "sample_id": [f"s{n}" for n in numbers],
            "action": actions[shard.start : shard.stop],
            "codes": [[f["code"] for f in found] for found in findings],
            "findings": findings,
            "policy_digest": [""] * len(numbers),
            "decided_by": ["policy"] * len(numbers),
        }
        write_part(run.verdicts_part(shard), pa.table(columns, schema=VERDICTS), {})
        for probe, metric in (("image_text", "similarity"), ("caption_text", "num_words")):
            table = pa.table(
                {
                    "sample_id": columns["sample_id"],
                    "status": ["measured"] * len(numbers),
                    "reason": pa.nulls(len(numbers), pa.string()),
                    "cause": pa.nulls(len(numbers), pa.string()),
                    metric: own if probe == "image_text" else np.round(own * 40),
                    "evidence": ["x" * 300] * len(numbers),
                }
            )
            write_part(run.measurements_part(probe, shard), table, {})
    began = time.perf_counter()
    page = Page(build_report(run))
    assert time.perf_counter() - began < 10
    assert len(page.all("tr", "pair")) == 200
    assert "100,000 values" in " ".join(a.get("aria-label") or "" for a in page.all("svg"))


def samples_table(numbers: range) -> pa.Table:
    rows = len(numbers)
    medium = pa.array([{"uri": f"/nowhere/{n}.jpg"} for n in numbers], type=SAMPLES.field("image").type)
    return pa.table(
        {
            "index": list(numbers),
            "id": [f"s{n}" for n in numbers],
            "manifest": ["/data/a.jsonl"] * rows,
            "row_number": [n + 1 for n in numbers],
            "own_id": [True] * rows,
            "image": medium,
            "audio": pa.nulls(rows, SAMPLES.field("audio").type),
            "caption": [f"caption number {n} of many" for n in numbers],
            "transcript": pa.nulls(rows, pa.string()),
            "language": pa.nulls(rows, pa.string()),
            "row": ["{}"] * rows,
            **{name: pa.nulls(rows, SAMPLES.field(name).type) for name in ("item", "split", "further", "problem")},
        },
        schema=SAMPLES,
    )


def test_reporting_loads_no_model_library() -> None:
    script = (
        "import sys, mmcheck.report.build; "
        "heavy = {'torch', 'ctranslate2', 'faster_whisper', 'open_clip', 'transformers'}; "
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
