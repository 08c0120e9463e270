from __future__ import annotations

import base64
import datetime
import decimal
import io
import json
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from mmcheck.config import InputConfig, OutputConfig
from mmcheck.core.errors import ManifestError
from mmcheck.core.types import Sample
from mmcheck.formats.base import OutputRow
from mmcheck.formats.parquet import ParquetFormat
from mmcheck.media.source import MediaSource


def read(path: Path, **options: Any) -> list[Sample]:
    return list(ParquetFormat(InputConfig(**options)).read(str(path)))


def write(samples: list[Sample], folder: Path, extra: dict[str, Any] | None = None, **output: Any) -> Path:
    rows = [OutputRow(sample=sample, extra=extra or {}) for sample in samples]
    (file,) = ParquetFormat(InputConfig()).write(rows, folder, "out", OutputConfig(**output))
    return file


def save(path: Path, columns: dict[str, Any], **options: Any) -> Path:
    pq.write_table(pa.table(columns), path, **options)
    return path


TYPED = {
    "image": ["a.jpg", "b.jpg", "c.jpg"],
    "text": ["x", None, "z"],
    "i8": pa.array([1, 2, None], pa.int8()),
    "u64": pa.array([2**64 - 1, 0, 1], pa.uint64()),
    "f32": pa.array([0.1, float("nan"), float("inf")], pa.float32()),
    "day": [datetime.date(2020, 1, 2), None, datetime.date(1970, 1, 1)],
    "ns": pa.array([1, 2, 3], pa.timestamp("ns", "UTC")),
    "dec": [decimal.Decimal("1.50"), None, decimal.Decimal("2.25")],
    "vec": pa.array([[1.0, 2.0], None, []], pa.list_(pa.float32())),
    "one": pa.array([[1.0], [2.0], [3.0]], pa.list_(pa.float32())),
    "map": pa.array([[("k", 1)], [], None], pa.map_(pa.string(), pa.int32())),
    "exif": pa.array([b"\xff\x00", None, b"\x01"], pa.binary()),
    "cat": pa.array(["p", "q", "p"]).dictionary_encode(),
}


def test_types_are_copied_exactly(tmp_path: Path) -> None:
    source = save(tmp_path / "m.parquet", TYPED, row_group_size=2, compression="zstd")
    samples = read(source)
    assert [sample.caption for sample in samples] == ["x", "", "z"]
    for sample in samples:
        assert json.loads(json.dumps(sample.row, allow_nan=True)).keys() == sample.row.keys()
    file = write(samples, tmp_path / "out", {"mmcheck_score": 0.5, "mmcheck_codes": ["a"]}, paths="keep")
    before, after = pq.read_table(source), pq.read_table(file)
    kept = after.drop_columns(["mmcheck_score", "mmcheck_codes"])
    assert repr(kept.to_pydict()) == repr(before.to_pydict())
    assert after.schema.names == [*before.schema.names, "mmcheck_score", "mmcheck_codes"]
    assert after.select(before.schema.names).schema == before.schema
    assert pq.ParquetFile(file).metadata.row_group(0).column(0).compression == "ZSTD"


@pytest.mark.parametrize("paths", ["absolute", "relative"])
def test_only_the_media_column_is_rewritten(tmp_path: Path, paths: Any) -> None:
    file = write(read(save(tmp_path / "m.parquet", TYPED)), tmp_path / "out", paths=paths)
    table = pq.read_table(file)
    wanted = str(tmp_path / "b.jpg") if paths == "absolute" else "../b.jpg"
    assert table["image"][1].as_py() == wanted
    assert table["text"].to_pylist() == TYPED["text"]


def test_hugging_face_datasets_load_what_is_written(tmp_path: Path) -> None:
    images = [Image.fromarray(np.full((4, 4, 3), value, np.uint8)) for value in (0, 100, 200)]
    data = datasets.Dataset.from_dict({"image": images, "text": ["x", "y", "z"]})
    data = data.cast_column("image", datasets.Image())
    data.to_parquet(str(tmp_path / "hf.parquet"))
    samples = read(tmp_path / "hf.parquet")
    assert samples[2].image is not None
    assert MediaSource(allow_remote=False).read(samples[2].image).startswith(b"\x89PNG")
    extra = {"mmcheck_action": "keep", "mmcheck_codes": ["a"], "mmcheck_score": 0.5, "mmcheck_n": 1, "mmcheck_ok": True}
    file = write([samples[0], samples[2]], tmp_path / "out", extra)
    loaded = datasets.load_dataset(
        "parquet", data_files=str(file), split="train", cache_dir=str(tmp_path / "cache"), keep_in_memory=True
    )
    assert loaded[1]["image"].getpixel((0, 0)) == (200, 200, 200)
    assert {name: loaded[1][name] for name in extra} == extra
    assert loaded[1]["text"] == "z"


