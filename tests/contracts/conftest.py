"""One run that every probe measured: sound pairs of the demo data, and media that cannot be decoded."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import mmcheck
from mmcheck.config import bundled_dir
from mmcheck.store.run_folder import RunFolder

NUM_IMAGES, NUM_RECORDINGS = 100, 75


def _demo_rows(folder: str, manifest: str, medium: str, count: int) -> list[dict[str, Any]]:
    path = bundled_dir("demo_data") / folder
    rows = [json.loads(line) for line in (path / manifest).read_text("utf-8").splitlines()[:count]]
    return [{**row, medium: str(path / row[medium])} for row in rows]


def _broken_media(folder: Path, suffix: str, sound: bytes) -> Iterator[Path]:
    """Yield paths under which there is nothing that can be decoded."""
    (folder / f"folder{suffix}").mkdir(parents=True)
    contents = {
        "empty": b"",
        "text": b"this is no medium\n",
        "cut": sound[: len(sound) // 3],
        "head": sound[:30],
        "noise": bytes(range(256)) * 20,
        "end": sound[len(sound) // 2 :],
    }
    for name, data in contents.items():
        (folder / f"{name}{suffix}").write_bytes(data)
    for name in ("missing", "folder", *contents):
        yield folder / f"{name}{suffix}"


@pytest.fixture(scope="session")
def measured_run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """Return the run; ids of media that cannot be decoded begin with ``broken``."""
    folder = tmp_path_factory.mktemp("measured")
    images = _demo_rows("image-caption", "metadata.jsonl", "file_name", NUM_IMAGES)
    sounds = _demo_rows("audio-transcript", "manifest.jsonl", "audio_filepath", NUM_RECORDINGS)
    rows = [{"id": f"image-{n}", "image": row["file_name"], "caption": row["text"]} for n, row in enumerate(images)]
    rows += [
        {"id": f"audio-{n}", "audio": row["audio_filepath"], "transcript": row["text"]} for n, row in enumerate(sounds)
    ]
    for medium, text, suffix in (("image", "caption", ".jpg"), ("audio", "transcript", ".wav")):
        sound = Path(next(row[medium] for row in rows if medium in row)).read_bytes()
        for path in _broken_media(folder / medium, suffix, sound):
            rows.append(
                {"id": f"broken-{medium}-{path.stem}", medium: str(path), text: f"what should be in {path.stem}"}
            )
    rows += [{"id": "half-caption", "caption": "a red ball"}, {"id": "half-image", "image": rows[0]["image"]}]
    manifest = folder / "rows.jsonl"
    manifest.write_text("".join(json.dumps(row) + "\n" for row in rows) + '{"id": "broken-row', "utf-8")
    overrides = ["probes.transcript_null.num_clips=40", "probes.transcript_second.model=tiny-ctc"]
    run = mmcheck.scan(manifest, folder / "run", "demo", overrides=overrides)
    return run.folder
