"""``mmcheck agreement``, through the command line, with simulated reviewers."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from mmcheck.api import open_run

Command = Callable[..., tuple[int, str, str]]
ROWS = range(0, 300, 3)


@pytest.fixture(scope="module")
def truth(people: ModuleType) -> tuple[Any, Any]:
    return people.make_truth(300, 0.3)  # type: ignore[no-any-return]


@pytest.fixture
def run(people: ModuleType, truth: tuple[Any, Any], tmp_path: Path) -> Any:
    return people.write_people_run(tmp_path / "run", truth[1], languages=("en", "de", "en"))


def read(command: Command, run: Any, *words: str) -> dict[str, Any]:
    code, out, _ = command("agreement", str(run.path), "--json", *words)
    assert code == 0
    found: dict[str, Any] = json.loads(out)
    return found


def test_three_people_who_err_sometimes(run: Any, people: ModuleType, truth: tuple[Any, Any], command: Command) -> None:
    for number, name in enumerate(("ann", "bo", "cy")):
        people.decide(run, ROWS, truth[0], reviewer=name, errors=0.08, seed=number)
    found = read(command, run)
    assert found["reviewers"] == {"ann": 100, "bo": 100, "cy": 100}
    assert [one["reviewers"] for one in found["pairs"]] == [["ann", "bo"], ["ann", "cy"], ["bo", "cy"]]
    alpha = found["mismatched"]["alpha"]
    assert 0.4 < alpha["low"] < alpha["value"] < alpha["high"] < 1
    assert found["mismatched"]["fleiss_people"] == 3
    assert found["mismatched"]["fleiss"]["value"] == pytest.approx(alpha["value"], abs=0.01)
    assert {one["name"] for one in found["codes"]} >= {"(nothing found)", "mismatched_caption.above_max"}
    assert [one["name"] for one in found["slices"]["manifest"]] == ["/data/a.jsonl"]
    assert sum(one["rows"] for one in found["slices"]["language"]) == 100
    disputed = found["disputed"]
    assert disputed
    assert all(len(set(one["votes"].values())) > 1 for one in disputed)
    assert [one["disagreement"] for one in disputed] == sorted((one["disagreement"] for one in disputed), reverse=True)
    code, out, _ = command("agreement", str(run.path))
    assert code == 0
    assert "Krippendorff's alpha is" in out
    assert "most disputed" in out


def test_vague_and_keep_agree_that_the_pair_is_right(
    run: Any, people: ModuleType, truth: tuple[Any, Any], command: Command
) -> None:
    people.decide(run, range(20), truth[0], reviewer="ann", choice="keep")
    people.decide(run, range(20), truth[0], reviewer="bo", choice="vague")
    found = read(command, run)
    assert found["mismatched"]["disputed"] == 0
    assert found["choice"]["disputed"] == 20
    assert found["choice"]["percent"]["value"] == 0
    assert found["disputed"][0]["disagreement"] == 0
    assert any("not defined" in told for told in found["sentences"])


def test_one_reviewer_and_no_common_row_are_said(
    run: Any, people: ModuleType, truth: tuple[Any, Any], command: Command
) -> None:
    code, _, err = command("agreement", str(run.path))
    assert code == 2
    assert "nobody has decided" in err
    people.decide(run, range(10), truth[0], reviewer="ann")
    code, out, _ = command("agreement", str(run.path))
    assert code == 0
    assert "Only ann has decided" in out
    people.decide(run, range(10, 20), truth[0], reviewer="bo")
    assert any("no two of them about the same one" in told for told in read(command, run)["sentences"])


def test_the_same_answer_to_everything_has_no_kappa(
    run: Any, people: ModuleType, truth: tuple[Any, Any], command: Command
) -> None:
    for name in ("ann", "bo"):
        people.decide(run, range(40), truth[0], reviewer=name, choice="keep")
    found = read(command, run)
    assert found["mismatched"]["alpha"]["value"] is None
    assert found["pairs"][0]["kappa"]["value"] is None
    assert found["pairs"][0]["agreed"] == 40
    assert any("kappa and alpha are not defined" in told for told in found["sentences"])
    assert any("up to 8.8 %" in told for told in found["sentences"])


def test_unsure_is_no_answer_and_changed_content_no_common_row(
    run: Any, people: ModuleType, truth: tuple[Any, Any], command: Command
) -> None:
    people.decide(run, range(10), truth[0], reviewer="ann")
    people.decide(run, range(5), truth[0], reviewer="bo", choice="unsure")
    people.decide(run, range(5, 10), truth[0], reviewer="bo", content="0" * 64)
    found = read(command, run)
    assert found["rows_of_several"] == 0
    assert found["unsure"] == {"bo": 5}


def test_planted_pairs_score_each_reviewer(
    run: Any, people: ModuleType, truth: tuple[Any, Any], command: Command
) -> None:
    people.decide(run, range(4), truth[0], choice="quarantine", exam="swapped_text")
    people.decide(run, [4], truth[0], choice="keep", exam="swapped_text")
    people.decide(run, range(5, 8), truth[0], choice="vague", exam="untouched")
    people.decide(run, [8], truth[0], choice="quarantine", exam="untouched")
    people.decide(run, [9], truth[0], choice="unsure", exam="untouched")
    code, out, _ = command("agreement", str(run.path), "--exams")
    assert code == 0
    assert "4 of 5" in out
    assert "1 of 4" in out
    (exam,) = read(command, run)["exams"]
    assert (exam["reviewer"], exam["undecided"]) == ("ann", 1)


def test_a_manifest_cannot_drive_the_terminal(people: ModuleType, tmp_path: Path, command: Command) -> None:
    from mmcheck.people.decision import Decision
    from mmcheck.people.decision_log import append_decisions, log_path

    run = people.write_people_run(tmp_path / "run", [0.5, 0.5])
    said = [
        Decision.model_validate({"sample_id": "r0", "choice": choice, "reviewer": name})
        for choice, name in (("keep", "a\x1b[31m"), ("quarantine", "b[red]"))
    ]
    append_decisions(log_path(run.path), said)
    code, out, _ = command("agreement", str(run.path))
    assert code == 0
    assert "\x1b" not in out
    assert "b[red]" in out


def test_the_python_api_does_the_same(run: Any, people: ModuleType, truth: tuple[Any, Any]) -> None:
    for number, name in enumerate(("ann", "bo")):
        people.decide(run, ROWS, truth[0], reviewer=name, errors=0.05, seed=number)
    found = open_run(run.path).agreement(count=1)
    assert found.rows_of_several == 100
    assert len(found.disputed) == 1
