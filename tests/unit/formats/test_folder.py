from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import fsspec
import pytest

from mmcheck.config import InputConfig, OutputConfig
from mmcheck.core.errors import ManifestError
from mmcheck.core.types import Sample
from mmcheck.formats.base import OutputRow
from mmcheck.formats.folder import FolderFormat


def read(path: Path | str, **options: Any) -> list[Sample]:
    return list(FolderFormat(InputConfig(**options)).read(str(path)))


def fill(folder: Path, files: dict[str, bytes]) -> Path:
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def found(samples: list[Sample]) -> list[tuple[Any, ...]]:
    return [(s.id, s.caption, s.transcript) if s.problem is None else (s.id, s.problem.cause) for s in samples]


def test_pairs_of_all_kinds(tmp_path: Path) -> None:
    fill(
        tmp_path,
        {
            "b.JPG": b"1",
            "b.txt": b"two\nlines\n",
            "a/x.y.png": b"2",
            "a/x.y.TXT": b"\xef\xbb\xbfdotted",
            "c.flac": b"3",
            "c.txt": b"",
            "both.jpg": b"4",
            "both.wav": b"5",
            "both.txt": b"t",
            "twice.jpg": b"6",
            "twice.png": b"7",
            "twice.txt": b"u",
            "README.txt": b"no caption",
            "notes.md": b"",
            ".hidden.jpg": b"",
        },
    )
    assert found(read(tmp_path)) == [
        ("a/x.y.png", "dotted", None),
        ("b.JPG", "two\nlines", None),
        ("both.jpg", "t", "t"),
        ("c.flac", None, ""),
        ("twice.jpg", "u", None),
        ("twice.png", "u", None),
    ]


def test_what_is_wrong_is_named(tmp_path: Path) -> None:
    fill(
        tmp_path,
        {
            "alone.jpg": b"1",
            "big.jpg": b"1",
            "big.txt": b"x" * 11,
            "latin.jpg": b"1",
            "latin.txt": b"caf\xe9",
            "lost.txt": b"text of a lost picture",
            "nul.jpg": b"1",
            "nul.txt": b"a\0b",
            "ok.jpg": b"1",
            "ok.txt": b"x",
        },
    )
    (tmp_path / "dir.txt").mkdir()
    assert found(read(tmp_path, max_text_bytes=10)) == [
        ("alone.jpg", "missing_text"),
        ("big.jpg", "text_too_long"),
        ("latin.jpg", "encoding"),
        ("lost.txt", "missing_media"),
        ("nul.jpg", "nul_bytes"),
        ("ok.jpg", "x", None),
    ]
    assert read(tmp_path, encoding="latin-1")[2].caption == "caf\u00e9"


def test_media_without_any_text_have_no_caption(tmp_path: Path) -> None:
    fill(tmp_path, {"a.jpg": b"1", "b.wav": b"2"})
    assert found(read(tmp_path)) == [("a.jpg", None, None), ("b.wav", None, None)]


def test_names_that_are_not_utf_8(tmp_path: Path) -> None:
    with open(os.fsencode(tmp_path) + b"/caf\xe9.jpg", "wb") as file:
        file.write(b"1")
    (sample,) = read(tmp_path)
    assert sample.problem is not None
    assert sample.problem.cause == "encoding"
    json.dumps(sample.row, ensure_ascii=False).encode("utf-8")
    sample.id.encode("utf-8")


def test_linked_folders_are_followed_once(tmp_path: Path) -> None:
    fill(tmp_path / "real", {"a.jpg": b"1"})
    fill(tmp_path / "set", {"b.jpg": b"1"})
    (tmp_path / "set" / "more").symlink_to(tmp_path / "real")
    (tmp_path / "set" / "loop").symlink_to(tmp_path / "set")
    assert [s.id for s in read(tmp_path / "set")] == ["b.jpg", "more/a.jpg"]


def test_write_media_makes_an_equal_folder(tmp_path: Path) -> None:
    source = fill(tmp_path / "in", {"s/a.jpg": b"1", "s/a.txt": b"x", "b.wav": b"2", "b.txt": b"y", "lost.txt": b"z"})
    samples = read(source)
    rows = [OutputRow(sample=sample, extra={"mmcheck_action": "keep"}) for sample in samples]
    (file,) = FolderFormat(InputConfig()).write(rows, tmp_path / "out", "clean", OutputConfig(write_media=True))
    again = read(file.parent)
    assert found(again) == found(samples)
    assert [json.loads(line)["file_name"] for line in file.read_text().splitlines()[:1]] == ["b.wav"]
    assert (file.parent / "s" / "a.jpg").read_bytes() == b"1"


def test_a_remote_folder() -> None:
    memory = fsspec.filesystem("memory")
    memory.pipe("/album/x/a.jpg", b"1")
    memory.pipe("/album/x/a.txt", b"text")
    (sample,) = read("memory://album")
    assert (sample.id, sample.caption) == ("x/a.jpg", "text")
    assert sample.image is not None
    assert sample.image.uri == "memory://album/x/a.jpg"


def test_a_folder_without_media_is_an_error(tmp_path: Path) -> None:
    fill(tmp_path, {"a.txt": b"x"})
    with pytest.raises(ManifestError, match="no image and no recording"):
        read(tmp_path)


def test_texts_of_other_names_are_read(tmp_path: Path) -> None:
    files = {
        "b.jpg": "", "b.caption": "a boat", "d.jpg": "", "d.jpg.txt": "a door", "e.JPG": "", "e.TXT": "an eel",
        "f.webp": "", "f.json": "{}", "g.png": "", "g.txt": "first", "g.caption": "second",
        "h.wav": "", "h.lab": "hello",
        "i.wav": "", "i.normalized.txt": "one", "i.original.txt": "1", "j.png": "", "j.jpg": "", "j.png.txt": "png",
        "k.caption": "of nothing", "l.txt": "of nothing", "readme.txt": "",
    }  # fmt: skip
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    samples = list(FolderFormat(InputConfig()).read(str(tmp_path)))
    assert {sample.id: sample.caption or sample.transcript for sample in samples if sample.problem is None} == {
        "b.jpg": "a boat", "d.jpg": "a door", "e.JPG": "an eel", "g.png": "first", "h.wav": "hello", "i.wav": "one",
        "j.png": "png",
    }  # fmt: skip
    problems = {sample.id: sample.problem.message for sample in samples if sample.problem}
    assert set(problems) == {"f.webp", "j.jpg", "l.txt"}
    assert "f.json has no caption or transcript in it" in problems["f.webp"]
