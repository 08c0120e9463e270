"""``mmcheck apply``: anybody's copy is mended, whatever its folder, order and format, and nothing is done in doubt."""

from __future__ import annotations

import csv
import io
import json
import tarfile
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mmcheck
from mmcheck.core.errors import ManifestError, OutputError, UserError
from mmcheck.errata.record import Header, Medium, Record, text_digest, to_line
from tests.unit.errata.conftest import CAPTIONS, MakeRun, lines, picture, put, recording, tone, write_lines

Command = Callable[..., tuple[int, str, str]]
KEPT = [caption for number, caption in enumerate(CAPTIONS) if number not in (2, 4)]


def digest(data: bytes) -> str:
    import hashlib

    return hashlib.sha256(data).hexdigest()


def write_errata(path: Path, *records: Record) -> Path:
    parts = (Header(mmcheck_errata=1, records=len(records)), *records)
    path.write_text("".join(to_line(part) + "\n" for part in parts), "utf-8")
    return path


def removal(data: bytes, text: str, kind: str = "image", **changes: Any) -> Record:
    medium = Medium(kind=kind, sha256=digest(data), **changes.pop("medium", {}))
    return Record(action="remove", medium=medium, text_sha256=text_digest(text).hex(), **changes)


def correction(data: bytes, old: str, new: str, kind: str = "image", **medium: Any) -> Record:
    known = Medium(kind=kind, sha256=digest(data), **medium)
    return Record(action="replace_text", medium=known, text_sha256=text_digest(old).hex(), new_text=new)


def snapshot(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


# Somebody else's copy


def copy_as_csv(folder: Path) -> Path:
    """Another format, folder, order and other file names."""
    order = [4, 0, 5, 2, 1, 3]
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["filepath", "title"])
    for place, number in enumerate(order):
        put(folder / "pics" / f"p{place}.png", picture(number))
        writer.writerow([f"pics/p{place}.png", CAPTIONS[number]])
    return put(folder / "all.csv", text.getvalue().encode())


def copy_as_parquet(folder: Path) -> Path:
    images = [{"bytes": picture(n), "path": f"{n}.png"} for n in range(6)]
    folder.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table({"image": images, "text": list(CAPTIONS)}), folder / "all.parquet", row_group_size=2)
    return folder / "all.parquet"


