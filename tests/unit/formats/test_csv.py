from __future__ import annotations

import base64
import csv
import io
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmcheck.config import InputConfig, OutputConfig
from mmcheck.core.errors import ManifestError
from mmcheck.core.types import Sample
from mmcheck.formats.base import OutputRow
from mmcheck.formats.csv import CsvFormat
from mmcheck.formats.csv_dialect import sniff_csv
from mmcheck.formats.detect import detect_format
from mmcheck.media.source import MediaSource


def read(path: Path, **options: Any) -> list[Sample]:
    return list(CsvFormat(InputConfig(**options)).read(str(path)))


def write(samples: list[Sample], folder: Path, extra: dict[str, Any] | None = None, **output: Any) -> Path:
    rows = [OutputRow(sample=sample, extra=extra or {}) for sample in samples]
    (file,) = CsvFormat(InputConfig()).write(rows, folder, "out", OutputConfig(**output))
    return file


def save(path: Path, text: str | bytes) -> Path:
    path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8"))
    return path


@pytest.mark.parametrize("delimiter", ["\t", ",", ";", "|"])
def test_the_delimiter_is_sniffed_and_kept(tmp_path: Path, delimiter: str) -> None:
    rows = [("filepath", "title"), ("a.jpg", "one, two; three | four"), ("b.jpg", 'a "quoted"\tword')]
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter).writerows(rows)
    samples = read(save(tmp_path / "m.csv", text.getvalue()))
    assert [(s.row["filepath"], s.caption) for s in samples] == rows[1:]
    file = write(samples, tmp_path / "out", paths="keep")
    assert list(csv.reader(io.StringIO(file.read_text("utf-8")), delimiter=delimiter)) == [list(row) for row in rows]


def test_open_clip_reads_what_is_written(tmp_path: Path) -> None:
    # open_clip_train/data.py, CsvDataset: pd.read_csv(input_filename, sep=sep), then df[img_key], df[caption_key].
    (tmp_path / "a.jpg").write_bytes(b"x")
    texts = ['He said "hi"', "two\nlines", "tab\there", "  spaces  ", "caf\u00e9 \u6771\u4eac"]
    text = io.StringIO()
    csv.writer(text, delimiter="\t").writerows([("filepath", "title"), *(("a.jpg", one) for one in texts)])
    samples = read(save(tmp_path / "m.tsv", text.getvalue()))
    file = write(samples, tmp_path / "out", {"mmcheck_action": "keep"})
    frame = pd.read_csv(file, sep="\t")
    assert frame["title"].tolist() == texts
    assert frame["filepath"].tolist() == [str(tmp_path / "a.jpg")] * len(texts)
    assert list(frame.columns) == ["filepath", "title", "mmcheck_action"]


def test_paths_beside_the_manifest_come_before_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sets").mkdir()
    (tmp_path / "cwd").mkdir()
    (tmp_path / "sets" / "a.jpg").write_bytes(b"")
    for name in ("a.jpg", "b.jpg"):
        (tmp_path / "cwd" / name).write_bytes(b"")
    monkeypatch.chdir(tmp_path / "cwd")
    path = save(tmp_path / "sets" / "m.csv", "filepath\ttitle\na.jpg\tx\nb.jpg\ty\nc.jpg\tz\n")
    uris = [sample.image.uri for sample in read(path) if sample.image]
    assert uris == [str(tmp_path / "sets" / "a.jpg"), str(tmp_path / "cwd" / "b.jpg"), str(tmp_path / "sets" / "c.jpg")]


def test_records_are_numbered_by_their_first_line(tmp_path: Path) -> None:
    path = save(tmp_path / "m.csv", 'file,text\r\na.jpg,"two\r\nlines"\r\n\r\nb.jpg,y\r\n')
    samples = read(path)
    assert [(s.row_number, s.caption) for s in samples] == [(2, "two\r\nlines"), (5, "y")]


