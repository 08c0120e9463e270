"""What a repair leaves behind: never an earlier outcome, never one of a run that is not held, and true sentences."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from mmcheck.core.errors import OutputError
from mmcheck.repair.page import build_repair_page
from mmcheck.repair.run import repair_run
from mmcheck.repair.summary import read_summary
from mmcheck.store.claim import hold
from mmcheck.store.run_folder import RunFolder


def _load() -> ModuleType:
    file = Path(__file__).resolve().parents[2] / "fixtures" / "repair_run.py"
    spec = importlib.util.spec_from_file_location("repair_run", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


planted = _load()


def _run(folder: Path, captions: list[int], **extra: str) -> RunFolder:
    planted.draw(folder / "images", len(captions))
    rows = [
        {"image": f"images/{number}.png", "caption": f"thing {caption}", **extra}
        for number, caption in enumerate(captions)
    ]
    manifest = folder / "a.jsonl"
    manifest.write_text("".join(json.dumps(row) + "\n" for row in rows))
    run: RunFolder = planted.make_run(folder / "run", [(manifest, "jsonl")])
    return run


def test_a_run_shuffled_as_a_whole_is_put_in_order(tmp_path: Path) -> None:
    order = np.random.default_rng(1).permutation(120).tolist()
    run = _run(tmp_path, order)
    summary = repair_run(run.path, write=tmp_path / "out")
    assert summary.proposals >= 96
    lines = (tmp_path / "out" / "a.jsonl").read_text().splitlines()
    pairs = [
        (planted.number_of(row["image"][:-4]), planted.number_of(row["caption"])) for row in map(json.loads, lines)
    ]
    assert sum(image == text for image, text in pairs) >= 96


def test_too_few_pairs_are_not_called_sound(tmp_path: Path) -> None:
    run = _run(tmp_path, [1, 0, 2])
    summary = repair_run(run.path)
    assert list(summary.sentences) == ["Nothing was judged, so nothing is proposed."]
    assert list(summary.notes) == [
        "3 image-caption pairs are too few to learn what correct ones look like; scan at least 20 together, then "
        "run repair."
    ]
    page = build_repair_page(run)
    assert "Nothing was judged</h1>" in page
    assert "Nothing to repair" not in page
    assert "No pair looks wrong" not in page


def test_one_pair_is_told_in_the_singular(tmp_path: Path) -> None:
    (note,) = repair_run(_run(tmp_path, [0]).path).notes
    assert note.startswith("1 image-caption pair is too few")


def test_outsiders_throughout_are_not_called_sound(tmp_path: Path) -> None:
    run = _run(tmp_path, list(range(1000, 1060)))
    summary = repair_run(run.path)
    assert summary.proposals == 0
    assert list(summary.sentences) == ["Nothing was judged, so nothing is proposed."]
    assert "scan with another model" in summary.notes[0]


def test_the_run_is_held_until_the_page_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = _run(tmp_path, planted.shifted(40, 10, 30))
    seen: list[dict[str, Any]] = []

    def write_page(held: RunFolder) -> None:
        with pytest.raises(OutputError, match="another mmcheck is working"), hold(run.path):
            pass
        seen.append(read_summary(held))

    monkeypatch.setattr("mmcheck.repair.run.write_repair_page", write_page)
    summary = repair_run(run.path)
    assert seen == [summary]
    with hold(run.path):
        pass


def test_a_failed_repair_leaves_no_earlier_outcome(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = _run(tmp_path, planted.shifted(40, 10, 30))
    repair_run(run.path)
    (run.path / "repair" / "repair.html").write_text("old")

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("killed")

    monkeypatch.setattr("mmcheck.repair.run.propose_repairs", fail)
    with pytest.raises(RuntimeError, match="killed"):
        repair_run(run.path)
    assert list((run.path / "repair").iterdir()) == []


def test_a_folder_that_cannot_be_written_to_is_told_before_the_work(tmp_path: Path) -> None:
    run = _run(tmp_path, planted.shifted(40, 10, 30))
    (run.path / "repair").write_text("in the way")
    with pytest.raises(OutputError, match="cannot write to") as error:
        repair_run(run.path)
    assert "--out" not in str(error.value)
    assert "copy of the run" in str(error.value)


def test_a_target_that_cannot_be_written_to_names_the_option_of_repair(tmp_path: Path) -> None:
    run = _run(tmp_path, planted.shifted(40, 10, 30))
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match="cannot write") as error:
        repair_run(run.path, write=tmp_path / "file" / "out")
    assert "--out" not in str(error.value)
    assert "--write" in str(error.value)


def test_a_copy_of_the_caption_in_json_follows_and_a_likeness_stays(tmp_path: Path) -> None:
    order = planted.shifted(40, 10, 30)
    planted.draw(tmp_path / "images", 40)
    rows = [
        {
            "image": f"images/{number}.png",
            "caption": f"thing {order[number]}",
            "json": {"caption": f"thing {order[number]}", "text": f" thing {order[number]} "},
        }
        for number in range(40)
    ]
    manifest = tmp_path / "a.jsonl"
    manifest.write_text("".join(json.dumps(row) + "\n" for row in rows))
    run = planted.make_run(tmp_path / "run", [(manifest, "jsonl")])
    repair_run(run.path, write=tmp_path / "out")
    written = [json.loads(line) for line in (tmp_path / "out" / "a.jsonl").read_text().splitlines()]
    assert [row["caption"] for row in written] == [f"thing {number}" for number in range(40)]
    assert [row["json"]["caption"] for row in written] == [row["caption"] for row in written]
    assert [row["json"]["text"] for row in written] == [row["json"]["text"] for row in rows]