def copy_as_tar(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    with tarfile.open(folder / "00000.tar", "w") as archive:
        for number, caption in enumerate(CAPTIONS):
            for suffix, data in (("png", picture(number)), ("txt", caption.encode())):
                info = tarfile.TarInfo(f"{number:05d}.{suffix}")
                info.size = len(data)
                archive.addfile(info, io.BytesIO(data))
    return folder / "00000.tar"


def copy_as_coco(folder: Path) -> Path:
    """Pictures with several captions each: the set's own and another."""
    images, annotations = [], []
    for number, caption in enumerate(CAPTIONS):
        put(folder / "val" / f"{number:012d}.png", picture(number))
        images.append({"id": number, "file_name": f"{number:012d}.png"})
        for text in (caption, f"another text of {number}"):
            annotations.append({"id": len(annotations) + 100, "image_id": number, "caption": text})
    document = {"images": images, "annotations": annotations}
    return put(folder / "annotations" / "captions_val.json", json.dumps(document).encode())


def captions_of(path: Path) -> list[str]:
    if path.suffix == ".csv":
        return [row["title"] for row in csv.DictReader(path.read_text("utf-8").splitlines())]
    if path.suffix == ".parquet":
        found: list[str] = pq.read_table(path)["text"].to_pylist()
        return found
    if path.suffix == ".json":
        return [one["caption"] for one in json.loads(path.read_text("utf-8"))["annotations"]]
    return [row["txt"] for row in lines(path)]


@pytest.mark.parametrize("make", [copy_as_csv, copy_as_parquet, copy_as_tar, copy_as_coco])
def test_somebody_elses_copy_is_mended(
    make: Callable[[Path], Path], errata: Path, command: Command, tmp_path: Path
) -> None:
    manifest = make(tmp_path / "elsewhere" / "copy")
    source = snapshot(tmp_path / "elsewhere")
    before = captions_of(manifest) if manifest.suffix != ".tar" else list(CAPTIONS)
    code, told, _ = command("apply", str(errata), str(manifest), "--out", str(tmp_path / "mended"))
    assert code == 0
    assert "2 were removed and 0 given another text" in told
    (written,) = [path for path in (tmp_path / "mended").iterdir() if path.name != ".mmcheck-apply.json"]
    wrong = {CAPTIONS[2], CAPTIONS[4]}
    assert captions_of(written) == [caption for caption in before if caption not in wrong]
    assert snapshot(tmp_path / "elsewhere") == source
    summary = json.loads((tmp_path / "mended" / ".mmcheck-apply.json").read_text("utf-8"))
    assert summary["outcomes"]["applied"] == 2
    assert summary["manifests"][0]["removed"] == 2

    again = mmcheck.apply(errata, written, tmp_path / "again")
    assert (again.rows_removed, again.rows_changed, again.num_conflicts) == (0, 0, 0)
    assert (tmp_path / "again" / written.name).read_bytes() == written.read_bytes()


def test_rows_without_errata_stay_byte_for_byte(errata: Path, pictures: Path, tmp_path: Path) -> None:
    mmcheck.apply(errata, pictures, tmp_path / "mended", paths="keep")
    before = pictures.read_bytes().splitlines(keepends=True)
    assert (tmp_path / "mended" / "train.jsonl").read_bytes() == b"".join(before[n] for n in (0, 1, 3, 5))


def test_paths_are_absolute_relative_or_as_they_were(errata: Path, pictures: Path, tmp_path: Path) -> None:
    for how in ("absolute", "relative", "keep"):
        mmcheck.apply(errata, pictures, tmp_path / how, paths=how)
        written = lines(tmp_path / how / "train.jsonl")[0]["image"]
        wanted = {"absolute": str(tmp_path / "set/images/0.png"), "relative": "../set/images/0.png"}
        assert written == wanted.get(how, "images/0.png")
    with pytest.raises(UserError, match="--paths must be absolute, relative or keep"):
        mmcheck.apply(errata, pictures, tmp_path / "x", paths="odd")


def test_new_shards_have_the_right_texts(tmp_path: Path) -> None:
    shard = copy_as_tar(tmp_path / "copy")
    errata = write_errata(
        tmp_path / "e.jsonl", removal(picture(2), CAPTIONS[2]), correction(picture(4), CAPTIONS[4], "a green hill")
    )
    summary = mmcheck.apply(errata, shard, tmp_path / "mended", write_media=True)
    assert summary.notes == ()
    with tarfile.open(tmp_path / "mended" / "00000.tar") as archive:
        found = {member.name: archive.extractfile(member).read() for member in archive}  # type: ignore[union-attr]
    assert "00002.png" not in found
    assert found["00004.txt"] == b"a green hill"
    assert found["00004.png"] == picture(4)
    listing = mmcheck.apply(errata, shard, tmp_path / "listing")
    assert "--write-media makes new shards" in listing.notes[0]


def test_several_manifests_are_mended_each_in_its_own_format(errata: Path, pictures: Path, tmp_path: Path) -> None:
    table = copy_as_csv(tmp_path / "copy")
    twin = write_lines(
        tmp_path / "twin" / "train.jsonl", [{"image": str(tmp_path / "set/images/2.png"), "caption": CAPTIONS[2]}]
    )
    summary = mmcheck.apply(errata, [pictures, table, twin], tmp_path / "mended")
    assert summary.rows_removed == 5
    assert sorted(path.relative_to(tmp_path / "mended").as_posix() for path in (tmp_path / "mended").rglob("*.*l*"))
    assert lines(tmp_path / "mended" / "002" / "train.jsonl") == []
    assert len(lines(tmp_path / "mended" / "000" / "train.jsonl")) == 4
    assert len(captions_of(tmp_path / "mended" / "all.csv")) == 4


# Several captions, equal media


def test_a_row_with_a_list_of_captions_loses_one_and_gets_another(tmp_path: Path) -> None:
    put(tmp_path / "a.png", picture(1))
    row = {"image": "a.png", "captions": ["good", "bad", "odd", "fine"], "n": 1.50}
    manifest = write_lines(tmp_path / "a.jsonl", [row])
    errata = write_errata(tmp_path / "e.jsonl", removal(picture(1), "bad"), correction(picture(1), "odd", "better"))
    summary = mmcheck.apply(errata, manifest, tmp_path / "mended", paths="keep")
    assert lines(tmp_path / "mended" / "a.jsonl") == [{**row, "captions": ["good", "better", "fine"]}]
    assert (summary.rows_removed, summary.rows_changed) == (1, 1)
    again = mmcheck.apply(errata, tmp_path / "mended" / "a.jsonl", tmp_path / "twice", root=tmp_path, paths="keep")
    assert again.outcomes["already_right"] == 2
    assert (tmp_path / "twice" / "a.jsonl").read_bytes() == (tmp_path / "mended" / "a.jsonl").read_bytes()


def test_a_list_of_captions_in_parquet_keeps_its_type(tmp_path: Path) -> None:
    captions = pa.array([["good", "bad", "odd"]], pa.large_list(pa.large_string()))
    pq.write_table(
        pa.table({"image": [{"bytes": picture(1), "path": "x.png"}], "captions": captions}), tmp_path / "a.parquet"
    )
    errata = write_errata(tmp_path / "e.jsonl", removal(picture(1), "bad"), correction(picture(1), "odd", "right"))
    mmcheck.apply(errata, tmp_path / "a.parquet", tmp_path / "mended")
    after = pq.read_table(tmp_path / "mended" / "a.parquet")
    assert after["captions"].to_pylist() == [["good", "right"]]
    assert after["captions"].type == captions.type


def test_of_equal_rows_as_many_stay_as_the_errata_say(tmp_path: Path) -> None:
    rows = []
    for number in range(4):
        put(tmp_path / f"{number}.png", picture(5))
        rows.append({"image": f"{number}.png", "caption": "one and the same"})
    manifest = write_lines(tmp_path / "a.jsonl", rows)
    errata = write_errata(tmp_path / "e.jsonl", removal(picture(5), "one and the same", keep_copies=1))
    mmcheck.apply(errata, manifest, tmp_path / "mended", paths="keep")
    assert [row["image"] for row in lines(tmp_path / "mended" / "a.jsonl")] == ["0.png"]
    again = mmcheck.apply(errata, tmp_path / "mended" / "a.jsonl", root=tmp_path)
    assert again.outcomes["already_right"] == 1
    everyone = write_errata(tmp_path / "all.jsonl", removal(picture(5), "one and the same"))
    assert mmcheck.apply(everyone, manifest).rows_removed == 4


def test_equal_pictures_under_other_names_all_get_the_right_text(tmp_path: Path) -> None:
    rows = []
    for number in range(3):
        put(tmp_path / f"{number}.png", picture(5))
        rows.append({"image": f"{number}.png", "caption": "wrong" if number != 1 else "something else"})
    manifest = write_lines(tmp_path / "a.jsonl", rows)
    errata = write_errata(tmp_path / "e.jsonl", correction(picture(5), "wrong", "right"))
    mmcheck.apply(errata, manifest, tmp_path / "mended")
    assert [row["caption"] for row in lines(tmp_path / "mended" / "a.jsonl")] == ["right", "something else", "right"]


# Texts


def test_composed_and_decomposed_texts_are_the_same(tmp_path: Path) -> None:
    text, new = "Z\u00fcrich im Fr\u00fchling, \ud55c\uad6d", "Gen\u00e8ve l\u2019\u00e9t\u00e9"
    put(tmp_path / "a.png", picture(1))
    put(tmp_path / "b.png", picture(2))
    rows = [
        {"image": "a.png", "caption": unicodedata.normalize("NFD", text)},
        {"image": "b.png", "caption": unicodedata.normalize("NFD", new)},
    ]
    manifest = write_lines(tmp_path / "a.jsonl", rows)
    errata = write_errata(tmp_path / "e.jsonl", correction(picture(1), text, new), correction(picture(2), "x", new))
    summary = mmcheck.apply(errata, manifest, tmp_path / "mended")
    assert (summary.outcomes["applied"], summary.outcomes["already_right"]) == (1, 1)
    # What is right already is left as it is written, down to its composition.
    assert [row["caption"] for row in lines(tmp_path / "mended" / "a.jsonl")] == [
        new,
        unicodedata.normalize("NFD", new),
    ]


@pytest.mark.parametrize("other", ["A Wrong Caption", "a wrong caption.", "a  wrong caption"])
def test_a_text_that_differs_is_a_conflict_and_never_taken(
    other: str, errata: Path, command: Command, tmp_path: Path
) -> None:
    put(tmp_path / "copy" / "x.png", picture(2))
    manifest = write_lines(tmp_path / "copy" / "a.jsonl", [{"image": "x.png", "caption": other}])
    code, told, _ = command("apply", str(errata), str(manifest), "--dry-run", "--all-media")
    assert code == 1
    assert "text differs" in told
    assert "its medium is here, with another text" in told
    assert " ".join(other.split()) in told
    code, _, _ = command("apply", str(errata), str(manifest), "--dry-run", "--all-media", "--max-conflicts", "1")
    assert code == 0
    # Neither text nor name speak for the row, so that its medium is not hashed unasked.
    assert mmcheck.apply(errata, manifest).outcomes["not_found"] == 2
    assert mmcheck.apply(errata, manifest).media_hashed == 0
    named = write_lines(
        tmp_path / "copy" / "b.jsonl", [{"image": str(put(tmp_path / "2.png", picture(2))), "caption": other}]
    )
    assert mmcheck.apply(errata, named).outcomes["text_differs"] == 1


def test_the_other_captions_of_a_mended_picture_are_no_conflict(judged: MakeRun, tmp_path: Path) -> None:
    put(tmp_path / "set" / "a.png", picture(1))
    rows = [{"image": "a.png", "caption": f"caption {n}", "mark": "bad" if n == 1 else ""} for n in range(5)]
    manifest = write_lines(tmp_path / "set" / "a.jsonl", rows)
    mmcheck.open_run(judged(manifest)).patch(tmp_path / "e.jsonl")
    mmcheck.apply(tmp_path / "e.jsonl", manifest, tmp_path / "mended")
    again = mmcheck.apply(tmp_path / "e.jsonl", tmp_path / "mended" / "a.jsonl")
    assert (again.outcomes["already_right"], again.num_conflicts) == (1, 0)
    # A caption that nobody knows is one.
    strange = write_lines(tmp_path / "set" / "b.jsonl", [*rows[2:], {"image": "a.png", "caption": "Caption 1"}])
    assert mmcheck.apply(tmp_path / "e.jsonl", strange).outcomes["text_differs"] == 1


def test_a_text_that_the_layout_cannot_hold_is_told_and_the_row_stays(command: Command, tmp_path: Path) -> None:
    for number in range(3):
        put(tmp_path / "Images" / f"{number}.jpg", picture(number, "JPEG"))
    listed = "".join(f"{n}.jpg#0\tcaption {n}\n" for n in range(3))
    manifest = put(tmp_path / "Flickr8k.token.txt", listed.encode())
    errata = write_errata(
        tmp_path / "e.jsonl",
        correction(picture(0, "JPEG"), "caption 0", "two lines\n1.jpg#0\tinjected"),
        correction(picture(1, "JPEG"), "caption 1", "plain"),
    )
    code, told, _ = command("apply", str(errata), str(manifest), "--out", str(tmp_path / "mended"), "--paths", "keep")
    assert code == 1
    assert "the layout cannot hold the right text at" in told
    written = (tmp_path / "mended" / "Flickr8k.token.txt").read_text()
    assert written == listed.replace("caption 1", "plain")
    # JSON can hold it.
    rows = [{"image": f"Images/{n}.jpg", "caption": f"caption {n}"} for n in range(3)]
    summary = mmcheck.apply(errata, write_lines(tmp_path / "a.jsonl", rows))
    assert summary.outcomes["applied"] == 2


# Media


def test_a_picture_that_was_saved_again_is_taken_only_when_asked(
    command: Command, errata: Path, tmp_path: Path
) -> None:
    put(tmp_path / "copy" / "other-name.jpg", picture(2, "JPEG", (80, 60), quality=85))
    put(tmp_path / "copy" / "3.jpg", picture(3, "JPEG"))
    rows = [{"image": "other-name.jpg", "caption": CAPTIONS[2]}, {"image": "3.jpg", "caption": CAPTIONS[3]}]
    manifest = write_lines(tmp_path / "copy" / "a.jsonl", rows)
    code, told, _ = command("apply", str(errata), str(manifest), "--dry-run")
    assert code == 1
    assert "media differs" in told
    assert "--match looks takes it" in told
    code, told, _ = command("apply", str(errata), str(manifest), "--out", str(tmp_path / "mended"), "--match", "looks")
    assert code == 0
    assert [row["caption"] for row in lines(tmp_path / "mended" / "a.jsonl")] == [CAPTIONS[3]]
    code, _, err = command("apply", str(errata), str(manifest), "--dry-run", "--match", "taste")
    assert code == 2
    assert "--match must be bytes, content or looks" in err


def test_another_picture_with_the_same_text_is_not_taken(errata: Path, tmp_path: Path) -> None:
    put(tmp_path / "copy" / "x.png", picture(77))
    manifest = write_lines(tmp_path / "copy" / "a.jsonl", [{"image": "x.png", "caption": CAPTIONS[2]}])
    for match in ("bytes", "content", "looks"):
        summary = mmcheck.apply(errata, manifest, match=match)
        assert (summary.outcomes["not_found"], summary.num_conflicts, summary.media_hashed) == (2, 0, 1)
    # Of the same name it is rather the same picture in another form.
    put(tmp_path / "copy" / "2.png", picture(77))
    named = write_lines(tmp_path / "copy" / "b.jsonl", [{"image": "2.png", "caption": CAPTIONS[2]}])
    found = mmcheck.apply(errata, named)
    assert found.outcomes["media_differs"] == 1
    assert "the same name and text, but other bytes" in found.conflicts[0].why


def test_a_medium_that_cannot_be_read_is_told(errata: Path, tmp_path: Path) -> None:
    put(tmp_path / "copy" / "x.png", picture(0))
    rows = [{"image": "x.png", "caption": "x"}, {"image": "2.png", "caption": CAPTIONS[2]}]
    found = mmcheck.apply(errata, write_lines(tmp_path / "copy" / "a.jsonl", rows))
    assert found.outcomes["media_differs"] == 1
    assert "its medium cannot be read: there is no file" in found.conflicts[0].why


def test_a_copy_whose_media_lie_elsewhere_is_told_how_to_find_them(
    errata: Path, command: Command, tmp_path: Path
) -> None:
    rows = [{"image": f"images/{n}.png", "caption": caption} for n, caption in enumerate(CAPTIONS)]
    manifest = write_lines(tmp_path / "lists" / "a.jsonl", rows)
    code, _, err = command("apply", str(errata), str(manifest), "--dry-run")
    assert code == 2
    assert "none of the first 6 files" in err
    code, told, _ = command("apply", str(errata), str(manifest), "--dry-run", "--root", str(tmp_path / "set"))
    assert code == 0
    assert "2 would be removed" in told


def nemo(folder: Path) -> Path:
    put(folder / "talk.wav", recording(np.concatenate([tone(300 + 200 * n) for n in range(3)])))
    rows = [
        {
            "audio_filepath": "talk.wav",
            "offset": n / 2,
            "duration": 0.5,
            "text": "the same words",
            "mark": "bad" * (n == 1),
        }
        for n in range(3)
    ]
    return write_lines(folder / "nemo.json", rows)


def test_of_segments_with_equal_texts_only_the_one_is_removed(judged: MakeRun, tmp_path: Path) -> None:
    manifest = nemo(tmp_path / "set")
    mmcheck.open_run(judged(manifest, probes="media,transcript_text")).patch(tmp_path / "e.jsonl")
    mmcheck.apply(tmp_path / "e.jsonl", manifest, tmp_path / "mended", paths="keep")
    assert [row["offset"] for row in lines(tmp_path / "mended" / "nemo.json")] == [0.0, 1.0]
    # Other spellings of the same times.
    rows = [{**row, "offset": f"{row['offset']:.3f}"} for row in lines(manifest)]
    assert mmcheck.apply(tmp_path / "e.jsonl", write_lines(tmp_path / "set" / "n2.json", rows)).rows_removed == 1
    # Another cut of the same recording is told.
    moved = write_lines(tmp_path / "set" / "n3.json", [{**lines(manifest)[1], "offset": 0.6}])
    found = mmcheck.apply(tmp_path / "e.jsonl", moved)
    assert found.outcomes["media_differs"] == 1
    assert "another stretch or channel of the same recording" in found.conflicts[0].why


def test_a_copy_cut_into_files_of_another_kind_is_known_by_its_sound(judged: MakeRun, tmp_path: Path) -> None:
    manifest = nemo(tmp_path / "set")
    mmcheck.open_run(judged(manifest, probes="media,transcript_text")).patch(tmp_path / "e.jsonl")
    samples = np.concatenate([tone(300 + 200 * n) for n in range(3)])
    rows = []
    for number in range(3):
        part = samples[number * 8000 : (number + 1) * 8000]
        put(tmp_path / "cut" / f"{number}.flac", recording(part, "FLAC"))
        rows.append({"audio": f"{number}.flac", "text": "the same words"})
    copy = write_lines(tmp_path / "cut" / "a.jsonl", rows)
    mmcheck.apply(tmp_path / "e.jsonl", copy, tmp_path / "mended", paths="keep")
    assert [row["audio"] for row in lines(tmp_path / "mended" / "a.jsonl")] == ["0.flac", "2.flac"]
    strict = mmcheck.apply(tmp_path / "e.jsonl", copy, match="bytes")
    assert strict.rows_removed == 0


def test_two_lines_that_know_one_row_by_different_things_and_disagree_change_nothing(tmp_path: Path) -> None:
    data = recording(tone(440))
    put(tmp_path / "a.wav", data)
    manifest = write_lines(tmp_path / "a.jsonl", [{"audio": "a.wav", "text": "one"}])
    import soundfile

    stored, _ = soundfile.read(io.BytesIO(data), dtype="int16")
    sound = Medium(kind="audio", sound_sha256=digest(stored.tobytes()))
    by_sound = Record(action="remove", medium=sound, text_sha256=text_digest("one").hex())
    by_file = correction(data, "one", "two", "audio")
    # The file itself is the surer sign.
    summary = mmcheck.apply(write_errata(tmp_path / "e.jsonl", by_file, by_sound), manifest, tmp_path / "mended")
    assert (summary.rows_changed, summary.rows_removed) == (1, 0)
    other = Record(action="replace_text", medium=sound, text_sha256=text_digest("one").hex(), new_text="three")
    twin = Record(
        action="replace_text",
        medium=Medium(kind="audio", sound_sha256=sound.sound_sha256, start=9.0),
        text_sha256=text_digest("one").hex(),
        new_text="four",
    )
    with pytest.raises(ManifestError, match="say different things"):
        mmcheck.apply(write_errata(tmp_path / "e2.jsonl", other, twin), manifest)


# Rows with an image and a recording


def test_both_pairs_of_a_row_are_mended_on_their_own(tmp_path: Path) -> None:
    put(tmp_path / "a.png", picture(1))
    put(tmp_path / "a.wav", recording(tone(440)))
    row = {"image": "a.png", "caption": "bad caption", "audio": "a.wav", "transcript": "bad words"}
    manifest = write_lines(tmp_path / "a.jsonl", [row])
    errata = write_errata(
        tmp_path / "e.jsonl",
        correction(picture(1), "bad caption", "good caption"),
        correction(recording(tone(440)), "bad words", "good words", "audio"),
    )
    mmcheck.apply(errata, manifest, tmp_path / "mended", paths="keep")
    assert lines(tmp_path / "mended" / "a.jsonl") == [{**row, "caption": "good caption", "transcript": "good words"}]


# Broken rows, options, safety


def test_broken_rows_go_through_as_they_were(errata: Path, pictures: Path, tmp_path: Path) -> None:
    text = pictures.read_bytes() + b'{"image": "cut\n\xff\xfe odd bytes\n'
    pictures.write_bytes(text)
    mmcheck.apply(errata, pictures, tmp_path / "mended", paths="keep")
    written = (tmp_path / "mended" / "train.jsonl").read_bytes().splitlines()
    assert written[-2:] == text.splitlines()[-2:]
    assert len(written) == 6


def test_a_dry_run_writes_nothing_but_the_report(
    errata: Path, pictures: Path, command: Command, tmp_path: Path
) -> None:
    before = snapshot(tmp_path)
    code, told, _ = command(
        "apply", str(errata), str(pictures), "--dry-run", "--report", str(tmp_path / "report.jsonl")
    )
    assert code == 0
    assert "of 6 rows, 2 would be removed" in told
    report = lines(tmp_path / "report.jsonl")
    assert [(one["line"], one["status"], one["rows_changed"]) for one in report] == [
        (2, "applied", 1),
        (3, "applied", 1),
    ]
    assert report[0]["rows"] == [
        {"manifest": str(pictures), "row_number": 3, "id": "images/2.png", "text": CAPTIONS[2]}
    ]
    # Again over the same report, and over nothing else.
    command("apply", str(errata), str(pictures), "--dry-run", "--report", str(tmp_path / "report.jsonl"))
    assert lines(tmp_path / "report.jsonl") == report
    for other in (pictures, errata, tmp_path / "set"):
        code, _, err = command("apply", str(errata), str(pictures), "--dry-run", "--report", str(other))
        assert code == 2
        assert "is another file, and no such report" in err
    (tmp_path / "report.jsonl").unlink()
    assert snapshot(tmp_path) == before


def test_out_or_dry_run_is_wanted_and_only_a_new_folder(
    errata: Path, pictures: Path, command: Command, tmp_path: Path
) -> None:
    code, _, err = command("apply", str(errata), str(pictures))
    assert code == 2
    assert "neither --out nor --dry-run is given" in err
    code, _, err = command("apply", str(errata), str(pictures), "--out", str(tmp_path / "x"), "--dry-run")
    assert code == 2
    assert "exclude each other" in err
    for target in (tmp_path / "set", pictures):
        code, _, err = command("apply", str(errata), str(pictures), "--out", str(target))
        assert code == 2
        assert "never written over anything" in err
    with pytest.raises(UserError, match="not applied to standard input"):
        mmcheck.apply(errata, "-")
    with pytest.raises(OutputError, match="inside the scanned folder"):
        mmcheck.apply(errata, tmp_path / "set" / "images", tmp_path / "set" / "images" / "out", format="folder")


def test_a_fault_in_the_errata_leaves_nothing_behind(
    errata: Path, pictures: Path, command: Command, tmp_path: Path
) -> None:
    errata.write_text(errata.read_text("utf-8").replace('"action":"remove"', '"action":"purge"', 1))
    code, _, err = command("apply", str(errata), str(pictures), "--out", str(tmp_path / "mended"))
    assert code == 2
    assert "line 2: action" in err
    assert not (tmp_path / "mended").exists()


def test_nothing_of_the_errata_is_taken_for_a_path(pictures: Path, tmp_path: Path) -> None:
    secret = put(tmp_path / "secret.png", picture(2))
    record = removal(
        picture(2),
        CAPTIONS[2],
        medium={"name": str(secret)},
        id="../../secret",
        reason=f"see {secret}",
        decided_by="/etc",
    )
    (tmp_path / "set" / "images" / "2.png").unlink()
    summary = mmcheck.apply(write_errata(tmp_path / "e.jsonl", record), pictures, tmp_path / "mended")
    assert summary.rows_removed == 0
    assert sorted(path.name for path in (tmp_path / "mended").iterdir()) == [".mmcheck-apply.json", "train.jsonl"]


def test_a_manifest_that_changes_meanwhile_is_noticed(
    errata: Path, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mmcheck.errata import apply as module

    look = module._look

    def look_then_change(*arguments: Any) -> Any:
        found = look(*arguments)
        pictures.write_text("".join(reversed(pictures.read_text("utf-8").splitlines(keepends=True))), "utf-8")
        return found

    monkeypatch.setattr(module, "_look", look_then_change)
    with pytest.raises(ManifestError, match="was changed while the errata were applied"):
        mmcheck.apply(errata, pictures, tmp_path / "mended")
    assert not (tmp_path / "mended").exists()


def test_conflicts_are_listed_up_to_a_bound(command: Command, tmp_path: Path) -> None:
    records, rows = [], []
    for number in range(30):
        put(tmp_path / f"{number}.png", picture(number, size=(8, 6)))
        records.append(removal(picture(number, size=(8, 6)), f"text {number}", medium={"name": f"{number}.png"}))
        rows.append({"image": f"{number}.png", "caption": f"Text {number}"})
    errata = write_errata(tmp_path / "e.jsonl", *records)
    manifest = write_lines(tmp_path / "a.jsonl", rows)
    code, told, _ = command("apply", str(errata), str(manifest), "--dry-run")
    assert code == 1
    assert "... and 25 more that want a look" in told
    code, told, _ = command("apply", str(errata), str(manifest), "--dry-run", "--json")
    found = json.loads(told)
    assert (found["num_conflicts"], len(found["conflicts"]), found["outcomes"]["text_differs"]) == (30, 20, 30)


plain = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=12)


@settings(deadline=None, max_examples=25)
@given(
    texts=st.lists(plain, min_size=4, max_size=4),
    actions=st.lists(st.sampled_from(["keep", "remove", "replace"]), min_size=4, max_size=4),
    new=plain,
)
def test_a_set_is_mended_to_the_letter_and_once(
    texts: list[str], actions: list[str], new: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("set")
    records, rows, wanted = [], [], []
    for number, (text, action) in enumerate(zip(texts, actions, strict=True)):
        data = picture(number, size=(8, 6))
        put(folder / f"{number}.png", data)
        rows.append({"image": f"{number}.png", "caption": text})
        if text_digest(new) == text_digest(text):
            action = "keep"
        if action == "remove":
            records.append(removal(data, text))
        if action == "replace":
            records.append(correction(data, text, new))
        if action != "remove":
            wanted.append({**rows[-1], "caption": new if action == "replace" else text})
    errata = write_errata(folder / "e.jsonl", *records)
    manifest = write_lines(folder / "a.jsonl", rows)
    summary = mmcheck.apply(errata, manifest, folder / "mended", paths="keep")
    assert lines(folder / "mended" / "a.jsonl") == wanted
    assert summary.num_conflicts == 0
    mmcheck.apply(errata, folder / "mended" / "a.jsonl", folder / "twice", paths="keep", root=folder)
    assert (folder / "twice" / "a.jsonl").read_bytes() == (folder / "mended" / "a.jsonl").read_bytes()
