"""The sets that are scanned in several orders, each as rows that can be written as a manifest anywhere."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from scripts.benchmarks.real_parts.vectors import load_sets, shuffle

ROW = "bench_row"
"""Column that tells a row in every order; no part of mmcheck reads it."""
_DEMO = Path(__file__).resolve().parents[3] / "mmcheck" / "demo_data"
_SHARE = 0.15
"""Share of wrong texts in the set of vectors. Our own choice: there are verdicts of all kinds then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderSet:
    """Rows and what is scanned of them."""

    name: str
    """``demo images``."""
    has_models: bool
    """Whether models measure; else vectors are given, and batches and threads say nothing."""
    media: str
    """Column of the paths of the media."""
    folder: Path
    """Where they lie."""
    rows: list[dict[str, Any]]
    options: tuple[str, ...] = ()
    """Further arguments of ``mmcheck scan``."""

    def write(self, folder: Path, seed: int | None) -> Path:
        """Write the manifest with its rows in an order of chance (None: as given) and return its path."""
        rows = list(self.rows)
        if seed is not None:
            random.Random(seed).shuffle(rows)
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / "rows.jsonl"
        file.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")
        top = Path(str(rows[0][self.media])).parts[0]
        if (self.folder / top).is_dir() and not (folder / top).exists():
            (folder / top).symlink_to((self.folder / top).resolve(), target_is_directory=True)
        return file


def read_sets(data: Path | None, work: Path) -> Iterator[OrderSet]:
    """Yield the demo data and, where ``data`` is given, real images and real CLIP vectors.

    Args:
        data: Folder with ``real-images`` and ``real-clip-embeddings``; None: neither.
        work: Folder for files of vectors.
    """
    yield _of_manifest("demo images", _DEMO / "image-caption" / "metadata.jsonl", "file_name")
    yield _of_manifest("demo recordings", _DEMO / "audio-transcript" / "manifest.jsonl", "audio_filepath")
    if data is not None:
        yield _of_manifest("real images", data / "real-images" / "metadata.jsonl", "file_name")
        yield _of_vectors("real CLIP vectors", data, work)


def _of_manifest(name: str, manifest: Path, media: str) -> OrderSet:
    rows = [json.loads(line) for line in manifest.read_text("utf-8").splitlines()]
    return OrderSet(name=name, has_models=True, media=media, folder=manifest.parent, rows=_numbered(rows))


def _of_vectors(name: str, data: Path, work: Path) -> OrderSet:
    mix = shuffle(load_sets(data)["products"], _SHARE, 1)
    count = len(mix.image)
    rows = [{"uid": f"u{row:05d}", "image": f"pictures/{row:05d}.jpg", "caption": f"{row}"} for row in range(count)]
    work.mkdir(parents=True, exist_ok=True)
    file = work / "vectors.npz"
    np.savez(file, image=mix.image, text=mix.text, uid=np.array([row["uid"] for row in rows]))
    options = ("--embeddings", str(file), "--probes", "image_text")
    return OrderSet(name=name, has_models=False, media="image", folder=work, rows=_numbered(rows), options=options)


def _numbered(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{**row, ROW: number} for number, row in enumerate(rows)]
