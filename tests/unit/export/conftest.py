"""Finished runs of small real media, judged without a model, to export from."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mmcheck.api import scan
from mmcheck.config import Config

CONFIG = Config(
    rules={
        "unreadable_media": {"rule": "unreadable_media", "action": "quarantine"},
        "wordy": {"metric": "caption_text.num_words", "max": 8, "action": "flag"},
    }
)
CAPTIONS = (
    "a red cup on a table",
    "two horses, one white",
    'a sign that says "NO\tENTRY"',
    "ein gr\u00fcner Baum \u2013 \u6811",
    "null",
    "a very long caption about a bench in a park with many people around it",
)

MakeRun = Callable[..., Path]


def make_images(folder: Path, names: Sequence[str]) -> None:
    for number, name in enumerate(names):
        pixels = np.random.default_rng(number).integers(30, 220, (6, 8, 3), dtype=np.uint8)
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).resize((80, 60)).save(folder / name)


@pytest.fixture
def scanned(tmp_path: Path) -> MakeRun:
    """``scanned(manifest)``: the run folder of a manifest that was judged by CONFIG, without a model."""

    def run(*manifests: Path, name: str = "run", config: Config = CONFIG, probes: str = "media,caption_text") -> Path:
        scan([str(path) for path in manifests], tmp_path / name, config, probes=probes)
        return tmp_path / name

    return run


@pytest.fixture(scope="session")
def shared_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run of six images with captions, one of them flagged, and one whose file is missing (quarantined)."""
    folder = tmp_path_factory.mktemp("shared") / "data"
    names = [f"images/{number}.{'png' if number % 2 else 'jpg'}" for number in range(len(CAPTIONS))]
    make_images(folder, names)
    rows: list[Mapping[str, Any]] = [
        {"image": name, "caption": caption, "source": f"album {number}"}
        for number, (name, caption) in enumerate(zip(names, CAPTIONS, strict=True))
    ]
    rows.append({"image": "images/gone.jpg", "caption": "nobody"})
    manifest = folder / "train.jsonl"
    manifest.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")
    scan(manifest, folder.parent / "run", CONFIG, probes="media,caption_text")
    return folder.parent / "run"


@pytest.fixture
def image_run(shared_run: Path, tmp_path: Path) -> Path:
    """A copy of that run; the media and the manifest stay where they are, in ``data`` beside the first one."""
    return Path(shutil.copytree(shared_run, tmp_path / "run"))


@pytest.fixture
def data(shared_run: Path) -> Path:
    """Folder of the manifest and the media of ``image_run``."""
    return shared_run.parent / "data"
