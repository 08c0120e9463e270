"""Where the weights of a Hugging Face CTC model are, and what tells them from a Whisper."""

from __future__ import annotations

from pathlib import Path

from mmcheck.backends.image_text_weights import read_json
from mmcheck.backends.weights import (
    OnProgress,
    download,
    find_cached,
    folder_digest,
    is_repo_id,
    resolve_folder,
    unknown_model,
)
from mmcheck.core.errors import WeightsError

_FILES = ("model.safetensors|model-*.safetensors", "config.json", "vocab.json")
_OPTIONAL = (
    "preprocessor_config.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "model.safetensors.index.json",
)
_DIGEST_FILES = (
    "model*.safetensors*",
    "config.json",
    "vocab.json",
    "preprocessor_config.json",
    "tokenizer_config.json",
)


def is_ctc_folder(folder: Path) -> bool:
    """Return whether a folder holds a Hugging Face model with a CTC head, as far as its config says."""
    if not (folder / "config.json").is_file():
        return False
    named = read_json(folder / "config.json").get("architectures") or []
    return any(str(name).endswith("ForCTC") for name in named)


def find_second(
    name: str, *, adapter: str | None = None, on_progress: OnProgress | None = None
) -> tuple[Path | None, bool]:
    """Return where a second verifier is and whether it is a CTC model; no folder for a Whisper size or hub name.

    A name of the hub is looked up in the cache first; only the config is fetched to tell what it is.

    Args:
        name: Bundled name, folder, Whisper size, or ``org/name`` of the hub.
        adapter: Language of an MMS adapter, whose file is fetched too.
        on_progress: Called while bytes arrive.

    Raises:
        WeightsError: If there is nothing of that name, or it cannot be downloaded.
    """
    folder = resolve_folder(name)
    if folder is not None:
        return folder, is_ctc_folder(folder)
    repo_id = name.removeprefix("hf-hub:").removeprefix("hf:")
    if not is_repo_id(repo_id):
        from mmcheck.backends.whisper_weights import known_sizes

        if name not in (sizes := known_sizes()):
            raise unknown_model(name, sizes, kind="CTC or Whisper model")
        return None, False
    config = find_cached(repo_id, ["config.json"]) or download(
        repo_id, patterns=["config.json"], name=name, on_progress=on_progress
    )
    if not is_ctc_folder(config):
        return None, False
    wanted = _FILES if adapter is None else (*_FILES, f"adapter.{adapter}.safetensors")
    return download(repo_id, patterns=wanted, optional=_OPTIONAL, name=name, on_progress=on_progress), True


def digest_ctc(folder: Path, adapter: str | None) -> str:
    """Return the SHA-256 over the files that a CTC model is read from.

    Raises:
        WeightsError: If they cannot be read.
    """
    if not any(folder.glob("model*.safetensors")):
        raise WeightsError(
            f"the folder {folder} holds no model.safetensors"
            + (", only pickled weights, which are not read." if (folder / "pytorch_model.bin").is_file() else "."),
            hint="get a copy with safetensors, or convert it where you trust it.",
        )
    files = _DIGEST_FILES if adapter is None else (*_DIGEST_FILES, f"adapter.{adapter}.safetensors")
    return folder_digest(folder, files)
