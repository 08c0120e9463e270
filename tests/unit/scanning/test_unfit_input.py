"""What cannot be a set of pairs is refused before anything is measured; where some files are missing, it goes on."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import mmcheck
from mmcheck.core.errors import ManifestError

MODEL_FREE = ["media", "caption_text"]
FIRST_FILES = 64


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


def refused(*manifests: Path, out: Path, **options: Any) -> str:
    with pytest.raises(ManifestError) as caught:
        mmcheck.scan(list(manifests), out, **{"probes": MODEL_FREE, **options})
    assert not (out / "measurements").exists()
    return str(caught.value)


@pytest.mark.parametrize(("name", "text"), [("a.jsonl", ""), ("a.jsonl", "\n\n"), ("a.csv", "image,caption\n")])
def test_an_empty_manifest(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    assert "no rows" in refused(tmp_path / name, out=tmp_path / "run")


def test_an_empty_one_among_others_is_told_and_the_rest_is_scanned(
    make_dataset: Callable[..., Path], tmp_path: Path
) -> None:
    (tmp_path / "empty.jsonl").write_text("")
    run = mmcheck.scan([make_dataset(3), tmp_path / "empty.jsonl"], tmp_path / "run", probes=MODEL_FREE)
    assert run.summary["rows_read"] == 3


def test_what_lies_behind_a_limit_is_not_empty(make_dataset: Callable[..., Path], tmp_path: Path) -> None:
    manifests = [make_dataset(3, name="a"), make_dataset(3, name="b")]
    assert mmcheck.scan(manifests, tmp_path / "run", probes=MODEL_FREE, limit=2).summary["rows_read"] == 2


@pytest.mark.parametrize("row", [{"a": "x", "b": "y"}, {"caption": "a dog", "licence": "cc0"}])
def test_no_column_names_a_medium(tmp_path: Path, row: dict[str, Any]) -> None:
    said = refused(write(tmp_path / "m.jsonl", [row] * 3), out=tmp_path / "run")
    assert "m.jsonl" in said
    assert "input.columns.image=<column>" in said
    assert next(iter(row)) in said


def test_no_column_holds_a_text(make_dataset: Callable[..., Path], tmp_path: Path) -> None:
    pairs = make_dataset(3)
    rows = [json.loads(line) for line in pairs.read_text("utf-8").splitlines()]
    manifest = write(pairs.parent / "bare.jsonl", [{"image": row["image"]} for row in rows])
    assert "input.columns.caption=<column>" in refused(manifest, out=tmp_path / "run")
    # Files can be checked without texts.
    assert mmcheck.scan(manifest, tmp_path / "run", probes=["media"]).summary["rows_read"] == 3


def test_no_column_holds_a_transcript_and_no_model_runs(tmp_path: Path) -> None:
    rows = [{"audio_filepath": f"{number}.wav", "speaker": "alice"} for number in range(3)]
    probes = ["media", "transcript_text"]
    assert "captions or transcripts" in refused(write(tmp_path / "m.jsonl", rows), out=tmp_path / "run", probes=probes)


def test_a_folder_without_texts_has_no_columns_to_map(tmp_path: Path, picture: Callable[..., Any]) -> None:
    (tmp_path / "data").mkdir()
    for number in range(2):
        picture(seed=number).save(tmp_path / "data" / f"{number}.png")
    assert mmcheck.scan(tmp_path / "data", tmp_path / "run", probes=MODEL_FREE).summary["rows_read"] == 2


def test_no_file_is_there(make_dataset: Callable[..., Path], tmp_path: Path) -> None:
    rows = [{"image": f"{n}.png", "caption": f"a dog number {n}"} for n in range(FIRST_FILES + 6)]
    manifest = write(tmp_path / "lists" / "m.jsonl", rows)
    said = refused(manifest, out=tmp_path / "run")
    assert f"none of the first {FIRST_FILES} files" in said
    assert str(tmp_path / "lists" / "0.png") in said
    assert "input.columns.image" in said
    # The folder that has them is named.
    for number in range(FIRST_FILES):
        (tmp_path / f"{number}.png").write_bytes(b"x")
    assert f"they are in {tmp_path}: --root {tmp_path}." in refused(manifest, out=tmp_path / "run")
    for number in range(FIRST_FILES):
        (tmp_path / f"{number}.png").unlink()
    # A near name is named.
    (tmp_path / "lists" / "0.PNG").write_bytes(b"x")
    assert "did you mean 0.PNG?" in refused(manifest, out=tmp_path / "run")
    # Probes that open no file do not need them.
    assert mmcheck.scan(manifest, tmp_path / "run", probes=["caption_text"]).summary["rows_read"] == len(rows)


def test_one_manifest_of_several_without_its_files(make_dataset: Callable[..., Path], tmp_path: Path) -> None:
    gone = write(tmp_path / "gone" / "m.jsonl", [{"image": "a.png", "caption": "a dog"}])
    said = refused(make_dataset(3), gone, out=tmp_path / "run")
    assert "the only file" in said
    assert "gone/m.jsonl" in said


def test_some_files_are_missing(make_dataset: Callable[..., Path], tmp_path: Path) -> None:
    manifest = make_dataset(9)
    rows = [{"image": f"gone{n}.png", "caption": "a dog"} for n in range(FIRST_FILES - 9)]
    with manifest.open("a") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)
    run = mmcheck.scan(manifest, tmp_path / "run", probes=MODEL_FREE)
    assert run.summary["findings"]["unreadable_media.missing"] == len(rows)


def test_addresses_that_may_not_be_fetched(tmp_path: Path) -> None:
    rows = [{"image": f"https://example.invalid/{n}.png", "caption": "a dog"} for n in range(3)]
    said = refused(write(tmp_path / "m.jsonl", rows), out=tmp_path / "run")
    assert "input.allow_remote=true" in said
    assert "https://example.invalid/0.png" in said


def test_a_finished_run_is_continued_without_its_files(make_dataset: Callable[..., Path], tmp_path: Path) -> None:
    """Changing an analysis needs no media."""
    manifest = make_dataset(3)
    mmcheck.scan(manifest, tmp_path / "run", probes=MODEL_FREE)
    for path in manifest.parent.rglob("*.png"):
        path.unlink()
    again = mmcheck.scan(manifest, tmp_path / "run", probes=MODEL_FREE, overrides=["analyses.caption.enabled=false"])
    assert again.summary["rows_read"] == 3