def test_bytes_and_paths_may_mix_and_bytes_win(tmp_path: Path) -> None:
    image = [{"bytes": b"one", "path": None}, {"bytes": None, "path": "b.jpg"}, None, {"bytes": b"", "path": "d.jpg"}]
    samples = read(save(tmp_path / "m.parquet", {"image": image, "text": ["1", "2", "3", "4"]}))
    found = [sample.image and (sample.image.member, sample.image.name) for sample in samples]
    assert found == [("image[0]", "image[0]"), (None, "b.jpg"), None, ("image[3]", "image[3]")]
    assert samples[2].problem is not None
    assert samples[2].problem.cause == "missing_media"
    assert samples[3].id == "d.jpg"


def test_img2dataset_parquet_with_plain_bytes(tmp_path: Path) -> None:
    columns = {"key": ["000", "001"], "jpg": pa.array([b"\xff\xd8one", b"\xff\xd8two"], pa.binary()), "txt": ["x", "y"]}
    samples = read(save(tmp_path / "m.parquet", columns))
    assert [(s.id, s.own_id, s.caption) for s in samples] == [("000", True, "x"), ("001", True, "y")]
    source = MediaSource(allow_remote=False)
    assert [source.read(s.image) for s in samples if s.image] == [b"\xff\xd8one", b"\xff\xd8two"]
    again = read(write([samples[1]], tmp_path / "out", {"mmcheck_action": "keep"}))
    assert [source.read(s.image) for s in again if s.image] == [b"\xff\xd8two"]


@pytest.mark.parametrize(("head", "kind"), [(b"\x89PNG\r\n\x1a\n\0", "image"), (b"RIFF\0\0\0\0WAVEfmt ", "audio")])
@pytest.mark.parametrize("is_struct", [False, True])
def test_bytes_under_a_name_of_ones_own_are_found_by_what_they_are(
    tmp_path: Path, head: bytes, kind: str, is_struct: bool
) -> None:
    held = [head + b"one", None, head + b"two"]
    cells = [{"bytes": value, "path": None} for value in held] if is_struct else pa.array(held, pa.binary())
    columns = {
        "thumb_hash": pa.array([b"\xfe\xff"] * 3, pa.binary()),
        "payload": cells,
        "prompt": ["a b", "c d", "e f"],
    }
    samples = read(save(tmp_path / "m.parquet", columns))
    refs = [getattr(sample, kind) for sample in samples]
    source = MediaSource(allow_remote=False)
    assert [source.read(ref) if ref else None for ref in refs] == held
    assert samples[1].problem is not None
    assert (samples[0].caption, samples[0].transcript) == (("a b", None) if kind == "image" else (None, "a b"))


def test_img2dataset_sidecar_without_images_refers_to_the_urls(tmp_path: Path) -> None:
    columns = {"key": ["0"], "status": ["success"], "url": ["https://x.org/1"], "caption": ["x"], "width": [3]}
    (sample,) = read(save(tmp_path / "m.parquet", columns))
    assert sample.image is not None
    assert sample.image.uri == "https://x.org/1"


def test_text_stored_as_bytes_is_read_as_text(tmp_path: Path) -> None:
    columns = {
        "path": pa.array([b"a.flac", b"b.flac"], pa.binary()),
        "text": pa.array(["\u6771".encode(), b"y"], pa.binary()),
    }
    samples = read(save(tmp_path / "m.parquet", columns))
    assert [(s.audio and s.audio.uri, s.transcript) for s in samples] == [
        (str(tmp_path / "a.flac"), "\u6771"),
        (str(tmp_path / "b.flac"), "y"),
    ]


