"""Manifests, media and tars on S3, over its protocol: a moto server on this machine (``pip install '.[test-s3]'``)."""

from __future__ import annotations

import io
import json
import tarfile
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import mmcheck
from mmcheck.core.errors import ManifestError
from mmcheck.export.run import export_run

s3fs = pytest.importorskip("s3fs")
moto_server = pytest.importorskip("moto.server")

MEDIA = ["media", "caption_text"]
REMOTE = ["input.allow_remote=true"]


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch, picture: Callable[..., Any]) -> Iterator[Any]:
    """File system of a bucket ``set``: three images with a manifest, and the same in a tar."""
    server = moto_server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    for name, value in {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "nobody",
        "AWS_SECRET_ACCESS_KEY": "nothing",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
    }.items():
        monkeypatch.setenv(name, value)
    # Servers of one process share what they hold.
    urllib.request.urlopen(urllib.request.Request(f"http://{host}:{port}/moto-api/reset", method="POST")).close()
    s3fs.S3FileSystem.clear_instance_cache()
    files = s3fs.S3FileSystem()
    files.mkdir("set")
    rows, archive = [], io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for number in range(3):
            file = io.BytesIO()
            picture(seed=number).save(file, "PNG")
            files.pipe(f"set/train/images/{number}.png", file.getvalue())
            rows.append({"image": f"images/{number}.png", "caption": f"a red square and noise, number {number}"})
            for name, data in ((f"{number}.png", file.getvalue()), (f"{number}.txt", rows[-1]["caption"].encode())):
                info = tarfile.TarInfo(name)
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
    files.pipe("set/train/m.jsonl", "".join(json.dumps(row) + "\n" for row in rows).encode())
    files.pipe("set/shards/00000.tar", archive.getvalue())
    yield files
    server.stop()
    s3fs.S3FileSystem.clear_instance_cache()


def test_a_set_on_s3_is_scanned_judged_and_exported(bucket: Any, tmp_path: Path) -> None:
    manifest = "s3://set/train/m.jsonl"
    with pytest.raises(ManifestError, match=r"input\.allow_remote=true"):
        mmcheck.scan(manifest, tmp_path / "no", probes=MEDIA)
    run = mmcheck.scan(manifest, tmp_path / "run", probes=MEDIA, overrides=REMOTE)
    assert run.summary["rows_read"] == 3
    assert not any(code.startswith("unreadable_media") for code in run.summary["findings"])
    written = [json.loads(line) for path in (tmp_path / "run").glob("*/m.jsonl") for line in path.open()]
    assert sorted(row["image"] for row in written) == [f"s3://set/train/images/{number}.png" for number in range(3)]
    verdicts = ["keep", "flag", "unchecked"]
    summary = export_run(tmp_path / "run", format="imagefolder", out=tmp_path / "out", media="copy", only=verdicts)
    assert summary.rows == 3
    copied = [path.read_bytes() for path in sorted((tmp_path / "out" / "images").rglob("*.png"))]
    assert copied == [bucket.cat(f"set/train/images/{number}.png") for number in range(3)]


def test_tars_and_globs_on_s3(bucket: Any, tmp_path: Path) -> None:
    run = mmcheck.scan("s3://set/shards/*.tar", tmp_path / "run", probes=MEDIA, overrides=REMOTE)
    assert run.summary["rows_read"] == 3
    assert not any(code.startswith("unreadable_media") for code in run.summary["findings"])


def test_what_is_not_on_s3_is_told(bucket: Any, tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match=r"gone\.jsonl"):
        mmcheck.scan("s3://set/train/gone.jsonl", tmp_path / "run", probes=MEDIA)
    bucket.rm("set/train/images/1.png")
    run = mmcheck.scan("s3://set/train/m.jsonl", tmp_path / "run", probes=MEDIA, overrides=REMOTE)
    assert run.summary["findings"]["unreadable_media.missing"] == 1
