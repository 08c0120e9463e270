"""Parquet and Arrow files that are damaged, or hold text that is none: told as what it is, and by its source's name."""

from __future__ import annotations

import errno
import json
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mmcheck.config import InputConfig, OutputConfig
from mmcheck.core.errors import ManifestError, MediaError, OutputError
from mmcheck.core.parts import FORMATS
from mmcheck.core.types import Sample
from mmcheck.formats.base import OutputRow
from mmcheck.formats.joined_rows import join_rows
from mmcheck.media.source import MediaSource


def no_text(size: int) -> pa.Array:
    """Return strings of which the second is not valid UTF-8."""
    data = b"".join(b"\xff\xfe" if index == 1 else b"ok" for index in range(size))
    offsets = pa.array(range(0, 2 * size + 2, 2), pa.int32())
    return pa.StringArray.from_buffers(size, offsets.buffers()[1], pa.py_buffer(data))


def save(form: str, folder: Path, columns: dict[str, Any]) -> Path:
    """Save a table as what a format reads: a Parquet file, or a folder of ``save_to_disk``."""
    table = pa.table(columns)
    if form == "parquet":
        pq.write_table(table, folder / "rows.parquet", row_group_size=1000, compression="none")
        return folder / "rows.parquet"
    (folder / "disk").mkdir()
    with pa.OSFile(str(folder / "disk" / "data.arrow"), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    (folder / "disk" / "state.json").write_text('{"_data_files": [{"filename": "data.arrow"}]}')
    return folder / "disk"


def stored(manifest: Path) -> Path:
    return manifest / "data.arrow" if manifest.is_dir() else manifest


def read(form: str, manifest: Path) -> list[Sample]:
    return list(FORMATS.get(form)(InputConfig()).read(str(manifest)))


def write(form: str, samples: list[Sample], manifest: Path, folder: Path, **output: Any) -> list[Path]:
    rows = join_rows([OutputRow(sample=sample, extra={}) for sample in samples])
    part = FORMATS.get(form)(InputConfig())
    files: list[Path] = part.write(rows, folder, "w", OutputConfig(**output), manifest=str(manifest))
    return files


def written_table(files: list[Path]) -> pa.Table:
    if files[0].suffix == ".parquet":
        return pq.read_table(files[0])
    with pa.ipc.open_stream(files[0].read_bytes()) as reader:
        return reader.read_all()


FORMS = pytest.mark.parametrize("form", ["parquet", "hf_disk"])


@FORMS
@pytest.mark.parametrize("place", ["text", "path", "paths"])
def test_a_cell_that_is_no_utf8_is_a_fault_of_its_row(form: str, place: str, tmp_path: Path) -> None:
    bad, paths = no_text(3), pa.array(["a.jpg", "b.jpg", "c.jpg"])
    structs = pa.StructArray.from_arrays([pa.array([b"\xff\xd8x"] * 3), bad], ["bytes", "path"])
    columns: dict[str, dict[str, Any]] = {
        "text": {"image": paths, "text": bad},
        "path": {"image": structs, "text": pa.array(["x", "y", "z"])},
        "paths": {"image": pa.ListArray.from_arrays(pa.array([0, 1, 2, 3], pa.int32()), structs), "text": paths},
    }
    manifest = save(form, tmp_path, columns[place])
    samples = read(form, manifest)
    assert [sample.problem and sample.problem.cause for sample in samples] == [None, "encoding", None]
    assert samples[1].problem is not None
    assert "not valid UTF-8" in samples[1].problem.message
    files = write(form, samples, manifest, tmp_path / "out", paths="keep")
    for name, values in columns[place].items():
        assert written_table(files).column(name).combine_chunks().equals(values)


@FORMS
@pytest.mark.parametrize("name", [b"image", b"path"])
def test_a_name_of_a_column_that_is_no_utf8_is_an_error_that_names_the_file(
    form: str, name: bytes, tmp_path: Path
) -> None:
    manifest = save(form, tmp_path, {"image": [{"bytes": b"\xff\xd8x", "path": "a"}], "text": ["x"]})
    file = stored(manifest)
    file.write_bytes(file.read_bytes().replace(name, b"\xff" + name[1:]))
    with pytest.raises(ManifestError, match=r"name is not valid UTF-8") as caught:
        read(form, manifest)
    assert str(file) in caught.value.message


def test_offsets_that_lead_out_of_an_arrow_file_are_an_error(tmp_path: Path) -> None:
    manifest = save("hf_disk", tmp_path, {"image": ["aaaa.jpg", "bbbb.jpg"], "text": ["x", "y"]})
    data = stored(manifest).read_bytes()
    samples = read("hf_disk", manifest)
    offsets = pa.array([0, 8, 16], pa.int32()).buffers()[1].to_pybytes()
    assert data.count(offsets) == 1
    stored(manifest).write_bytes(data.replace(offsets, pa.array([0, 8, 1 << 30], pa.int32()).buffers()[1].to_pybytes()))
    with pytest.raises(ManifestError, match=r"data\.arrow is not a whole Arrow stream"):
        read("hf_disk", manifest)
    with pytest.raises(ManifestError, match=r"data\.arrow is not a whole Arrow stream"):
        write("hf_disk", samples, manifest, tmp_path / "out")


def test_a_bad_text_does_not_hide_bad_offsets(tmp_path: Path) -> None:
    manifest = save("hf_disk", tmp_path, {"image": pa.array(["aaaa.jpg", "bbbb.jpg"]), "text": no_text(2)})
    data = stored(manifest).read_bytes()
    offsets = pa.array([0, 2, 4], pa.int32()).buffers()[1].to_pybytes()
    assert data.count(offsets) == 1
    stored(manifest).write_bytes(data.replace(offsets, pa.array([0, 2, 1 << 30], pa.int32()).buffers()[1].to_pybytes()))
    with pytest.raises(ManifestError, match="is not a whole Arrow stream"):
        read("hf_disk", manifest)


def pictures(count: int, size: int) -> dict[str, Any]:
    random = Random(7)
    images = [{"bytes": b"\xff\xd8" + random.randbytes(size), "path": f"{n}.jpg"} for n in range(count)]
    return {"image": images, "text": ["x"] * count}


def test_damage_that_only_copying_meets_is_told_as_the_sources(tmp_path: Path) -> None:
    manifest = save("parquet", tmp_path, pictures(4, 5000))
    file = pq.ParquetFile(manifest)
    chunk = file.metadata.row_group(0).column(0)
    assert chunk.path_in_schema == "image.bytes"
    data = bytearray(manifest.read_bytes())
    start = min(place for place in (chunk.dictionary_page_offset, chunk.data_page_offset) if place)
    data[start : start + 40] = b"\xff" * 40
    manifest.write_bytes(data)
    samples = read("parquet", manifest)  # which leaves the pictures alone
    assert [sample.problem for sample in samples] == [None] * 4
    with pytest.raises(ManifestError, match=r"rows\.parquet cannot be copied from"):
        write("parquet", samples, manifest, tmp_path / "out")
    assert not list((tmp_path / "out").iterdir())


@contextmanager
def files_up_to(size: int) -> Iterator[None]:
    """Refuse to let files grow beyond some bytes, as a full disk does."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@FORMS
def test_a_full_disk_is_not_told_as_the_sources_fault(form: str, tmp_path: Path) -> None:
    manifest = save(form, tmp_path, pictures(40, 20_000))
    samples = read(form, manifest)
    with files_up_to(200_000), pytest.raises(OutputError, match="cannot write") as caught:
        write(form, samples, manifest, tmp_path / "out")
    assert str(tmp_path / "out") in caught.value.message
    cause = caught.value.__cause__
    assert isinstance(cause, OSError)
    assert cause.errno == errno.EFBIG


@FORMS
def test_lists_of_a_fixed_length_that_lose_items_are_written(form: str, tmp_path: Path) -> None:
    captions = datasets.Sequence(datasets.Value("string"), length=2)
    features = datasets.Features({"image": datasets.Value("string"), "captions": captions})
    rows = {"image": ["a.jpg", "b.jpg"], "captions": [["a", "b"], ["c", "d"]]}
    dataset = datasets.Dataset.from_dict(rows, features=features)
    manifest = tmp_path / ("set.parquet" if form == "parquet" else "set")
    if form == "parquet":
        dataset.to_parquet(manifest)
    else:
        dataset.save_to_disk(str(manifest))
    samples = read(form, manifest)
    files = write(form, samples[:3], manifest, tmp_path / "out")
    if form == "parquet":
        place = str(tmp_path / "cache")
        again = datasets.load_dataset("parquet", data_files=str(files[0]), cache_dir=place, split="train")
    else:
        again = datasets.load_from_disk(str(tmp_path / "out" / "w"))
    assert again["captions"][:] == [["a", "b"], ["c"]]


@pytest.mark.parametrize("name", ["../outside", "/tmp", "..", ".", "", "a/b", "a\\b", 7, None, "x\0"])
def test_splits_are_plain_names(name: object, tmp_path: Path) -> None:
    save("hf_disk", tmp_path, {"image": ["a.jpg"], "text": ["x"]}).rename(tmp_path / "outside")
    folder = tmp_path / "set"
    folder.mkdir()
    (folder / "dataset_dict.json").write_text(json.dumps({"splits": [name]}))
    with pytest.raises(ManifestError, match="no plain name of a folder"):
        read("hf_disk", folder)
    with pytest.raises(ManifestError, match="no plain name of a folder"):
        write("hf_disk", [], folder, tmp_path / "run" / "clean")
    assert {path.name for path in tmp_path.iterdir()} == {"outside", "set"}


def test_a_medium_of_an_arrow_file_that_was_damaged_after_the_scan_is_unreadable(tmp_path: Path) -> None:
    manifest = save("hf_disk", tmp_path, {"image": [b"\xff\xd8aa", b"\xff\xd8bb"], "text": ["x", "y"]})
    samples = read("hf_disk", manifest)
    offsets = [pa.array(places, pa.int32()).buffers()[1].to_pybytes() for places in ([0, 4, 8], [0, 4, 1 << 30])]
    data = stored(manifest).read_bytes()
    assert data.count(offsets[0]) == 1
    stored(manifest).write_bytes(data.replace(*offsets))
    source = MediaSource(allow_remote=False)
    refs = [sample.image for sample in samples if sample.image is not None]
    assert source.read(refs[0]) == b"\xff\xd8aa"
    with pytest.raises(MediaError, match="cannot be read"):
        source.read(refs[1])
