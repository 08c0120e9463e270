"""A manifest and its media that have lost each other: told at once, with the option that brings them together."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import mmcheck
from mmcheck.core.errors import ManifestError

COUNT = 70
PROBES = ["media", "caption_text", "transcript_text"]


def write_rows(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")
    return path


@pytest.fixture
def put(tmp_path: Path, picture: Callable[..., Any]) -> Callable[..., None]:
    """Put pictures at paths below the test's folder."""

    def make(*names: str) -> None:
        for number, name in enumerate(names):
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            picture(seed=number).save(path, "PNG")

    return make


@pytest.fixture
def wav(tone: Callable[..., Any], wav_bytes: Callable[..., bytes]) -> Callable[[float], bytes]:
    """Make the bytes of a recording of some seconds."""
    return lambda seconds: wav_bytes(tone(seconds, 16000), 16000)


def rows_of(names: list[str], column: str = "image") -> list[dict[str, Any]]:
    return [{column: name, "caption": f"a red square and noise, number {n}"} for n, name in enumerate(names)]


def refused(manifest: Path, out: Path, **options: Any) -> str:
    with pytest.raises(ManifestError) as caught:
        mmcheck.scan(manifest, out, **{"probes": PROBES, **options})
    assert not (out / "measurements").exists()
    return str(caught.value)


def written(run: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for path in sorted(run.glob("*/m.jsonl")) for line in path.read_text("utf-8").splitlines()]


def options_in(message: str) -> list[str]:
    """Return the options of the command line that a message tells."""
    found = re.search(r"(?:they|of \d+) are [^:]*: ((?:--\S+ (?:'[^']*'|\S+) ?)+)", message)
    assert found, message
    return shlex.split(found.group(1).strip().removesuffix("."))


LAYOUTS = [
    # what the rows say, where the files are, where the manifest is
    ("{n}.png", "data/clips/{n}.png", "data/m.jsonl"),
    ("sub/{n}.png", "data/clips/sub/{n}.png", "data/m.jsonl"),
    ("{n}.png", "data/train/images/{n}.png", "data/m.jsonl"),
    ("{n}.png", "data/{n}.png", "data/lists/m.jsonl"),
    ("{n}.png", "data/pictures/{n}.png", "data/lists/m.jsonl"),
    ("data/{n}.png", "data/{n}.png", "data/m.jsonl"),
    ("{n}.jpg", "data/{n}.png", "data/m.jsonl"),
    ("{n}", "data/images/{n}.png", "data/m.jsonl"),
    ("/mnt/gone/set/{n}.png", "data/{n}.png", "data/m.jsonl"),
    ("/mnt/gone/set/{n}.png", "data/images/{n}.png", "data/m.jsonl"),
    ("C:\\set\\0{n}\\x.png", "data/0{n}/x.png", "data/m.jsonl"),
    ("größe {n}.png", "data/bilder 1/größe {n}.png", "data/m.jsonl"),
]


@pytest.mark.parametrize(("said", "lies", "manifest"), LAYOUTS)
def test_the_options_that_are_told_find_the_files(
    tmp_path: Path, put: Callable[..., None], command: Callable[..., Any], said: str, lies: str, manifest: str
) -> None:
    put(*(lies.format(n=n) for n in range(5)))
    names = [said.format(n=n) for n in range(5)]
    made = write_rows(tmp_path / manifest, rows_of(names, "image" if "." in said else "image_path"))
    message = refused(made, tmp_path / "run")
    assert "none of the first 5 files" in message
    options = ["--probes", ",".join(PROBES), "--quiet", "--no-report", *options_in(message)]
    assert command("scan", str(made), "--out", str(tmp_path / "run"), *options)[0] == 0
    summary = json.loads((tmp_path / "run" / "summary.json").read_text("utf-8"))
    assert summary["rows_read"] == 5
    assert not any(code.startswith(("unreadable_media", "broken_row")) for code in summary["findings"])
    # What was written loads from anywhere, without any option.
    paths = [row["image" if "." in said else "image_path"] for row in written(tmp_path / "run")]
    assert sorted(paths) == [str(tmp_path / lies.format(n=n)) for n in range(5)]
    clean = str(tmp_path / "run" / "*" / "m.jsonl")
    code, _, told = command("scan", clean, "--out", str(tmp_path / "again"), *options[:4])
    assert code == 0, told


def test_the_message_names_counts_and_places(tmp_path: Path, put: Callable[..., None]) -> None:
    put(*(f"data/clips/{n}.png" for n in range(COUNT)))
    manifest = write_rows(tmp_path / "data" / "m.jsonl", rows_of([f"{n}.png" for n in range(COUNT)], "path"))
    message = refused(manifest, tmp_path / "run")
    assert "none of the first 64 files" in message
    assert f"relative paths start from {tmp_path / 'data'}, the manifest's folder" in message
    assert "they are under clips/: --set 'input.path=clips/{path}'." in message
    assert "--set input.try_first=0" in message