def test_text_that_is_not_utf_8_is_a_problem_of_its_row_and_is_copied(tmp_path: Path) -> None:
    raw = pa.array([b"good", b"caf\xe9", b"fine"], pa.binary())
    text = pa.Array.from_buffers(pa.string(), 3, raw.buffers())
    source = save(tmp_path / "m.parquet", {"image": ["a.jpg", "b.jpg", "c.jpg"], "text": text})
    samples = read(source)
    assert [s.problem and s.problem.cause for s in samples] == [None, "encoding", None]
    assert samples[1].row["text"] == "caf\\xe9"
    file = write(samples[1:2], tmp_path / "out", {"mmcheck_action": "quarantine"}, paths="keep")
    assert pq.read_table(file)["text"].cast(pa.binary()).to_pylist() == [b"caf\xe9"]


def test_several_captions_are_narrowed(tmp_path: Path) -> None:
    source = save(tmp_path / "m.parquet", {"image": ["a.jpg", "b.jpg"], "captions": [["x", "y"], ["z"]]})
    samples = read(source)
    assert [(s.id, s.caption) for s in samples] == [("a.jpg", "x"), ("a.jpg", "y"), ("b.jpg", "z")]
    table = pq.read_table(write([samples[1], samples[2]], tmp_path / "out", paths="keep"))
    assert table.to_pylist() == [{"image": "a.jpg", "captions": ["y"]}, {"image": "b.jpg", "captions": ["z"]}]


def test_new_columns_of_mixed_or_missing_values(tmp_path: Path) -> None:
    samples = read(save(tmp_path / "m.parquet", {"image": ["a.jpg", "b.jpg"], "text": ["x", "y"]}))
    extras: list[dict[str, Any]] = [
        {"mmcheck_a": None, "mmcheck_b": 1, "mmcheck_c": [], "mmcheck_d": 1, "mmcheck_e": {"k": 1}},
        {"mmcheck_b": "s", "mmcheck_c": ["q"], "mmcheck_d": 2.5, "mmcheck_late": "z"},
    ]
    rows = [OutputRow(sample=sample, extra=extra) for sample, extra in zip(samples, extras, strict=True)]
    (file,) = ParquetFormat(InputConfig()).write(rows, tmp_path / "out", "out", OutputConfig())
    table = pq.read_table(file)
    assert table["mmcheck_a"].to_pylist() == [None, None]
    assert table["mmcheck_b"].to_pylist() == ["1", '"s"']
    assert table["mmcheck_c"].to_pylist() == [[], ["q"]]
    assert table["mmcheck_d"].to_pylist() == [1.0, 2.5]
    assert table["mmcheck_e"].to_pylist() == ['{"k": 1}', None]
    assert table["mmcheck_late"].to_pylist() == [None, "z"]


def test_rows_are_copied_from_any_row_group(tmp_path: Path) -> None:
    count = 5000
    columns = {"image": [f"{i}.jpg" for i in range(count)], "text": [str(i) for i in range(count)]}
    samples = read(save(tmp_path / "m.parquet", columns, row_group_size=300))
    assert [s.row_number for s in samples] == list(range(1, count + 1))
    picked = samples[7::611] + samples[-1:]
    table = pq.read_table(write(picked, tmp_path / "out", paths="keep"))
    assert table["text"].to_pylist() == [sample.caption for sample in picked]


@pytest.mark.parametrize("cut", [3, 60, -20, -4])
def test_a_truncated_file_is_an_error(tmp_path: Path, cut: int) -> None:
    data = save(tmp_path / "m.parquet", TYPED).read_bytes()
    (tmp_path / "m.parquet").write_bytes(data[:cut])
    with pytest.raises(ManifestError, match="not a whole Parquet file"):
        read(tmp_path / "m.parquet")


def damaged(path: Path, groups: int, group: int) -> Path:
    rows = 200 * groups
    columns = {"image": [f"{i}.jpg" for i in range(rows)], "text": [f"text number {i * 7919}" for i in range(rows)]}
    source = save(path, columns, row_group_size=200, compression="gzip", use_dictionary=False)
    chunk = pq.ParquetFile(source).metadata.row_group(group).column(1)
    data = bytearray(source.read_bytes())
    middle = chunk.data_page_offset + chunk.total_compressed_size // 2
    data[middle : middle + 40] = bytes(40)
    source.write_bytes(data)
    return source