@pytest.mark.parametrize(
    ("record", "cause"),
    [
        (b"a.jpg", "ragged"),
        (b"a.jpg,x,y", "ragged"),
        (b'a.jpg,"never closed', "unclosed_quote"),
        (b"a.jpg,x\0y", "nul_bytes"),
        (b"a.jpg,caf\xe9", "encoding"),
        (b",x", "missing_media"),
    ],
)
def test_a_broken_record_costs_itself_only(tmp_path: Path, record: bytes, cause: str) -> None:
    lines = [b"file,text", b"1.jpg,one", record, b"2.jpg,two", b'3.jpg,"th,ree"']
    path = save(tmp_path / "m.csv", b"\n".join(lines) + b"\n")
    samples = read(path)
    assert [s.problem and s.problem.cause for s in samples] == [None, cause, None, None]
    assert [s.caption for s in samples if s.problem is None] == ["one", "two", "th,ree"]
    problem = samples[1].problem
    assert problem is not None
    assert problem.message.startswith(f"{path}:3 ")
    written = write(samples, tmp_path / "out", paths="keep").read_bytes()
    assert written == b"\n".join(lines) + b"\n"


def test_a_stray_quote_in_a_tsv_does_not_swallow_rows(tmp_path: Path) -> None:
    # Known from lhotse issue 977: quoting merged many rows into one text.
    text = 'path\tsentence\na.mp3\t"She said\nb.mp3\tfine\nc.mp3\tand left"\nd.mp3\tfine too\n'
    samples = read(save(tmp_path / "m.tsv", text))
    assert [s.transcript for s in samples] == ['"She said', "fine", 'and left"', "fine too"]
    samples = read(tmp_path / "m.tsv", quoting="minimal")
    assert [s.id for s in samples if s.problem is None] == ["b.mp3", "c.mp3", "d.mp3"]
    assert [s.row for s in samples if s.problem] == [{"_raw": 'a.mp3\t"She said'}]


def test_many_stray_quotes_cost_no_quadratic_time(tmp_path: Path) -> None:
    lines = ["path\tsentence"] + [f'{i}.mp3\t"open {i}\t' for i in range(60)] + [f"{i}.wav\tx" for i in range(20_000)]
    samples = read(save(tmp_path / "m.tsv", "\n".join(lines)))
    assert len(samples) == 20_060


def test_a_stray_quote_in_a_csv_does_not_swallow_rows(tmp_path: Path) -> None:
    samples = read(save(tmp_path / "m.csv", 'file,text\n1.jpg,"open\n2.jpg,two\n3.jpg,shut"\n4.jpg,"a, b\nc, d"\n'))
    assert [(s.row_number, s.problem and s.problem.cause) for s in samples] == [
        (2, "unclosed_quote"),
        (3, None),
        (4, None),
        (5, None),
    ]
    assert samples[3].caption == "a, b\nc, d"


@pytest.mark.parametrize(
    ("text", "options", "names"),
    [
        ("a.jpg,hello there\nb.jpg,you\n", {}, ["column_1", "column_2"]),
        ("a.jpg,hello there\nb.jpg,you\n", {"has_header": False}, ["column_1", "column_2"]),
        ("picture,says\na.jpg,hello\nb.jpg,you\n", {}, ["picture", "says"]),
        ("x,y\na.jpg,hello\n", {"has_header": True}, ["x", "y"]),
        ("file,text,text,\na.jpg,x,y,z\n", {}, ["file", "text", "text#2", "column_4"]),
    ],
)
def test_headers(tmp_path: Path, text: str, options: dict[str, Any], names: list[str]) -> None:
    samples = read(save(tmp_path / "m.csv", text), **options)
    assert list(samples[0].row) == names
    assert samples[0].caption in ("hello there", "hello", "x")
    assert write(samples, tmp_path / "out", paths="keep").read_text() == text


def test_bom_and_other_encodings(tmp_path: Path) -> None:
    text = "file,text\na.jpg,caf\u00e9\n"
    for encoding in ("utf-8-sig", "utf-16"):
        (sample,) = read(save(tmp_path / "m.csv", text.encode(encoding)))
        assert (list(sample.row), sample.caption) == (["file", "text"], "caf\u00e9")
    (sample,) = read(save(tmp_path / "m.csv", text.encode("cp1252")), encoding="cp1252")
    assert sample.caption == "caf\u00e9"


