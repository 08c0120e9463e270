"""Deciding about pairs through the pages of the review."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from mmcheck.people.decision import Choice
from mmcheck.people.decision_log import log_path
from mmcheck.people.standing import standing_decisions
from mmcheck.store.run_folder import RunFolder

Visit = Callable[..., Any]
ATTACK = '"><script>window.hit=1</script>\u202e</textarea><img src=x onerror=alert(1)>'


def test_the_most_uncertain_pair_comes_first_and_each_choice_is_written_down(run: RunFolder, visit: Visit) -> None:
    visitor = visit(run)
    assert visitor.desk.total == 13
    choices = ("keep", "quarantine", "vague", "unsure", "skip")
    for choice in choices:
        visitor.decide(choice, note="  looked twice ")
    log = visitor.log()
    assert [one.choice for one in log] == list(choices)
    first = log[0]
    assert first.sample_id == "img-030"
    assert first.reviewer == "ann"
    assert first.codes == ("mismatched_caption.above_max",)
    assert first.sample == "borderline"
    assert first.probability is None
    assert first.seconds == 4.5
    assert first.note == "looked twice"
    assert first.content is not None
    assert len({one.sample_id for one in log}) == 5
    assert "<b>5</b> of 13" in visitor.page()


def test_undo_is_a_record_and_brings_the_pair_back(run: RunFolder, visit: Visit) -> None:
    visitor = visit(run)
    shown = visitor.fields()["row"]
    visitor.decide("quarantine")
    visitor.decide("keep")
    assert visitor.post("/undo").status_code == 303
    answer = visitor.post("/undo")
    assert answer.headers["location"].startswith(f"/row/{shown}?")
    assert "Taken back: quarantine." in visitor.page(answer.headers["location"])
    assert [one.choice for one in visitor.log()] == ["quarantine", "keep", "undo", "undo"]
    assert standing_decisions(visitor.log()) == []
    assert visitor.fields()["row"] == shown
    assert visitor.post("/undo").headers["location"] == "/"
    assert len(visitor.log()) == 4


def test_an_edit_holds_the_new_text_and_which_pair(run: RunFolder, visit: Visit) -> None:
    visitor = visit(run)
    visitor.decide("edit", text="  two lines\r\nof text ", was="caption number 30", pair="image")
    (record,) = visitor.log()
    assert record.text == "two lines\nof text"
    assert record.pair == "image"
    row = visitor.desk.columns.find(["img-030"])["img-030"]
    assert "You said <b>another text</b>" in visitor.page(f"/row/{row}")


@pytest.mark.parametrize(("text", "told"), [(" \r\n", "empty"), ("caption number 30", "not changed")])
def test_an_edit_that_changes_nothing_is_refused(run: RunFolder, visit: Visit, text: str, told: str) -> None:
    visitor = visit(run)
    fields = {**visitor.fields(), "choice": "edit", "text": text, "was": "caption number 30", "pair": "image"}
    answer = visitor.post("/decide", **fields)
    assert answer.status_code == 409
    assert told in answer.text
    assert visitor.log() == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"choice": ""},
        {"choice": "undo"},
        {"choice": "../keep"},
        {"row": "999"},
        {"row": "-1"},
        {"row": "1e3"},
        {"row": "0x3"},
        {"content": "0" * 64},
        {"group": "same_caption"},
    ],
)
def test_a_form_that_makes_no_sense_writes_nothing(run: RunFolder, visit: Visit, wrong: dict[str, str]) -> None:
    visitor = visit(run)
    answer = visitor.post("/decide", **{**visitor.fields(), "choice": "keep", **wrong})
    assert answer.status_code == 409
    assert visitor.log() == []


def test_a_form_that_is_sent_twice_decides_once(run: RunFolder, visit: Visit) -> None:
    visitor = visit(run)
    fields = visitor.decide("keep")
    assert visitor.post("/decide", **fields).status_code == 303
    assert len(visitor.log()) == 1


def test_a_form_that_is_too_long_is_refused(run: RunFolder, visit: Visit) -> None:
    visitor = visit(run)
    assert visitor.post("/decide", choice="edit", text="x" * 5_000_000).status_code == 413
    assert visitor.log() == []


def test_one_press_decides_a_whole_group_and_one_undo_takes_it_back(run: RunFolder, visit: Visit) -> None:
    visitor = visit(run, "random", count=48)
    assert "Decide the 2 other rows with exactly this caption too" in visitor.page("/row/1")
    visitor.decide("vague", "/row/2")
    visitor.decide("quarantine", "/row/1", group="same_caption")
    log = visitor.log()
    assert [one.sample_id for one in log] == ["img-002", "img-001", "img-000"], "what was decided singly stays"
    assert log[1].group is not None
    assert log[1].group == log[2].group
    visitor.post("/undo")
    assert [one.sample_id for one in standing_decisions(visitor.log())] == ["img-002"]


def test_copies_of_a_picture_are_not_given_one_text(run: RunFolder, visit: Visit) -> None:
    visitor = visit(run)
    assert "Decide the other row with nearly the same image too" in visitor.page("/row/4")
    fields = {**visitor.fields("/row/4"), "choice": "edit", "text": "new", "pair": "image", "group": "image_copies"}
    assert visitor.post("/decide", **fields).status_code == 409
    assert visitor.log() == []
    visitor.decide("keep", "/row/4", group="image_copies")
    assert [one.sample_id for one in visitor.log()] == ["img-004", "img-005"]


def test_a_restart_a_second_browser_and_another_reviewer_lose_nothing(run: RunFolder, visit: Visit) -> None:
    ann, ben = visit(run), visit(run, reviewer="ben")
    first = ann.decide("keep")["row"]
    assert ben.fields()["row"] == first, "each reviewer sees the whole sample"
    ben.decide("quarantine")
    again = visit(run)
    assert again.fields()["row"] == ann.fields()["row"] != first
    again.decide("vague")
    assert "<b>2</b> of 13" in ann.page()
    ben.post("/undo")
    standing = {(one.reviewer, one.sample_id): one.choice for one in standing_decisions(ann.log())}
    assert standing == {("ann", "img-030"): Choice.KEEP, ("ann", ann.log()[2].sample_id): Choice.VAGUE}


def test_two_reviewers_who_decide_at_once_lose_nothing(run: RunFolder, visit: Visit) -> None:
    visitors = [visit(run, reviewer=name) for name in ("ann", "ben")]
    failed: list[BaseException] = []

    def work(visitor: Any) -> None:
        try:
            for _ in range(13):
                visitor.decide("keep")
        except BaseException as error:  # noqa: BLE001 - told in the test's own thread
            failed.append(error)

    threads = [threading.Thread(target=work, args=[visitor]) for visitor in visitors]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    log = visitors[0].log()
    assert len({(one.reviewer, one.sample_id) for one in log}) == len(log) == 26


def test_a_half_written_line_and_a_replaced_log_are_survived(run: RunFolder, visit: Visit) -> None:
    visitor = visit(run)
    visitor.decide("keep")
    visitor.decide("keep")
    path = log_path(run.path)
    with path.open("ab") as file:
        file.write(b'{"schema": "mmcheck.dec')
    visitor.page()
    fields = {**visitor.fields(), "choice": "vague"}
    assert visitor.post("/decide", **fields).status_code == 303
    assert "<b>3</b> of 13" in visitor.page()
    path.write_bytes(path.read_bytes().splitlines(keepends=True)[0])
    assert "<b>1</b> of 13" in visitor.page()


def test_the_end_tells_what_to_do_next(run: RunFolder, visit: Visit) -> None:
    visitor = visit(run, count=2)
    visitor.decide("keep")
    visitor.decide("unsure")
    page = visitor.page()
    assert "Nothing left to review" in page
    assert f"mmcheck judge {run.path} --apply-review" in page
    assert "You left 1 pair open" in page
    left = visitor.page("/grid?left=yes")
    assert "caption number 31" in left
    assert "caption number 30" not in left
    assert "Nothing left to review" in visitor.page("/grid")


def test_an_empty_sample_says_what_else_there_is(report_run: ModuleType, tmp_path: Path, visit: Visit) -> None:
    run = report_run.write_run(tmp_path / "run", [], [], {})
    for sample, told in (("borderline", "--sample random"), ("flagged", "no flagged pairs"), ("random", "nothing to")):
        assert told in visit(run, sample).page()


def test_blind_shows_nothing_of_what_was_found(run: RunFolder, visit: Visit) -> None:
    page = visit(run, blind=True).page()
    for told in (
        "probability",
        "0.5",
        "does not belong",
        "chip",
        "img-030",
        "030.png",
        "metadata.jsonl",
        "rows around",
    ):
        assert told not in page.partition("<main")[2].partition('<form id="decision"')[0], told
    assert "caption number 30" in page
    assert "other row" not in visit(run, blind=True).page("/row/4")
    seen = visit(run).page()
    assert "does not belong to this image (probability 0.50)" in seen
    assert "metadata.jsonl:30" in seen


def test_what_a_manifest_holds_is_text(
    report_run: ModuleType, review_run: ModuleType, tmp_path: Path, visit: Visit
) -> None:
    run = review_run.make_run(report_run, tmp_path, lambda number: f"{ATTACK} {number}")
    visitor = visit(run, reviewer=f"ann {ATTACK}")
    visitor.decide("keep", note=ATTACK)
    visitor.decide("edit", text=ATTACK, was="x", pair="image")
    row = visitor.desk.columns.find([visitor.log()[1].sample_id]).popitem()[1]
    for path in ("/", f"/row/{row}", "/grid", f"/row/{row}?told={ATTACK}"):
        page = visitor.page(path)
        assert len(re.findall(r"<script", page)) == 1
        assert "<img src=x" not in page
        assert path == "/" or "U+202E" in page
        assert "\u202e" not in re.sub(r"<textarea.*?</textarea>", "", page, flags=re.DOTALL)
    assert "&lt;/textarea&gt;" in visitor.page(f"/row/{row}")


def test_a_log_that_cannot_be_written_keeps_the_reviewer_on_the_pair(
    run: RunFolder, visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mmcheck.core.errors import OutputError

    visitor = visit(run)

    def full(*_: object) -> None:
        raise OutputError("cannot write decisions.jsonl: no space left on device.", hint="free some space.")

    monkeypatch.setattr("mmcheck.review.desk.append_decisions", full)
    answer = visitor.post("/decide", **{**visitor.fields(), "choice": "keep"})
    assert answer.status_code == 409
    assert "That was not saved" in answer.text
    assert "no space left" in answer.text
    assert "<b>0</b> of 13" in visitor.page()


def test_a_decision_about_an_older_text_is_asked_for_again(run: RunFolder, visit: Visit) -> None:
    visitor = visit(run)
    visitor.decide("keep")
    path = log_path(run.path)
    record = json.loads(path.read_text())
    path.write_text(json.dumps({**record, "content": "0" * 64}) + "\n")
    again = visit(run)
    assert "<b>0</b> of 13" in again.page()
    assert again.fields()["row"] == "30"