def test_a_damaged_row_group_costs_itself_and_is_named(tmp_path: Path) -> None:
    samples = read(damaged(tmp_path / "m.parquet", 3, 1))
    assert len(samples) == 401
    problem = samples[200].problem
    assert problem is not None
    assert problem.cause == "unreadable_rows"
    assert "201 to row 400 (row group 1) cannot be read" in problem.message
    assert samples[201].row_number == 401
    written = write(samples, tmp_path / "out", paths="keep")
    assert pq.read_table(written)["text"].to_pylist() == [s.caption for s in samples if s.problem is None]


def test_a_file_whose_only_row_group_is_damaged_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="cannot be read"):
        read(damaged(tmp_path / "m.parquet", 1, 0))


def test_no_rows_and_no_columns(tmp_path: Path) -> None:
    assert read(save(tmp_path / "m.parquet", {"image": pa.array([], pa.string())})) == []
    assert read(save(tmp_path / "n.parquet", {})) == []


def test_a_configured_column_is_checked(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="no column 'txet'"):
        read(save(tmp_path / "m.parquet", TYPED), columns={"caption": "txet"})


def test_a_source_that_shrank_after_the_scan_is_an_error(tmp_path: Path) -> None:
    samples = read(save(tmp_path / "m.parquet", TYPED))
    save(tmp_path / "m.parquet", {"image": ["a.jpg"], "text": ["x"]})
    with pytest.raises(ManifestError, match="changed after the scan"):
        write(samples, tmp_path / "out")


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.tuples(st.text(st.characters(codec="utf-8")), st.none() | st.floats(), st.lists(st.integers(0, 9))),
        min_size=1,
        max_size=8,
    ),
    st.data(),
)
def test_any_subset_is_copied(tmp_path_factory: Any, rows: list[tuple[str, Any, list[int]]], data: Any) -> None:
    folder = tmp_path_factory.mktemp("any")
    columns = {
        "image": [f"{i}.jpg" for i in range(len(rows))],
        "text": [row[0] for row in rows],
        "f": pa.array([row[1] for row in rows], pa.float64()),
        "l": pa.array([row[2] for row in rows], pa.list_(pa.int16())),
    }
    source = save(folder / "m.parquet", columns, row_group_size=3)
    samples = read(source)
    picked = data.draw(st.lists(st.integers(0, len(rows) - 1), unique=True).map(sorted))
    file = write([samples[i] for i in picked], folder / "out", paths="keep") if picked else None
    if file is not None:
        before = pq.read_table(source).take(pa.array(picked, pa.int64()))
        assert repr(pq.read_table(file).to_pylist()) == repr(before.to_pylist())


def picture(shade: int) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (16, 16), (shade, 0, 0)).save(file, "PNG")
    return file.getvalue()


def media_of(samples: list[Sample]) -> list[bytes | None]:
    source = MediaSource(allow_remote=False)
    try:
        return [source.read(sample.image) if sample.image else None for sample in samples]
    finally:
        source.close()


VIEWED: dict[str, Any] = {
    "strings": {"caption": pa.array(["x", "y" * 40, "z"], pa.string_view())},
    "bytes": {"image": pa.array([picture(n) for n in range(3)], pa.binary_view()), "caption": ["x", "y", "z"]},
    "unused": {"caption": ["x", "y", "z"], "other": pa.array([None, b"2", b"3"], pa.binary_view())},
    "inside": {"caption": ["x", "y", "z"], "tags": pa.array([["p"], [], ["q", "r"]], pa.list_(pa.string_view()))},
    "struct": {"caption": ["x", "y", "z"], "meta": pa.array([{"a": "p"}] * 3, pa.struct([("a", pa.string_view())]))},
    "map": {"caption": ["x", "y", "z"], "m": pa.array([[("k", "v")]] * 3, pa.map_(pa.string(), pa.string_view()))},
    "lists": {"caption": ["x", "y", "z"], "l": pa.array([[["p"]], [], [["q"]]], pa.list_(pa.list_(pa.string_view())))},
    "large": {"caption": pa.array(["x", "y", "z"], pa.large_string())},
    "d256": {"caption": ["x", "y", "z"], "d": pa.array([decimal.Decimal("1" * 60)] * 3, pa.decimal256(60, 0))},
    "nulls": {"caption": ["x", "y", "z"], "empty": pa.nulls(3)},
    "fixed": {"caption": ["x", "y", "z"], "v": pa.array([[1, 2]] * 3, pa.list_(pa.int8(), 2))},
    "i64": {"caption": ["x", "y", "z"], "n": [2**63 - 1, -(2**63), 0]},
    "time": {"caption": ["x", "y", "z"], "t": pa.array([1, 2, 3], pa.time64("ns"))},
    "span": {"caption": ["x", "y", "z"], "t": pa.array([1, 2, None], pa.duration("ms"))},
    "uuid": {"caption": ["x", "y", "z"], "u": pa.array([bytes(16)] * 3, pa.uuid())},
}


