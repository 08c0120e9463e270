"""Weights of an image-text model that were found, and the small files beside them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mmcheck.backends.weights import WeightsRef
from mmcheck.core.errors import WeightsError
from mmcheck.core.json_types import LoadedJson

BackendName = Literal["open_clip", "transformers"]

TRANSFORMERS_TYPES = ("clip", "siglip", "siglip2")
"""``model_type`` of the Hugging Face folders that the transformers backend runs."""

TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "vocab.txt",
    "merges.txt",
    "*.model",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageTextWeights:
    """Weights that were found, and how to load them."""

    ref: WeightsRef
    """Where they are; ``path`` and ``sha256`` are set."""
    backend: BackendName
    """Library that runs them."""
    architecture: str | None = None
    """Built-in architecture of open_clip; None if the folder describes itself."""
    tag: str | None = None
    """Pretrained tag of open_clip that belongs to ``architecture``."""
    weights_file: str | None = None
    """Name of the weights file in the folder, for ``architecture``."""
    tokenizer: Path | None = None
    """Folder of a tokenizer that lives in another repository."""
    text_config: Path | None = None
    """Folder of the config of a text tower that lives in another repository."""


def read_json(path: Path) -> LoadedJson:
    """Return the object in a model's JSON file.

    Raises:
        WeightsError: If it cannot be read or holds no object.
    """
    try:
        tree = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or "it is not valid JSON"
        raise WeightsError(f"cannot read {path}: {reason}.") from error
    if not isinstance(tree, dict):
        raise WeightsError(f"{path} must hold a JSON object, but holds a {type(tree).__name__}.")
    return tree


def has_tokenizer(folder: Path) -> bool:
    """Return whether a folder holds the files of a Hugging Face tokenizer."""
    return any(any(folder.glob(pattern)) for pattern in ("tokenizer.json", "vocab.*", "*.model"))