def test_a_field_over_the_library_s_limit_is_read(tmp_path: Path) -> None:
    (sample,) = read(save(tmp_path / "m.csv", "file,text\na.jpg," + "x" * 200_000 + "\n"))
    assert sample.caption == "x" * 200_000
    (sample,) = read(save(tmp_path / "m.csv", "file,text\na.jpg," + "x" * 2_000_000 + "\n"))
    assert sample.problem is not None
    assert sample.problem.cause == "text_too_long"


@pytest.mark.parametrize("text", ["", "file,text\n", "\n\n"])
def test_no_rows(tmp_path: Path, text: str) -> None:
    assert read(save(tmp_path / "m.csv", text)) == []


def test_no_rows_keep_the_header(tmp_path: Path) -> None:
    path = save(tmp_path / "m.tsv", "filepath\ttitle\na.jpg\tx\n")
    (file,) = CsvFormat(InputConfig()).write([], tmp_path / "out", "m", OutputConfig(), manifest=str(path))
    assert file.name == "m.tsv"
    assert file.read_text() == "filepath\ttitle\n"


def test_a_configured_column_is_checked_before_rows_are_read(tmp_path: Path) -> None:
    path = save(tmp_path / "m.csv", "filepath,title\na.jpg,x\n")
    with pytest.raises(ManifestError, match="no column 'titel'") as caught:
        next(CsvFormat(InputConfig.model_validate({"columns": {"caption": "titel"}})).read(str(path)))
    assert "'title'" in str(caught.value.hint)


def test_lines_that_end_with_carriage_returns_alone_are_named(tmp_path: Path) -> None:
    path = save(tmp_path / "m.csv", "file,text\r1.jpg,one\r2.jpg,two\r")
    with pytest.raises(ManifestError, match="carriage returns alone"):
        read(path)
    with pytest.raises(ManifestError, match="carriage returns alone"):
        detect_format(str(path), InputConfig())


def test_binary_data_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="binary"):
        read(save(tmp_path / "m.csv", bytes(range(256)) * 9))


@pytest.mark.parametrize(
    "text",
    [
        "just some prose, with commas\nand more, of it\n",
        '{"a": 1, "b": 2}\n{"a": 1, "b": 3}\n',
        "one\ntwo\nthree\n",
        "1,2,3\n4,5,6\n",
    ],
)
def test_other_text_is_not_taken_for_a_manifest(tmp_path: Path, text: str) -> None:
    assert not CsvFormat(InputConfig()).recognise(str(save(tmp_path / "notes.txt", text)))


cell = st.text(st.characters(exclude_categories=["Cs", "Cc"]) | st.sampled_from('\t\n\r",;|'), max_size=12)


@given(
    st.lists(st.tuples(cell.filter(str.strip), cell), min_size=1, max_size=6),
    st.sampled_from(["\t", ",", ";", "|"]),
    st.sampled_from(["\n", "\r\n"]),
)
def test_what_the_standard_library_writes_is_read_and_written_back(
    tmp_path_factory: Any, pairs: list[tuple[str, str]], delimiter: str, end: str
) -> None:
    text = io.StringIO()
    # The delimiter is configured, as prose can look like anything.
    csv.writer(text, delimiter=delimiter, lineterminator=end, quoting=csv.QUOTE_ALL).writerows(
        [("file", "text"), *pairs]
    )
    folder = tmp_path_factory.mktemp("any")
    path = save(folder / "m.csv", text.getvalue())
    part = CsvFormat(InputConfig(delimiter=delimiter, has_header=True))
    samples = list(part.read(str(path)))
    swallowed = delimiter == "\t" and any("\t" in one and "\n" in one for pair in pairs for one in pair)
    if swallowed:
        return  # taken for a stray quote on purpose
    assert [(s.row["file"], s.row["text"]) for s in samples] == pairs
    rows = [OutputRow(sample=sample, extra={}) for sample in samples]
    (file,) = part.write(rows, folder, "out", OutputConfig(paths="keep"))
    assert [(s.row["file"], s.row["text"]) for s in part.read(str(file))] == pairs


