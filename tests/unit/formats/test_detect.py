from __future__ import annotations

import gzip
import json
from pathlib import Path

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mmcheck.config import InputConfig
from mmcheck.core.errors import ConfigError, ManifestError
from mmcheck.formats.detect import detect_format, expand_manifests


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


@pytest.mark.parametrize(
    ("data", "seen"),
    [
        (b"", "an empty file"),
        (b'[["a.jpg", "a cat"]]', "one JSON array whose first elements are no objects"),
        (b" [ ]\n", "an empty JSON array"),
        (b'{\n "image": "a.jpg"\n}', "not one object a line"),
        (b'{"images": [\n {"file":\n "a.jpg"}\n', "not one object a line"),
        (b'{"images": [' + b'{"file": "a.jpg"}, ' * 5000, "not one object a line"),
        (b'{"image": "a.jpg", "capt', "first row is cut short"),
        (b"\x89PNG\r\n\x1a\n" + bytes(99), "a PNG image"),
        (b"PK\x03\x04" + bytes(99), "a ZIP archive"),
        (bytes(range(256)), "binary data"),
        (b"Once upon a time\nthere was", "text that begins with 'Once upon a time'"),
        (gzip.compress(b"x" * 9999, mtime=0)[:11], "a compressed file that is cut short"),
    ],
)
def test_what_fits_nothing_is_described(tmp_path: Path, data: bytes, seen: str) -> None:
    (tmp_path / "m").write_bytes(data)
    with pytest.raises(ManifestError, match="in no known format") as caught:
        detect_format(str(tmp_path / "m"), InputConfig())
    assert seen in caught.value.message
    assert caught.value.hint


def test_a_folder_without_media_is_described(tmp_path: Path) -> None:
    touch(tmp_path, "a.xyz", "b.md")
    with pytest.raises(ManifestError, match=r"2 files: \.md, \.xyz"):
        detect_format(str(tmp_path), InputConfig())
    (tmp_path / "none").mkdir()
    with pytest.raises(ManifestError, match="it is empty"):
        detect_format(str(tmp_path / "none"), InputConfig())


