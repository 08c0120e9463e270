from __future__ import annotations

import io
import json
import wave
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from mmcheck.config import InputConfig, OutputConfig
from mmcheck.core.errors import ManifestError
from mmcheck.core.types import Sample
from mmcheck.formats.base import OutputRow
from mmcheck.formats.detect import detect_format
from mmcheck.formats.hf_folder import HfAudioFolderFormat, HfFolderFormat

ROWS = [
    {"file_name": "sub/a.png", "text": "x", "n": 1},
    {"file_name": "b.png", "text": "caf\u00e9, \u6771", "n": 2},
    {"file_name": "c.png", "text": "z", "n": 3},
]


def images(folder: Path) -> None:
    for value, row in enumerate(ROWS):
        path = folder / str(row["file_name"])
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((4, 4, 3), value * 50, np.uint8)).save(path)
    Image.new("RGB", (4, 4)).save(folder / "unlisted.png")


def metadata(folder: Path, kind: str) -> Path:
    path = folder / f"metadata.{kind}"
    if kind == "jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in ROWS), "utf-8")
    elif kind == "csv":
        path.write_text(
            "file_name,text,n\n" + "".join(f'{r["file_name"]},"{r["text"]}",{r["n"]}\n' for r in ROWS), "utf-8"
        )
    else:
        pq.write_table(pa.Table.from_pylist(ROWS), path)
    return path


