from __future__ import annotations

import dataclasses
import gzip
import json
import math
from pathlib import Path
from typing import Any

import fsspec
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from mmcheck.config import InputConfig, OutputConfig
from mmcheck.core.errors import ManifestError
from mmcheck.core.types import Sample
from mmcheck.formats.base import OutputRow
from mmcheck.formats.jsonl import JsonlFormat, json_line, parse_line
from mmcheck.formats.jsonl_lines import LineMaker
from mmcheck.formats.text_source import Line
from mmcheck.store.schema import samples_to_table, table_to_samples


def read(path: Path, **options: Any) -> list[Sample]:
    return list(JsonlFormat(InputConfig(**options)).read(str(path)))


def write(samples: list[Sample], folder: Path, extra: dict[str, Any] | None = None, **output: Any) -> Path:
    rows = [OutputRow(sample=sample, extra=extra or {}) for sample in samples]
    (file,) = JsonlFormat(InputConfig()).write(rows, folder, "out", OutputConfig(**output))
    return file


GOOD = b'{"image": "a.jpg", "caption": "x"}'


@pytest.mark.parametrize(
    ("line", "cause"),
    [
        (b'{"image": "a.jpg", ', "broken_json"),
        (b"[1, 2]", "not_an_object"),
        (b"null", "not_an_object"),
        (b'"text"', "not_an_object"),
        (b'{"image": "a.jpg", "caption": "x\0y"}', "nul_bytes"),
        (b'{"image": "a.jpg", "caption": "x\\u0000y"}', "nul_bytes"),
        (b'{"image": "a\\u0000.jpg", "caption": "x"}', "nul_bytes"),
        (b'{"image": "a.jpg", "caption": "caf\xe9"}', "encoding"),
        (b'{"image": "a.jpg", "caption": "\\ud800"}', "encoding"),
        (b'{"image": "a.jpg", "caption": {"en": "x"}}', "not_text"),
        (b'{"image": "a.jpg", "caption": true}', "not_text"),
        (b'{"image": "", "caption": "x"}', "missing_media"),
        (b'{"image": null, "caption": "x"}', "missing_media"),
        (b'{"image": NaN, "caption": "x"}', "missing_media"),
        (b'{"image": 7, "caption": "x"}', "bad_path"),
        (b'{"image": "data:image/png,%89PNG", "caption": "x"}', "bad_path"),
        (b'{"image": "a.jpg", "image": "b.jpg", "caption": "x"}', "duplicate_key"),
        (b'{"caption": "x"}', "missing_column"),
        (b"{}", "missing_column"),
        (b'{"image": ["a.jpg", "b.jpg"], "caption": ["x", "y", "z"]}', "ambiguous"),
        (b'{"audio": "a.wav", "text": "x", "offset": -1, "duration": 2}', "bad_segment"),
        (b'{"audio": "a.wav", "text": "x", "offset": "soon"}', "bad_segment"),
        (b'{"audio": "a.wav", "text": "x", "offset": Infinity}', "bad_segment"),
        (b'{"audio": "a.wav", "text": "x", "start": 4, "end": 3}', "bad_segment"),
        (b'{"image": "a.jpg", "caption": "x", "n": ' + b"[" * 501 + b"]" * 501 + b"}", "broken_json"),
        (b"[" * 100_000, "broken_json"),
    ],
)
def test_a_broken_line_is_one_problem_and_is_written_back_as_it_was(tmp_path: Path, line: bytes, cause: str) -> None:
    path = tmp_path / "m.jsonl"
    path.write_bytes(GOOD + b"\n\n" + line + b"\n" + GOOD + b"\n")
    samples = read(path)
    assert [sample.problem and sample.problem.cause for sample in samples] == [None, cause, None]
    assert [sample.row_number for sample in samples] == [1, 3, 4]
    problem = samples[1].problem
    assert problem is not None
    assert problem.message.startswith(f"{path}:3 ")
    json.dumps(samples[1].row, ensure_ascii=False).encode("utf-8")
    written = write(samples[1:2], tmp_path / "out", {"mmcheck_action": "quarantine"}, paths="keep").read_bytes()
    if "_raw" in samples[1].row:
        assert written == line + b"\n"
    else:
        assert json.loads(written)["mmcheck_action"] == "quarantine"