@given(st.binary(max_size=300))
def test_any_bytes_are_read_without_an_error(tmp_path_factory: Any, data: bytes) -> None:
    path = save(tmp_path_factory.mktemp("any") / "m.csv", b"file,text\na.jpg,x\n" + data)
    try:
        samples = read(path)
    except ManifestError:
        return
    assert samples[0].caption == "x" or samples[0].problem is not None


QUOTES = (
    ("minimal", 'a.jpg,"says ""hi"", twice"\n"b.jpg",a 12" record\nc.jpg,"plain, all quoted"\n"d.jpg","d"\n'),
    ("backslash", 'a.jpg,"reads \\"stop\\", twice"\nb.jpg,"C:\\\\"\nc.jpg,C:\\dir\n"d.jpg",\\N\ne.jpg,"a ""b"""\n'),
    ("backslash", 'a.jpg,"two \\"x\\"\nlines, \\"y\\""\nb.jpg,z\n'),
    ("none", 'a.jpg\t"Quiet" says the sign\nb.jpg\t"all of it"\nc.jpg\t"a" and "b"\nd.jpg\t12" wide\n'),
    ("none", 'a.jpg|"never closed\nb.jpg|fine\nc.jpg|he said "no"\n'),
)


@pytest.mark.parametrize(("quoting", "text"), QUOTES)
@pytest.mark.parametrize("header", [True, False])
@pytest.mark.parametrize("fixed", [True, False])
def test_quotes_are_read_as_they_were_meant_and_written_as_they_were(
    tmp_path: Path, quoting: Any, text: str, header: bool, fixed: bool
) -> None:
    delimiter = next(mark for mark in "\t|," if mark in text)
    text = f"filepath{delimiter}title\n{text}" if header else text
    path = save(tmp_path / "m.csv", text)
    samples = read(path, quoting=quoting if fixed else "auto")
    assert [sample.problem for sample in samples] == [None] * len(samples)
    assert sniff_csv(str(path), InputConfig()).quoting == quoting
    assert write(samples, tmp_path / "out", paths="keep").read_text("utf-8") == text


def test_the_texts_of_backslashes_and_of_no_quoting(tmp_path: Path) -> None:
    texts = [[s.caption for s in read(save(tmp_path / f"{n}.csv", text))] for n, (_, text) in enumerate(QUOTES)]
    assert texts[0] == ['says "hi", twice', 'a 12" record', "plain, all quoted", "d"]
    assert texts[1] == ['reads "stop", twice', "C:\\", "C:\\dir", "\\N", 'a "b"']
    assert texts[2] == ['two "x"\nlines, "y"', "z"]
    assert texts[3] == ['"Quiet" says the sign', '"all of it"', '"a" and "b"', '12" wide']
    assert texts[4] == ['"never closed', "fine", 'he said "no"']


def test_text_behind_a_closing_quote_is_a_broken_row_and_never_a_changed_text(tmp_path: Path) -> None:
    lines = ['0.jpg,"doubled ""quotes"", and a comma"', '1.jpg,"Quiet" says the sign', '2.jpg,"a, b"']
    samples = read(save(tmp_path / "m.csv", "\n".join(["file,text", *lines]) + "\n"))
    assert [s.problem and s.problem.cause for s in samples] == [None, "broken_csv", None]
    assert samples[1].problem is not None
    assert "input.quoting" in samples[1].problem.message
    assert write(samples, tmp_path / "out", paths="keep").read_text().splitlines()[1:] == lines


@pytest.mark.parametrize(
    ("text", "causes"),
    [
        ("id,image,caption\na,0.jpg,a dog and\n talks\nb,1.jpg,two birds\n", ["broken_line", "ragged", None]),
        ("id,image,caption\na,0.jpg,a dog\n\n and, more\nb,1.jpg,two\n", ["broken_line", "ragged", None]),
        (
            "filepath\ttitle\n0.jpg\ta dog\nand a cat\nand a bird\n1.jpg\tx\n",
            ["broken_line", "ragged", "ragged", None],
        ),
        ("image,caption\n0.jpg,a dog\nthat talks, loudly\n1.jpg,two\n", ["broken_line", "broken_line", None]),
        ("caption,image\na dog\nthat talks,0.jpg\na cat,1.jpg\n", ["ragged", None, None]),
        ("id,image,caption\na,0.jpg,a dog\nb,1.jpg\nc,2.jpg,x\n", [None, "ragged", None]),
    ],
)
def test_a_text_broken_by_a_bare_line_end_takes_the_row_before_with_it(
    tmp_path: Path, text: str, causes: list[str | None]
) -> None:
    samples = read(save(tmp_path / "m.csv", text))
    assert [s.problem and s.problem.cause for s in samples] == causes
    assert write(samples, tmp_path / "out", paths="keep").read_text() == text.replace("\n\n", "\n")


