"""Bytes from files, archives, Parquet cells and a server on this machine; and everything that must not be opened."""

from __future__ import annotations

import gzip
import http.server
import io
import os
import socket
import tarfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from mmcheck.core.errors import MediaError
from mmcheck.core.types import MediaRef
from mmcheck.media import archive_cursors, parquet_cells, remote
from mmcheck.media.source import MediaSource


@pytest.fixture
def source() -> Iterator[MediaSource]:
    made = MediaSource(allow_remote=False)
    yield made
    made.close()


def cause_of(read: Callable[[], bytes]) -> tuple[str, str]:
    with pytest.raises(MediaError) as error:
        read()
    return error.value.cause, str(error.value)


def test_local_files_by_path_and_file_url(tmp_path: Path, source: MediaSource) -> None:
    path = tmp_path / "straße 图.jpg"
    path.write_bytes(b"data")
    assert source.read(MediaRef(uri=str(path))) == b"data"
    assert source.read(MediaRef(uri=f"file://{path}")) == b"data"


@pytest.mark.parametrize(
    ("existing", "asked"),
    [
        ("Photo.JPG", "photo.jpg"),
        ("a.png", "a.jpg"),
        ("cafe\u0301.jpg", "caf\u00e9.jpg"),
        ("img_0001.jpg", "img_001.jpg"),
    ],
)
def test_a_missing_file_names_its_nearest(existing: str, asked: str, tmp_path: Path, source: MediaSource) -> None:
    (tmp_path / existing).write_bytes(b"x")
    cause, text = cause_of(lambda: source.read(MediaRef(uri=str(tmp_path / asked))))
    assert cause == "missing"
    assert existing in text


def test_a_missing_folder_is_named(tmp_path: Path, source: MediaSource) -> None:
    cause, text = cause_of(lambda: source.read(MediaRef(uri=str(tmp_path / "no" / "such" / "x.jpg"))))
    assert cause == "missing"
    assert f"{tmp_path} does" in text


def test_many_missing_files_in_a_big_folder_are_quick(tmp_path: Path, source: MediaSource) -> None:
    for number in range(3000):
        (tmp_path / f"{number:05d}.txt").touch()
    began = time.perf_counter()
    for number in range(1000):
        cause_of(lambda number=number: source.read(MediaRef(uri=str(tmp_path / f"gone{number}.jpg"))))
    assert time.perf_counter() - began < 3


def test_what_is_no_regular_file_is_refused_at_once(tmp_path: Path, source: MediaSource) -> None:
    os.mkfifo(tmp_path / "fifo.jpg")
    bound = socket.socket(socket.AF_UNIX)
    bound.bind(str(tmp_path / "s"))
    for uri, wanted in (
        (str(tmp_path), "is_directory"),
        (str(tmp_path / "fifo.jpg"), "not_a_file"),
        (str(tmp_path / "s"), "not_a_file"),
        ("/dev/zero", "not_a_file"),
        (str(tmp_path / "x\0y"), "bad_path"),
        (str(tmp_path / ("x" * 5000)), "bad_path"),
        (str(tmp_path / "lone\udc80\ud800.jpg"), "bad_path"),
    ):
        assert cause_of(lambda uri=uri: source.read(MediaRef(uri=uri)))[0] == wanted, uri
    bound.close()


def test_links_in_a_circle_are_a_bad_path(tmp_path: Path, source: MediaSource) -> None:
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    assert cause_of(lambda: source.read(MediaRef(uri=str(tmp_path / "a"))))[0] == "bad_path"


def test_empty_and_oversized_files(tmp_path: Path) -> None:
    source = MediaSource(allow_remote=False, max_bytes=100)
    (tmp_path / "empty.jpg").touch()
    (tmp_path / "big.jpg").write_bytes(bytes(101))
    (tmp_path / "fits.jpg").write_bytes(bytes(100))
    assert cause_of(lambda: source.read(MediaRef(uri=str(tmp_path / "empty.jpg"))))[0] == "empty"
    assert cause_of(lambda: source.read(MediaRef(uri=str(tmp_path / "big.jpg"))))[0] == "too_large"
    assert len(source.read(MediaRef(uri=str(tmp_path / "fits.jpg")))) == 100


def test_permission_denied(tmp_path: Path, source: MediaSource) -> None:
    path = tmp_path / "x.jpg"
    path.write_bytes(b"x")
    path.chmod(0)
    is_root = os.geteuid() == 0
    if is_root:
        os.seteuid(65534)
    try:
        cause, _ = cause_of(lambda: source.read(MediaRef(uri=str(path))))
    finally:
        if is_root:
            os.seteuid(0)
    assert cause == "permission_denied"


