"""Overlap of two scans: what is written, in every format, and what is refused in words. Media only: no model."""

from __future__ import annotations

import csv
import hashlib
import json
import re
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from mmcheck.api import scan
from mmcheck.config import parse_config
from mmcheck.core.errors import OutputError, RunError, UserError
from mmcheck.formats.detect import detect_format
from mmcheck.overlap import run as module
from mmcheck.overlap.inputs import compare_runs, open_side
from mmcheck.overlap.run import overlap_runs
from mmcheck.overlap.summary import read_summary
from mmcheck.scanning.plan import open_format
from mmcheck.store.claim import hold
from mmcheck.store.run_folder import RunFolder
from mmcheck.store.run_record import ProbeRecord, read_record, write_record

CONFIG = parse_config(
    {
        "run": {"shard_size": 4},
        "probes": {"image_text": {"enabled": False}, "transcript": {"enabled": False}, "media": {"vad": False}},
    }
)
COUNT = 10


def draw(path: Path, number: int, *, quality: int = 95, side: int = 96) -> None:
    """Write picture ``number``: smooth colours that no other number has."""
    rng = np.random.default_rng([1, number])
    pixels = rng.integers(30, 220, (6, 6, 3), dtype=np.uint8)
    picture = Image.fromarray(pixels).resize((96, 96), Image.Resampling.BICUBIC).resize((side, side))
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.save(path, quality=quality)


def write_rows(file: Path, rows: Sequence[dict[str, Any]]) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    if file.suffix == ".csv":
        with file.open("w", newline="", encoding="utf-8") as out:
            writer = csv.DictWriter(out, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    elif file.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(list(rows)), file)
    else:
        file.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")
    return file


