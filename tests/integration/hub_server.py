"""A stand-in for the Hugging Face hub on 127.0.0.1: the endpoints that huggingface_hub asks, over files in
memory.

It also plays the faults of a real one: gated and missing repositories, files cut short, and a server that
accepts a connection and never answers.
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

_API = re.compile(
    r"/api/(?:models|datasets)/(?P<repo>[^/]+/[^/]+)"
    r"(?:/(?P<what>revision|tree|paths-info)/(?P<revision>[^/]+)(?:/(?P<below>.+))?)?/?"
)
_FILE = re.compile(r"/(?:datasets/)?(?P<repo>[^/]+/[^/]+)/resolve/(?P<revision>[^/]+)/(?P<file>.+)")
_LFS_SUFFIXES = (".safetensors", ".bin", ".model", ".parquet")


class StandInHub:
    """Serves repositories; use as a context manager.

    Args:
        repos: Repository name -> file name -> content.
    """

    def __init__(self, repos: dict[str, dict[str, bytes]]) -> None:
        self.repos = repos
        self.gated: set[str] = set()
        self.cut: dict[str, int] = {}
        """File name -> bytes that are really sent of it."""
        self.flipped: set[str] = set()
        """Files that arrive with one byte changed."""
        self.status: int | None = None
        """If set, every request is answered with this status."""
        self.stalls = threading.Event()
        """While set, requests are accepted and not answered."""
        self.requests: list[str] = []
        self._stop = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> StandInHub:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._server.shutdown()
        self._server.server_close()

    def commit(self, repo: str) -> str:
        return hashlib.sha1(repo.encode(), usedforsecurity=False).hexdigest()

    def info(self, repo: str) -> dict[str, Any]:
        siblings = []
        for name, content in self.repos[repo].items():
            entry: dict[str, Any] = {"rfilename": name, "size": len(content), "blobId": etag_of(name, content)}
            if name.endswith(_LFS_SUFFIXES):
                entry["lfs"] = {
                    "sha256": hashlib.sha256(content).hexdigest(),
                    "size": len(content),
                    "pointerSize": 134,
                }
            siblings.append(entry)
        return {
            "id": repo,
            "modelId": repo,
            "sha": self.commit(repo),
            "private": False,
            "gated": False,
            "tags": [],
            "downloads": 0,
            "likes": 0,
            "siblings": siblings,
        }

    def tree(self, repo: str) -> list[dict[str, Any]]:
        rows = []
        for name, content in self.repos[repo].items():
            row: dict[str, Any] = {"type": "file", "path": name, "size": len(content), "oid": etag_of(name, content)}
            if name.endswith(_LFS_SUFFIXES):
                digest = hashlib.sha256(content).hexdigest()
                row["lfs"] = {"oid": digest, "size": len(content), "pointerSize": 134}
            rows.append(row)
        return rows

    def below(self, repo: str, folder: str, *, is_deep: bool) -> list[dict[str, Any]]:
        """Return the entries of a folder as the hub lists them, folders included."""
        start = f"{folder}/" if folder else ""
        found = [row for row in self.tree(repo) if row["path"].startswith(start)]
        parents = {parent.as_posix() for row in found for parent in Path(row["path"]).parents}
        inner = sorted(name for name in parents if name != "." and name.startswith(start) and name != folder)
        oid = self.commit(repo)
        found = [*({"type": "directory", "path": name, "size": 0, "oid": oid} for name in inner), *found]
        return [row for row in found if is_deep or "/" not in row["path"].removeprefix(start)]

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        hub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: object) -> None:
                return

            def do_HEAD(self) -> None:
                self._answer(with_body=False)

            def do_GET(self) -> None:
                self._answer(with_body=True)

            def do_POST(self) -> None:
                self._answer(with_body=True)

            def _answer(self, *, with_body: bool) -> None:
                path = unquote(urlsplit(self.path).path)
                hub.requests.append(f"{self.command} {path}")
                if hub.stalls.is_set():
                    hub._stop.wait(60)
                    return
                if hub.status is not None:
                    self._send(hub.status, b"{}", {})
                elif api := _API.fullmatch(path):
                    self._api(api["repo"], api["what"], api["below"] or "")
                elif file := _FILE.fullmatch(path):
                    self._file(file["repo"], file["file"], with_body)
                else:
                    self._send(404, b"{}", {})

            def _api(self, repo: str, what: str | None, below: str) -> None:
                if repo not in hub.repos:
                    # As the real hub: without a token a missing repository looks like a private one.
                    self._send(401, b"{}", {"X-Error-Code": "RepoNotFound"})
                    return
                tree: Any = hub.info(repo)
                if what == "tree":
                    is_deep = "recursive=true" in self.path.lower()
                    tree = hub.below(repo, below, is_deep=is_deep)
                elif what == "paths-info":
                    asked = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
                    wanted = {value for name, value in parse_qsl(asked) if name == "paths"}
                    tree = [one for one in hub.below(repo, "", is_deep=True) if one["path"] in wanted]
                self._send(200, json.dumps(tree).encode(), {"Content-Type": "application/json"})

            def _file(self, repo: str, name: str, with_body: bool) -> None:
                if repo not in hub.repos:
                    self._send(401, b"", {"X-Error-Code": "RepoNotFound"})
                    return
                if repo in hub.gated:
                    self._send(401, b"", {"X-Error-Code": "GatedRepo", "X-Error-Message": "gated"})
                    return
                if name not in hub.repos[repo]:
                    self._send(404, b"", {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": hub.commit(repo)})
                    return
                content = hub.repos[repo][name]
                headers = {
                    "ETag": f'"{etag_of(name, content)}"',
                    "X-Repo-Commit": hub.commit(repo),
                    "Accept-Ranges": "bytes",
                }
                if name in hub.flipped:
                    content = bytes([content[0] ^ 1]) + content[1:]
                total, status = len(content), 200
                if span := re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", "")):
                    start = int(span[1])
                    if start >= total:
                        self._send(416, b"", {"Content-Range": f"bytes */{total}"})
                        return
                    end = min(int(span[2]) if span[2] else total - 1, total - 1)
                    content, status = content[start : end + 1], 206
                    headers["Content-Range"] = f"bytes {start}-{end}/{total}"
                self.send_response(status)
                for key, value in headers.items():
                    self.send_header(key, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                if with_body:
                    self.wfile.write(content[: hub.cut.get(name, len(content))])
                    self.close_connection = self.close_connection or name in hub.cut

            def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
                self.send_response(status)
                for key, value in headers.items():
                    self.send_header(key, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

        return Handler


def etag_of(name: str, content: bytes) -> str:
    """Return the hub's ETag: sha256 of a large file, git's blob digest of a small one."""
    if name.endswith(_LFS_SUFFIXES):
        return hashlib.sha256(content).hexdigest()
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def read_folder(folder: Path) -> dict[str, bytes]:
    """Return file name -> content of a folder, subfolders included."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()
    }
