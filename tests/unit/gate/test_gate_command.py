from __future__ import annotations

import json
import shutil
import xml.etree.ElementTree as ET
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import junitparser
import numpy as np
import pytest
from PIL import Image

import mmcheck
from mmcheck.config import load_config
from mmcheck.config.loading import bundled_dir
from mmcheck.core.types import Action, Finding, Measurement, Metric, Sample, Status, Verdict
from mmcheck.store.run_folder import RunFolder
from mmcheck.store.run_record import MeasuredRecord, read_record, write_record
from mmcheck.store.seal import write_json

Command = Callable[..., tuple[int, str, str]]
HOSTILE = 'x|<script>alert(1)</script>\u202e]]>\x1b[31m & "q" `a` *b* @team \x00\ud7ff'
POSTERIOR = Metric(name="alignment.image_posterior", description="Probability of a mismatch.", low=0, high=1)


@pytest.fixture(scope="module")
def scanned_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of eight rows: one file is missing, one cut short, one line broken, one caption empty."""
    folder = tmp_path_factory.mktemp("gate")
    rng = np.random.default_rng(0)
    rows: list[dict[str, str]] = []
    for number in range(8):
        Image.fromarray(rng.integers(0, 255, (96, 128, 3), dtype=np.uint8)).save(folder / f"{number}.png")
        rows.append({"id": f"s{number}", "image": f"{number}.png", "caption": f"a red cup number {number} on a table"})
    (folder / "1.png").write_bytes((folder / "1.png").read_bytes()[:200])
    (folder / "2.png").unlink()
    rows[4]["caption"] = ""
    rows[5] |= {"language": "de", "source": "\u7121"}
    rows[6] |= {"language": "zh", "source": "\u7121"}
    rows[7] |= {"language": "zh", "source": HOSTILE}
    lines = [json.dumps(row) for row in rows]
    lines[3] = lines[3][:-5]
    (folder / "data.jsonl").write_text("\n".join(lines) + "\n", "utf-8")
    mmcheck.scan(folder / "data.jsonl", folder / "run", probes="media,caption_text")
    return folder


@pytest.fixture
def scanned(scanned_once: Path, tmp_path: Path) -> Path:
    """A copy of that run."""
    return Path(shutil.copytree(scanned_once / "run", tmp_path / "run"))


@pytest.fixture
def judged(report_run: ModuleType, tmp_path: Path) -> Callable[..., Path]:
    """``judged(posteriors, share)``: a run of captioned images with these probabilities of a mismatch."""

    def make(
        posteriors: list[float | None], image: Mapping[str, Any] | None, *, model: str = "", limit: int | None = None
    ) -> Path:
        samples, verdicts, measured = [], [], []
        for number, posterior in enumerate(posteriors):
            sample = Sample(
                id=f"s{number}",
                manifest="/data/a.jsonl",
                row_number=number + 1,
                image=report_run.MediaRef(uri=f"/data/{number}.png"),
                caption="a red cup",
                language="de" if number % 2 else "en",
                row={"source": "a" if number % 4 else "b"},
            )
            bad = posterior is not None and posterior > 0.5
            found = Finding(rule="mismatch", code="mismatch.pair", action=Action.QUARANTINE, message="no")
            samples.append(sample)
            verdicts.append(
                Verdict(
                    sample_id=sample.id,
                    action=Action.QUARANTINE if bad else Action.KEEP,
                    findings=(found,) if bad else (),
                )
            )
            values = {} if posterior is None else {"image_posterior": posterior}
            measured.append(Measurement(sample_id=sample.id, probe="alignment", status=Status.MEASURED, values=values))
        run: RunFolder = report_run.write_run(
            tmp_path / "judged",
            samples,
            verdicts,
            {
                "alignment": measured,
                "image_text": [Measurement.not_applicable(sample.id, "image_text", "none") for sample in samples],
            },
            metrics={"alignment": (POSTERIOR,), "image_text": report_run.METRICS["image_text"]},
        )
        record = read_record(run.path)
        probes = dict(record.probes)
        probes["image_text"] = probes["image_text"].updated(about={"model": model})
        alignment = probes.pop("alignment")
        analyses = {"alignment": MeasuredRecord(fingerprint="f", metrics=alignment.metrics)}
        changed = record.updated(probes=probes, analyses=analyses, limit=limit)
        write_record(run.path, changed)
        summary = dict(run.summary)
        judged = sum(posterior is not None for posterior in posteriors)
        summary["pairs"] = {
            "image": {"pairs": len(posteriors), "compared": len(posteriors), "judged": judged, "by_raw_limit": 0}
        }
        summary["analyses"] = {} if image is None else {"alignment": {"image": dict(image)}}
        write_json(run.path / "summary.json", summary)
        return run.path

    return make


def options(*limits: str) -> list[str]:
    return [word for limit in limits for word in ("--set", f"gate.{limit}")]


def test_no_limit_is_wrong_input_and_says_what_to_set(scanned: Path, command: Command) -> None:
    code, out, err = command("gate", str(scanned))
    assert (code, out) == (2, "")
    assert "--set gate.max.quarantine=5%" in err


@pytest.mark.parametrize(
    ("limits", "code", "told"),
    [
        (("max.quarantine=50%", "max.unchecked=100%"), 0, "passed: 0 of 3 limits exceeded"),
        (("max.quarantine=49.9%",), 1, "quarantine: 4 of 8 rows (50.0 %); at most 49.9 % may be."),
        (("max.unreadable_media=2",), 0, "passed"),
        (
            ("max={unreadable_media.missing: 0}",),
            1,
            "unreadable_media.missing: 1 of 8 rows (12.5 %); at most 0 may be.",
        ),
        (("min_rows=9",), 1, "The run holds 8 rows; at least 9 must be there."),
        (("refuse=[not_compared]",), 1, "No model compared the image-caption pairs."),
        (("refuse=[limited,changed_inputs,bundled_model]",), 0, "passed: 0 of 4 limits exceeded"),
        (("max.mismatched=2%",), 1, "not known: no model compared the image-caption pairs."),
    ],
)
def test_limits_on_what_was_counted(
    scanned: Path, command: Command, limits: tuple[str, ...], code: int, told: str
) -> None:
    before = {path: path.read_bytes() for path in scanned.rglob("*") if path.is_file()}
    found, out, _ = command("gate", str(scanned), *options(*limits))
    assert (found, told in out) == (code, True), out
    assert {path: path.read_bytes() for path in scanned.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (options("max.quarantined=5%"), "did you mean 'quarantine'?"),
        (options("max.quarantine=5"), ""),
        (options("max.quarantine=lots"), "needs a number of rows or a share"),
        (options("max.quarantine=0.05"), "gate.max.quarantine=5%"),
        (options("max.flag=101%"), "at most 100%"),
        (options("max.mismatched=3"), "gate.max.mismatched=2%"),
        (options("max.min_similarity=3"), "the rule 'min_similarity' is off"),
        (options("refuse=[lost]"), "gate.refuse"),
        (options("maximum.flag=3"), "unknown key"),
        (options("max.flag=3", "per_slice=[colour]"), "columns are: language, manifest, id, image"),
        (["--set", "rules.short_caption.min=3"], "only keys of section `gate`"),
        (["--config", "nowhere.yaml"], "cannot be read"),
        ([*options("max.flag=3"), "--json", "--markdown", "-"], "both print"),
    ],
)
def test_wrong_limits_end_in_words(scanned: Path, command: Command, words: list[str], told: str) -> None:
    code, _, err = command("gate", str(scanned), *words)
    if told:
        assert (code, told in err) == (2, True), err
    else:
        assert code == 0


def test_a_limit_in_a_file_can_be_taken_back(scanned: Path, command: Command, tmp_path: Path) -> None:
    file = tmp_path / "gate.yaml"
    file.write_text("gate:\n  max: {quarantine: 3, unchecked: 100%}\n", "utf-8")
    assert command("gate", str(scanned), "--config", str(file))[0] == 1
    assert command("gate", str(scanned), "--config", str(file), *options("max.quarantine=null"))[0] == 0


def test_slices_are_held_to_the_shares(scanned: Path, command: Command) -> None:
    limits = options("max.quarantine=60%", "max.empty_text=5", "per_slice=[language,source]", "min_slice_rows=2")
    code, out, err = command("gate", str(scanned), *limits, "--json")
    assert code == 1, err
    found = {(case["check"], case["slice"]): case for case in json.loads(out)["cases"]}
    assert found["quarantine", "language=(none)"]["verdict"] == "fail"
    assert (
        found["quarantine", "language=zh"] | {"verdict": "pass", "count": 0, "rows": 2}
        == (found["quarantine", "language=zh"])
    )
    assert ("quarantine", "source=\u7121") in found
    assert not [key for key in found if key[0] == "empty_text" and key[1]]
    notes = json.loads(out)["notes"]
    assert notes[0] == "1 slice of language with fewer than 2 rows (1 row in all) is not held to the limits apart."


@pytest.mark.parametrize(
    ("limit", "verdict", "strict"), [("4%", "pass", "pass"), ("3%", "warn", "fail"), ("1%", "fail", "fail")]
)
def test_the_mismatched_share_is_judged_on_its_interval(
    judged: Callable[..., Path], command: Command, limit: str, verdict: str, strict: str
) -> None:
    image = {"state": "judged", "share": 0.02, "share_low": 0.012, "share_high": 0.035, "num_pairs": 100}
    run = judged([0.01] * 20, image)
    for words, wanted in (((), verdict), (("--strict",), strict)):
        code, out, _ = command("gate", str(run), *options(f"max.mismatched={limit}"), *words, "--json")
        case = next(case for case in json.loads(out)["cases"] if case["check"] == "mismatched.image")
        assert (case["verdict"], code) == (wanted, int(wanted == "fail"))
        assert (case["share_low"], case["share_high"]) == (0.012, 0.035)
        assert case["measured"] == "2.0 % (1.2 to 3.5 %)"


def test_a_share_that_nobody_knows_does_not_pass(judged: Callable[..., Path], command: Command) -> None:
    run = judged([None] * 8, {"state": "model_cannot_tell", "reason": "this model cannot judge these images"})
    limits = options("max.mismatched=50%", "refuse=[cannot_judge,not_compared]")
    code, out, _ = command("gate", str(run), *limits)
    assert code == 1
    assert "is not known: this model cannot judge these images." in out
    assert "state.not_compared" in out


def test_slices_have_intervals_of_their_own(judged: Callable[..., Path], command: Command) -> None:
    image = {
        "state": "judged",
        **{"share": 0.5, "share_low": 0.4, "share_high": 0.6, "num_pairs": 400},
        "slices": {
            "language=en": {"state": "judged", "share": 0.01, "share_low": 0, "share_high": 0.02, "num_pairs": 9}
        },
    }
    run = judged([0.9 if number % 2 else 0.02 for number in range(400)], image)
    code, out, _ = command("gate", str(run), *options("max.mismatched=70%", "per_slice=[language]"), "--json")
    found = {case["slice"]: case for case in json.loads(out)["cases"] if case["check"] == "mismatched.image"}
    assert code == 1
    assert found["language=en"]["share_high"] == 0.02
    assert found["language=de"]["share"] == 0.9
    assert 0.7 < found["language=de"]["share_low"] < 0.9 < found["language=de"]["share_high"] < 1
    assert {name: case["verdict"] for name, case in found.items()} == {
        "": "pass",
        "language=en": "pass",
        "language=de": "fail",
    }


@pytest.mark.parametrize(
    ("model", "limit", "state", "fails"),
    [
        ("tiny-clip", None, "bundled_model", True),
        ("ViT-B-32", None, "bundled_model", False),
        ("", 4, "limited", True),
        ("", 5, "limited", False),
    ],
)
def test_states_of_the_run(
    judged: Callable[..., Path], command: Command, model: str, limit: int | None, state: str, fails: bool
) -> None:
    run = judged([0.1] * 4, None, model=model, limit=limit)
    code, out, _ = command("gate", str(run), *options(f"refuse=[{state}]"), "--json")
    assert code == int(fails)
    case = json.loads(out)["cases"][-1]
    assert (case["check"], case["verdict"]) == (f"state.{state}", "fail" if fails else "pass")


def test_a_manifest_that_changed_is_seen(scanned: Path, command: Command) -> None:
    manifest = scanned.parent / "data.jsonl"
    record = read_record(scanned)
    manifest.write_bytes(Path(record.inputs[0].manifest).read_bytes())
    write_record(scanned, record.updated(inputs=(record.inputs[0].updated(manifest=str(manifest)),)))
    assert command("gate", str(scanned), *options("refuse=[changed_inputs]"))[0] == 0
    manifest.write_text(manifest.read_text("utf-8") + "{}\n", "utf-8")
    code, out, _ = command("gate", str(scanned), *options("refuse=[changed_inputs]"))
    assert code == 1
    assert "has changed since it was scanned" in out.replace("\n", "")
    manifest.unlink()
    assert command("gate", str(scanned), *options("refuse=[changed_inputs]"))[0] == 1


def test_junit_is_read_by_what_reads_junit(
    scanned: Path, judged: Callable[..., Path], command: Command, tmp_path: Path
) -> None:
    file = tmp_path / "gate.xml"
    limits = options("max.quarantine=30%", "max.flag=100%", "per_slice=[source]", "min_slice_rows=1")
    assert command("gate", str(scanned), *limits, "--junit", str(file))[0] == 1
    suites = list(junitparser.JUnitXml.fromfile(str(file)))
    assert [(suite.tests, suite.failures, suite.errors, suite.skipped) for suite in suites] == [(9, 2, 0, 0)]
    names = [(case.classname, case.name) for case in suites[0]]
    assert len(names) == len(set(names)) == 9
    assert ("mmcheck.gate.quarantine", "source=\u7121: at most 30 %") in names
    assert any("<script>" in name and "\u202e" not in name for _, name in names)
    message = next(case.result[0].message for case in suites[0] if case.result)
    assert message == "quarantine: 4 of 8 rows (50.0 %); at most 30 % may be."
    assert {prop.name: prop.value for prop in suites[0].properties()}["rows"] == "8"
    image = {"state": "judged", "share": 0.02, "share_low": 0.01, "share_high": 0.04, "num_pairs": 100}
    assert command("gate", str(judged([0.1], image)), *options("max.mismatched=3%"), "--junit", str(file))[0] == 0
    (suite,) = junitparser.JUnitXml.fromfile(str(file))
    assert (suite.tests, suite.failures, suite.skipped) == (2, 0, 1)


def test_junit_keeps_to_the_jenkins_schema(scanned: Path, command: Command, tmp_path: Path) -> None:
    """What junit-10.xsd allows: elements, their order, attributes that must be there, attributes that may."""
    allowed = {
        "testsuites": ({"testsuite"}, set(), {"name", "tests", "failures", "errors"}),
        "testsuite": ({"properties", "testcase"}, {"name", "tests", "failures", "errors"}, {"skipped"}),
        "properties": ({"property"}, set(), set()),
        "property": (set(), {"name", "value"}, set()),
        "testcase": ({"failure", "skipped", "system-out"}, {"name"}, {"classname", "time"}),
        "failure": (set(), set(), {"type", "message"}),
        "skipped": (set(), set(), {"type", "message"}),
        "system-out": (set(), set(), set()),
    }
    file = tmp_path / "gate.xml"
    command("gate", str(scanned), *options("max.quarantine=3", "max.flag=8"), "--junit", str(file))
    for element in ET.parse(file).getroot().iter():
        children, must, may = allowed[element.tag]
        assert {child.tag for child in element} <= children
        assert must <= set(element.attrib) <= must | may


def test_markdown_is_for_people_and_holds_no_markup_of_the_data(
    scanned: Path, command: Command, tmp_path: Path
) -> None:
    limits = options("max.quarantine=30%", "per_slice=[source]", "min_slice_rows=1")
    code, out, _ = command("gate", str(scanned), *limits, "--markdown", "-")
    assert code == 1
    assert out.startswith("### mmcheck gate: failed\n")
    assert "| quarantine | at most 30 % | 4 of 8 rows (50.0 %) | **FAIL** |" in out
    assert "<script>" not in out
    rows = [line for line in out.splitlines() if line.startswith("| ")]
    assert {line.count("|") for line in rows} == {5}
    file = tmp_path / "gate.md"
    assert command("gate", str(scanned), *limits, "--markdown", str(file))[0] == 1
    assert file.read_text("utf-8") == out


def test_an_empty_run_is_not_released(tmp_path: Path, command: Command, make_dataset: Callable[..., Path]) -> None:
    out = tmp_path / "empty"
    code, _, err = command(
        "scan", str(make_dataset(1)), "-o", str(out), "--limit", "0", "--probes", "media", "--no-report", "-q"
    )
    assert code == 0, err
    code, told, _ = command("gate", str(out), *options("max.quarantine=5%", "max.mismatched=2%", "per_slice=[source]"))
    assert code == 1
    assert "The run holds 0 rows; at least 1 must be there." in told
    assert command("gate", str(out), *options("max.quarantine=5%", "min_rows=0"))[0] == 0


def test_what_is_no_finished_run_is_not_judged(scanned: Path, command: Command, tmp_path: Path) -> None:
    limits = options("max.quarantine=100%")
    assert command("gate", str(tmp_path / "nowhere"), *limits)[0] == 2
    part = next((scanned / "verdicts").glob("*.parquet"))
    data = bytearray(part.read_bytes())
    data[len(data) // 3] ^= 0x40
    part.write_bytes(data)
    code, _, err = command("gate", str(scanned), *limits)
    assert (code, part.name in err) == (3, True)
    write_record(scanned, read_record(scanned).updated(state="measuring"))
    code, _, err = command("gate", str(scanned), *limits)
    assert (code, "is not complete" in err) == (3, True)


def test_the_example_loads_and_names_what_there_is(scanned: Path, command: Command) -> None:
    example = bundled_dir("configs") / "examples" / "gate.yaml"
    assert load_config(example).gate.holds_anything
    code, out, err = command("gate", str(scanned), "--config", str(example), "--json")
    assert code == 1, err
    assert json.loads(out)["schema_version"] == 1
