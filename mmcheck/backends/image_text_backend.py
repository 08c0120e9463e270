"""What an image-text model can do for the probe, whichever library runs it, and which library that is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

from mmcheck.backends.image_text_weights import (
    TOKENIZER_FILES,
    TRANSFORMERS_TYPES,
    BackendName,
    ImageTextWeights,
    has_tokenizer,
    read_json,
)
from mmcheck.backends.libraries import require
from mmcheck.backends.weights import (
    OnProgress,
    WeightsRef,
    download,
    find_bundled,
    folder_digest,
    is_repo_id,
    resolve_folder,
    unknown_model,
)
from mmcheck.core.errors import WeightsError
from mmcheck.core.json_types import JsonObject

if TYPE_CHECKING:
    import numpy as np
    from PIL import Image


class ImageTextBackend(Protocol):
    """A loaded image-text model. Embeddings are float32 of unit length."""

    name: str
    """``open_clip`` or ``transformers``."""
    image_size: tuple[int, int]
    """Height and width in pixels that the model looks at."""
    capacity: int
    """Tokens of text that fit into the model's context, special tokens not counted."""
    precision: str
    """``float32``, ``bfloat16`` or ``float16``."""

    def preprocess(self, image: Image.Image) -> object:
        """Return what ``encode_images`` wants, small enough to be queued. Thread-safe."""
        ...

    def count_tokens(self, text: str) -> int:
        """Return the number of tokens of ``text`` without special tokens. Thread-safe."""
        ...

    def unknown_ratio(self, text: str) -> float | None:
        """Return the share of tokens that stand for no known word; None if that cannot be told.

        Thread-safe.
        """
        ...

    def encode_images(self, pixels: Sequence[Any]) -> np.ndarray:
        """Return embeddings [n, d] of preprocessed images."""
        ...

    def encode_texts(self, texts: Sequence[str]) -> np.ndarray:
        """Return embeddings [n, d]; a text beyond the context is cut."""
        ...

    def describe(self) -> JsonObject:
        """Return library, version, sizes and precision for run.json."""
        ...


def resolve_image_text(
    model: str,
    pretrained: str | None = None,
    backend: str = "auto",
    *,
    on_progress: OnProgress | None = None,
) -> ImageTextWeights:
    """Return where the weights of a model name are, downloading them on first use.

    Args:
        model: Bundled name, local folder, open_clip architecture (with or without ``/tag``),
            ``hf-hub:org/name`` or ``org/name``.
        pretrained: open_clip's pretrained tag, for an architecture only.
        backend: ``auto``, ``open_clip`` or ``transformers``.
        on_progress: Called while bytes arrive.

    Raises:
        WeightsError: If the name is unknown, the download fails, or the folder holds something else.
    """
    folder = resolve_folder(model)
    if folder is not None:
        kind: Literal["bundled", "folder"] = "bundled" if find_bundled(model) == folder else "folder"
        ref = WeightsRef(name=model, kind=kind, path=folder, sha256=folder_digest(folder))
        return _from_folder(ref, folder, backend, on_progress)
    from mmcheck.backends import open_clip_names

    if not model.startswith("hf-hub:") and open_clip_names.is_architecture(model):
        if backend == "transformers":
            raise WeightsError(
                f"model {model!r} is an open_clip architecture, but backend: transformers was asked for.",
                hint="use backend: auto, or name a Hugging Face CLIP or SigLIP repository or folder.",
            )
        return open_clip_names.resolve_tag(model, pretrained, on_progress)
    tagged = open_clip_names.split_tag(model)
    if tagged is not None and pretrained is None and backend != "transformers":
        return open_clip_names.resolve_tag(*tagged, on_progress)
    repo_id = model.removeprefix("hf-hub:")
    if is_repo_id(repo_id):
        return _from_hub(model, repo_id, backend, on_progress)
    raise unknown_model(model, open_clip_names.architectures(), kind="image-text model")