plain = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), max_size=12)


@given(
    st.lists(plain, min_size=1, max_size=8),
    st.sampled_from(["minimal", "backslash", "none"]),
    st.sampled_from(["\t", ","]),
    st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL, csv.QUOTE_NONNUMERIC]),
)
def test_every_way_to_write_quotes_comes_back_to_the_byte(
    tmp_path_factory: Any, texts: list[str], quoting: Any, delimiter: str, style: Any
) -> None:
    file = io.StringIO()
    rows = [("file", "text"), *((f"{number}.jpg", text) for number, text in enumerate(texts))]
    if quoting == "none":
        rows = [(name, text.replace(delimiter, " ")) for name, text in rows]
        file.write("".join(f"{name}{delimiter}{text}\n" for name, text in rows))
    elif quoting == "backslash":
        escaping = {"doublequote": False, "escapechar": "\\"}
        csv.writer(file, delimiter=delimiter, lineterminator="\n", quoting=csv.QUOTE_ALL, **escaping).writerows(rows)
    else:
        csv.writer(file, delimiter=delimiter, lineterminator="\n", quoting=style).writerows(rows)
    folder = tmp_path_factory.mktemp("any")
    path = save(folder / "m.csv", file.getvalue())
    part = CsvFormat(InputConfig(delimiter=delimiter, has_header=True, quoting=quoting))
    samples = list(part.read(str(path)))
    assert [(sample.row["file"], sample.row["text"]) for sample in samples] == rows[1:]
    (written,) = part.write(
        [OutputRow(sample=sample, extra={}) for sample in samples], folder / "out", "m", OutputConfig(paths="keep")
    )
    head, _, body = written.read_text("utf-8").partition("\n")
    assert body == file.getvalue().partition("\n")[2]
    assert head in (f"file{delimiter}text", file.getvalue().partition("\n")[0])


def test_pictures_in_base64_are_read_and_are_no_ids(tmp_path: Path) -> None:
    # OFA's pre-training files: id, caption, picture.
    payloads = [base64.b64encode(b"\xff\xd8\xff\xe0" + bytes([n]) * 90).decode() for n in range(3)]
    lines = [f"{n}\ta red hat {n}\t{payload}" for n, payload in enumerate(payloads)]
    path = save(tmp_path / "train.tsv", "\n".join(lines) + "\n")
    assert CsvFormat(InputConfig()).recognise(str(path))
    samples = read(path)
    assert [sample.caption for sample in samples] == ["a red hat 0", "a red hat 1", "a red hat 2"]
    source = MediaSource(allow_remote=False)
    assert [source.read(s.image)[4:5] for s in samples if s.image] == [b"\x00", b"\x01", b"\x02"]
    assert [s.id for s in samples] == [f"train.tsv:{n}" for n in (1, 2, 3)]
    assert all(payload[:20] not in s.image.name for payload, s in zip(payloads, samples, strict=True) if s.image)
    assert write(samples, tmp_path / "out").read_text() == path.read_text()


def test_a_payload_in_an_id_column_is_no_id(tmp_path: Path) -> None:
    payload = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(90)).decode()
    (sample,) = read(save(tmp_path / "m.csv", f"id,image,caption\n{payload},{payload},x\n"))
    assert sample.id == "m.csv:2"


def test_line_ends_stay(tmp_path: Path) -> None:
    text = 'file,text\r\na.jpg,"two\r\nlines"\r\nb.jpg,\r\n'
    samples = read(save(tmp_path / "m.csv", text))
    assert write(samples, tmp_path / "out", paths="keep").read_bytes().decode() == text
