"""Real recordings with people's transcripts, read from folders that are no part of the project.

A folder below the data (`real-speech*`) has `manifest.jsonl` with `audio_filepath`, `text`, `lang` and `source`.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mmcheck.core.digests import digest_bytes
from mmcheck.core.types import MediaRef, Sample

ROOT = Path(__file__).resolve().parents[3]
RATE = 16_000
"""Samples a second that everything is decoded to."""
_MOST_SECONDS = 600.0
_IN_MEMORY = 512

Samples = NDArray[np.float32]


class NoRealDataError(Exception):
    """Data or weights that are no part of the project are absent; the message says which and where they belong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RealClip:
    """A recording with its transcript. Equal in every process."""

    id: str
    """Name of the file without its suffix, unique over all sets."""
    path: Path
    text: str
    """What people say is spoken."""
    language: str
    """Two-letter code that the manifest names."""
    source: str
    """Where the recording is from."""
    kept: float = 1.0
    """Share of the recording that is left, from its begin; 1 is all."""

    def samples(self) -> Samples:
        """Return the sound as mono samples at 16 kHz, shape (n,)."""
        whole = _decode(self.path)
        return whole if self.kept >= 1.0 else whole[: int(len(whole) * self.kept)]

    def cut(self, kept: float) -> RealClip:
        """Return the clip with its recording cut off after a share of it."""
        return replace(self, kept=kept)

    def sample(self, *, text: str | None = None, language: str | None = None) -> Sample:
        """Return it as a row of a manifest, perhaps with another text or another stated language."""
        text = self.text if text is None else text
        language = self.language if language is None else language
        return Sample(
            id=self.id,
            manifest="/data/clips.jsonl",
            row_number=1 + int(digest_bytes(self.id.encode())[:7], 16),
            own_id=True,
            audio=MediaRef(uri=str(self.path)),
            transcript=text,
            language=language,
            row={"id": self.id, "audio_filepath": self.path.name, "text": text, "lang": language},
        )


def find_data(given: Path | None = None) -> Path:
    """Return the folder with the data sets: the given one, or `data` below MMCHECK_SHARED or ../shared.

    Raises:
        NoRealDataError: If it is not there.
    """
    folder = given or Path(os.environ.get("MMCHECK_SHARED") or ROOT.parent / "shared") / "data"
    if not folder.is_dir():
        raise NoRealDataError(f"there is no folder {folder} with real data (--data, or MMCHECK_SHARED)")
    return folder


def load_clips(data: Path) -> list[RealClip]:
    """Return all recordings of the folders `real-speech*`, by folder and line.

    Raises:
        NoRealDataError: If there is none.
    """
    found: list[RealClip] = []
    for manifest in sorted(data.glob("real-speech*/manifest.jsonl")):
        for line in manifest.read_text("utf-8").splitlines():
            row = json.loads(line)
            path = manifest.parent / row["audio_filepath"]
            found.append(
                RealClip(
                    id=path.stem,
                    path=path,
                    text=row["text"],
                    language=row["lang"],
                    source=row.get("source", ""),
                )
            )
    if not found:
        raise NoRealDataError(f"{data} has no real-speech*/manifest.jsonl")
    if len({clip.id for clip in found}) < len(found):
        raise ValueError(f"two recordings below {data} have the same file name")
    return found


@lru_cache(maxsize=_IN_MEMORY)
def _decode(path: Path) -> Samples:
    from mmcheck.media.audio import decode_audio

    found = decode_audio(path.read_bytes(), start=None, duration=None, max_seconds=_MOST_SECONDS)
    samples: Samples = np.asarray(found.samples, dtype=np.float32)
    samples.setflags(write=False)
    return samples