def test_it_is_told_before_the_rest_is_read(tmp_path: Path) -> None:
    rows = rows_of([f"{n}.png" for n in range(100)])
    manifest = write_rows(tmp_path / "m.jsonl", rows)
    # What comes later is never reached: two rows with one id would be another error.
    with manifest.open("a") as file:
        file.writelines(json.dumps({"id": "same", "image": f"{n}.png", "caption": "x"}) + "\n" for n in range(2))
    assert "none of the first 64 files" in refused(manifest, tmp_path / "run")


@pytest.mark.parametrize(("there", "stops"), [(0, True), (8, True), (9, False), (60, False)])
def test_next_to_none_counts_as_none(tmp_path: Path, put: Callable[..., None], there: int, stops: bool) -> None:
    put(*(f"{n}.png" for n in range(there)))
    manifest = write_rows(tmp_path / "m.jsonl", rows_of([f"{n}.png" for n in range(64)]))
    if stops:
        message = refused(manifest, tmp_path / "run")
        assert (f"only {there} of the first 64 files" if there else "none of the first 64 files") in message
    else:
        run = mmcheck.scan(manifest, tmp_path / "run", probes=PROBES)
        assert run.summary["findings"]["unreadable_media.missing"] == 64 - there


def test_some_are_elsewhere(tmp_path: Path, put: Callable[..., None]) -> None:
    put(*(f"img/{n}.png" for n in range(0, 20, 2)))
    manifest = write_rows(tmp_path / "m.jsonl", rows_of([f"{n}.png" for n in range(20)]))
    assert "10 of 20 are under img/: --set 'input.path=img/{image}'" in refused(manifest, tmp_path / "run")


def test_going_on_all_the_same(tmp_path: Path) -> None:
    manifest = write_rows(tmp_path / "m.jsonl", rows_of(["a.png", "b.png"]))
    run = mmcheck.scan(manifest, tmp_path / "run", probes=PROBES, overrides=["input.try_first=0"])
    assert run.summary["findings"]["unreadable_media.missing"] == 2


def test_exit_code_and_a_root_that_is_wrong(
    tmp_path: Path, put: Callable[..., None], command: Callable[..., Any]
) -> None:
    put("data/0.png")
    manifest = write_rows(tmp_path / "data" / "m.jsonl", rows_of(["0.png"]))
    code, _, told = command("scan", str(manifest), "--out", str(tmp_path / "run"), "--root", str(tmp_path / "x"))
    assert code == 2
    assert f"relative paths start from {tmp_path / 'x'}, input.root" in told


def test_a_root_is_not_left(tmp_path: Path, put: Callable[..., None]) -> None:
    put("data/0.png", "secret.png")
    names = ["0.png", "../secret.png", str(tmp_path / "secret.png")]
    manifest = write_rows(tmp_path / "lists" / "m.jsonl", rows_of(names))
    run = mmcheck.scan(manifest, tmp_path / "run", probes=["media"], root=tmp_path / "data")
    table = run.samples().to_arrow()
    assert table["action"].to_pylist().count("quarantine") == 1
    assert "leads out of" in str(table["findings"][1])
    assert run.config.input.root == str(tmp_path / "data")


def test_a_column_of_the_pattern_that_is_not_there(tmp_path: Path, put: Callable[..., None]) -> None:
    put("clips/0.png")
    manifest = write_rows(tmp_path / "m.jsonl", rows_of(["0.png"]))
    message = refused(manifest, tmp_path / "run", overrides=["input.path=clips/{imaeg}"])
    assert "no column 'imaeg' (input.path)" in message
    assert "did you mean 'image'?" in message


def test_a_row_without_the_column(tmp_path: Path, put: Callable[..., None]) -> None:
    put("clips/0.png", "clips/1.png")
    rows = [*rows_of(["0.png", "1.png"]), {"caption": "nothing to see"}]
    manifest = write_rows(tmp_path / "m.jsonl", rows)
    run = mmcheck.scan(manifest, tmp_path / "run", probes=PROBES, overrides=["input.path=clips/{image}"])
    assert run.summary["findings"]["broken_row.missing_column"] == 1
    findings = str(run.samples().to_arrow()["findings"][2])
    assert "has no 'image', which input.path asks for; it has: caption" in findings


@pytest.mark.parametrize("name", ["m.csv", "m.jsonl"])
def test_no_column_names_a_file(tmp_path: Path, wav: Callable[[float], bytes], name: str) -> None:
    """LJSpeech's way: the id makes the path, and stays what it is."""
    (tmp_path / "wavs").mkdir()
    for n in range(3):
        (tmp_path / "wavs" / f"LJ{n}.wav").write_bytes(wav(1.0 + n / 10))
    if name.endswith(".csv"):
        lines = ["id,text", *(f"LJ{n},the words of clip {n}" for n in range(3))]
    else:
        lines = [json.dumps({"id": f"LJ{n}", "text": f"the words of clip {n}"}) for n in range(3)]
    (tmp_path / name).write_text("\n".join(lines) + "\n")
    options = ["input.path=wavs/{id}.wav"]
    run = mmcheck.scan(tmp_path / name, tmp_path / "run", probes=PROBES, overrides=options)
    assert run.samples().to_arrow()["transcript"].to_pylist() == [f"the words of clip {n}" for n in range(3)]
    assert not run.summary["findings"].get("unreadable_media.missing")
    written = "".join(path.read_text() for path in (tmp_path / "run").glob("*/m.*") if path.suffix == f".{name[2:]}")
    assert "LJ0" in written
    assert "/wavs/" not in written