def test_a_byte_range_and_one_that_the_archive_lacks(tmp_path: Path, source: MediaSource) -> None:
    path = tmp_path / "x.tar"
    path.write_bytes(b"0123456789")
    assert source.read(MediaRef(uri=str(path), member="m", offset=3, size=4)) == b"3456"
    cause, text = cause_of(lambda: source.read(MediaRef(uri=str(path), member="m", offset=8, size=4)))
    assert cause == "truncated"
    assert "m should have 4 bytes" in text


MEMBERS = {f"{number:04d}.jpg": bytes([number % 251]) * (50 + number) for number in range(200)}


def make_tar() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, data in MEMBERS.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


@pytest.fixture(params=["gz", "zst", "xz", "bz2", "plain"])
def packed(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    import bz2
    import lzma

    pack: dict[str, Callable[[bytes], bytes]] = {
        "gz": gzip.compress,
        "zst": lambda data: zstandard.ZstdCompressor().compress(data),
        "xz": lzma.compress,
        "bz2": bz2.compress,
        "plain": bytes,
    }
    path = tmp_path / f"shard.tar.{request.param}"
    path.write_bytes(pack[request.param](make_tar()))
    return path


def test_members_of_compressed_tars_in_any_order(packed: Path, source: MediaSource) -> None:
    names = list(MEMBERS)
    for name in [*names, *reversed(names), names[7], names[7]]:
        assert source.read(MediaRef(uri=str(packed), member=name)) == MEMBERS[name]
    cause, text = cause_of(lambda: source.read(MediaRef(uri=str(packed), member="none.jpg")))
    assert cause == "missing"
    assert "none.jpg" in text


def count_opens(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    opened: list[str] = []
    real = MediaSource._open_container

    def counted(self: MediaSource, uri: str) -> object:
        opened.append(uri)
        return real(self, uri)

    monkeypatch.setattr(MediaSource, "_open_container", counted)
    return opened


def test_reading_forward_opens_the_archive_once(packed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = count_opens(monkeypatch)
    source = MediaSource(allow_remote=False)
    with ThreadPoolExecutor(4) as threads:
        refs = [MediaRef(uri=str(packed), member=name) for name in MEMBERS]
        assert list(threads.map(source.read, refs)) == list(MEMBERS.values())
    assert len(opened) == 1
    for _ in range(50):
        cause_of(lambda: source.read(MediaRef(uri=str(packed), member="none.jpg")))
    assert len(opened) == 1, "a whole pass shows that a member is missing; asking again must cost nothing"


def test_members_that_were_forgotten_are_found_again(packed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive_cursors, "_KEPT_BYTES", 1000)
    source = MediaSource(allow_remote=False)
    for name in [*MEMBERS, *list(MEMBERS)[:3]]:
        assert source.read(MediaRef(uri=str(packed), member=name)) == MEMBERS[name]


def test_a_damaged_archive_keeps_what_lies_before_the_damage(tmp_path: Path, source: MediaSource) -> None:
    path = tmp_path / "cut.tar.gz"
    whole = gzip.compress(make_tar(), compresslevel=1)
    path.write_bytes(whole[: len(whole) // 2])
    first, last = next(iter(MEMBERS)), list(MEMBERS)[-1]
    assert source.read(MediaRef(uri=str(path), member=first)) == MEMBERS[first]
    for _ in range(3):
        assert cause_of(lambda: source.read(MediaRef(uri=str(path), member=last)))[0] == "truncated"
    assert source.read(MediaRef(uri=str(path), member=first)) == MEMBERS[first]


@pytest.mark.parametrize("group_rows", [7, 1000])
@pytest.mark.parametrize("walks", [False, True])
def test_cells_of_parquet(
    group_rows: int, walks: bool, tmp_path: Path, source: MediaSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    if walks:
        monkeypatch.setattr(parquet_cells, "_WHOLE_GROUP_BYTES", 0)
    (tmp_path / "beside.jpg").write_bytes(b"beside")
    cells: list[Any] = [b"cell%d" % number for number in range(100)]
    structs = [{"bytes": cell, "path": "x.jpg"} for cell in cells]
    structs[5] = {"bytes": None, "path": "beside.jpg"}
    structs[6] = None
    table = pa.table({"jpg": pa.array(cells, pa.binary()), "image": structs, "path": ["beside.jpg"] * 100})
    path = tmp_path / "data.parquet"
    pq.write_table(table, path, row_group_size=group_rows)

    def read(member: str) -> bytes:
        return source.read(MediaRef(uri=str(path), member=member))

    for row in [*range(100), 50, 3, 99, 0]:
        assert read(f"jpg[{row}]") == cells[row]
    assert read("image[4]") == b"cell4"
    assert read("image[5]") == b"beside"
    assert read("path[9]") == b"beside"
    assert cause_of(lambda: read("image[6]"))[0] == "missing"
    assert cause_of(lambda: read("jpg[100]"))[0] == "missing"
    assert cause_of(lambda: read("other[0]"))[0] == "missing"


def test_reading_cells_forward_decodes_each_group_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "data.parquet"
    pq.write_table(pa.table({"jpg": [b"x%d" % row for row in range(200)]}), path, row_group_size=20)
    groups: list[int] = []
    real = parquet_cells._Reader._whole_group
    monkeypatch.setattr(
        parquet_cells._Reader,
        "_whole_group",
        lambda self, column, group: groups.append(group) or real(self, column, group),
    )
    source = MediaSource(allow_remote=False)
    with ThreadPoolExecutor(4) as threads:
        refs = [MediaRef(uri=str(path), member=f"jpg[{row}]") for row in range(200)]
        assert list(threads.map(source.read, refs)) == [b"x%d" % row for row in range(200)]
    assert sorted(groups) == list(range(10))


def test_a_broken_parquet_file_is_a_media_error(tmp_path: Path, source: MediaSource) -> None:
    path = tmp_path / "data.parquet"
    path.write_bytes(b"PAR1" + bytes(100))
    assert cause_of(lambda: source.read(MediaRef(uri=str(path), member="jpg[0]")))[0] == "undecodable"


def test_segments_of_one_file_read_it_once(tmp_path: Path, source: MediaSource) -> None:
    path = tmp_path / "long.wav"
    path.write_bytes(b"sound")
    assert source.read(MediaRef(uri=str(path), start=0.0, duration=1.0)) == b"sound"
    path.unlink()
    assert source.read(MediaRef(uri=str(path), start=1.0, duration=1.0)) == b"sound"


def test_remote_addresses_need_permission(source: MediaSource) -> None:
    for uri in ("http://127.0.0.1:9/x.jpg", "s3://bucket/x.jpg", "zip://x.jpg::http://h/y.zip", "HTTPS://h/x"):
        cause, text = cause_of(lambda uri=uri: source.read(MediaRef(uri=uri)))
        assert cause == "remote_not_allowed"
        assert "allow_remote" in text


class _Handler(http.server.BaseHTTPRequestHandler):
    failures = 0

    def do_GET(self) -> None:
        body = b"0123456789"
        if self.path == "/flaky" and type(self).failures > 0:
            type(self).failures -= 1
            self.send_error(503)
        elif self.path in ("/gone", "/secret"):
            self.send_error(404 if self.path == "/gone" else 403)
        elif self.path == "/slow":
            time.sleep(1.5)
        elif self.path == "/short":
            self.send_response(200)
            self.send_header("Content-Length", "50")
            self.end_headers()
            self.wfile.write(body)
        else:
            asked = self.headers.get("Range") if self.path == "/ranged" else None
            if asked:
                low, high = asked.removeprefix("bytes=").split("-")
                body = body[int(low) : int(high) + 1]
            self.send_response(206 if asked else 200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setattr(remote, "_PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(remote, "WAIT_SECONDS", 0.3)
    monkeypatch.setenv("no_proxy", "*")
    made = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{made.server_address[1]}"
    made.shutdown()
    made.server_close()


def test_http_reads_ranges_retries_and_gives_up(server: str) -> None:
    source = MediaSource(allow_remote=True, max_bytes=20)
    assert source.read(MediaRef(uri=f"{server}/x.jpg")) == b"0123456789"
    for path in ("ranged", "whole"):  # the second server ignores Range
        assert source.read(MediaRef(uri=f"{server}/{path}", member="m", offset=2, size=3)) == b"234"
    _Handler.failures = 2
    assert source.read(MediaRef(uri=f"{server}/flaky")) == b"0123456789"
    _Handler.failures = 99
    for path, wanted in (
        ("flaky", "unreachable"),
        ("gone", "missing"),
        ("secret", "permission_denied"),
        ("slow", "unreachable"),
        ("short", "too_large"),
    ):
        assert cause_of(lambda path=path: source.read(MediaRef(uri=f"{server}/{path}")))[0] == wanted, path
    roomy = MediaSource(allow_remote=True)
    assert cause_of(lambda: roomy.read(MediaRef(uri=f"{server}/short")))[0] == "unreachable"
    assert (
        cause_of(lambda: MediaSource(allow_remote=True, max_bytes=5).read(MediaRef(uri=f"{server}/x")))[0]
        == "too_large"
    )


def test_other_storage_goes_through_fsspec() -> None:
    import fsspec

    with fsspec.open("memory://bucket/x.jpg", "wb") as file:
        file.write(b"remembered")
    source = MediaSource(allow_remote=True)
    assert source.read(MediaRef(uri="memory://bucket/x.jpg")) == b"remembered"
    assert source.read(MediaRef(uri="memory://bucket/x.jpg", member="m", offset=2, size=3)) == b"mem"
    assert cause_of(lambda: source.read(MediaRef(uri="memory://bucket/none.jpg")))[0] == "missing"
    assert cause_of(lambda: source.read(MediaRef(uri="nosuch://x/y.jpg")))[0] in ("bad_path", "missing_dependency")