def test_the_broken_json_message_names_the_column(tmp_path: Path) -> None:
    (tmp_path / "m.jsonl").write_bytes(GOOD + b'\n{"image": oops}\n')
    problem = read(tmp_path / "m.jsonl")[1].problem
    assert problem is not None
    assert "at column 11" in problem.message


def test_a_very_long_caption_is_a_problem_and_stays_whole(tmp_path: Path) -> None:
    (tmp_path / "m.jsonl").write_text(json.dumps({"image": "a.jpg", "caption": "x" * 10_000_000}), "utf-8")
    (sample,) = read(tmp_path / "m.jsonl")
    assert sample.problem is not None
    assert sample.problem.cause == "text_too_long"
    assert "10000000 bytes" in sample.problem.message
    assert len(sample.row["caption"]) == 10_000_000
    assert read(tmp_path / "m.jsonl", max_text_bytes=20_000_000)[0].problem is None


def test_bytes_are_counted_not_characters(tmp_path: Path) -> None:
    (tmp_path / "m.jsonl").write_text('{"image": "a.jpg", "caption": "\u00e9\u00e9\u00e9"}', "utf-8")
    assert read(tmp_path / "m.jsonl", max_text_bytes=6)[0].problem is None
    assert read(tmp_path / "m.jsonl", max_text_bytes=5)[0].problem is not None


@pytest.mark.parametrize("suffix", [".jsonl", ".jsonl.gz", ".jsonl.zst"])
def test_compression_stays(tmp_path: Path, suffix: str) -> None:
    data = GOOD + b"\n" + b'{"image": "b.jpg", "caption": "y"}\n'
    packed = {".jsonl": data, ".jsonl.gz": gzip.compress(data), ".jsonl.zst": zstandard.compress(data)}[suffix]
    path = tmp_path / f"m{suffix}"
    path.write_bytes(packed)
    file = write(read(path), tmp_path / "out", paths="keep")
    assert file.name == f"out{suffix}"
    raw = file.read_bytes()
    unpacked = {
        ".jsonl": lambda: raw,
        ".jsonl.gz": lambda: gzip.decompress(raw),
        ".jsonl.zst": lambda: zstandard.ZstdDecompressor().decompressobj().decompress(raw),
    }[suffix]()
    assert [json.loads(line) for line in unpacked.splitlines()] == [json.loads(line) for line in data.splitlines()]


@pytest.mark.parametrize("suffix", [".gz", ".zst"])
def test_a_truncated_stream_ends_in_a_problem_that_says_so(tmp_path: Path, suffix: str) -> None:
    rows = [json.dumps({"image": f"{i}.jpg", "caption": str(i * 7919)}) for i in range(20_000)]
    data = ("\n".join(rows) + "\n").encode()
    packed = gzip.compress(data) if suffix == ".gz" else zstandard.compress(data)
    path = tmp_path / f"m.jsonl{suffix}"
    path.write_bytes(packed[: len(packed) * 3 // 4])
    samples = read(path)
    assert len(samples) > 1
    assert all(sample.problem is None for sample in samples[:-1])
    last = samples[-1].problem
    assert last is not None
    assert last.cause == "manifest_cut_short"
    assert "breaks off" in last.message
    assert samples[-1].row_number == samples[-2].row_number + 1


def test_a_stream_that_is_cut_before_the_first_row_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "m.jsonl.gz").write_bytes(gzip.compress(GOOD)[:12])
    with pytest.raises(ManifestError, match="breaks off"):
        read(tmp_path / "m.jsonl.gz")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-32", "latin-1"])
def test_encodings(tmp_path: Path, encoding: str) -> None:
    text = '{"image": "a.jpg", "caption": "Gr\u00fc\u00dfe"}\r\n{"image": "b.jpg", "caption": "\u00e9"}'
    (tmp_path / "m.jsonl").write_bytes(text.encode(encoding))
    has_bom = encoding in ("utf-8-sig", "utf-16", "utf-32")
    samples = read(tmp_path / "m.jsonl", **({} if has_bom else {"encoding": encoding}))
    assert [sample.caption for sample in samples] == ["Gr\u00fc\u00dfe", "\u00e9"]


def test_utf_16_without_bom_is_an_error_that_says_what_to_set(tmp_path: Path) -> None:
    (tmp_path / "m.jsonl").write_bytes(GOOD.decode().encode("utf-16-le"))
    with pytest.raises(ManifestError, match="binary") as caught:
        read(tmp_path / "m.jsonl")
    assert "utf-16-le" in str(caught.value.hint)


def test_an_unknown_encoding_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "m.jsonl").write_bytes(GOOD)
    with pytest.raises(ValueError, match="unknown text encoding"):
        read(tmp_path / "m.jsonl", encoding="utf-9")


