"""What every registered manifest format must do: known by content, read in order, written back whole."""

from __future__ import annotations

import io
import json
import tarfile
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from mmcheck.config import InputConfig, OutputConfig
from mmcheck.core.errors import ManifestError
from mmcheck.core.parts import FORMATS
from mmcheck.core.types import Sample
from mmcheck.formats.base import OutputRow, Recognised
from mmcheck.formats.detect import detect_format
from mmcheck.media.source import MediaSource
from tests.fixtures.layouts import MAKERS as LAYOUTS

TEXTS = ("a red cube", 'says "hi", twice\tand more', "Gr\u00fc\u00dfe aus \u6771\u4eac \U0001f600")
EXTRA = {"mmcheck_action": "keep", "mmcheck_codes": ["a.b"], "mmcheck_score": 0.25}


def jpeg(shade: int) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (8, 8), (shade, 0, 0)).save(file, "JPEG")
    return file.getvalue()


def wav(samples: int) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setparams((1, 2, 16000, 0, "NONE", ""))
        sound.writeframes(b"\0\1" * samples)
    return file.getvalue()


def put(folder: Path, suffix: str, make: Callable[[int], bytes]) -> list[str]:
    names = [f"media/{index}{suffix}" for index in range(3)]
    for index, name in enumerate(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(make(index + 10))
    return names


def write_lines(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")
    return path


def typed(index: int) -> dict[str, Any]:
    return {"n": index, "score": 0.1, "big": 2**60, "ok": True, "none": None, "tags": ["x", "y"], "deep": {"a": [1]}}


def make_nemo(folder: Path) -> Path:
    names = put(folder, ".wav", wav)
    rows = [
        {"audio_filepath": name, "text": text, "duration": 1.5, **typed(i)}
        for i, (name, text) in enumerate(zip(names, TEXTS, strict=True))
    ]
    return write_lines(folder / "manifest.json", rows)


def make_imagefolder(folder: Path) -> Path:
    names = put(folder, ".jpg", jpeg)
    rows = [{"file_name": n, "text": t, **typed(i)} for i, (n, t) in enumerate(zip(names, TEXTS, strict=True))]
    write_lines(folder / "metadata.jsonl", rows)
    return folder


def make_audiofolder(folder: Path) -> Path:
    names = put(folder, ".wav", wav)
    lines = ["file_name,transcription,speaker"]
    lines += [f'{name},"{text.replace(chr(34), chr(34) * 2)}",7' for name, text in zip(names, TEXTS, strict=True)]
    (folder / "metadata.csv").write_text("\n".join(lines) + "\n", "utf-8")
    return folder


def make_jsonl(folder: Path) -> Path:
    names = put(folder, ".jpg", jpeg)
    rows = [
        {"id": f"own-{i}", "image": n, "caption": t, **typed(i)}
        for i, (n, t) in enumerate(zip(names, TEXTS, strict=True))
    ]
    return write_lines(folder / "data.jsonl", rows)


def make_csv(folder: Path) -> Path:
    names = put(folder, ".jpg", jpeg)
    lines = ["filepath\ttitle\tmore"]
    lines += [f'{name}\t"{text.replace(chr(34), chr(34) * 2)}"\t007' for name, text in zip(names, TEXTS, strict=True)]
    (folder / "data.csv").write_text("\n".join(lines) + "\n", "utf-8")
    return folder / "data.csv"


def make_parquet(folder: Path) -> Path:
    images = [{"bytes": jpeg(i + 10), "path": f"{i}.jpg"} for i in range(3)]
    table = pa.table(
        {"image": images, "text": list(TEXTS), "small": pa.array([1, 2, 3], pa.int8()), "tags": [["x"], [], ["y", "z"]]}
    )
    pq.write_table(table, folder / "data.parquet", row_group_size=2)
    return folder / "data.parquet"


def make_webdataset(folder: Path) -> Path:
    with tarfile.open(folder / "00000.tar", "w") as archive:
        for index, text in enumerate(TEXTS):
            info = {"caption": "not this", **typed(index)}
            for suffix, data in (
                ("jpg", jpeg(index + 10)),
                ("txt", text.encode()),
                ("json", json.dumps(info).encode()),
            ):
                member = tarfile.TarInfo(f"part/{index:05d}.{suffix}")
                member.size = len(data)
                archive.addfile(member, io.BytesIO(data))
    return folder / "00000.tar"


def make_folder(folder: Path) -> Path:
    for index, name in enumerate(put(folder, ".wav", wav)):
        (folder / name).with_suffix(".txt").write_text(TEXTS[index], "utf-8")
    return folder


MAKERS: dict[str, Callable[[Path], Path]] = {
    "nemo": make_nemo,
    "imagefolder": make_imagefolder,
    "audiofolder": make_audiofolder,
    "jsonl": make_jsonl,
    "csv": make_csv,
    "parquet": make_parquet,
    "webdataset": make_webdataset,
    "folder": make_folder,
}
NAMES = [entry.name for entry in FORMATS if entry.name not in {name for name, _ in LAYOUTS.values()}]
"""The formats of rows with columns; layouts of speech corpora and image sets have contracts of their own."""


def options(**changes: Any) -> InputConfig:
    return InputConfig(**changes)


def part(name: str) -> Any:
    return FORMATS.get(name)(options())


def make(name: str, folder: Path) -> str:
    source = folder / "source"
    source.mkdir(parents=True)
    return str(MAKERS[name](source))


def read(name: str, manifest: str) -> list[Sample]:
    return list(part(name).read(manifest))


def without_new(row: Any) -> dict[str, Any]:
    """Return a row without the new columns, without its text, and without what a shard or path must change."""
    kept = {key: value for key, value in row.items() if not key.startswith("mmcheck_") and key != "_raw"}
    if isinstance(kept.get("json"), dict):
        kept["json"] = without_new(kept["json"])
    return kept


def pair(sample: Sample) -> tuple[Any, ...]:
    return sample.id, sample.own_id, sample.caption, sample.transcript, sample.language, sample.problem


def media_bytes(samples: list[Sample]) -> list[bytes]:
    source = MediaSource(allow_remote=False)
    refs = [sample.image or sample.audio for sample in samples]
    return [source.read(ref) for ref in refs if ref is not None]


def test_every_format_is_covered() -> None:
    assert set(NAMES) == set(MAKERS)


@pytest.mark.parametrize("name", NAMES)
def test_is_detected_by_content(name: str, tmp_path: Path) -> None:
    assert detect_format(make(name, tmp_path), options()) == name


@pytest.mark.parametrize("name", NAMES)
def test_is_surest_of_its_own(name: str, tmp_path: Path) -> None:
    manifest = make(name, tmp_path)
    sure = {other: part(other).recognise(manifest) for other in NAMES}
    own = sure.pop(name)
    assert own > max(sure.values())


def test_two_that_are_equally_sure_are_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    manifest = make("csv", tmp_path)
    monkeypatch.setattr(FORMATS.get("folder"), "recognise", lambda self, manifest: Recognised.SHAPE)
    with pytest.raises(ManifestError, match="equally well: csv and folder") as caught:
        detect_format(manifest, options())
    assert "--format csv" in str(caught.value.hint)
    assert detect_format(manifest, options(format="csv")) == "csv"


@pytest.mark.parametrize("name", NAMES)
def test_recognising_never_raises(name: str, tmp_path: Path) -> None:
    (tmp_path / "zero").write_bytes(b"")
    (tmp_path / "noise").write_bytes(bytes(range(256)) * 40)
    (tmp_path / "empty").mkdir()
    for path in (tmp_path / "zero", tmp_path / "noise", tmp_path / "empty", tmp_path / "absent"):
        assert part(name).recognise(str(path)) is Recognised.NO
    assert part(name).recognise("memory://nothing/here") is Recognised.NO


@pytest.mark.parametrize("name", NAMES)
def test_reads_pairs_in_order_with_their_media(name: str, tmp_path: Path) -> None:
    samples = read(name, make(name, tmp_path))
    assert [sample.caption or sample.transcript for sample in samples] == list(TEXTS)
    assert [sample.problem for sample in samples] == [None] * 3
    make_media = jpeg if samples[0].image else wav
    assert media_bytes(samples) == [make_media(index + 10) for index in range(3)]
    numbers = [sample.row_number for sample in samples]
    assert numbers == sorted(numbers)
    assert min(numbers) >= 1
    for sample in samples:
        assert json.loads(json.dumps(sample.row)) == sample.row


@pytest.mark.parametrize("paths", ["keep", "absolute", "relative"])
@pytest.mark.parametrize("name", NAMES)
def test_writes_back_whole(name: str, paths: Any, tmp_path: Path) -> None:
    manifest = make(name, tmp_path)
    before = read(name, manifest)
    rows = [OutputRow(sample=sample, extra=EXTRA) for sample in before]
    out = tmp_path / "source" if paths == "keep" else tmp_path / "elsewhere" / "deep"
    (file,) = part(name).write(rows, out, "written", OutputConfig(paths=paths))
    reader = detect_format(str(file), options())
    after = read(reader, str(file))
    kept = paths == "keep" or name in ("parquet", "webdataset", "imagefolder", "audiofolder", "folder")
    for old, new in zip(before, after, strict=True):
        if kept:
            assert pair(new) == pair(old)
            assert without_new(new.row) == without_new(old.row) or paths == "relative"
        else:
            assert (new.caption, new.transcript, new.problem) == (old.caption, old.transcript, old.problem)
            media = {"image", "audio_filepath", "filepath"}
            same = [{k: v for k, v in without_new(row).items() if k not in media} for row in (old.row, new.row)]
            assert same[0] == same[1]
        assert str(new.row["mmcheck_score"]) == "0.25"
        if kept and name in ("imagefolder", "audiofolder", "folder") and paths != "keep":
            continue  # these keep relative names, which lead to media only beside the original
        assert media_bytes([new]) == media_bytes([old])


@pytest.mark.parametrize("name", NAMES)
def test_a_second_pass_replaces_the_new_columns(name: str, tmp_path: Path) -> None:
    manifest = make(name, tmp_path)
    folder = tmp_path / "source"
    first = [OutputRow(sample=sample, extra={"mmcheck_action": "flag"}) for sample in read(name, manifest)]
    (once,) = part(name).write(first, folder, "once", OutputConfig(paths="keep"))
    reader = detect_format(str(once), options())
    second = [OutputRow(sample=s, extra={"mmcheck_action": "keep"}) for s in read(reader, str(once))]
    (twice,) = part(reader).write(second, folder, "twice", OutputConfig(paths="keep"))
    assert {sample.row["mmcheck_action"] for sample in read(reader, str(twice))} == {"keep"}
    assert len(read(reader, str(twice))) == 3


@pytest.mark.parametrize("name", NAMES)
def test_a_part_of_the_rows_is_written(name: str, tmp_path: Path) -> None:
    manifest = make(name, tmp_path)
    picked = [read(name, manifest)[index] for index in (0, 2)]
    rows = [OutputRow(sample=sample, extra={}) for sample in picked]
    (file,) = part(name).write(rows, tmp_path / "source", "part", OutputConfig(paths="keep"))
    after = read(detect_format(str(file), options()), str(file))
    assert [pair(sample) for sample in after] == [pair(sample) for sample in picked]


@pytest.mark.parametrize("name", NAMES)
def test_no_rows_give_an_empty_but_valid_manifest(name: str, tmp_path: Path) -> None:
    manifest = make(name, tmp_path)
    (file,) = part(name).write([], tmp_path / "out", "none", OutputConfig(), manifest=manifest)
    (bare,) = part(name).write([], tmp_path / "bare", "none", OutputConfig())
    for path in (file, bare):
        inner = "jsonl" if name in ("webdataset", "folder", "imagefolder", "audiofolder") else name
        inner = "csv" if path.suffix == ".csv" else inner
        assert list(FORMATS.get(inner)(options()).read(str(path))) == []


@pytest.mark.parametrize("name", NAMES)
def test_writing_twice_gives_equal_bytes(name: str, tmp_path: Path) -> None:
    manifest = make(name, tmp_path)
    rows = [OutputRow(sample=sample, extra=EXTRA) for sample in read(name, manifest)]
    for output in (OutputConfig(), OutputConfig(write_media=True)):
        files = part(name).write(iter(rows), tmp_path / "out", "same", output)
        first = [path.read_bytes() for path in files]
        again = part(name).write(iter(rows), tmp_path / "out", "same", output)
        assert again == files
        assert [path.read_bytes() for path in again] == first


@pytest.mark.parametrize("name", NAMES)
def test_the_source_is_not_changed(name: str, tmp_path: Path) -> None:
    manifest = make(name, tmp_path)
    before = {path: path.read_bytes() for path in (tmp_path / "source").rglob("*") if path.is_file()}
    rows = [OutputRow(sample=sample, extra=EXTRA) for sample in read(name, manifest)]
    part(name).write(rows, tmp_path / "out", "x", OutputConfig(write_media=True))
    assert {path: path.read_bytes() for path in (tmp_path / "source").rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("name", NAMES)
def test_a_manifest_that_is_not_there_is_an_error(name: str, tmp_path: Path) -> None:
    with pytest.raises(ManifestError) as caught:
        read(name, str(tmp_path / "absent.jsonl"))
    assert "absent" in caught.value.message


@pytest.mark.parametrize("name", NAMES)
def test_noise_is_an_error_or_problems_but_nothing_else(name: str, tmp_path: Path) -> None:
    (tmp_path / "noise").write_bytes(bytes(range(256)) * 40)
    with pytest.raises(ManifestError):
        read(name, str(tmp_path / "noise"))
