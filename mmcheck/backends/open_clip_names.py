"""What open_clip's names stand for: architectures, pretrained tags, and the hub repositories behind them.

Importing open_clip takes many seconds on a small machine, too long before a user hears of a misspelt name
or a missing network. So its tables are read beside the package until the package itself has been imported.
"""

from __future__ import annotations

import difflib
import functools
import importlib
import sys
from pathlib import Path
from typing import Any

from mmcheck.backends.image_text_weights import TOKENIZER_FILES, ImageTextWeights, read_json
from mmcheck.backends.libraries import load_module, package_folder
from mmcheck.backends.weights import (
    OnProgress,
    WeightsRef,
    download,
    folder_digest,
    is_repo_id,
)
from mmcheck.core.errors import WeightsError
from mmcheck.core.json_types import LoadedJson

_SAFE_SUFFIXES = (".safetensors", ".bin", ".pt", ".pth")

_OWNERS = {
    "bert-base-uncased": "google-bert/bert-base-uncased",
    "roberta-base": "FacebookAI/roberta-base",
    "xlm-roberta-base": "FacebookAI/xlm-roberta-base",
    "xlm-roberta-large": "FacebookAI/xlm-roberta-large",
}
"""Old names without an owner that open_clip's architectures still use."""


def architectures() -> tuple[str, ...]:
    """Return the names of open_clip's built-in architectures."""
    if "open_clip" in sys.modules:
        return tuple(importlib.import_module("open_clip").list_models())
    return _architecture_files()


def clean_name(model: str) -> str:
    """Return an architecture's name as open_clip files it (``ViT-B/32`` is ``ViT-B-32``)."""
    return model.replace("/", "-")


def is_architecture(model: str) -> bool:
    """Return whether ``model`` is a built-in architecture of open_clip."""
    return clean_name(model) in architectures()


def split_tag(model: str) -> tuple[str, str] | None:
    """Return architecture and tag of ``ViT-B-32/laion2b_s34b_b79k``; None if the name is of another form."""
    architecture, _, tag = model.rpartition("/")
    if is_architecture(model) or not architecture or not is_architecture(architecture):
        return None
    return architecture, tag


def pretrained_tags(model: str) -> list[str]:
    """Return the pretrained tags of an architecture, best known first as open_clip lists them."""
    return list(_tag_table().list_pretrained_tags_by_model(clean_name(model)))


def resolve_tag(model: str, tag: str | None, on_progress: OnProgress | None = None) -> ImageTextWeights:
    """Return the weights of an architecture and a pretrained tag, downloading them on first use.

    Raises:
        WeightsError: If the tag is missing or unknown, or has no copy on the hub.
    """
    repo_id, weights = tag_files(model, tag)
    shown = f"{clean_name(model)}/{tag}"
    folder = download(repo_id, patterns=[weights], name=shown, on_progress=on_progress)
    weights_file = next(name for name in weights.split("|") if (folder / name).is_file())
    text = architecture_config(model)["text_cfg"]
    tokenizer = None
    if text.get("hf_tokenizer_name"):
        tokenizer = fetch_tokenizer(str(text["hf_tokenizer_name"]), shown, on_progress)
    return ImageTextWeights(
        ref=WeightsRef(
            name=shown, kind="hub", path=folder, sha256=folder_digest(folder, [weights_file]), repo_id=repo_id
        ),
        backend="open_clip",
        architecture=clean_name(model),
        tag=tag,
        weights_file=weights_file,
        tokenizer=tokenizer,
        text_config=fetch_text_config(text, shown, on_progress),
    )


def tag_files(model: str, tag: str | None) -> tuple[str, str]:
    """Return the hub repository of a pretrained tag and its weights file as alternatives ``a|b``.

    Raises:
        WeightsError: If the tag is missing or unknown, or has no copy on the hub.
    """
    tags = pretrained_tags(model)
    known = f"known for {clean_name(model)}: {', '.join(tags)}." if tags else "open_clip knows none for it."
    if not tag:
        raise WeightsError(
            f"model {model!r} is an architecture without weights: `pretrained` must name a tag.", hint=known
        )
    config = _tag_table().get_pretrained_cfg(clean_name(model), tag)
    if not config:
        near = difflib.get_close_matches(tag, tags, n=1)
        hint = f"did you mean {near[0]!r}? {known}" if near else known
        raise WeightsError(f"model {model!r}: unknown pretrained tag {tag!r}.", hint=hint)
    repo_id, _, file = str(config.get("hf_hub") or "").rpartition("/")
    if not is_repo_id(repo_id):
        raise WeightsError(
            f"model {model!r}: the weights of tag {tag!r} are not on the hub, only at {config.get('url')!r}.",
            hint="choose another tag, or convert them to a folder with open_clip_model.safetensors.",
        )
    if not file:
        return repo_id, "open_clip_model.safetensors|open_clip_pytorch_model.bin"
    if not file.endswith(_SAFE_SUFFIXES):
        raise WeightsError(f"model {model!r}: weights of the kind {file!r} are not supported.", hint=known)
    return repo_id, f"{file.rpartition('.')[0]}.safetensors|{file}"


def architecture_config(model: str) -> LoadedJson:
    """Return open_clip's built-in description of an architecture."""
    if "open_clip" in sys.modules:
        return dict(importlib.import_module("open_clip").get_model_config(clean_name(model)))
    return read_json(package_folder("open_clip") / "model_configs" / f"{clean_name(model)}.json")


def text_section(folder: Path) -> LoadedJson:
    """Return the text tower's section of a folder's open_clip_config.json.

    Raises:
        WeightsError: If the file does not describe a model.
    """
    path = folder / "open_clip_config.json"
    model = read_json(path).get("model_cfg")
    text = model.get("text_cfg") if isinstance(model, dict) else None
    if not isinstance(text, dict):
        raise WeightsError(
            f"{path} does not describe a model: `model_cfg` with `text_cfg` and `vision_cfg` is missing."
        )
    return text


def fetch_tokenizer(repo_id: str, shown: str, on_progress: OnProgress | None) -> Path:
    """Return the folder of a tokenizer that lives in a repository of its own, downloading it on first use.

    Raises:
        WeightsError: If it cannot be had.
    """
    wanted = "tokenizer.json|*.model|vocab.json|vocab.txt"
    return download(
        _OWNERS.get(repo_id, repo_id),
        patterns=[wanted],
        optional=TOKENIZER_FILES,
        name=shown,
        on_progress=on_progress,
    )


def fetch_text_config(text: LoadedJson, shown: str, on_progress: OnProgress | None) -> Path | None:
    """Return the folder that describes a Hugging Face text tower, or None if the tower is open_clip's own.

    Raises:
        WeightsError: If it cannot be had.
    """
    name = text.get("hf_model_name")
    if not name:
        return None
    repo_id = _OWNERS.get(str(name), str(name))
    return download(repo_id, patterns=["config.json"], name=shown, on_progress=on_progress)


@functools.cache
def _architecture_files() -> tuple[str, ...]:
    return tuple(sorted(path.stem for path in (package_folder("open_clip") / "model_configs").glob("*.json")))


def _tag_table() -> Any:
    return load_module("open_clip", "pretrained")