def test_two_kinds_of_media_in_one_row(tmp_path: Path, put: Callable[..., None], wav: Callable[[float], bytes]) -> None:
    put("0.png", "1.png")
    (tmp_path / "wavs").mkdir()
    for n in range(2):
        (tmp_path / "wavs" / f"{n}.wav").write_bytes(wav(1.0))
    rows = [{"id": n, "image": f"{n}.png", "caption": "a square", "transcript": "hello"} for n in range(2)]
    manifest = write_rows(tmp_path / "m.jsonl", rows)
    run = mmcheck.scan(manifest, tmp_path / "run", probes=PROBES, overrides=["input.path=wavs/{id}.wav"])
    table = run.samples().to_arrow()
    assert [ref["uri"] for ref in table["audio"].to_pylist()] == [str(tmp_path / f"wavs/{n}.wav") for n in range(2)]
    assert [ref["uri"] for ref in table["image"].to_pylist()] == [str(tmp_path / f"{n}.png") for n in range(2)]
    row = written(tmp_path / "run")[0]
    assert row["image"] == str(tmp_path / "0.png")


def test_lists_of_media(tmp_path: Path, put: Callable[..., None]) -> None:
    put("img/0.png", "img/1.png")
    rows = [{"images": ["0.png", "1.png"], "caption": "two squares"}]
    manifest = write_rows(tmp_path / "m.jsonl", rows)
    mmcheck.scan(manifest, tmp_path / "run", probes=["media"], overrides=["input.path=img/{images}"])
    row = written(tmp_path / "run")[0]
    assert row["images"] == [str(tmp_path / "img" / f"{n}.png") for n in range(2)]


def test_a_relative_root_counts_from_the_working_directory(
    tmp_path: Path, put: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    put("data/0.png")
    manifest = write_rows(tmp_path / "lists" / "m.jsonl", rows_of(["0.png"]))
    monkeypatch.chdir(tmp_path)
    run = mmcheck.scan(manifest, tmp_path / "run", probes=["media"], root="data")
    monkeypatch.chdir(tmp_path / "lists")
    # Continued and judged from elsewhere: the run knows where its media are.
    again = mmcheck.scan(manifest, tmp_path / "run", probes=["media"], root="../data")
    assert again.judge().summary["rows_read"] == run.summary["rows_read"] == 1


def test_overlap_reads_the_other_side_as_the_run_was_read(
    tmp_path: Path, put: Callable[..., None], command: Callable[..., Any]
) -> None:
    put(*(f"clips/{n}.png" for n in range(6)), *(f"bench/{n}.png" for n in range(2)))
    train = write_rows(tmp_path / "train.jsonl", rows_of([f"{n}.png" for n in range(4)]))
    test = write_rows(tmp_path / "test.jsonl", rows_of([f"{n}.png" for n in range(3, 6)]))
    mmcheck.scan(train, tmp_path / "run", probes=["media"], overrides=["input.path=clips/{image}"])
    code, told, _ = command("overlap", str(tmp_path / "run"), str(test), "--json")
    assert (code, json.loads(told)["kinds"]["image"]["exact_test_rows"]) == (1, 1)
    # Another folder for the other side; a wrong one is told.
    other = write_rows(tmp_path / "other" / "test.jsonl", rows_of(["0.png", "1.png"]))
    mmcheck.scan(train, tmp_path / "plain", probes=["media"], root=tmp_path / "clips")
    found = command("overlap", str(tmp_path / "plain"), str(other), "--root", str(tmp_path / "bench"), "--json")
    assert json.loads(found[1])["test"]["rows"] == 2
    code, _, told = command("overlap", str(tmp_path / "plain"), str(other), "--root", str(tmp_path / "gone"))
    assert code == 2
    assert f"--root {tmp_path / 'bench'}" in told or f"--root {tmp_path / 'clips'}" in told


def test_rows_whose_columns_name_no_path(tmp_path: Path, put: Callable[..., None], command: Callable[..., Any]) -> None:
    """COCO: the file's name stands with the image, not with the caption."""
    put(*(f"pics/{n}.png" for n in range(3)))
    images = [{"id": n, "file_name": f"{n}.png"} for n in range(3)]
    captions = [{"id": n, "image_id": n, "caption": f"a red square, number {n}"} for n in range(3)]
    (tmp_path / "lists").mkdir()
    manifest = tmp_path / "lists" / "captions.json"
    manifest.write_text(json.dumps({"images": images, "annotations": captions}))
    message = refused(manifest, tmp_path / "run")
    assert options_in(message) == ["--root", str(tmp_path / "pics")]
    command_line = ["scan", str(manifest), "--out", str(tmp_path / "run"), "--probes", "media", "--no-report"]
    assert command(*command_line, *options_in(message))[0] == 0