def load_image_text(weights: ImageTextWeights, *, device: str = "cpu", precision: str = "auto") -> ImageTextBackend:
    """Return the loaded model.

    Args:
        weights: What ``resolve_image_text`` returned.
        device: ``cpu`` or ``cuda``.
        precision: ``auto``, ``float32``, ``bfloat16`` or ``float16``.

    Raises:
        MissingDependency: If the library cannot be loaded.
        WeightsError: If the files are damaged, incomplete or would have to be unpickled.
    """
    require("torch", weights.backend)
    if weights.backend == "open_clip":
        from mmcheck.backends.open_clip_backend import OpenClipBackend

        return OpenClipBackend(weights, device=device, precision=precision)
    from mmcheck.backends.transformers_clip_backend import TransformersClipBackend

    return TransformersClipBackend(weights, device=device, precision=precision)


def _detect(folder: Path, name: str, backend: str) -> BackendName:
    has_open_clip = (folder / "open_clip_config.json").is_file()
    model_type = None
    if (folder / "config.json").is_file():
        model_type = read_json(folder / "config.json").get("model_type")
    has_transformers = model_type in TRANSFORMERS_TYPES
    if has_open_clip and backend != "transformers":
        return "open_clip"
    if has_transformers and backend != "open_clip":
        return "transformers"
    if has_open_clip or has_transformers:
        other = "open_clip" if has_open_clip else "transformers"
        raise WeightsError(
            f"model {name!r} is in the format of {other}, but backend: {backend} was asked for.",
            hint="use backend: auto.",
        )
    found = f"config.json says model_type: {model_type}" if model_type else "neither file is there"
    raise WeightsError(
        f"{folder} is not an image-text model: expected open_clip_config.json, or config.json with model_type "
        f"{', '.join(TRANSFORMERS_TYPES)}; {found}.",
        hint="see `mmcheck models list` for names that work.",
    )


def _from_folder(ref: WeightsRef, folder: Path, backend: str, on_progress: OnProgress | None) -> ImageTextWeights:
    found = _detect(folder, ref.name, backend)
    if found == "transformers":
        return ImageTextWeights(ref=ref, backend=found)
    from mmcheck.backends import open_clip_names

    text = open_clip_names.text_section(folder)
    tokenizer = None
    if text.get("hf_tokenizer_name") and not has_tokenizer(folder):
        tokenizer = open_clip_names.fetch_tokenizer(str(text["hf_tokenizer_name"]), ref.name, on_progress)
    text_config = open_clip_names.fetch_text_config(text, ref.name, on_progress)
    return ImageTextWeights(ref=ref, backend=found, tokenizer=tokenizer, text_config=text_config)


def _from_hub(model: str, repo_id: str, backend: str, on_progress: OnProgress | None) -> ImageTextWeights:
    configs = {"open_clip": "open_clip_config.json", "transformers": "config.json"}
    first = configs.get(backend, "open_clip_config.json|config.json")
    folder = download(repo_id, patterns=[first], name=model, on_progress=on_progress)
    if _detect(folder, model, backend) == "open_clip":
        wanted = ["open_clip_config.json", "open_clip_model.safetensors|open_clip_pytorch_model.bin"]
        optional: list[str] = []
    else:
        wanted = ["config.json", "preprocessor_config.json", "tokenizer.json|vocab.json|*.model"]
        wanted.append("model.safetensors|model-*.safetensors|pytorch_model.bin")
        optional = ["model.safetensors.index.json"]
    folder = download(
        repo_id, patterns=wanted, optional=[*optional, *TOKENIZER_FILES], name=model, on_progress=on_progress
    )
    relevant = [part for pattern in (*wanted, *optional, *TOKENIZER_FILES) for part in pattern.split("|")]
    ref = WeightsRef(name=model, kind="hub", path=folder, sha256=folder_digest(folder, relevant), repo_id=repo_id)
    return _from_folder(ref, folder, backend, on_progress)