@pytest.mark.parametrize("name", VIEWED)
def test_columns_of_any_type_pass(tmp_path: Path, name: str) -> None:
    columns = {"image": ["a.png", "b.png", "c.png"], **VIEWED[name]}
    source = save(tmp_path / "m.parquet", columns)
    samples = read(source)
    assert [sample.problem for sample in samples] == [None] * 3
    assert [sample.caption for sample in samples] == pa.array(columns["caption"]).to_pylist()
    file = write([samples[0], samples[2]], tmp_path / "out", {"mmcheck_action": "keep"}, paths="keep")
    before, after = pq.read_table(source), pq.read_table(file)
    kept = after.drop_columns(["mmcheck_action"])
    assert kept.schema == before.schema
    assert kept.to_pylist() == [row for number, row in enumerate(before.to_pylist()) if number != 1]
    if name == "bytes":
        assert media_of(samples) == [picture(n) for n in range(3)]


STRUCT = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


@pytest.mark.parametrize(
    "cells",
    [
        pa.array([[picture(n)] for n in range(3)], pa.list_(pa.binary())),
        pa.array([[picture(n)] for n in range(3)], pa.large_list(pa.large_binary())),
        pa.array([[{"bytes": picture(n), "path": None}] for n in range(3)], pa.list_(STRUCT)),
        pa.array([[{"bytes": picture(n)}] for n in range(3)], pa.list_(pa.struct([("bytes", pa.binary())]))),
        pa.array([[{"bytes": picture(n), "path": f"{n}.png"}] for n in range(3)], pa.list_(STRUCT)),
        pa.array([base64.b64encode(picture(n)).decode() for n in range(3)]),
        pa.array(["data:image/png;base64," + base64.b64encode(picture(n)).decode() for n in range(3)]),
        pa.array([[base64.b64encode(picture(n)).decode()] for n in range(3)]),
    ],
)
def test_pictures_in_lists_and_in_base64_are_read(tmp_path: Path, cells: pa.Array) -> None:
    source = save(tmp_path / "m.parquet", {"images": cells, "caption": ["x", "y", "z"]}, row_group_size=2)
    samples = read(source)
    assert [sample.problem for sample in samples] == [None] * 3
    assert media_of(samples) == [picture(n) for n in range(3)]
    assert all(len(sample.id) < 64 for sample in samples)
    file = write([samples[1]], tmp_path / "out")
    assert pq.read_table(file).to_pylist() == pq.read_table(source).slice(1, 1).to_pylist()


def test_lists_of_paths_stay_paths(tmp_path: Path) -> None:
    cells = pa.array([[{"bytes": None, "path": f"{n}.png"}] for n in range(2)] + [[]], pa.list_(STRUCT))
    samples = read(save(tmp_path / "m.parquet", {"images": cells, "caption": ["x", "y", "z"]}))
    assert [sample.image and sample.image.uri for sample in samples[:2]] == [str(tmp_path / f"{n}.png") for n in (0, 1)]
    assert samples[2].problem is not None
    assert samples[2].problem.cause == "missing_media"


def test_decoded_pixels_are_refused_with_the_reason(tmp_path: Path) -> None:
    cells = pa.array([[[[0, 1, 2]] * 4] * 4] * 2, pa.list_(pa.list_(pa.list_(pa.uint8()))))
    samples = read(save(tmp_path / "m.parquet", {"image": cells, "caption": ["x", "y"]}))
    assert [sample.problem and sample.problem.cause for sample in samples] == ["bad_path"] * 2
    assert samples[0].problem is not None
    assert "decoded pixels" in samples[0].problem.message