def test_content_counts_not_the_name(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text(json.dumps({"image": "a.jpg", "caption": "x"}))
    (tmp_path / "m.jsonl").write_text("filepath\ttitle\na.jpg\tx\n")
    pq.write_table(pa.table({"image": ["a.jpg"]}), tmp_path / "m.txt")
    found = [detect_format(str(tmp_path / name), InputConfig()) for name in ("m.csv", "m.jsonl", "m.txt")]
    assert found == ["jsonl", "csv", "parquet"]


def test_a_broken_first_line_does_not_hide_the_format(tmp_path: Path) -> None:
    (tmp_path / "m").write_text('{"image": \n{"image": "a.jpg", "caption": "x"}\n')
    assert detect_format(str(tmp_path / "m"), InputConfig()) == "jsonl"
    (tmp_path / "m").write_text('oops\n{"audio_filepath": "a.wav"}\n{"audio_filepath": "b.wav"}\n')
    assert detect_format(str(tmp_path / "m"), InputConfig()) == "nemo"


def test_empty_files_are_known_by_name(tmp_path: Path) -> None:
    touch(tmp_path, "m.jsonl", "m.tsv")
    assert detect_format(str(tmp_path / "m.jsonl"), InputConfig()) == "jsonl"
    assert detect_format(str(tmp_path / "m.tsv"), InputConfig()) == "csv"


def test_a_format_may_be_forced(tmp_path: Path) -> None:
    assert detect_format(str(tmp_path / "whatever"), InputConfig(format="csv")) == "csv"
    with pytest.raises(ConfigError, match="'jsnol'"):
        detect_format(str(tmp_path), InputConfig(format="jsnol"))


def test_absent_and_forbidden_manifests(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="does not exist"):
        detect_format(str(tmp_path / "no.jsonl"), InputConfig())


def test_patterns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    touch(tmp_path, "000.tar", "001.tar", "002.tar", "10.tar", "a/m.jsonl", "a/b/m.jsonl", "odd{1,2}.csv", "x[1].csv")
    (tmp_path / "pictures").mkdir()
    touch(tmp_path, "pictures/a.jpg")

    def names(*patterns: str) -> list[str]:
        return [Path(p).relative_to(tmp_path).as_posix() for p in expand_manifests(patterns)]

    assert names("{000..002}.tar") == ["000.tar", "001.tar", "002.tar"]
    assert names("{001..000}.tar") == ["001.tar", "000.tar"]
    assert names("{002,000}.tar", "000.tar") == ["002.tar", "000.tar"]
    assert names("00*.tar", "./001.tar", str(tmp_path / "000.tar")) == ["000.tar", "001.tar", "002.tar"]
    assert names("a/**/m.jsonl") == ["a/b/m.jsonl", "a/m.jsonl"]
    assert names("odd{1,2}.csv", "x[1].csv") == ["odd{1,2}.csv", "x[1].csv"]
    assert names("pictures") == ["pictures"]
    assert names(f"file://{tmp_path}/10.tar") == ["10.tar"]


@pytest.mark.parametrize("pattern", ["no.jsonl", "*.nothing", "{000..003}.tar", "gone/x.csv"])
def test_a_pattern_that_matches_nothing_is_an_error(tmp_path: Path, pattern: str) -> None:
    touch(tmp_path, "000.tar", "001.tar", "002.tar", "now.jsonl")
    with pytest.raises(ManifestError) as caught:
        expand_manifests([str(tmp_path / pattern)])
    assert caught.value.hint
    if ".." in pattern:
        assert "003.tar" in caught.value.message
    if pattern == "no.jsonl":
        assert "now.jsonl" in caught.value.hint


def test_nothing_at_all_is_an_error() -> None:
    with pytest.raises(ManifestError):
        expand_manifests([])


def test_folders_of_shards_are_their_shards(tmp_path: Path) -> None:
    touch(tmp_path, "wds/1.tar", "wds/0.tar", "wds/0.parquet", "wds/0_stats.json", "pq/b.parquet", "pq/a.parquet")
    touch(tmp_path, "hf/metadata.parquet", "mixed/a.jpg", "mixed/x.tar")
    found = expand_manifests([str(tmp_path / name) for name in ("wds", "pq", "hf", "mixed")])
    relative = [Path(path).relative_to(tmp_path).as_posix() for path in found]
    assert relative == ["wds/0.tar", "wds/1.tar", "pq/a.parquet", "pq/b.parquet", "hf", "mixed"]


def test_a_folder_with_a_manifest_is_that_manifest(tmp_path: Path) -> None:
    touch(tmp_path, "audio/a.wav", "b.wav", "notes.csv")
    (tmp_path / "manifest.jsonl").write_text('{"audio_filepath": "audio/a.wav", "text": "x"}')
    (tmp_path / "stats.jsonl").write_text('{"loss": 1.5}')
    (tmp_path / "none.jsonl").touch()
    (tmp_path / "notes.csv").write_text("some prose")
    assert expand_manifests([str(tmp_path)]) == [str(tmp_path / "manifest.jsonl")]
    touch(tmp_path, "b.txt")
    assert expand_manifests([str(tmp_path)]) == [str(tmp_path)]


def test_urls() -> None:
    memory = fsspec.filesystem("memory")
    memory.pipe("/globbed/b.jsonl", b'{"image": "a.jpg", "caption": "x"}')
    memory.pipe("/globbed/a.jsonl", b"")
    assert expand_manifests(["memory://globbed/*.jsonl"]) == ["memory:///globbed/a.jsonl", "memory:///globbed/b.jsonl"]
    assert expand_manifests(["memory://globbed/b.jsonl"]) == ["memory://globbed/b.jsonl"]
    assert detect_format("memory://globbed/b.jsonl", InputConfig()) == "jsonl"
    with pytest.raises(ManifestError, match="matches nothing"):
        expand_manifests(["memory://globbed/*.csv"])