def sound(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    data = io.BytesIO()
    with wave.open(data, "wb") as file:
        file.setparams((1, 2, 16000, 0, "NONE", ""))
        file.writeframes(b"\0\1" * 160)
    path.write_bytes(data.getvalue())


def read(path: Path, **options: Any) -> list[Sample]:
    return list(HfFolderFormat(InputConfig(**options)).read(str(path)))


def load(kind: str, folder: Path, cache: Path) -> Any:
    return datasets.load_dataset(kind, data_dir=str(folder), split="train", cache_dir=str(cache))


@pytest.mark.parametrize("kind", ["jsonl", "csv", "parquet"])
def test_datasets_loads_the_written_folder(tmp_path: Path, kind: str) -> None:
    images(tmp_path / "in")
    metadata(tmp_path / "in", kind)
    samples = read(tmp_path / "in")
    assert [(s.id, s.caption) for s in samples] == [(r["file_name"], r["text"]) for r in ROWS]
    rows = [OutputRow(sample=s, extra={"mmcheck_action": "keep", "mmcheck_score": 0.5}) for s in samples[1:]]
    (file,) = HfFolderFormat(InputConfig()).write(rows, tmp_path / "out", "clean", OutputConfig(write_media=True))
    assert file == tmp_path / "out" / "clean" / f"metadata.{kind}"
    loaded = load("imagefolder", file.parent, tmp_path / "cache")
    assert loaded["text"][:] == [row["text"] for row in ROWS[1:]]
    assert [one.getpixel((0, 0))[0] for one in loaded["image"]] == [50, 100]
    assert loaded["mmcheck_score"][:] == [0.5, 0.5]
    assert sorted(p.name for p in file.parent.iterdir()) == ["b.png", "c.png", file.name]
    assert (file.parent / "b.png").samefile(tmp_path / "in" / "b.png")


def test_the_written_file_beside_the_original_is_loaded_by_its_name(tmp_path: Path) -> None:
    images(tmp_path / "in")
    metadata(tmp_path / "in", "jsonl")
    rows = [OutputRow(sample=sample, extra={}) for sample in read(tmp_path / "in")[:2]]
    (file,) = HfFolderFormat(InputConfig()).write(rows, tmp_path / "in", "clean", OutputConfig())
    loaded = datasets.load_dataset(
        "imagefolder",
        data_dir=str(tmp_path / "in"),
        metadata_filenames=[file.name],
        split="train",
        cache_dir=str(tmp_path / "cache"),
    )
    assert loaded["text"][:] == ["x", "caf\u00e9, \u6771"]


def test_audiofolder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a.wav", "b.wav"):
        sound(tmp_path / "in" / name)
    (tmp_path / "in" / "metadata.csv").write_text("file_name,transcription\na.wav,one\nb.wav,two\n")
    part = HfAudioFolderFormat(InputConfig())
    samples = list(part.read(str(tmp_path / "in")))
    assert [(s.transcript, s.caption) for s in samples] == [("one", None), ("two", None)]
    rows = [OutputRow(sample=sample, extra={}) for sample in samples]
    (file,) = part.write(rows, tmp_path / "out", "clean", OutputConfig(write_media=True))
    # Recent versions of datasets want torchcodec even to store the path of a recording.
    monkeypatch.setattr(datasets.Audio, "encode_example", lambda _self, value: {"path": value, "bytes": None})
    loaded = load("audiofolder", file.parent, tmp_path / "cache").cast_column("audio", datasets.Audio(decode=False))
    assert [Path(row["audio"]["path"]).name for row in loaded] == ["a.wav", "b.wav"]
    assert loaded["transcription"][:] == ["one", "two"]


@pytest.mark.parametrize("name", ["/etc/passwd.png", "../out.png", "a/../../b.png", "https://x.org/a.png", "..\\b.png"])
def test_files_outside_the_folder_are_problems_and_never_copied(tmp_path: Path, name: str) -> None:
    images(tmp_path / "in")
    (tmp_path / "out.png").write_bytes(b"secret")
    lines = [json.dumps({"file_name": name, "text": "x"}), json.dumps(ROWS[0])]
    (tmp_path / "in" / "metadata.jsonl").write_text("\n".join(lines))
    samples = read(tmp_path / "in")
    assert [s.problem.cause if s.problem else None for s in samples] == ["bad_path", None]
    rows = [OutputRow(sample=sample, extra={}) for sample in samples]
    HfFolderFormat(InputConfig()).write(rows, tmp_path / "o", "q", OutputConfig(write_media=True))
    found = sorted(p.relative_to(tmp_path / "o").as_posix() for p in (tmp_path / "o").rglob("*") if p.is_file())
    assert found == ["q/metadata.jsonl", "q/sub/a.png"]


def test_several_metadata_files_are_manifests_of_their_own(tmp_path: Path) -> None:
    for split in ("train", "test"):
        images(tmp_path / "in" / split)
        metadata(tmp_path / "in" / split, "jsonl")
    samples = read(tmp_path / "in")
    assert [s.manifest for s in samples[::3]] == [
        str(tmp_path / "in" / s / "metadata.jsonl") for s in ("test", "train")
    ]
    rows = [OutputRow(sample=sample, extra={}) for sample in samples]
    files = HfFolderFormat(InputConfig()).write(rows, tmp_path / "o", "m", OutputConfig(write_media=True))
    assert [len(read(file)) for file in files] == [3, 3]
    assert [s.image and Path(s.image.uri).is_file() for file in files for s in read(file)] == [True] * 6


def test_the_metadata_file_itself_may_be_given(tmp_path: Path) -> None:
    images(tmp_path)
    path = metadata(tmp_path, "jsonl")
    assert detect_format(str(path), InputConfig()) == "imagefolder"
    assert [s.id for s in read(path)] == [s.id for s in read(tmp_path)]


def test_a_named_media_column_and_lists(tmp_path: Path) -> None:
    rows = [{"image_file_name": "a.png", "text": "x"}, {"file_names": ["a.png", "b.png"], "text": "y"}]
    for row in rows:
        (tmp_path / "metadata.jsonl").write_text(json.dumps(row))
        assert detect_format(str(tmp_path), InputConfig()) == "imagefolder"
        assert {s.problem for s in read(tmp_path)} == {None}
    assert [(s.id, s.caption, [one.ref.name for one in s.further]) for s in read(tmp_path)] == [
        ("a.png", "y", ["b.png"])
    ]


def test_a_metadata_file_of_something_else_is_not_taken(tmp_path: Path) -> None:
    (tmp_path / "metadata.jsonl").write_text('{"image": "a.png", "caption": "x"}')
    assert not HfFolderFormat(InputConfig()).recognise(str(tmp_path / "metadata.jsonl"))
    assert detect_format(str(tmp_path / "metadata.jsonl"), InputConfig()) == "jsonl"


def test_a_folder_without_metadata_is_an_error(tmp_path: Path) -> None:
    images(tmp_path)
    with pytest.raises(ManifestError, match=r"holds no metadata\.jsonl"):
        read(tmp_path)