def test_an_id_is_never_taken_for_a_caption(tmp_path: Path) -> None:
    rows = [{"id": "x", "image": "a.jpg", "caption": "a red cup"}, {"id": "bare", "image": "b.jpg"}]
    (tmp_path / "m.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    assert [sample.caption for sample in read(tmp_path / "m.jsonl")] == ["a red cup", None]
    (tmp_path / "n.jsonl").write_text('{"id": "bare", "image": "b.jpg", "speaker": "anna"}\n', "utf-8")
    assert [sample.caption for sample in read(tmp_path / "n.jsonl")] == [None]


def test_a_latin_1_manifest_is_written_in_latin_1_and_nothing_is_lost(tmp_path: Path) -> None:
    (tmp_path / "m.jsonl").write_bytes('{"image": "a.jpg", "caption": "caf\u00e9"}\n'.encode("latin-1"))
    part = JsonlFormat(InputConfig(encoding="latin-1"))
    rows = [OutputRow(sample=s, extra={"mmcheck_reason": "\u6771"}) for s in part.read(str(tmp_path / "m.jsonl"))]
    (file,) = part.write(rows, tmp_path, "out", OutputConfig())
    (again,) = part.read(str(file))
    assert again.caption == "caf\u00e9"
    assert again.row["mmcheck_reason"] == "\u6771"


def test_ids_own_and_derived(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [
        {"uid": "u1", "image": "a.jpg", "caption": "x"},
        {"uid": 7, "image": "b.jpg", "caption": "x"},
        {"uid": None, "image": "sub/c.jpg", "caption": "x"},
        {"uid": "", "image": "./d.jpg", "caption": "x"},
    ]
    (tmp_path / "m.jsonl").write_text("\n".join(map(json.dumps, rows)), "utf-8")
    found = [(sample.id, sample.own_id) for sample in read(tmp_path / "m.jsonl")]
    assert found == [("u1", True), ("7", True), ("sub/c.jpg", False), ("./d.jpg", False)]


def test_several_texts_of_one_image_are_several_samples(tmp_path: Path) -> None:
    row = {"id": "one", "image": "a.jpg", "captions": ["x", "y"], "tags": ["p", "q"]}
    (tmp_path / "m.jsonl").write_text(json.dumps(row), "utf-8")
    samples = read(tmp_path / "m.jsonl")
    assert [(s.id, s.own_id, s.caption) for s in samples] == [("one", False, "x"), ("one", False, "y")]
    assert [s.row["captions"] for s in samples] == [["x"], ["y"]]
    assert all(s.row["tags"] == ["p", "q"] for s in samples)
    # The planner makes the second id unique; the row keeps its own.
    samples[1] = dataclasses.replace(samples[1], id="one#2")
    again = read(write(samples, tmp_path))
    assert [(s.id, s.own_id, s.caption) for s in again] == [("one", True, "x"), ("one", True, "y")]


def test_several_images_with_one_text_and_with_one_each(tmp_path: Path) -> None:
    rows = [{"images": ["a.jpg", "b.jpg"], "caption": "x"}, {"images": ["a.jpg", "b.jpg"], "caption": ["x", "y"]}]
    (tmp_path / "m.jsonl").write_text("\n".join(map(json.dumps, rows)), "utf-8")
    samples = read(tmp_path / "m.jsonl")
    found = [(s.id, s.image and s.image.name, s.caption) for s in samples]
    assert found == [("a.jpg", "a.jpg", "x"), ("a.jpg", "a.jpg", "x"), ("b.jpg", "b.jpg", "y")]
    assert [[(one.column, one.ref.name) for one in s.further] for s in samples] == [[("images", "b.jpg")], [], []]


def test_text_null_and_numbers(tmp_path: Path) -> None:
    rows = [{"image": "a.jpg", "caption": value} for value in (None, 7, 1.5, math.nan, [], "")]
    (tmp_path / "m.jsonl").write_text("\n".join(map(json.dumps, rows)), "utf-8")
    assert [s.caption for s in read(tmp_path / "m.jsonl")] == ["", "7", "1.5", "", "", ""]


def test_a_row_without_a_text_column_has_no_caption(tmp_path: Path) -> None:
    (tmp_path / "m.jsonl").write_text('{"image": "a.jpg"}\n', "utf-8")
    (sample,) = read(tmp_path / "m.jsonl")
    assert sample.caption is None
    assert sample.problem is None


def test_a_manifest_may_mix_images_and_recordings(tmp_path: Path) -> None:
    rows = [
        {"path": "a.jpg", "text": "x"},
        {"path": "a.flac", "text": "y"},
        {"image": "a.png", "audio": "b.wav", "caption": "c", "transcript": "t"},
        {"image": None, "audio": "b.wav", "text": "t"},
    ]
    (tmp_path / "m.jsonl").write_text("\n".join(map(json.dumps, rows)), "utf-8")
    samples = read(tmp_path / "m.jsonl")
    assert [(bool(s.image), bool(s.audio), s.caption, s.transcript) for s in samples] == [
        (True, False, "x", None),
        (False, True, None, "y"),
        (True, True, "c", "t"),
        (False, True, None, "t"),
    ]


def test_a_text_whose_medium_is_empty_is_not_lost_beside_a_whole_pair(tmp_path: Path) -> None:
    whole = {"image": "a.png", "caption": "c", "audio": "b.wav", "transcript": "t"}
    rows = [whole | {"audio": None}, whole | {"image": ""}, whole | {"audio": None, "transcript": None}]
    rows.append(whole | {"image": None, "caption": " "})
    (tmp_path / "m.jsonl").write_text("\n".join(map(json.dumps, rows)), "utf-8")
    samples = read(tmp_path / "m.jsonl")
    assert [(bool(s.image), bool(s.audio), s.caption, s.transcript) for s in samples] == [
        (True, False, "c", "t"),
        (False, True, "c", "t"),
        (True, False, "c", None),
        (False, True, None, "t"),
    ]


def test_an_empty_item_in_a_list_of_images_is_told_as_such(tmp_path: Path) -> None:
    (tmp_path / "m.jsonl").write_text('{"images": ["a.jpg", null], "caption": "c"}\n', "utf-8")
    (sample,) = read(tmp_path / "m.jsonl")
    assert sample.problem is not None
    assert sample.problem.cause == "missing_media"
    assert "an item of 'images' is empty" in sample.problem.message


@pytest.mark.parametrize(("url", "kind"), [("https://example.org/a?w=3", "image"), ("s3://b/a.flac?x=1", "audio")])
def test_remote_media_are_referred_to(tmp_path: Path, url: str, kind: str) -> None:
    row = {"URL": url, "TEXT": "x", "similarity": 0.3}
    (tmp_path / "m.jsonl").write_text(json.dumps(row), "utf-8")
    (sample,) = read(tmp_path / "m.jsonl")
    ref = sample.image if kind == "image" else sample.audio
    assert ref is not None
    assert ref.uri == url
    assert json.loads(write([sample], tmp_path / "out", paths="relative").read_bytes()) == row


def test_a_remote_manifest_resolves_against_its_folder() -> None:
    fsspec.filesystem("memory").pipe("/set/m.jsonl", GOOD)
    (sample,) = JsonlFormat(InputConfig()).read("memory://set/m.jsonl")
    assert sample.image is not None
    assert sample.image.uri == "memory://set/a.jpg"


def test_windows_separators_lead_to_the_file_that_exists(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a.jpg").write_bytes(b"x")
    (tmp_path / "m.jsonl").write_text(json.dumps({"image": "sub\\a.jpg", "caption": "x"}), "utf-8")
    (sample,) = read(tmp_path / "m.jsonl")
    assert sample.image is not None
    assert sample.image.uri == str(tmp_path / "sub" / "a.jpg")


def test_a_configured_column_that_no_row_has_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "m.jsonl").write_bytes(GOOD)
    with pytest.raises(ManifestError, match="no column 'captoin'") as caught:
        read(tmp_path / "m.jsonl", columns={"caption": "captoin"})
    assert "caption" in caught.value.message
    assert "'caption'" in str(caught.value.hint)


def test_write_media_links_the_files_beside_the_manifest(tmp_path: Path) -> None:
    for name in ("one/a.jpg", "two/a.jpg"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_bytes(name.encode())
    rows = [{"image": "one/a.jpg"}, {"image": str(tmp_path / "two/a.jpg")}, {"image": "one/a.jpg"}, {"image": "no.jpg"}]
    (tmp_path / "m.jsonl").write_text("\n".join(map(json.dumps, rows)), "utf-8")
    file = write(read(tmp_path / "m.jsonl"), tmp_path / "out", write_media=True)
    names = [json.loads(line)["image"] for line in file.read_text().splitlines()]
    assert names[0] == names[2] == "out_media/one/a.jpg"
    assert [(file.parent / name).read_bytes() for name in names[:2]] == [b"one/a.jpg", b"two/a.jpg"]
    assert names[3] == str(tmp_path / "no.jpg")


scalars = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=True) | st.text()
values = st.recursive(scalars, lambda x: st.lists(x, max_size=3) | st.dictionaries(st.text(), x, max_size=3))


@given(st.dictionaries(st.text(), values, max_size=6))
def test_any_object_survives_writing_and_parsing(row: dict[str, Any]) -> None:
    again = parse_line(Line(number=1, text=json_line(row).decode("utf-8")))
    assert repr(again.row) == repr(row)
    assert list(again.row) == list(row)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_without_an_error_and_written_back(tmp_path_factory: Any, data: bytes) -> None:
    folder = tmp_path_factory.mktemp("any")
    (folder / "m.jsonl").write_bytes(GOOD + b"\n" + data.replace(b"\n", b" ").replace(b"\r", b" ") + b"\n")
    try:
        samples = read(folder / "m.jsonl")
    except ManifestError:
        return  # too many control characters: told as binary
    broken = [sample for sample in samples if sample.problem and "_raw" in sample.row]
    for sample in broken:
        json.dumps(sample.row, ensure_ascii=False).encode("utf-8")
        assert write([sample], folder / "out").read_bytes() == data.replace(b"\n", b" ").replace(b"\r", b" ") + b"\n"


@pytest.mark.parametrize(
    "value",
    [
        b"123456789012345678901234567890",
        b"-9223372036854775809",
        b"9" * 5000,
        b"1.10",
        b"-0.0",
        b"-0",
        b"1e5",
        b"0.12345678901234567890123",
        b"NaN",
        b"[-Infinity, 1.50]",
        b'"\\u00e9 \\/ \\ud83d\\ude00"',
        b'{"image": "a.jpg", "caption" : 1.0}',
        b"[" * 254 + b"]" * 254,
        b"[" * 490 + b"1.0" + b"]" * 490,
    ],
)
@pytest.mark.parametrize("spaces", [b"", b" "])
def test_a_row_comes_back_to_the_digit(tmp_path: Path, value: bytes, spaces: bytes) -> None:
    head, tail = b'{"image":' + spaces + b'"', b'",' + spaces + b'"caption":' + spaces + b'"x", "v":' + spaces + value
    (tmp_path / "m.jsonl").write_bytes(head + b"a.jpg" + tail + b"}\n")
    samples = table_to_samples(samples_to_table(read(tmp_path / "m.jsonl"), 0))
    assert samples[0].problem is None
    rows = [OutputRow(sample=samples[0], extra={"mmcheck_action": "keep"})]
    (file,) = JsonlFormat(InputConfig()).write(rows, tmp_path / "out", "m", OutputConfig())
    path = str(tmp_path / "a.jpg").encode()
    assert file.read_bytes() == head + path + tail + b',"mmcheck_action":"keep"}\n'
    table = samples_to_table(samples, 0).append_column("mmcheck_action", [["keep"]])
    made = LineMaker(InputConfig(), OutputConfig(), tmp_path / "out").lines(
        table, ["mmcheck_action"], lambda _: samples[0]
    )
    assert made == file.read_bytes()


def test_one_text_of_several_leaves_the_other_members_to_the_digit(tmp_path: Path) -> None:
    (tmp_path / "m.jsonl").write_bytes(b'{"image": "a.jpg", "caption": ["x", "y"], "n": 12345678901234567890123}\n')
    rows = [OutputRow(sample=sample, extra={}) for sample in read(tmp_path / "m.jsonl")]
    (file,) = JsonlFormat(InputConfig()).write(rows, tmp_path / "out", "m", OutputConfig(paths="keep"))
    assert all(b'"n": 12345678901234567890123}' in line for line in file.read_bytes().splitlines())
