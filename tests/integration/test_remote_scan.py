"""A manifest on a web server with its media beside it, from the URL to clean rows."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

import mmcheck
from mmcheck.core.errors import ManifestError

pytest.importorskip("aiohttp")


class _Quiet(SimpleHTTPRequestHandler):
    asked: list[str]

    def do_GET(self) -> None:
        self.asked.append(self.path)
        super().do_GET()

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def site(tmp_path: Path, picture: Callable[..., Any]) -> Iterator[tuple[str, list[str]]]:
    folder = tmp_path / "site" / "set"
    folder.mkdir(parents=True)
    for number in range(3):
        picture(seed=number).save(folder / f"{number}.png")
    rows = [{"image": f"{n}.png", "caption": f"a red square and noise, number {n}"} for n in range(3)]
    (folder / "m.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    handler = type("Handler", (_Quiet,), {"asked": []})
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(handler, directory=str(tmp_path / "site"))) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/set", handler.asked
        server.shutdown()
        thread.join()


def test_media_beside_the_url_are_fetched_only_if_allowed(site: tuple[str, list[str]], tmp_path: Path) -> None:
    base, asked = site
    with pytest.raises(ManifestError, match=r"input\.allow_remote=true"):
        mmcheck.scan(f"{base}/m.jsonl", tmp_path / "no", probes=["media", "caption_text"])
    assert not any(path.endswith(".png") for path in asked)
    options = ["input.allow_remote=true"]
    run = mmcheck.scan(f"{base}/m.jsonl", tmp_path / "run", probes=["media", "caption_text"], overrides=options)
    assert run.summary["rows_read"] == 3
    assert not any(code.startswith("unreadable_media") for code in run.summary["findings"])
    written = [json.loads(line) for path in (tmp_path / "run").glob("*/m.jsonl") for line in path.open()]
    assert sorted(row["image"] for row in written) == [f"{base}/{n}.png" for n in range(3)]
    assert run.judge().summary["rows_read"] == 3


def test_media_of_a_remote_manifest_on_this_machine(site: tuple[str, list[str]], tmp_path: Path) -> None:
    base, asked = site
    run = mmcheck.scan(f"{base}/m.jsonl", tmp_path / "run", probes=["media"], root=tmp_path / "site" / "set")
    assert not run.summary["findings"].get("unreadable_media.missing")
    assert not any(path.endswith(".png") for path in asked)


def test_media_of_a_local_manifest_below_a_url(site: tuple[str, list[str]], tmp_path: Path) -> None:
    base, _ = site
    (tmp_path / "m.csv").write_text("id,caption\n0,a red square\n1,another one\n")
    options = ["input.allow_remote=true", "input.path={id}.png"]
    run = mmcheck.scan(tmp_path / "m.csv", tmp_path / "run", probes=["media"], root=base, overrides=options)
    assert [ref["uri"] for ref in run.samples().to_arrow()["image"].to_pylist()] == [f"{base}/{n}.png" for n in (0, 1)]
    assert not any(code.startswith("unreadable_media") for code in run.summary["findings"])


def test_a_url_that_is_not_there(site: tuple[str, list[str]], tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match=r"gone\.jsonl"):
        mmcheck.scan(f"{site[0]}/gone.jsonl", tmp_path / "run", probes=["media"])
