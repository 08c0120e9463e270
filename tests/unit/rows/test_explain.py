"""One row's whole story, and what a code means, as a user asks for them."""

from __future__ import annotations

import json
import sys
import tarfile
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from mmcheck.api import scan
from mmcheck.cli import app as cli
from mmcheck.core.errors import UserError
from mmcheck.rows.find_sample import find_rows
from mmcheck.rows.story import tell_rows
from mmcheck.store.run_folder import RunFolder

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five rows in shards of two, the first two of one image; a missing file, an icon, a line that is no JSON."""
    folder = tmp_path_factory.mktemp("data")
    (folder / "img").mkdir()
    Image.effect_noise((90, 80), 60).convert("RGB").save(folder / "img" / "a.png")
    Image.effect_noise((9, 9), 60).convert("RGB").save(folder / "img" / "klein.png")
    rows = [
        {"id": "r-1", "image": "img/a.png", "caption": "a wooden boat on a calm lake", "rights": {"by": "Ada"}},
        {"id": "r-2", "image": "img/a.png", "caption": "ein Holzboot auf dem See, \u202eabgedreht"},
        {"id": "r-3", "image": "img/weg.png", "caption": "ein Boot am Ufer des Sees"},
        {"id": "дом", "image": "img/klein.png", "caption": "ein sehr kleines Haus am Wald"},
    ]
    lines = [json.dumps(row, ensure_ascii=False) for row in rows]
    (folder / "rows.jsonl").write_text("\n".join([*lines, '{"id": "r-5", "image"']) + "\n", "utf-8")
    scan(folder / "rows.jsonl", folder / "run", overrides=["run.shard_size=2"], probes="media,caption_text")
    return folder


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    def call(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["mmcheck", *words])
        with pytest.raises(SystemExit) as stopped:
            cli.main()
        printed = capsys.readouterr()
        return int(stopped.value.code or 0), printed.out, printed.err

    return call


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("r-1", [0]),
        ("дом", [3]),
        ("{folder}/img/a.png", [0, 1]),
        ("img/a.png", [0, 1]),
        ("a.png", [0, 1]),
        ("rows.jsonl:3", [2]),
        ("{folder}/rows.jsonl:5", [4]),
    ],
)
def test_a_row_is_known_by_id_path_or_place(folder: Path, name: str, found: list[int]) -> None:
    assert find_rows(RunFolder(folder / "run"), name.format(folder=folder)) == found


def test_a_path_from_here_is_understood(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder / "img")
    assert find_rows(RunFolder(folder / "run"), "./klein.png") == [3]


@pytest.mark.parametrize(("name", "said"), [("r_1", "'r-1'"), ("zzzzzzzz", "mmcheck worst"), ("rows.jsonl:99", "hint")])
def test_what_is_not_there_is_told_with_what_is_near(folder: Path, name: str, said: str) -> None:
    with pytest.raises(UserError) as caught:
        find_rows(RunFolder(folder / "run"), name)
    assert said in str(caught.value)


def test_members_of_archives_are_found_by_their_names(tmp_path: Path) -> None:
    Image.effect_noise((90, 80), 60).convert("RGB").save(tmp_path / "k1.png")
    (tmp_path / "k1.txt").write_text("a wooden boat on a calm lake")
    with tarfile.open(tmp_path / "s.tar", "w") as archive:
        for name in ("k1.png", "k1.txt"):
            archive.add(tmp_path / name, name)
    run = scan(tmp_path / "s.tar", tmp_path / "run", probes="media").folder
    assert find_rows(run, "k1.png") == find_rows(run, f"{tmp_path}/s.tar::k1.png") == find_rows(run, "s.tar") == [0]


def story(folder: Path, command: Command, name: str) -> dict[str, Any]:
    code, out, _ = command("explain", str(folder / "run"), name, "--json")
    assert code == 0
    (found,) = json.loads(out)
    return found


def test_the_story_holds_the_row_as_read_and_the_digest_of_its_file(folder: Path, command: Command) -> None:
    found = story(folder, command, "r-1")
    assert found["row"]["rights"] == {"by": "Ada"}
    assert found["texts"] == {"caption": "a wooden boat on a calm lake"}
    (medium,) = found["media"]
    assert medium["sha256"] == sha256((folder / "img" / "a.png").read_bytes()).hexdigest()
    assert found["mmcheck_version"]
    assert found["versions"]["python"]
    assert found["decided_by"] == "policy"


def test_every_score_stands_beside_its_limits(folder: Path, command: Command) -> None:
    scores = {score["metric"]: score for score in story(folder, command, "дом")["scores"]}
    side = scores["media.short_side"]
    assert side["value"] == 9
    assert [(limit["rule"], limit["value"], limit["is_broken"]) for limit in side["limits"]] == [
        ("tiny_image", 32, True)
    ]
    assert side["share_below"] == 0.0  # the smallest of the run
    assert scores["media.width"]["limits"] == []
    # Every number that the run has of the row is there.
    stored = RunFolder(folder / "run").measurements_table("media").slice(3, 1).to_pylist()[0]
    numbers = {f"media.{name}" for name, value in stored.items() if isinstance(value, float)}
    assert numbers <= set(scores)


def test_findings_come_with_their_limits(folder: Path, command: Command) -> None:
    (finding,) = story(folder, command, "дом")["findings"]
    assert (finding["code"], finding["observed"], finding["limit"]) == ("tiny_image.below_min", 9, 32)
    assert finding["title"] == "The image is very small"


def test_what_could_not_be_measured_says_why(folder: Path, command: Command) -> None:
    found = story(folder, command, "r-3")
    media = next(probe for probe in found["probes"] if probe["name"] == "media")
    assert media["status"] == "failed"
    assert "weg.png" in media["reason"]
    assert found["action"] == "quarantine"


def test_a_row_that_could_not_be_read_has_a_story_too(folder: Path) -> None:
    (found,) = tell_rows(RunFolder(folder / "run"), [4])
    assert found.problem is not None
    assert "JSON" in found.problem
    assert found.findings[0].code == "broken_row.broken_json"


def test_the_terminal_shows_all_rows_of_a_path_and_cannot_be_driven(folder: Path, command: Command) -> None:
    code, out, _ = command("explain", str(folder / "run"), "a.png")
    assert code == 0
    assert "r-1: keep" in out
    assert "r-2: " in out
    assert "\u202e" not in out
    assert "tiny_image: at least 32" in out
    assert "made by" in out


def test_a_code_is_explained_without_a_run(command: Command) -> None:
    code, out, _ = command("explain", "unreadable_media.missing")
    assert code == 0
    assert "The file is not there" in out
    assert "what to do" in out
    told = json.loads(command("explain", "mismatched_caption", "--json")[1])
    assert told["kept"] == "alignment.image_posterior at most 0.5"


def test_a_code_is_explained_with_the_runs_own_limits_and_rows(folder: Path, command: Command) -> None:
    code, out, _ = command("explain", str(folder / "run"), "tiny_image")
    assert code == 0
    assert "1 of 5 rows" in out
    assert "дом: The image is only 9 pixels" in out
    told = json.loads(command("explain", str(folder / "run"), "unreadable_media", "--json")[1])
    assert (told["rows"], told["examples"][0]["id"]) == (1, "r-3")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("mismatched_captoin",), "mismatched_caption"),
        (("{run}",), "name one of its rows"),
        (("/nowhere", "r-1"), "not a run folder"),
        (("/nowhere",), "not a run folder"),
        (("{run}", "r-11"), "did you mean 'r-1'"),
    ],
)
def test_what_is_wrong_is_told(folder: Path, command: Command, words: tuple[str, ...], said: str) -> None:
    code, out, err = command("explain", *(word.format(run=folder / "run") for word in words))
    assert (code, out) == (2, "")
    assert said in err
