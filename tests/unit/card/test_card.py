"""The card of a cleaned set: read back by the programs that it is meant for."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import mlcroissant
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import load_dataset
from huggingface_hub import DatasetCard
from PIL import Image

from mmcheck.api import scan
from mmcheck.cli import app as cli

Command = Callable[..., tuple[int, str, str]]


def rows(folder: Path) -> list[dict[str, Any]]:
    (folder / "img").mkdir(parents=True)
    for number in range(6):
        Image.effect_noise((64, 60), 40 + number).convert("RGB").save(folder / "img" / f"{number}.png")
    texts = [
        "ein rotes Boot auf dem See",
        "日本の庭園にある古い石灯籠と小さな池",
        "a kite | above <b>the</b> beach",
        "a bay",
        "",
        "ok",
    ]
    return [
        {
            "id": f"r{n}",
            "image": f"img/{n if n != 5 else 'absent'}.png",
            "caption": text,
            "lang": ["de", "ja", "en", "en", "en", "en"][n],
            "score": n / 2 if n else None,
            "tags": ["x", "y"],
            "nested": {"a": [n]},
        }
        for n, text in enumerate(texts)
    ]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    lines = [json.dumps(row, ensure_ascii=False) for row in rows(folder)]
    (folder / "secret-project").mkdir()
    (folder / "rows.jsonl").write_text("\n".join(lines) + "\n", "utf-8")
    scan(
        folder / "rows.jsonl",
        folder / "run",
        overrides=["run.shard_size=4", "rules.short_caption.min=3", "output.paths=relative"],
        probes="media,caption_text",
    )
    return folder / "run"


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    def call(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["mmcheck", *words])
        with pytest.raises(SystemExit) as stopped:
            cli.main()
        printed = capsys.readouterr()
        return int(stopped.value.code or 0), printed.out, printed.err

    return call


def write(command: Command, run: Path, out: Path, *more: str) -> dict[str, Any]:
    code, _, err = command("card", str(run), "--out", str(out), "--overwrite", *more)
    assert code == 0, err
    return json.loads((out / "croissant.json").read_text("utf-8"))


ALL_GIVEN = (
    "--license",
    "CC-BY-4.0",
    "--url",
    "https://example.org/s",
    "--creator",
    "Lab",
    "--published",
    "2026-11-27",
)


def test_croissant_is_valid_and_gives_back_every_row(run: Path, command: Command) -> None:
    clean = run / "clean"
    write(command, run, clean, *ALL_GIVEN, "--version", "1.0.0")
    found = mlcroissant.Dataset(jsonld=str(clean / "croissant.json"))
    assert not found.metadata.ctx.issues.errors
    assert {warning for warning in found.metadata.ctx.issues.warnings if "citeAs" not in warning} == set()
    assert found.metadata.conforms_to == ["http://mlcommons.org/croissant/1.1"]
    written = [json.loads(line) for line in (clean / "rows.jsonl").read_text("utf-8").splitlines()]
    read = list(found.records(record_set="rows-rows"))
    assert len(read) == len(written) > 0
    assert [row["rows-rows/caption"].decode() for row in read] == [row["caption"] for row in written]
    assert [row["rows-rows/mmcheck_action"] for row in read] == [b"keep"] * len(written)
    assert "rows-rows/nested" not in read[0]


def test_the_files_are_named_with_their_digests(run: Path, command: Command) -> None:
    told = write(command, run, run / "clean")
    (file,) = told["distribution"]
    assert file["contentUrl"] == "rows.jsonl"
    assert file["sha256"] == sha256((run / "clean" / "rows.jsonl").read_bytes()).hexdigest()


def test_the_provenance_says_by_what_and_why(run: Path, command: Command) -> None:
    told = write(command, run, run / "clean")
    (source,) = told["prov:wasDerivedFrom"]
    assert source["prov:label"] == "rows.jsonl (jsonl, 6 rows)"
    assert source["sha256"] == sha256((run.parent / "rows.jsonl").read_bytes()).hexdigest()
    protocol = told["rai:dataPreprocessingProtocol"]
    assert any("rule empty_text): 1 row." in sentence for sentence in protocol)
    assert any("rule short_caption, kept if caption_text.text_length at least 3" in sentence for sentence in protocol)
    assert "rules.short_caption.min: 6 -> 3" in protocol[-1]
    assert any("NOT compared" in sentence for sentence in told["rai:dataLimitations"])


def test_nothing_of_the_publisher_is_made_up(run: Path, command: Command, tmp_path: Path) -> None:
    code, out, _ = command("card", str(run), "--out", str(tmp_path / "card"))
    assert code == 0
    assert "--license, --url, --creator, --published" in out
    told = json.loads((tmp_path / "card" / "croissant.json").read_text("utf-8"))
    assert not {"license", "url", "creator", "datePublished"} & set(told)
    assert "license" not in DatasetCard.load(tmp_path / "card" / "README.md").data.to_dict()


def test_folders_of_the_disk_do_not_become_public(run: Path, command: Command) -> None:
    write(command, run, run / "clean", "--name", "boats")
    for name in ("croissant.json", "README.md"):
        assert str(run.parent) not in (run / "clean" / name).read_text("utf-8")


def test_the_card_is_one_that_the_hub_reads(run: Path, command: Command) -> None:
    write(command, run, run / "clean", *ALL_GIVEN, "--name", "Boats & kites | 2026")
    card = DatasetCard.load(run / "clean" / "README.md")
    data = card.data.to_dict()
    assert data["pretty_name"] == "Boats & kites | 2026"
    assert data["license"] == "cc-by-4.0"
    assert data["language"] == ["de", "en", "ja"]
    assert data["task_categories"] == ["image-to-text"]
    assert data["size_categories"] == ["n<1K"]
    assert data["configs"] == [{"config_name": "default", "data_files": [{"split": "train", "path": ["rows.jsonl"]}]}]
    text = card.text
    assert "| quarantine | 2 | no |" in text
    assert "`unreadable_media`" in text
    assert "| en | 4 | 1 (25.0 %) |" in text
    assert "**6 image-caption pairs were NOT compared" in text


def test_the_folder_loads_by_the_header_of_its_card(run: Path, command: Command, tmp_path: Path) -> None:
    write(command, run, run / "clean")
    loaded = load_dataset(str(run / "clean"), split="train", cache_dir=str(tmp_path / "cache"))
    assert loaded.num_rows == len((run / "clean" / "rows.jsonl").read_text("utf-8").splitlines())
    assert "ein rotes Boot auf dem See" in loaded["caption"]


def test_an_export_of_other_verdicts_and_formats_is_described(run: Path, command: Command, tmp_path: Path) -> None:
    (tmp_path / "set" / "part").mkdir(parents=True)
    table = pa.table({"caption": ["ä", None], "n": pa.array([1, 2], pa.int32()), "raw": pa.array([b"x", b"y"])})
    pq.write_table(table, tmp_path / "set" / "part" / "0.parquet")
    (tmp_path / "set" / "b.csv").write_text('caption,mmcheck_x\n"a, b",0.5\nc,\n', "utf-8")
    (tmp_path / "set" / "list.csv").write_text("a.wav|text\nb.wav|more\n", "utf-8")
    told = write(command, run, tmp_path / "set", "--data", str(tmp_path / "set"), "--only", "keep,flag")
    assert {file["@id"] for file in told["distribution"]} == {"b.csv", "list.csv", "part/0.parquet"}
    assert {record["@id"] for record in told["recordSet"]} == {"b-rows", "part-0-rows"}
    found = mlcroissant.Dataset(jsonld=str(tmp_path / "set" / "croissant.json"))
    read = list(found.records(record_set="b-rows"))
    assert read[0]["b-rows/caption"] == b"a, b"
    assert read[0]["b-rows/mmcheck_x"] == 0.5
    assert [row["part-0-rows/n"] for row in found.records(record_set="part-0-rows")] == [1, 2]
    assert told["rai:dataPreprocessingProtocol"][0].endswith("(keep and flag).")


def test_equal_runs_give_equal_cards(run: Path, command: Command, tmp_path: Path) -> None:
    for name in ("a", "b"):
        write(command, run, tmp_path / name)
    for file in ("croissant.json", "README.md"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--data", "{tmp}"), "holds no manifest"),
        (("--only", "kept"), "'keep'"),
        ((), "has README.md already"),
    ],
)
def test_what_is_wrong_is_told(run: Path, command: Command, tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    (tmp_path / "README.md").write_text("mine")
    code, out, err = command("card", str(run), "--out", str(tmp_path), *(word.format(tmp=tmp_path) for word in words))
    assert (code, out) == (2, "")
    assert said in err
    assert (tmp_path / "README.md").read_text() == "mine"
