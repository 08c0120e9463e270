"""Hugging Face CLIP, SigLIP and SigLIP 2 folders through transformers, in the shape of open_clip's.

transformers fills missing weights with random numbers and a warning; the loading report is checked instead.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmcheck.backends.clip_tensors import break_runs, crop_extreme, images_per_pass, loading, send, unit_rows
from mmcheck.backends.image_text_weights import ImageTextWeights
from mmcheck.backends.open_clip_backend import fragment_ids
from mmcheck.backends.precision import resolve_precision, torch_dtype
from mmcheck.backends.weights import no_network
from mmcheck.core.errors import WeightsError
from mmcheck.core.json_types import JsonObject

if TYPE_CHECKING:
    import numpy as np
    import torch
    from PIL import Image


class TransformersClipBackend:
    """A CLIP or SigLIP model of transformers.

    Args:
        weights: What was found.
        device: ``cpu`` or ``cuda``.
        precision: ``auto``, ``float32``, ``bfloat16`` or ``float16``.

    Raises:
        WeightsError: If the weights are damaged, incomplete or would have to be unpickled.
    """

    name = "transformers"

    def __init__(self, weights: ImageTextWeights, *, device: str, precision: str) -> None:
        folder = weights.ref.path
        if folder is None:
            raise ValueError("the weights have not been downloaded")
        self._device = device
        self._lock = threading.Lock()
        with no_network(), _quiet(), loading(weights.ref.name, folder):
            self._model: Any = _load_model(folder, weights.ref.name)
            self._load_processors(folder)
        self._fragments = fragment_ids(self._tokenizer)
        self.precision = resolve_precision(precision, device)
        self._model = self._model.to(device=device, dtype=torch_dtype(self.precision)).eval()

    def preprocess(self, image: Image.Image) -> dict[str, torch.Tensor]:
        """Return what the model's image processor gives: bytes, not yet normalised, where it can."""
        import torch

        options = {"do_rescale": False, "do_normalize": False} if self._scale is not None else {}
        if self._is_cropped:
            image = crop_extreme(image)
        inputs = self._processor(images=image, return_tensors="pt", **options)
        made = {key: value[0] for key, value in inputs.items()}
        if self._scale is not None:
            made["pixel_values"] = made["pixel_values"].to(torch.uint8)
        return made

    def count_tokens(self, text: str) -> int:
        """Return the number of tokens of ``text`` without special tokens."""
        return len(self._ids(text))

    def unknown_ratio(self, text: str) -> float | None:
        """Return the share of unknown or byte-fallback tokens; None if there are no tokens to tell from."""
        ids = self._ids(text)
        if not ids or self._fragments is None:
            return None
        return sum(token in self._fragments for token in ids) / len(ids)

    def encode_images(self, pixels: Sequence[Mapping[str, torch.Tensor]]) -> np.ndarray:
        """Return unit embeddings [n, d] of preprocessed images."""
        return unit_rows(pixels, self._encode_pixels, _stack, self._per_pass)

    def encode_texts(self, texts: Sequence[str]) -> np.ndarray:
        """Return unit embeddings [n, d] of texts; a text beyond the context is cut."""
        return unit_rows(texts, lambda inputs: _pooled(self._model.get_text_features(**inputs)), self._text_inputs)

    def describe(self) -> JsonObject:
        """Return library, version, sizes and precision."""
        import transformers

        return {
            "library": f"transformers {transformers.__version__}",
            "image_size": list(self.image_size),
            "context_tokens": self.capacity,
            "text_trimmed": not self._is_padded,
            "precision": self.precision,
            "device": self._device,
        }

    def _load_processors(self, folder: Path) -> None:
        import transformers

        auto: Any = transformers
        options = {"local_files_only": True, "trust_remote_code": False}
        self._tokenizer: Any = auto.AutoTokenizer.from_pretrained(folder, **options)
        self._processor: Any = auto.AutoImageProcessor.from_pretrained(folder, **options)
        config = self._model.config
        # SigLIP was trained on padded text without a mask and pools at the last position: its padding must
        # stay.
        self._is_padded = config.model_type != "clip"
        self._context = int(config.text_config.max_position_embeddings)
        self.capacity = self._context - int(self._tokenizer.num_special_tokens_to_add())
        vision = config.vision_config
        if config.model_type == "siglip2":
            side = int(vision.patch_size * vision.num_patches**0.5)
            self._scale = None
        else:
            side = int(vision.image_size)
            self._scale = _scale_of(self._processor)
        self.image_size = (side, side)
        tokens = (side // int(vision.patch_size)) ** 2 + 1
        self._per_pass = images_per_pass(self._device, tokens, int(vision.intermediate_size))
        self._is_cropped = config.model_type == "clip"

    def _ids(self, text: str) -> list[int]:
        with self._lock:
            ids = self._tokenizer(
                break_runs(text), add_special_tokens=False, truncation=False, padding=False, verbose=False
            )["input_ids"]
        return list(ids)

    def _text_inputs(self, texts: Sequence[str]) -> dict[str, torch.Tensor]:
        with self._lock:
            inputs = self._tokenizer(
                [break_runs(text) for text in texts],
                return_tensors="pt",
                truncation=True,
                max_length=self._context,
                padding="max_length" if self._is_padded else "longest",
            )
        names = ("input_ids",) if self._is_padded else ("input_ids", "attention_mask")
        return {name: inputs[name].to(self._device) for name in names if name in inputs}

    def _encode_pixels(self, inputs: Mapping[str, torch.Tensor]) -> torch.Tensor:
        moved = {key: send(value, self._device) for key, value in inputs.items()}
        pixels = moved["pixel_values"].float()
        if self._scale is not None:
            factor, mean, std = self._scale
            pixels = (pixels * factor - mean.to(pixels)) / std.to(pixels)
        moved["pixel_values"] = pixels.to(torch_dtype(self.precision))
        return _pooled(self._model.get_image_features(**moved))


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the library's bar for loading tensors off the terminal."""
    import transformers

    logging: Any = transformers.logging

    was_shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if was_shown:
            logging.enable_progress_bar()


def _load_model(folder: Path, name: str) -> Any:
    from transformers import AutoModel

    model, report = AutoModel.from_pretrained(
        folder, local_files_only=True, output_loading_info=True, trust_remote_code=False
    )
    missing = sorted(key for key in report["missing_keys"] if not key.endswith("position_ids"))
    missing += sorted(str(key) for key in report.get("mismatched_keys") or ())
    if missing:
        raise WeightsError(
            f"model {name!r}: {len(missing)} tensors of the config are not in the weights of {folder}, "
            f"for example {missing[0]}.",
            hint="the weights must belong to the config beside them.",
        )
    return model


def _scale_of(processor: Any) -> tuple[float, torch.Tensor, torch.Tensor] | None:
    """Return rescale factor, mean and deviation [3, 1, 1], or None if the processor does something else."""
    import torch

    if not (processor.do_rescale and processor.do_normalize):
        return None
    mean = torch.tensor(processor.image_mean, dtype=torch.float32).view(-1, 1, 1)
    std = torch.tensor(processor.image_std, dtype=torch.float32).view(-1, 1, 1)
    return float(processor.rescale_factor), mean, std


def _stack(inputs: Sequence[Mapping[str, torch.Tensor]]) -> dict[str, torch.Tensor]:
    import torch

    return {key: torch.stack([made[key] for made in inputs]) for key in inputs[0]}


def _pooled(output: Any) -> torch.Tensor:
    """Return the embedding [n, d]; older versions of transformers return the tensor itself."""
    features: torch.Tensor = getattr(output, "pooler_output", output)
    return features