def caption(number: int) -> str:
    return f"a long caption that only picture {hashlib.sha256(bytes([number])).hexdigest()} has"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Ten training pictures; of six test pictures two are the same files and one is saved again."""
    root = tmp_path / "data"
    train, test = [], []
    for number in range(COUNT):
        draw(root / "train" / f"{number}.png", number)
        train.append({"uid": f"ü{number}", "image": f"train/{number}.png", "caption": caption(number), "w": number})
    for number in range(100, 103):
        draw(root / "test" / f"{number}.png", number)
        test.append({"uid": f"試{number}", "image": f"test/{number}.png", "caption": caption(number)})
    shutil.copy(root / "train" / "2.png", root / "test" / "same.png")
    draw(root / "test" / "again.jpg", 7, quality=60, side=80)
    test.insert(1, {"uid": "試same", "image": "test/same.png", "caption": "another caption with other words in it"})
    test.append({"uid": "試again", "image": "test/again.jpg", "caption": caption(7)})
    test.append({"uid": "試words", "image": "test/101.png", "caption": caption(5).upper() + "!"})
    write_rows(root / "train.jsonl", train)
    write_rows(root / "test.jsonl", test)
    return root


@pytest.fixture
def run(data: Path) -> RunFolder:
    return scan(data / "train.jsonl", data / "runs" / "train", CONFIG).folder


def ids(path: Path) -> list[str]:
    return [json.loads(line)["uid"] for line in path.read_text("utf-8").splitlines()]


def read_all(out: Path) -> list[dict[str, Any]]:
    rows = [json.loads(line) for line in (out / "overlaps.jsonl").read_text("utf-8").splitlines()]
    assert pq.read_table(out / "overlaps.parquet").to_pylist() == rows
    return rows


def test_a_manifest_is_scanned_and_compared_and_the_training_set_comes_out_clean(data: Path, run: RunFolder) -> None:
    before = {path: path.read_bytes() for path in data.rglob("*") if path.is_file() and "runs" not in path.parts}
    summary = overlap_runs(run.path, data / "test.jsonl")
    out = Path(summary.written.folder)
    assert out.parent == run.path / "overlap"
    assert out.name.startswith("test-")
    found = {(row["train_id"], row["test_id"], row["kind"], row["how"]) for row in read_all(out)}
    assert found == {
        ("ü2", "試same", "image", "exact"),
        ("ü7", "試again", "image", "near"),
        ("ü7", "試again", "text", "exact"),
        ("ü7", "試again", "pair", "near"),
        ("ü5", "試words", "text", "exact"),
    }
    first = read_all(out)[0]
    assert (first["train_manifest"], first["train_row_number"]) == (str(data / "train.jsonl"), 3)
    assert (first["test_manifest"], first["test_row_number"]) == (str(data / "test.jsonl"), 2)
    assert summary.shared_test_rows == 2
    assert summary.shared_test_share == pytest.approx(2 / 6, abs=1e-6)
    assert summary.passed is False
    assert summary.kinds["text"].counts is False
    assert "2 of 6 rows of TEST (33.3 %)" in summary.sentences[0]
    clean = out / "clean" / "train.jsonl"
    assert ids(clean) == [f"ü{number}" for number in range(COUNT) if number not in (2, 7)]
    kept = [json.loads(line) for line in clean.read_text("utf-8").splitlines()]
    assert [row["w"] for row in kept] == [0, 1, 3, 4, 5, 6, 8, 9]
    assert not any(name.startswith("mmcheck") for row in kept for name in row)
    removed = [json.loads(line) for line in (out / "removed" / "train.jsonl").read_text("utf-8").splitlines()]
    assert [row["mmcheck_overlap_how"] for row in removed] == ["exact", "near"]
    assert removed[1]["mmcheck_overlap_kinds"] == "image+pair"
    assert removed[1]["mmcheck_overlap_with"] == ["試again"]
    assert "(test.jsonl:5)" in removed[1]["mmcheck_overlap_reason"]
    assert before == {path: path.read_bytes() for path in before}, "the sources are not touched"


def test_the_clean_manifest_shares_nothing_any_more(data: Path, run: RunFolder, tmp_path: Path) -> None:
    first = overlap_runs(run.path, data / "test.jsonl")
    clean = first.written.clean.files[0]
    second = overlap_runs(clean, first.test.run, out=tmp_path / "second")
    assert second.passed is True
    assert second.shared_test_rows == 0
    assert second.train.was_scanned is True
    assert (second.written.removed.rows, second.written.removed.files) == (0, ())
    assert (tmp_path / "second" / "clean" / "train.jsonl").is_file()
    assert second.sentences[0] == "No row of TEST occurs in TRAIN, by image or pair of medium and text."


def test_nothing_left_is_said_plainly(data: Path, run: RunFolder, tmp_path: Path) -> None:
    rows = [json.loads(line) for line in (data / "train.jsonl").read_text("utf-8").splitlines()]
    copy = write_rows(data / "copy.jsonl", rows)
    summary = overlap_runs(run.path, copy)
    page = (Path(summary.written.folder) / "overlap.html").read_text("utf-8")
    assert summary.written.clean.rows == 0
    assert "nothing is left to train on" in " ".join(summary.sentences)
    assert "Nothing is left of the training set" in page
    assert "The training set without the shared rows" not in page


def test_one_of_a_thing_is_told_in_the_singular(data: Path, tmp_path: Path) -> None:
    row = (data / "train.jsonl").read_text("utf-8").splitlines()[0]
    one, other = data / "one.jsonl", data / "other.jsonl"
    one.write_text(row + "\n", "utf-8")
    other.write_text(row + "\n", "utf-8")
    summary = overlap_runs(one, other, out=tmp_path / "out", config=CONFIG)
    said = " ".join([*summary.sentences, *(found.sentence for found in summary.kinds.values())])
    assert "1 of 1 row of TEST" in said
    assert "1 row of TEST (1 exactly, 0 nearly) is shared with 1 row of TRAIN" in said
    assert re.search(r"\b1 (rows|images|captions)", said) is None


def test_blank_images_are_no_leak_and_are_told(tmp_path: Path) -> None:
    for name, size, grey in (("a", 90, 250), ("b", 64, 250), ("c", 90, 244)):
        Image.new("RGB", (size, size), (grey, grey, grey)).save(tmp_path / f"{name}.png")
    for name, files in (("train", "ab"), ("test", "ac")):
        first = len(name)
        rows = [{"image": f"{file}.png", "caption": caption(number)} for number, file in enumerate(files, first * 2)]
        write_rows(tmp_path / f"{name}.jsonl", rows)
    summary = overlap_runs(tmp_path / "train.jsonl", tmp_path / "test.jsonl", out=tmp_path / "out", config=CONFIG)
    assert summary.shared_test_rows == 0
    assert summary.written.clean.rows == 2
    assert any("1 row of TEST has a blank image" in note for note in summary.notes)


@pytest.mark.parametrize("role", [0, 1])
def test_a_run_that_is_written_to_is_not_compared(data: Path, run: RunFolder, tmp_path: Path, role: int) -> None:
    other = scan(data / "test.jsonl", data / "runs" / "test", CONFIG).folder
    with hold((run, other)[role].path), pytest.raises(OutputError, match="another mmcheck is working in"):
        overlap_runs(run.path, other.path, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_no_scan_comes_between_and_other_readers_may(
    data: Path, run: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = scan(data / "test.jsonl", data / "runs" / "test", CONFIG).folder
    seen: list[str] = []

    def write_page(*_: object) -> None:
        monkeypatch.undo()
        for place in (run.path, other.path, tmp_path / "out"):
            with pytest.raises(OutputError, match="another mmcheck is working"), hold(place):
                pass
        seen.append(overlap_runs(run.path, other.path, out=tmp_path / "second").written.folder)

    monkeypatch.setattr("mmcheck.overlap.run.write_overlap_page", write_page)
    overlap_runs(run.path, other.path, out=tmp_path / "out")
    assert seen == [str(tmp_path / "second")]
    with hold(run.path), hold(other.path), hold(tmp_path / "out"):
        pass


def test_a_manifest_that_cannot_be_written_leaves_nothing_half(
    data: Path, run: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(records: Any) -> dict[str, Any]:
        raise OutputError("the disk is full.")

    monkeypatch.setattr("mmcheck.overlap.write.explain", fail)
    with pytest.raises(OutputError, match="disk is full"):
        overlap_runs(run.path, data / "test.jsonl", out=tmp_path / "out")
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert not [name for name in names if name.startswith(".tmp-")]
    assert not names & {"clean", "removed", "summary.json"}, "what is there is whole"


def test_a_manifest_that_cannot_be_read_leaves_no_folder(data: Path, run: RunFolder) -> None:
    broken = data / "broken.jsonl"
    broken.write_text("[1, 2", "utf-8")
    with pytest.raises(UserError):
        overlap_runs(run.path, broken)
    assert not list((run.path / "overlap").iterdir())


def test_by_decides_what_counts_and_what_is_removed(data: Path, run: RunFolder, tmp_path: Path) -> None:
    def compare(*by: str, **options: Any) -> tuple[list[str], bool]:
        summary = overlap_runs(run.path, data / "test.jsonl", by=by, out=tmp_path / "out", **options)
        return ids(tmp_path / "out" / "clean" / "train.jsonl"), summary.passed

    def without(*numbers: int) -> list[str]:
        return [f"ü{number}" for number in range(COUNT) if number not in numbers]

    assert compare("pair") == (without(7), False)
    assert compare("pair", max_overlap=1) == (without(7), True)
    assert compare("text", "image") == (without(2, 5, 7), False)
    with pytest.raises(UserError, match="'vibe', which cannot be shared"):
        compare("vibe")
    with pytest.raises(UserError, match="names nothing"):
        compare()


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_other_formats_come_out_in_their_own(data: Path, tmp_path: Path, suffix: str) -> None:
    rows = [json.loads(line) for line in (data / "train.jsonl").read_text("utf-8").splitlines()]
    train = write_rows(data / f"train{suffix}", rows)
    out = tmp_path / "out"
    overlap_runs(train, data / "test.jsonl", out=out, config=CONFIG)
    for folder, expected in (("clean", 8), ("removed", 2)):
        (file,) = (out / folder).iterdir()
        assert file.suffix == suffix
        options = CONFIG.input
        samples = list(open_format(detect_format(str(file), options), CONFIG).read(str(file)))
        assert len(samples) == expected
        assert all(Path(sample.image.uri).is_file() for sample in samples if sample.image)
        assert all("w" in sample.row for sample in samples)
        assert all(("mmcheck_overlap_reason" in sample.row) == (folder == "removed") for sample in samples)


def test_a_second_call_measures_nothing_and_writes_the_same(data: Path, run: RunFolder) -> None:
    first = overlap_runs(run.path, data / "test.jsonl")
    out = Path(first.written.folder)
    files = {path: path.read_bytes() for path in out.rglob("*") if path.is_file() and "test-run" not in path.parts}
    parts = {path: path.stat().st_mtime_ns for path in (out / "test-run" / "measurements").rglob("*.parquet")}
    (out / ".tmp-1-overlaps.parquet").write_text("half")
    assert overlap_runs(run.path, data / "test.jsonl") == first
    assert files == {path: path.read_bytes() for path in files}
    assert parts == {path: path.stat().st_mtime_ns for path in parts}
    assert not list(out.glob(".tmp-*"))


def test_a_changed_manifest_is_scanned_anew(data: Path, run: RunFolder) -> None:
    overlap_runs(run.path, data / "test.jsonl")
    kept = [line for line in (data / "test.jsonl").read_text("utf-8").splitlines() if "same" not in line]
    (data / "test.jsonl").write_text("\n".join(kept) + "\n", "utf-8")
    assert overlap_runs(run.path, data / "test.jsonl").shared_test_rows == 1


def test_a_kill_while_writing_leaves_no_summary_and_is_made_good(
    data: Path, run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = overlap_runs(run.path, data / "test.jsonl")
    out = Path(first.written.folder)

    def killed(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(module, "write_split", killed)
        with pytest.raises(KeyboardInterrupt):
            overlap_runs(run.path, data / "test.jsonl")
    assert not (out / "summary.json").exists(), "old counts must not stand beside new pairs"
    assert not (out / "clean").exists()
    assert overlap_runs(run.path, data / "test.jsonl") == first


def test_equal_sides_are_refused(data: Path, run: RunFolder, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(run.path)
    for train, test in ((run.path, run.path), (run.path, link), (data / "train.jsonl", data / "train.jsonl")):
        with pytest.raises(UserError, match="the same"):
            overlap_runs(train, test, out=tmp_path / "out")
    with pytest.raises(UserError, match="the same manifest"):
        overlap_runs(run.path, data / "train.jsonl", out=tmp_path / "out")
    both = scan([data / "train.jsonl", data / "test.jsonl"], data / "runs" / "both", CONFIG)
    with pytest.raises(UserError, match="one of the manifests"):
        overlap_runs(both.path, data / "test.jsonl")
    assert not (tmp_path / "out").exists()


def test_wrong_inputs_are_told_in_words(data: Path, run: RunFolder, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no-such"):
        overlap_runs(run.path, data / "no-such.jsonl")
    with pytest.raises(UserError, match="give --out"):
        overlap_runs(data / "train.jsonl", data / "test.jsonl")
    broken = tmp_path / "broken"
    shutil.copytree(run.path, broken)
    (broken / "run.json").unlink()
    with pytest.raises(OutputError, match=r"no run\.json"):
        overlap_runs(broken, data / "test.jsonl")
    half = tmp_path / "half"
    shutil.copytree(run.path, half)
    text = (half / "run.json").read_text()
    write_record(half, read_record(half).updated(state="measuring"))
    with pytest.raises(RunError, match="is not complete"):
        overlap_runs(half, data / "test.jsonl")
    (half / "run.json").write_text(text)
    next((half / "measurements" / "media").glob("*.parquet")).write_bytes(b"PAR1")
    with pytest.raises(RunError, match="missing or damaged"):
        overlap_runs(half, data / "test.jsonl")


def test_other_files_are_never_written_over(data: Path, run: RunFolder, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("dear")
    with pytest.raises(OutputError, match=r"other files \(notes\.txt\)"):
        overlap_runs(run.path, data / "test.jsonl", out=tmp_path / "mine")
    with pytest.raises(OutputError, match="other files"):
        overlap_runs(data / "test.jsonl", run.path, out=run.path)
    (tmp_path / "file").write_text("dear")
    with pytest.raises(OutputError, match="not a folder"):
        overlap_runs(run.path, data / "test.jsonl", out=tmp_path / "file")
    with pytest.raises(OutputError, match="is inside the scanned folder"):
        overlap_runs(run.path, data / "train", out=data / "train" / "out")
    assert (tmp_path / "mine" / "notes.txt").read_text() == "dear"
    assert (tmp_path / "file").read_text() == "dear"


def test_images_and_recordings_have_nothing_in_common(
    data: Path, run: RunFolder, wav_bytes: Callable[..., bytes], tone: Callable[..., Any]
) -> None:
    (data / "a.wav").write_bytes(wav_bytes(tone()))
    write_rows(data / "audio.jsonl", [{"audio": "a.wav", "transcript": "a tone"}])
    with pytest.raises(UserError, match=r"10 images and 10 captions; TEST .* has 1 recording and 1 transcript "):
        overlap_runs(run.path, data / "audio.jsonl")


def test_what_cannot_be_read_is_not_called_clear(data: Path, run: RunFolder) -> None:
    rows = [{"uid": f"gone{number}", "image": f"gone/{number}.png", "caption": "a"} for number in range(3)]
    write_rows(data / "gone.jsonl", rows)
    with pytest.raises(UserError, match="nothing can be compared by image, audio, pair"):
        overlap_runs(run.path, data / "gone.jsonl")
    write_rows(data / "some.jsonl", [*rows, {"uid": "there", "image": "test/100.png", "caption": "b"}])
    summary = overlap_runs(run.path, data / "some.jsonl")
    assert summary.passed is True
    assert summary.not_compared.test_rows == 3
    assert list(summary.not_compared.test_ids) == ["gone0", "gone1", "gone2"]
    assert "3 rows of TEST have no medium that could be read" in summary.notes[-1]


@pytest.mark.parametrize("which", ["train", "test"])
def test_an_empty_side_is_told(data: Path, run: RunFolder, tmp_path: Path, which: str) -> None:
    (data / "empty.jsonl").write_text("")
    config = parse_config({**CONFIG.model_dump(mode="json"), "input": {"format": "jsonl"}})
    empty = scan(data / "empty.jsonl", data / "runs" / "empty", config).path
    sides = (empty, run.path) if which == "train" else (run.path, empty)
    summary = overlap_runs(*sides, out=tmp_path / "out")
    assert summary.passed is True
    assert list(summary.sentences) == [f"{which.upper()} holds no rows, so nothing is shared."]
    assert summary.written.clean.rows == (0 if which == "train" else COUNT)


def test_two_manifests_of_one_name_get_folders_of_their_own(data: Path, run: RunFolder) -> None:
    (data / "other").mkdir()
    write_rows(data / "other" / "test.jsonl", [{"image": str(data / "test" / "100.png"), "caption": "x y z"}])
    first = overlap_runs(run.path, data / "test.jsonl").written.folder
    second = overlap_runs(run.path, data / "other" / "test.jsonl").written.folder
    assert first != second
    assert (Path(first) / "summary.json").is_file()


def _with_model(run: RunFolder, target: Path, **about: str) -> Path:
    """Copy a run and let it say that image_text ran."""
    shutil.copytree(run.path, target)
    record = read_record(target)
    added = ProbeRecord(fingerprint=str(sorted(about.items())), metrics=(), about=about)
    write_record(target, record.updated(probes={**record.probes, "image_text": added}))
    return target


def test_embeddings_of_other_weights_are_not_compared(run: RunFolder, tmp_path: Path) -> None:
    def able(one: Path, other: Path) -> Any:
        return compare_runs(open_side("TRAIN", one), open_side("TEST", other))

    small = _with_model(run, tmp_path / "small", model="tiny-clip", sha256="aa" * 32, backend="open_clip")
    large = _with_model(run, tmp_path / "large", model="ViT-B-32", sha256="bb" * 32, backend="open_clip")
    on_gpu = _with_model(run, tmp_path / "gpu", model="tiny-clip", sha256="aa" * 32, backend="open_clip", device="cuda")
    found = able(small, large)
    assert found.use_embeddings == ()
    assert "tiny-clip (aaaaaaaa) and TEST with ViT-B-32 (bbbbbbbb)" in found.notes[0]
    assert "scan one of the two again" in found.notes[0]
    assert able(small, on_gpu).use_embeddings == ("image",)
    assert able(small, on_gpu).notes == ()
    assert "TEST holds no image embeddings; scan it again" in able(small, run.path).notes[0]
    assert "Neither TRAIN nor TEST" in able(run.path, run.path).notes[0]


def test_missing_checksums_are_told(data: Path, run: RunFolder, tmp_path: Path) -> None:
    record = read_record(run.path)
    probes = {**record.probes}
    probes["caption_text"] = probes.pop("media")
    target = tmp_path / "bare"
    shutil.copytree(run.path, target)
    write_record(target, record.updated(probes=probes))
    notes = compare_runs(open_side("TRAIN", target), open_side("TEST", run.path)).notes
    assert any("without the probe media" in note for note in notes)


def test_folders_and_shards_say_how_their_media_come_along(data: Path, run: RunFolder, tmp_path: Path) -> None:
    folder = data / "if"
    folder.mkdir()
    for number in (2, 3, 4):
        shutil.copy(data / "train" / f"{number}.png", folder / f"{number}.png")
    write_rows(folder / "metadata.jsonl", [{"file_name": f"{n}.png", "text": "t", "uid": str(n)} for n in (2, 3, 4)])
    plain = overlap_runs(folder, data / "test.jsonl", out=tmp_path / "plain", config=CONFIG)
    assert any("--write-media" in note for note in plain.notes)
    whole = overlap_runs(folder, data / "test.jsonl", out=tmp_path / "whole", config=CONFIG, write_media=True)
    assert not any("--write-media" in note for note in whole.notes)
    clean = tmp_path / "whole" / "clean" / "if"
    assert sorted(path.name for path in clean.iterdir()) == ["3.png", "4.png", "metadata.jsonl"]
    samples = list(open_format(detect_format(str(clean), CONFIG.input), CONFIG).read(str(clean)))
    assert [Path(sample.image.uri).read_bytes() for sample in samples if sample.image] == [
        (folder / f"{number}.png").read_bytes() for number in (3, 4)
    ]


def test_a_folder_with_our_names_is_still_somebody_elses(data: Path, run: RunFolder, tmp_path: Path) -> None:
    (tmp_path / "project" / "clean").mkdir(parents=True)
    precious = tmp_path / "project" / "clean" / "precious.txt"
    precious.write_text("dear")
    with pytest.raises(OutputError, match="other files"):
        overlap_runs(run.path, data / "test.jsonl", out=tmp_path / "project")
    assert precious.read_text() == "dear"


def test_the_input_is_never_written_over(data: Path, run: RunFolder, tmp_path: Path) -> None:
    out = tmp_path / "out"
    overlap_runs(run.path, data / "test.jsonl", out=out)
    cleaned = next((out / "clean").iterdir())
    before = cleaned.read_bytes()
    with pytest.raises(OutputError, match="would replace it"):
        overlap_runs(cleaned, data / "test.jsonl", out=out)
    assert cleaned.read_bytes() == before


def test_the_summary_is_read_as_it_was_written_and_refused_where_it_would_be_misread(
    run: RunFolder, data: Path
) -> None:
    summary = overlap_runs(run.path, data / "test.jsonl")
    out = Path(summary.written.folder)
    assert read_summary(out) == summary
    file = out / "summary.json"
    stored = json.loads(file.read_text())
    assert list(stored)[:2] == ["schema_version", "train"]
    assert list(stored)[-3:] == ["sentences", "notes", "written"]
    assert stored["kinds"]["text"]["searched"]["image"] == {"items": [10, 6], "limits": {"similarity": 0.9}}
    file.write_text(json.dumps({**stored, "schema_version": 2}))
    with pytest.raises(RunError, match="its schema_version is 2, and this one reads 1"):
        read_summary(out)
    file.write_text(json.dumps({**stored, "kinds": 1}))
    with pytest.raises(OutputError, match=r"summary\.json is missing or damaged: kinds"):
        read_summary(out)
