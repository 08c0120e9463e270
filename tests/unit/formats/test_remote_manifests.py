"""Manifests on other machines: over a real server, and over file systems with files of their own kind."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import fsspec
import pytest
import zstandard
from fsspec.spec import AbstractBufferedFile, AbstractFileSystem

from mmcheck.config import InputConfig
from mmcheck.core.errors import ManifestError
from mmcheck.core.parts import FORMATS
from mmcheck.formats.detect import detect_format
from mmcheck.formats.text_source import open_raw

FILES = {
    "m.jsonl": b'{"image": "a.jpg", "caption": "x"}\n{"image": "b.jpg", "caption": "y"}\n',
    "m.csv": b"filepath,title\na.jpg,x\nb.jpg,y\n",
    "m.tsv": b"filepath\ttitle\na.jpg\tx\nb.jpg\ty\n",
    "manifest.json": b'{"audio_filepath": "a.wav", "text": "x"}\n{"audio_filepath": "b.wav", "text": "y"}\n',
}
FILES |= {f"{name}.gz": gzip.compress(data) for name, data in list(FILES.items())[:2]}
FILES["m.jsonl.zst"] = zstandard.compress(FILES["m.jsonl"])


class PlainFile(AbstractBufferedFile):  # type: ignore[misc]
    """A remote file as fsspec's own: its ``readline`` takes no limit."""

    def _fetch_range(self, start: int, end: int) -> bytes:
        return FILES[self.path][start:end]


class OneWayFile(PlainFile):
    """A file of a server that sends no parts."""

    def seekable(self) -> bool:
        return False

    def seek(self, *_: Any) -> int:
        raise ValueError("cannot seek")


class PlainFileSystem(AbstractFileSystem):  # type: ignore[misc]
    protocol = "plaintest"
    kind: type[AbstractBufferedFile] = PlainFile

    def isdir(self, path: str) -> bool:
        return False

    def _open(self, path: str, **_: Any) -> Any:
        return self.kind(self, path, size=len(FILES[path]))


class OneWayFileSystem(PlainFileSystem):
    protocol = "onewaytest"
    kind = OneWayFile


def read(manifest: str) -> list[str | None]:
    part = FORMATS.get(detect_format(manifest, InputConfig()))(InputConfig())
    return [sample.caption or sample.transcript for sample in part.read(manifest)]


@pytest.mark.parametrize("kind", [PlainFileSystem, OneWayFileSystem])
@pytest.mark.parametrize("name", FILES)
def test_every_kind_of_remote_file_is_read(name: str, kind: type[PlainFileSystem]) -> None:
    fsspec.register_implementation(kind.protocol, kind, clobber=True)
    assert read(f"{kind.protocol}://{name}") == ["x", "y"]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    pytest.importorskip("aiohttp", reason="http(s) wants mmcheck[remote]")
    for name, data in FILES.items():
        (tmp_path / name).write_bytes(data)
    handler = partial(SimpleHTTPRequestHandler, directory=str(tmp_path))
    httpd = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=httpd.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{httpd.server_address[1]}"
    httpd.shutdown()
    thread.join()


@pytest.mark.parametrize("name", FILES)
def test_over_a_server_that_sends_no_parts(server: str, name: str) -> None:
    assert read(f"{server}/{name}") == ["x", "y"]


def test_a_remote_manifest_that_is_not_there(server: str) -> None:
    with pytest.raises(ManifestError, match="does not exist"):
        open_raw(f"{server}/none.jsonl")
