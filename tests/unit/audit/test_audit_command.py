"""``mmcheck audit``: draw, review, measure, through the command line, on runs whose truth is known."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from mmcheck.api import open_run
from mmcheck.core.digests import digest_file
from mmcheck.people.decision_log import log_path

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def truth(people: ModuleType) -> tuple[Any, Any]:
    return people.make_truth(1500, 0.15, sharpness=3.0)  # type: ignore[no-any-return]


@pytest.fixture
def run(people: ModuleType, truth: tuple[Any, Any], tmp_path: Path) -> Any:
    return people.write_people_run(tmp_path / "run", truth[1], broken=5)


def drawn(run: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((run.path / "review" / "audit.json").read_text("utf-8"))
    return found


def rows_of(run: Any) -> list[int]:
    return [one["index"] for one in drawn(run)["samples"]]


def test_the_sample_is_stratified_with_known_probabilities(run: Any, command: Command) -> None:
    code, out, _ = command("audit", str(run.path), "--n", "120")
    assert code == 0
    assert "120 rows drawn" in out
    assert "review" in out
    found = drawn(run)
    assert found["schema"] == "mmcheck.audit/1"
    assert len(found["samples"]) == 120 == sum(one["drawn"] for one in found["strata"])
    assert sum(one["rows"] for one in found["strata"]) == 1500, "rows without a readable image cannot be compared"
    by_name = {one["name"]: one for one in found["strata"]}
    assert {name.partition(",")[0] for name in by_name} == {"keep", "flag", "quarantine"}
    for one in found["samples"]:
        stratum = by_name[one["stratum"]]
        assert one["probability"] == pytest.approx(stratum["drawn"] / stratum["rows"])
        assert one["sample_id"] == f"r{one['index']}"
    assert len(set(rows_of(run))) == 120
    quarantined = sum(one["stratum"].startswith("quarantine") for one in found["samples"])
    assert 40 <= quarantined <= 70


def test_the_seed_decides_and_a_larger_sample_begins_with_the_smaller_one(run: Any, command: Command) -> None:
    command("audit", str(run.path), "--n", "60", "--seed", "3")
    first = rows_of(run)
    command("audit", str(run.path), "--redraw", "--n", "60", "--seed", "3")
    assert rows_of(run) == first
    assert command("audit", str(run.path), "--n", "100")[0] == 0
    assert rows_of(run)[:60] == first
    assert len(rows_of(run)) == 100
    command("audit", str(run.path), "--n", "20")
    assert len(rows_of(run)) == 100, "a sample that people may have begun with is never made smaller"
    code, _, err = command("audit", str(run.path), "--seed", "4")
    assert code == 2
    assert "--redraw" in err
    command("audit", str(run.path), "--redraw", "--n", "60", "--seed", "4")
    assert rows_of(run) != first


def test_what_people_say_is_measured_against_what_was_promised(
    run: Any, people: ModuleType, truth: tuple[Any, Any], command: Command
) -> None:
    is_wrong, posterior = truth
    command("audit", str(run.path), "--n", "200")
    people.decide(run, rows_of(run), is_wrong, sample="audit", blind=True)
    code, out, _ = command("audit", str(run.path), "--measure")
    assert code == 0
    assert "promised" in out
    assert "measured" in out
    data = json.loads((run.path / "review" / "audit-certificate.json").read_text("utf-8"))
    found = {one["name"]: one for one in data["measures"]}
    taken = posterior > people.LIMIT
    actual = {
        "mismatched_share": is_wrong.mean(),
        "precision": is_wrong[taken].mean(),
        "lost": taken[~is_wrong].mean(),
        "missed": (~taken)[is_wrong].mean(),
        "left_in_clean": is_wrong[posterior <= 0.05].mean(),
    }
    assert set(found) == set(actual)
    for name, value in actual.items():
        assert found[name]["low"] <= value <= found[name]["high"], name
    # The posteriors of this run are right, so what they promise is what is there.
    assert found["lost"]["promised"] == pytest.approx(actual["lost"], abs=0.01)
    assert not any(one["outcome"] == "more than promised" for one in data["measures"] if one["name"] != "precision")
    assert data["digests"]["decisions"] == digest_file(log_path(run.path))
    assert data["digests"]["config"] == digest_file(run.path / "config.yaml")
    assert data["data"][0]["manifest"] == "/data/a.jsonl"
    assert (data["reviewed"], data["blind"], data["reviewers"]) == (200, 200, ["ann"])
    page = (run.path / "review" / "audit-certificate.html").read_text("utf-8")
    assert "Promised and measured" in page
    assert page.count("<svg ") == 5
    assert data["digests"]["decisions"] in page


def test_a_promise_that_is_broken_is_said(
    run: Any, people: ModuleType, truth: tuple[Any, Any], command: Command
) -> None:
    # Everything that was quarantined is sound: precision was promised and is 0.
    command("audit", str(run.path))
    people.decide(run, rows_of(run), np.zeros_like(truth[0]), sample="audit")
    code, out, _ = command("audit", str(run.path))
    assert code == 0
    assert "Worse than promised: precision of quarantine, sound rows lost" in out
    assert "worse than promised" in (run.path / "review" / "audit-certificate.html").read_text("utf-8")


def test_a_half_reviewed_sample_says_so_and_passes_over_what_was_not_drawn_at_random(
    run: Any, people: ModuleType, truth: tuple[Any, Any], command: Command
) -> None:
    command("audit", str(run.path), "--n", "150")
    rows = rows_of(run)
    people.decide(run, rows[:62], truth[0], sample="audit")
    people.decide(run, rows[62:70], truth[0], sample="borderline")
    code, out, _ = command("audit", str(run.path), "--json")
    assert code == 0
    data = json.loads(out)
    assert data["reviewed"] == 62
    assert any(note.startswith("62 of 150 reviewed: an interval from so few is wide") for note in data["notes"])
    assert any("8 drawn rows were looked at for another reason" in note for note in data["notes"])


def test_unsure_rows_are_counted_and_widen_the_other_interval(
    run: Any, people: ModuleType, truth: tuple[Any, Any], command: Command
) -> None:
    command("audit", str(run.path), "--n", "100")
    rows = rows_of(run)
    people.decide(run, rows[:90], truth[0], sample="audit")
    people.decide(run, rows[90:], truth[0], sample="audit", choice="unsure")
    data = json.loads(command("audit", str(run.path), "--json")[1])
    assert (data["reviewed"], data["unsure"]) == (100, 10)
    share = next(one for one in data["measures"] if one["name"] == "mismatched_share")
    low, high = share["with_unsure"]
    assert low <= share["low"] <= share["high"] <= high
    assert high - low > share["high"] - share["low"]


def test_a_run_judged_again_is_measured_by_the_same_sample(
    run: Any, people: ModuleType, truth: tuple[Any, Any], command: Command
) -> None:
    is_wrong, posterior = truth
    command("audit", str(run.path), "--n", "200")
    people.decide(run, rows_of(run), is_wrong, sample="audit")
    judged = json.loads((run.path / "run.json").read_text("utf-8"))["identity"]
    table = run.verdicts_table().to_pylist()
    taken = posterior > 0.8
    _store_verdicts(run, table, taken)
    data = json.loads(command("audit", str(run.path), "--json")[1])
    assert data["identity"] == judged
    precision = next(one for one in data["measures"] if one["name"] == "precision")
    assert precision["low"] <= is_wrong[taken].mean() <= precision["high"]
    assert precision["promised"] == pytest.approx(posterior[taken].mean())


def _store_verdicts(run: Any, table: list[dict[str, Any]], taken: Any) -> None:
    import pyarrow as pa

    from mmcheck.store.schema import VERDICTS, write_part

    for number, row in enumerate(table[: len(taken)]):
        if row["action"] == "quarantine" and not taken[number]:
            row |= {"action": "keep", "codes": [], "findings": []}
    for shard in run.shards():
        part = pa.Table.from_pylist(table[shard.start : shard.stop], schema=VERDICTS)
        write_part(run.verdicts_part(shard), part, {})


@pytest.mark.parametrize("words", [["--measure"], ["--n", "0"]])
def test_nothing_to_measure_and_impossible_numbers_are_refused(run: Any, command: Command, words: list[str]) -> None:
    assert command("audit", str(run.path), *words)[0] == 2
    command("audit", str(run.path), "--n", "10")
    code, _, err = command("audit", str(run.path), "--measure")
    assert code == 2
    assert "nobody has looked" in err


def test_a_sample_of_another_run_and_a_damaged_one_are_refused(run: Any, command: Command) -> None:
    command("audit", str(run.path), "--n", "10")
    file = run.path / "review" / "audit.json"
    whole = file.read_text("utf-8")
    file.write_text(whole.replace('"identity": "0"', '"identity": "other"'), "utf-8")
    code, _, err = command("audit", str(run.path))
    assert code == 2
    assert "another run" in err
    file.write_text(whole[:100], "utf-8")
    code, _, err = command("audit", str(run.path))
    assert code == 2
    assert "--redraw" in err
    file.write_text(whole, "utf-8")
    (run.path / "review" / "audit-strata.parquet").unlink()
    assert command("audit", str(run.path))[0] == 2


def test_a_set_smaller_than_the_sample_is_looked_at_whole(people: ModuleType, tmp_path: Path, command: Command) -> None:
    is_wrong, posterior = people.make_truth(30, 0.3)
    run = people.write_people_run(tmp_path / "small", posterior)
    command("audit", str(run.path))
    assert len(rows_of(run)) == 30
    people.decide(run, range(30), is_wrong, sample="audit")
    data = json.loads(command("audit", str(run.path), "--json")[1])
    share = next(one for one in data["measures"] if one["name"] == "mismatched_share")
    assert share["low"] == pytest.approx(share["estimate"]) == pytest.approx(share["high"])
    assert share["estimate"] == pytest.approx(is_wrong.mean())


def test_an_empty_run_and_one_with_nothing_to_compare_are_refused(
    people: ModuleType, tmp_path: Path, command: Command
) -> None:
    empty = people.write_people_run(tmp_path / "empty", [])
    assert "nothing to audit" in command("audit", str(empty.path))[2]
    broken = people.write_people_run(tmp_path / "broken", [], broken=3)
    code, _, err = command("audit", str(broken.path))
    assert code == 2
    assert "nothing that people could compare" in err


def test_applied_decisions_are_not_taken_for_the_rules_own(make_dataset: Any, tmp_path: Path, command: Command) -> None:
    """People's word is applied; the audit still measures what the rules had said."""
    from mmcheck.api import scan
    from mmcheck.people.decision import Decision
    from mmcheck.people.decision_log import append_decisions

    rules = ["rules.short_caption.action=quarantine", "rules.short_caption.min=100"]
    opened = scan(make_dataset(6), tmp_path / "scanned", overrides=rules, probes="media,caption_text")
    opened.audit(n=6)
    said = [Decision.model_validate({"sample_id": f"s{n}", "choice": "keep", "reviewer": "ann"}) for n in range(6)]
    append_decisions(log_path(opened.path), said)
    before = opened.audit().certificate
    opened.judge(apply_review=True)
    after = opened.audit().certificate
    assert before is not None
    assert after is not None
    assert [one.sentence for one in after.measures] == [one.sentence for one in before.measures]
    assert next(one for one in after.measures if one.name == "lost_otherwise").estimate == 1.0
    assert any("what the rules alone say" in note for note in after.notes)


def test_the_python_api_does_the_same(run: Any, people: ModuleType, truth: tuple[Any, Any]) -> None:
    opened = open_run(run.path)
    first = opened.audit(n=40, seed=1)
    assert (len(first.draw.samples), first.certificate) == (40, None)
    people.decide(run, [row.index for row in first.draw.samples], truth[0], sample="audit")
    found = opened.audit()
    assert found.certificate is not None
    assert found.certificate.is_complete
