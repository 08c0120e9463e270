"""What the screen says when a scan ends: counts, the problems that matter most, where the files lie, what next."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from mmcheck.cli import app as cli
from mmcheck.decide.next_step import next_step

Run = Callable[..., str]
QUICK = ("--probes", "media,caption_text", "--no-report", "--quiet")


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    monkeypatch.chdir(tmp_path)

    def call(*words: str) -> str:
        monkeypatch.setattr(sys, "argv", ["mmcheck", *words])
        with pytest.raises(SystemExit) as stopped:
            cli.main()
        printed = capsys.readouterr()
        assert stopped.value.code == 0, printed.err
        return printed.out

    return call


def write(folder: Path, captions: list[str], *, absent: int = 0) -> str:
    for number in range(len(captions)):
        if number >= absent:
            Image.effect_noise((64, 64), 60 + number).convert("RGB").save(folder / f"{number}.png")
    rows = [{"image": f"{number}.png", "caption": text} for number, text in enumerate(captions)]
    (folder / "rows.jsonl").write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")
    return "rows.jsonl"


def summary_of(folder: Path) -> dict[str, object]:
    return json.loads((folder / "r" / "summary.json").read_text("utf-8"))


def test_the_gravest_problems_come_with_an_example_each(run: Run, tmp_path: Path) -> None:
    sound = [f"a wooden boat number {n} on a calm lake at dawn" for n in range(5)]
    texts = ["", "IMG_20240306_030981.jpg", *sound, "x" * 4, "кот спит на окне, солнечный день <b>жирный</b>"]
    out = run("scan", write(tmp_path, texts, absent=1), "-o", "r", *QUICK)
    problems = summary_of(tmp_path)["problems"]
    assert [problem["rule"] for problem in problems] == ["empty_text", "file_name_caption", "unreadable_media"]
    told = {problem["rule"]: problem for problem in problems}
    assert told["unreadable_media"]["codes"] == {"unreadable_media.missing": 1}
    example = told["unreadable_media"]["example"]
    assert example["path"] == str(tmp_path / "0.png")
    assert example["row_number"] == 1
    assert "the problems that matter most:" in out
    assert "1 row quarantined (unreadable_media.missing)" in out
    assert "file:    0.png  (rows.jsonl:1)" in out
    assert out.rstrip().endswith("next:        mmcheck worst r  (the worst pairs, with their reasons)")


def test_many_mild_faults_come_before_a_rare_grave_one(run: Run, tmp_path: Path) -> None:
    texts = [f"cap{n}" for n in range(9)] + [""]  # nine short ones are flagged, one empty one is quarantined
    run("scan", write(tmp_path, texts), "-o", "r", *QUICK)
    first, second = summary_of(tmp_path)["problems"][:2]
    assert (first["rule"], first["rows"], first["action"]) == ("short_caption", 9, "flag")
    assert second["action"] == "quarantine"


def test_a_row_counts_only_for_the_rules_that_decide_about_it(run: Run, tmp_path: Path) -> None:
    # The file is missing (quarantine) and its caption is short (flag): not a problem of short captions.
    run("scan", write(tmp_path, ["abc", "a red kite above a long sandy beach"], absent=1), "-o", "r", *QUICK)
    found = summary_of(tmp_path)
    assert found["findings"]["short_caption.below_min"] == 1
    assert [problem["rule"] for problem in found["problems"]] == ["unreadable_media"]


def test_statistics_stand_behind_verbose(run: Run, tmp_path: Path) -> None:
    texts = ["a nice photo", "a good picture", "a wooden boat on a calm lake at dawn", ""]
    manifest = write(tmp_path, texts)
    out = run("scan", manifest, "-o", "r", *QUICK)
    assert "are vague" not in out
    assert "vague_caption.above_max" not in out
    assert "NOT compared" in out  # a warning is told always
    more = run("judge", "r", "--no-report", "-q", "--verbose")
    assert "2 of 3 captions are vague" in more
    assert "vague_caption.above_max" in more
    assert "more kind" not in more


def test_a_clean_run_tells_no_problem_and_what_to_do_before_training(run: Run, tmp_path: Path) -> None:
    out = run("scan", write(tmp_path, ["a wooden boat on a calm lake at dawn"]), "-o", "r", *QUICK)
    assert "problem" not in out
    assert "next:        the same `mmcheck scan` command with the probes of a model" in out
    assert "train on r/clean" not in out
    summary = summary_of(tmp_path)
    assert summary["problems"] == []
    compared = next_step({**summary, "status": "complete"}, "r")
    assert compared is not None
    assert compared.command == "train on r/clean"


def test_the_status_says_what_the_verdicts_rest_on(run: Run, tmp_path: Path) -> None:
    manifest = write(tmp_path, ["a wooden boat on a calm lake at dawn"])
    run("scan", manifest, "-o", "r", *QUICK)
    assert summary_of(tmp_path)["status"] == "not_compared"
    run("scan", manifest, "-o", "r", *QUICK, "--limit", "0", "--overwrite")
    assert summary_of(tmp_path)["status"] == "empty"


def test_what_a_manifest_says_cannot_drive_the_terminal(run: Run, tmp_path: Path) -> None:
    texts = ["\x1b[2Jgone " + "word " * 400, "a wooden boat on a calm lake at dawn"]
    out = run("scan", write(tmp_path, texts, absent=1), "-o", "r", *QUICK)
    assert "\x1b" not in out
    assert max(len(line) for line in out.splitlines() if "text:" in line) < 120


def test_too_small_a_set_is_told_the_command_that_judges_it(run: Run, tmp_path: Path) -> None:
    manifest = write(tmp_path, [f"a wooden boat number {n} on a calm lake" for n in range(3)])
    out = run("scan", manifest, "-o", "r", "--config", "demo", "--probes", "media,image_text", "--no-report", "-q")
    assert "unchecked (unjudged.too_few_pairs)" in out
    assert "mmcheck judge r --set rules.min_similarity.enabled=true" in out
    assert "next:" not in out  # that command is the next step
    assert summary_of(tmp_path)["status"] == "complete"
