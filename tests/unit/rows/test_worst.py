from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mmcheck.api import scan
from mmcheck.cli import app as cli
from mmcheck.core.errors import ConfigError
from mmcheck.core.types import Action
from mmcheck.rows.metric_choice import find_metric, order_metric
from mmcheck.rows.worst import find_worst
from mmcheck.store.run_folder import RunFolder

Command = Callable[..., tuple[int, str, str]]
WIDTHS = (40, 300, 64, 1, 64, 128, 20)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """Seven images of different widths in shards of three, scanned without a model; the last file is missing."""
    folder = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(1)
    for number, width in enumerate(WIDTHS[:-1]):
        Image.fromarray(rng.integers(0, 255, (64, width, 3), dtype=np.uint8)).save(folder / f"{number}.png")
    rows = [
        {"id": f"r{n}", "image": f"{n}.png", "caption": f"a wooden boat number {n} on a calm lake"}
        for n in range(len(WIDTHS))
    ]
    rows[0]["caption"] = "Ein \x1b[31mrotes Boot"
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    scan(folder / "rows.jsonl", folder / "run", overrides=["run.shard_size=3"], probes="media,caption_text")
    return RunFolder(folder / "run")


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    def call(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["mmcheck", *words])
        with pytest.raises(SystemExit) as stopped:
            cli.main()
        printed = capsys.readouterr()
        return int(stopped.value.code or 0), printed.out, printed.err

    return call


def ids(run: RunFolder, count: int = 10, **options: object) -> list[str]:
    (table,) = find_worst(run, count, **options)  # type: ignore[arg-type]
    return [row.id for row in table.rows]


def test_the_bad_end_comes_first_over_all_shards_and_equal_ones_in_order(run: RunFolder) -> None:
    assert ids(run, by="media.short_side") == ["r3", "r0", "r1", "r2", "r4", "r5"]  # the rule tiny_image has a min
    assert ids(run, 2, by="media.width", lowest_first=False) == ["r1", "r5"]
    assert ids(run, 2, by="media.width", lowest_first=True) == ["r3", "r0"]


def test_rows_without_the_value_are_left_out(run: RunFolder) -> None:
    assert "r6" not in ids(run, by="media.width")


def test_only_some_verdicts(run: RunFolder) -> None:
    assert ids(run, by="media.short_side", only=[Action.FLAG]) == ["r3", "r0"]  # r0 has a control character
    assert ids(run, by="media.short_side", only=[Action.UNCHECKED]) == []


def test_without_a_model_the_verdicts_decide(run: RunFolder) -> None:
    (table,) = find_worst(run, 10)
    assert [(row.id, row.action) for row in table.rows][:1] == [("r6", "quarantine")]
    assert {row.action for row in table.rows} == {"quarantine", "flag"}
    assert "no model compared" in table.title
    worst = table.rows[0]
    assert worst.codes == ("unreadable_media.missing",)
    assert worst.path is not None
    assert worst.path.endswith("6.png")
    assert "There is no file" in worst.reason


def test_a_metric_is_known_by_its_last_part_and_by_its_column(run: RunFolder) -> None:
    assert find_metric(run, "short_side").name == "media.short_side"
    assert find_metric(run, "mmcheck_caption_text_num_words").name == "caption_text.num_words"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("media.widht", "media.width"),
        ("shortside", "media.short_side"),
        ("image_text.similarity", "image_text did not run"),
        ("qqqq", "`mmcheck list`"),
    ],
)
def test_a_wrong_metric_is_told_with_what_was_meant(run: RunFolder, name: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        find_metric(run, name)
    assert said in str(caught.value)


def test_which_end_is_bad_is_known_from_the_metric_or_from_the_rules(run: RunFolder) -> None:
    config, metrics = run.config(), run.metrics()
    assert order_metric(metrics["media.short_side"], config).lowest_first
    assert not order_metric(metrics["media.blankness"], config).lowest_first
    assert not order_metric(metrics["caption.vagueness"], config).lowest_first
    both = order_metric(metrics["caption_text.text_length"], config)  # too short and too long are both bad
    assert "both ends can be bad" in both.why
    neither = order_metric(metrics["media.width"], config.model_copy(update={"rules": {}}))
    assert "--lowest" in neither.why


def test_the_command_prints_a_table_that_a_caption_cannot_drive(run: RunFolder, command: Command) -> None:
    code, out, _ = command("worst", str(run.path), "--by", "short_side", "-n", "2")
    assert code == 0
    assert "\x1b" not in out
    assert "lowest first" in out
    assert f"mmcheck explain {run.path} r3" in out
    assert "r3" in out
    assert "r1" not in out


def test_json_holds_the_whole_rows(run: RunFolder, command: Command) -> None:
    code, out, _ = command("worst", str(run.path), "--by", "media.width", "--lowest", "-n", "1", "--json")
    (row,) = json.loads(out)
    assert code == 0
    assert (row["id"], row["value"], row["metric"], row["row_number"]) == ("r3", 1.0, "media.width", 4)
    assert row["text"] == "a wooden boat number 3 on a calm lake"


@pytest.mark.parametrize(("only", "said"), [("kept", "'keep'"), (",", "names no verdict"), ("zzz", "verdicts are")])
def test_a_wrong_verdict_is_told(run: RunFolder, command: Command, only: str, said: str) -> None:
    code, out, err = command("worst", str(run.path), "--only", only)
    assert (code, out) == (2, "")
    assert said in err


def test_an_empty_run_has_no_worst_row(tmp_path: Path, command: Command) -> None:
    (tmp_path / "rows.jsonl").write_text('{"image": "a.png", "caption": "a"}\n', "utf-8")
    scan(tmp_path / "rows.jsonl", tmp_path / "run", probes="media", limit=0)
    code, out, _ = command("worst", str(tmp_path / "run"))
    assert code == 0
    assert "no row" in out
