"""Compressed manifests: read and written in each way, cut ones noticed, bombs bounded."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import json
import lzma
import tarfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import mmcheck
from mmcheck.formats import compression
from mmcheck.formats.compression import HEAD, packed, packing_of, unpacked, without_packing

PACK: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.compress,
    ".zst": zstandard.ZstdCompressor().compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
}


def read(data: bytes) -> bytes:
    with unpacked(io.BytesIO(data), data[:HEAD]) as file:
        return file.read()


@pytest.mark.parametrize("suffix", PACK)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=30)
@given(st.binary(max_size=3000), st.binary(max_size=100))
def test_any_number_of_streams(suffix: str, first: bytes, second: bytes) -> None:
    pack = PACK[suffix]
    assert read(pack(first) + pack(second)) == first + second
    file = io.BytesIO()
    with packed(file, suffix) as sink:
        sink.write(first)
    assert read(file.getvalue()) == first
    assert packing_of(file.getvalue()[:HEAD]) is not None


@pytest.mark.parametrize("data", [b"", b"B", b"BZh9 is a word", b"\x1f", b"plain text", b"BZh91AY is no block"])
def test_what_is_not_compressed_stays(data: bytes) -> None:
    assert read(data) == data


@pytest.mark.parametrize("suffix", PACK)
def test_a_cut_stream_is_told(suffix: str) -> None:
    whole = PACK[suffix](bytes(range(256)) * 500)
    for end in (len(whole) - 1, len(whole) // 2):
        with pytest.raises(compression.STREAM_ERRORS):
            read(whole[:end])


@pytest.mark.parametrize("suffix", PACK)
def test_a_bomb_is_refused_and_never_held_whole(suffix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = PACK[suffix](bytes(64 << 20))
    monkeypatch.setattr(compression, "MAX_FREE_BYTES", 8 << 20)
    seen: list[int] = []
    with unpacked(io.BytesIO(bomb), bomb[:HEAD]) as file, pytest.raises(EOFError, match="decompression bomb"):
        seen.extend(len(block) for block in iter(partial(file.read, 1 << 16), b""))
    assert sum(seen) < 24 << 20


def test_names() -> None:
    assert [without_packing(name) for name in ("a.jsonl.gz", "a.csv.XZ", "a.jsonl", "b.tsv.zstd")] == [
        *("a.jsonl", "a.csv", "a.jsonl", "b.tsv"),
    ]


@pytest.mark.parametrize("suffix", PACK)
@pytest.mark.parametrize("name", ["m.jsonl", "m.csv"])
def test_a_scan_writes_as_it_read(tmp_path: Path, picture: Callable[..., Any], name: str, suffix: str) -> None:
    for number in range(3):
        picture(seed=number).save(tmp_path / f"{number}.png")
    rows = [{"image": f"{n}.png", "caption": f"a red square, number {n}"} for n in range(3)]
    lines = ["image,caption", *(f'{row["image"]},"{row["caption"]}"' for row in rows)]
    text = "\n".join(map(json.dumps, rows) if name == "m.jsonl" else lines) + "\n"
    (tmp_path / f"{name}{suffix}").write_bytes(PACK[suffix](text.encode()))
    run = mmcheck.scan(tmp_path / f"{name}{suffix}", tmp_path / "run", probes=["media", "caption_text"])
    assert run.summary["rows_read"] == 3
    written = [path.read_bytes() for path in (tmp_path / "run").glob(f"*/{name}{suffix}")]
    assert written
    assert all(packing_of(data[:HEAD]) for data in written)
    assert b"".join(map(read, written)).count(b"a red square") == 3
    # What was written is read again.
    again = mmcheck.scan(f"{tmp_path}/run/*/{name}{suffix}", tmp_path / "again", probes=["media", "caption_text"])
    assert again.summary["rows_read"] == 3


def test_a_cut_manifest_ends_with_a_row_that_says_so(tmp_path: Path, picture: Callable[..., Any]) -> None:
    picture().save(tmp_path / "0.png")
    words = [hashlib.sha256(bytes([n % 256, n // 256])).hexdigest() for n in range(5000)]
    text = "".join(json.dumps({"image": "0.png", "caption": f"number {word}"}) + "\n" for word in words)
    packed_text = bz2.compress(text.encode(), 1)
    (tmp_path / "m.jsonl.bz2").write_bytes(packed_text[: len(packed_text) // 2])
    run = mmcheck.scan(tmp_path / "m.jsonl.bz2", tmp_path / "run", probes=["caption_text"])
    assert run.summary["findings"]["broken_row.manifest_cut_short"] == 1
    assert 0 < run.summary["rows_read"] < 5000


@pytest.mark.parametrize("suffix", PACK)
def test_tars(tmp_path: Path, picture_bytes: Callable[..., bytes], picture: Callable[..., Any], suffix: str) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for number in range(3):
            for ending, data in ((".png", picture_bytes(picture(seed=number), "PNG")), (".txt", b"a red square")):
                info = tarfile.TarInfo(f"{number:03d}{ending}")
                info.size = len(data)
                archive.addfile(info, io.BytesIO(data))
    shard = tmp_path / f"shard.tar{suffix}"
    shard.write_bytes(PACK[suffix](buffer.getvalue()))
    run = mmcheck.scan(shard, tmp_path / "run", probes=["media"], overrides=["output.write_media=true"])
    assert run.summary["rows_read"] == 3
    assert not run.summary["findings"].get("unreadable_media.missing")
    shards = list((tmp_path / "run").glob(f"*/shard.tar{suffix}"))
    assert shards
    assert all(packing_of(path.read_bytes()[:HEAD]) for path in shards)
