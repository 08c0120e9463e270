"""``mmcheck judge --apply-review``: what people decided replaces the verdicts of the rules."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from mmcheck.api import Run, open_run, scan
from mmcheck.people.decision import Decision
from mmcheck.people.decision_log import append_decisions, log_path

Command = Callable[..., tuple[int, str, str]]
MakeDataset = Callable[..., Path]
RULES = ["rules.short_caption.action=quarantine", "rules.short_caption.min=30"]


@pytest.fixture
def run(make_dataset: MakeDataset, tmp_path: Path) -> Run:
    """Six sound rows and a broken one; the rules quarantine row s0 for its short caption."""
    data = make_dataset(6)
    rows = [json.loads(line) for line in data.read_text("utf-8").splitlines()]
    rows[0]["caption"] = "a red cup, alone"
    data.write_text("".join(json.dumps(row) + "\n" for row in rows) + '{"id": "s6", "image": \n', "utf-8")
    return scan(data, tmp_path / "run", overrides=RULES, probes="media,caption_text")


def decide(run: Run, sample_id: str, choice: str, reviewer: str = "ann", **more: object) -> Decision:
    decision = Decision.model_validate({"sample_id": sample_id, "choice": choice, "reviewer": reviewer, **more})
    append_decisions(log_path(run.path), [decision])
    return decision


def actions(run: Run) -> dict[str, str]:
    table = run.samples().to_arrow()
    return dict(zip(table["id"].to_pylist(), table["action"].to_pylist(), strict=True))


def written(run: Run, folder: str) -> set[str]:
    file = run.path / folder / "data.jsonl"
    return {json.loads(line).get("id") for line in file.read_text("utf-8").splitlines()} if file.exists() else set()


def test_the_rules_alone(run: Run) -> None:
    assert actions(run)["s0"] == "quarantine"
    assert actions(run)["s1"] == "keep"


def test_people_replace_the_rules_and_the_manifests_follow(run: Run) -> None:
    decide(run, "s0", "keep")
    decide(run, "s1", "quarantine")
    decide(run, "s2", "vague")
    decide(run, "s3", "edit", text="two cups")
    run.judge(apply_review=True)
    found = actions(run)
    assert [found[f"s{number}"] for number in range(6)] == ["keep", "quarantine", "flag", "quarantine", "keep", "keep"]
    assert written(run, "clean") == {"s0", "s4", "s5"}
    assert written(run, "flagged") == {"s2"}
    by_id = {row["id"]: row for row in run.samples().to_arrow().to_pylist()}
    assert by_id["s0"]["codes"] == ["review.kept"]
    assert by_id["s0"]["decided_by"] == "ann"
    assert "The rules had found: short_caption.below_min" in by_id["s0"]["findings"][0]["message"]
    assert by_id["s3"]["codes"] == ["review.edited"]
    assert by_id["s4"]["decided_by"] == "policy"


def test_the_summary_counts_them_and_still_sums_up(run: Run) -> None:
    decide(run, "s0", "keep")
    decide(run, "s1", "keep")
    decide(run, "gone", "keep")
    summary = run.judge(apply_review=True).summary
    assert summary["review"]["decided"] == 2
    assert summary["review"]["changed"] == 1
    assert summary["review"]["rows"]["not_in_run"] == 1
    assert summary["findings"]["review.kept"] == 2
    assert summary["keep"] + summary["flag"] + summary["quarantine"] + summary["unchecked"] == summary["rows_read"] == 7
    assert all(problem["rule"] != "review" for problem in summary["problems"])
    assert any("People decided about 2 rows; 1 of them" in note for note in summary["notes"])


def test_a_choice_to_apply_stays_until_it_is_taken_back(run: Run) -> None:
    decide(run, "s0", "keep")
    run.judge(apply_review=True)
    assert actions(open_run(run.path).judge(overrides=["rules.short_caption.min=31"]))["s0"] == "keep"
    assert actions(open_run(run.path).judge(apply_review=False))["s0"] == "quarantine"
    assert "review" not in open_run(run.path).summary


def test_judging_twice_gives_equal_bytes(run: Run) -> None:
    decide(run, "s0", "keep")
    parts = sorted((run.judge(apply_review=True).path / "verdicts").iterdir())
    before = [part.read_bytes() for part in parts]
    assert [part.read_bytes() for part in sorted((run.judge().path / "verdicts").iterdir())] == before


def test_a_row_that_is_broken_as_such_is_not_kept(run: Run) -> None:
    broken = next(id_ for id_, action in actions(run).items() if id_ not in {f"s{number}" for number in range(6)})
    decide(run, broken, "keep")
    summary = run.judge(apply_review=True).summary
    assert actions(run)[broken] == "quarantine"
    assert summary["review"]["rows"]["broken"] == 1


def test_a_decision_about_another_text_does_not_count(run: Run) -> None:
    decide(run, "s0", "keep", content="0" * 64)
    summary = run.judge(apply_review=True).summary
    assert actions(run)["s0"] == "quarantine"
    assert summary["review"]["rows"]["stale"] == 1
    assert any("another medium or text" in note for note in summary["notes"])


def test_the_key_of_what_was_shown_fits_while_nothing_changed(run: Run) -> None:
    from mmcheck.people.content import content_keys

    shard = run.folder.shards()[0]
    key = content_keys(run.folder, shard, run.folder.samples_table(), [0])[0]
    decide(run, "s0", "keep", content=key)
    run.judge(apply_review=True)
    assert actions(run)["s0"] == "keep"


def test_disagreement_leaves_the_rules_word_until_an_adjudicator_speaks(run: Run) -> None:
    decide(run, "s0", "keep", "ann")
    decide(run, "s0", "quarantine", "bo")
    summary = run.judge(apply_review=True).summary
    assert actions(run)["s0"] == "quarantine"
    assert summary["review"]["rows"]["tie"] == 1
    run.judge(overrides=["review.adjudicator=ann"])
    assert actions(run)["s0"] == "keep"


def test_vague_goes_where_the_config_says(run: Run) -> None:
    decide(run, "s1", "vague")
    run.judge(apply_review=True, overrides=["review.vague=quarantine"])
    assert actions(run)["s1"] == "quarantine"


def test_a_file_of_decisions_is_taken_over(run: Run, tmp_path: Path, command: Command) -> None:
    export = tmp_path / "decisions.jsonl"
    append_decisions(export, [Decision.model_validate({"sample_id": "s0", "choice": "keep", "reviewer": "bo"})])
    code, out, _ = command("judge", str(run.path), "--decisions", str(export))
    assert code == 0
    assert "People decided about 1 row" in out
    assert actions(open_run(run.path))["s0"] == "keep"
    assert log_path(run.path).is_file()
    code, out, _ = command("judge", str(run.path), "--no-review")
    assert code == 0
    assert actions(open_run(run.path))["s0"] == "quarantine"


def test_contrary_options_and_a_wrong_file_are_refused(run: Run, tmp_path: Path, command: Command) -> None:
    before = actions(run)
    export = tmp_path / "rows.jsonl"
    export.write_text('{"image": "x.jpg"}\n', "utf-8")
    code, _, err = command("judge", str(run.path), "--decisions", str(export))
    assert code == 2
    assert "holds no decisions" in err
    code, _, err = command("judge", str(run.path), "--decisions", str(export), "--no-review")
    assert code == 2
    assert "--no-review" in err
    assert actions(open_run(run.path)) == before


def test_a_lost_line_is_told(run: Run) -> None:
    decide(run, "s0", "keep")
    with log_path(run.path).open("ab") as file:
        file.write(b'{"schema": "mmcheck.deci')
    summary = run.judge(apply_review=True).summary
    assert actions(run)["s0"] == "keep"
    assert any("line 2 is no decision" in note for note in summary["notes"])


def test_overwriting_a_run_keeps_what_people_decided(run: Run, make_dataset: MakeDataset) -> None:
    decide(run, "s0", "keep")
    before = log_path(run.path).read_bytes()
    scan(make_dataset(2, name="other"), run.path, probes="media", overwrite=True)
    assert log_path(run.path).read_bytes() == before


def test_a_rule_of_that_name_is_refused(run: Run, command: Command) -> None:
    code, _, err = command(
        "judge", str(run.path), "--set", "rules.review={rule: threshold, metric: media.width, max: 5}"
    )
    assert code == 2
    assert "review" in err
