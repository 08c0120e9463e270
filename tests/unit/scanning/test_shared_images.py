"""One image under several captions is decoded and encoded once, and a stopped run ends in the same bytes."""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path
from typing import Any

import pytest

from mmcheck.config import load_config
from mmcheck.media import sample_media
from mmcheck.scanning.scan import scan_run
from tests.conftest import encode_picture, make_picture

SETTINGS = ("run.shard_size=4", "probes.image_text.batch_size=3", "probes.image_text.precision=float32")


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    for number in range(3):
        (folder / f"{number}.png").write_bytes(encode_picture(make_picture(seed=number), "PNG"))
    (folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n and no more")
    names = ["0.png", "1.png", "2.png", "broken.png", "gone.png"]
    rows = [
        {"image": name, "caption": f"{word} things on a table"} for name in names for word in ("red", "blue", "two")
    ]
    rows.append({"image": "1.png", "caption": ""})
    random.Random(4).shuffle(rows)
    (folder / "m.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder / "m.jsonl"


def scan(manifest: Path, out: Path) -> dict[str, Any]:
    scan_run([str(manifest)], out, load_config("demo", SETTINGS))
    found: dict[str, Any] = json.loads((out / "summary.json").read_text())
    return found


def parts_of(out: Path) -> dict[str, bytes]:
    return {str(path.relative_to(out)): path.read_bytes() for path in sorted(out.glob("measurements/*/*.parquet"))}


def test_each_image_is_decoded_once(manifest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    decoded: list[int] = []
    decode = sample_media.decode_image

    def counted(data: bytes, **options: Any) -> Any:
        decoded.append(len(data))
        return decode(data, **options)

    monkeypatch.setattr(sample_media, "decode_image", counted)
    summary = scan(manifest, tmp_path / "out")
    assert len(decoded) == 4
    assert summary["findings"]["unreadable_media.missing"] == 3
    assert summary["quarantine"] >= 7


def test_a_stopped_run_ends_in_the_same_bytes(manifest: Path, tmp_path: Path) -> None:
    scan(manifest, tmp_path / "whole")
    expected = parts_of(tmp_path / "whole")
    for first in range(4):
        out = tmp_path / f"stopped-{first}"
        shutil.copytree(tmp_path / "whole", out)
        for probe in ("media", "image_text"):
            for path in sorted((out / "measurements" / probe).glob("*.parquet"))[first:]:
                path.unlink()
        scan(manifest, out)
        assert parts_of(out) == expected


def test_shared_values_are_those_that_each_row_would_have(manifest: Path, tmp_path: Path) -> None:
    whole = scan(manifest, tmp_path / "shared")
    # A byte behind the end of each file: other bytes, which share nothing, of the same pictures.
    lines = []
    for number, line in enumerate(manifest.read_text().splitlines()):
        row = json.loads(line)
        source = manifest.parent / row["image"]
        if source.exists():
            (manifest.parent / f"copy-{number}.png").write_bytes(source.read_bytes() + bytes([number]))
        lines.append(json.dumps(row | {"image": f"copy-{number}.png"}) + "\n")
    (manifest.parent / "copies.jsonl").write_text("".join(lines))
    apart = scan(manifest.parent / "copies.jsonl", tmp_path / "apart")
    for name in ("media.contrast", "image_text.similarity", "image_text.worst_similarity"):
        for statistic, value in whole["metrics"][name].items():
            assert apart["metrics"][name][statistic] == pytest.approx(value, abs=2e-3)
