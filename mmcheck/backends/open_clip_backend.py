"""CLIP and SigLIP models through open_clip, from a local folder or a file in the Hugging Face cache.

The model is built under ``no_network`` and with ``require_pretrained``, because open_clip otherwise answers
missing weights with random ones and a warning. Text is cut at the batch's longest caption where the text
tower is causal and pools at the end-of-text token (what stands behind that token cannot reach it), which
saves most of the padding.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmcheck.backends.clip_tensors import break_runs, crop_extreme, images_per_pass, loading, send, unit_rows
from mmcheck.backends.fast_resize import fast_resize
from mmcheck.backends.image_text_weights import ImageTextWeights, read_json
from mmcheck.backends.pooled_block import pool_last_block
from mmcheck.backends.precision import resolve_precision, torch_dtype
from mmcheck.backends.weights import no_network
from mmcheck.core.json_types import JsonObject

if TYPE_CHECKING:
    import numpy as np
    import torch
    from PIL import Image

_TRIM_TOLERANCE = 1e-4
"""Largest difference of an embedding's component between trimmed and padded text at loading. Our own choice: above the
rounding of single precision, far below what moves a score."""


class OpenClipBackend:
    """A model of open_clip.

    Args:
        weights: What was found.
        device: ``cpu`` or ``cuda``.
        precision: ``auto``, ``float32``, ``bfloat16`` or ``float16``.

    Raises:
        WeightsError: If the weights are damaged, incomplete or would have to be unpickled.
    """

    name = "open_clip"

    def __init__(self, weights: ImageTextWeights, *, device: str, precision: str) -> None:
        folder = weights.ref.path
        if folder is None:
            raise ValueError("the weights have not been downloaded")
        self._weights = weights
        self._device = device
        self._lock = threading.Lock()
        with no_network(), loading(weights.ref.name, folder):
            self._model = _create_model(weights, folder)
            self._tokenizer = _create_tokenizer(weights, folder)
            self._split_transform()
            pool_last_block(self._model)
        shape = _image_shape(self._model.visual)
        self._per_pass = None if shape is None else images_per_pass(device, *shape)
        self._fragments = _fragment_ids(self._tokenizer)
        self._is_trimmed = _can_trim(self._model) and self._trims_truly()
        self.precision = resolve_precision(precision, device)
        self._model = self._model.to(device=device, dtype=torch_dtype(self.precision)).eval()
        self.capacity = _capacity(self._tokenizer)

    def preprocess(self, image: Image.Image) -> torch.Tensor:
        """Return the resized and cropped image as bytes [3, height, width].

        Floats for a transform of an unusual shape.
        """
        import numpy as np
        import torch

        if self._is_cropped:
            image = crop_extreme(image)
        resized = self._resize(image)
        if isinstance(resized, torch.Tensor):
            return resized
        # Turned round by numpy: torch would start threads for it beside those that decode.
        return torch.from_numpy(np.array(np.asarray(resized, dtype=np.uint8).transpose(2, 0, 1), order="C"))

    def count_tokens(self, text: str) -> int:
        """Return the number of tokens of ``text`` without special tokens."""
        return len(self._ids(text))

    def unknown_ratio(self, text: str) -> float | None:
        """Return the share of unknown tokens or byte fragments; None if there are no tokens to tell from."""
        ids = self._ids(text)
        if not ids or self._fragments is None:
            return None
        return sum(token in self._fragments for token in ids) / len(ids)

    def encode_images(self, pixels: Sequence[torch.Tensor]) -> np.ndarray:
        """Return unit embeddings [n, d] of preprocessed images."""
        import torch

        return unit_rows(
            pixels,
            lambda batch: self._model.encode_image(self._normalised(batch)),
            lambda images: torch.stack(list(images)),
            self._per_pass,
        )

    def encode_texts(self, texts: Sequence[str]) -> np.ndarray:
        """Return unit embeddings [n, d] of texts; a text beyond the context is cut."""
        return unit_rows(texts, self._encode_tokens, self._tokens)

    def describe(self) -> JsonObject:
        """Return library, version, sizes and precision."""
        import open_clip

        return {
            "library": f"open_clip {open_clip.__version__}",
            "image_size": list(self.image_size),
            "context_tokens": self.capacity,
            "text_trimmed": self._is_trimmed,
            "precision": self.precision,
            "device": self._device,
        }

    def _split_transform(self) -> None:
        """Take the transform apart, so that bytes are queued and the arithmetic is done on the batch."""
        from open_clip.transform import Compose, Normalize, PreprocessCfg, image_transform_v2

        config = PreprocessCfg(**self._model.visual.preprocess_cfg)
        size = config.size if isinstance(config.size, (tuple, list)) else (config.size, config.size)
        self.image_size = (int(size[0]), int(size[1]))
        self._transform = image_transform_v2(config, is_train=False)
        self._is_cropped = config.resize_mode == "shortest"
        steps = self._transform.transforms
        is_usual = isinstance(steps[-1], Normalize) and type(steps[-2]).__name__ in ("MaybeToTensor", "ToTensor")
        self._resize: Any = (fast_resize(steps[:-2]) or Compose(steps[:-2])) if is_usual else self._transform
        self._normalise: Any = Normalize(steps[-1].mean, steps[-1].std, inplace=True) if is_usual else None

    def _normalised(self, batch: torch.Tensor) -> torch.Tensor:
        batch = send(batch, self._device)
        if self._normalise is not None:
            # In place, on the copy that float() makes of bytes: each pass over a batch leaves the caches.
            batch = self._normalise(batch.float().div_(255))
        return batch.to(torch_dtype(self.precision))

    def _ids(self, text: str) -> list[int]:
        text = break_runs(text)
        with self._lock:
            if hasattr(self._tokenizer, "encode"):
                return list(self._tokenizer.encode(text))
            inner = self._tokenizer.tokenizer
            ids: list[int] = inner(
                self._tokenizer.clean_fn(text), add_special_tokens=False, truncation=False, verbose=False
            )["input_ids"]
            return list(ids)

    def _tokens(self, texts: Sequence[str]) -> torch.Tensor:
        with self._lock:
            tokens: torch.Tensor = self._tokenizer([break_runs(text) for text in texts])
        return tokens

    def _encode_tokens(self, tokens: torch.Tensor) -> torch.Tensor:
        tokens = tokens.to(self._device)
        if self._is_trimmed:
            return _encode_trimmed(self._model, tokens)
        encoded: torch.Tensor = self._model.encode_text(tokens)
        return encoded

    def _trims_truly(self) -> bool:
        """Return whether trimming gives what padding gives, tried on two texts."""
        import torch

        with torch.inference_mode():
            tokens = self._tokens(["a", "a photo of a cat on a table"])
            padded, trimmed = self._model.encode_text(tokens), _encode_trimmed(self._model, tokens)
            difference = torch.nn.functional.normalize(padded, dim=-1) - torch.nn.functional.normalize(trimmed, dim=-1)
        return bool(difference.abs().max() < _TRIM_TOLERANCE)


def _create_model(weights: ImageTextWeights, folder: Path) -> Any:
    import open_clip

    options: dict[str, Any] = {"require_pretrained": True, "weights_only": True, "pretrained_text": False}
    if weights.architecture is None:
        config = read_json(folder / "open_clip_config.json")["model_cfg"]
        name = f"local-dir:{folder}"
    else:
        config = open_clip.get_model_config(weights.architecture)
        tag = open_clip.get_pretrained_cfg(weights.architecture, weights.tag)
        name = weights.architecture
        options["pretrained"] = str(folder / str(weights.weights_file))
        options["force_preprocess_cfg"] = {
            key: tag[key] for key in ("mean", "std", "interpolation", "resize_mode") if key in tag
        }
        # open_clip only warns when architecture and tag disagree on the activation; the tag is right.
        options["force_quick_gelu"] = bool(tag.get("quick_gelu"))
    if weights.text_config is not None:
        options["text_cfg"] = {
            **config["text_cfg"],
            "hf_model_name": str(weights.text_config),
            "hf_model_pretrained": False,
        }
    return open_clip.create_model(name, precision="fp32", device="cpu", **options).eval()


def _create_tokenizer(weights: ImageTextWeights, folder: Path) -> Any:
    import open_clip
    from open_clip.tokenizer import DEFAULT_CONTEXT_LENGTH, HFTokenizer, SimpleTokenizer

    if weights.architecture is None:
        text = read_json(folder / "open_clip_config.json")["model_cfg"]["text_cfg"]
    else:
        text = open_clip.get_model_config(weights.architecture)["text_cfg"]
    context_length = text.get("context_length", DEFAULT_CONTEXT_LENGTH)
    options = dict(text.get("tokenizer_kwargs") or {})
    if text.get("hf_tokenizer_name"):
        source = weights.tokenizer or folder
        mode = text.get("tokenizer_mode")
        return HFTokenizer(str(source), context_length=context_length, tokenizer_mode=mode, **options)
    # Random or part-of-speech word dropping is for training; texts are cut by the probe instead.
    options.pop("reduction_mask", None)
    return SimpleTokenizer(context_length=context_length, **options)


def _capacity(tokenizer: Any) -> int:
    if hasattr(tokenizer, "encode"):
        return int(tokenizer.context_length) - 2
    if tokenizer.tokenizer_mode == "clips":
        return int(tokenizer.context_length) - 3
    return int(tokenizer.context_length) - int(tokenizer.tokenizer.num_special_tokens_to_add())


def _fragment_ids(tokenizer: Any) -> frozenset[int] | None:
    """Return the ids that stand for no word: unknown, byte fallback, or part of a character."""
    if not hasattr(tokenizer, "encode"):
        return fragment_ids(tokenizer.tokenizer)
    found = []
    for token, index in tokenizer.encoder.items():
        word = token.removesuffix("</w>")
        if all(char in tokenizer.byte_decoder for char in word):
            try:
                bytes(tokenizer.byte_decoder[char] for char in word).decode("utf-8")
            except UnicodeDecodeError:
                found.append(index)
    return frozenset(found)


def fragment_ids(tokenizer: Any) -> frozenset[int] | None:
    """Return the ids of a Hugging Face tokenizer that stand for no word; None if it has no such ids."""
    ids = {index for token, index in tokenizer.get_vocab().items() if token[:3] == "<0x" and token[-1:] == ">"}
    if tokenizer.unk_token_id is not None:
        ids.add(tokenizer.unk_token_id)
    return frozenset(ids) if ids else None


def _image_shape(tower: Any) -> tuple[int, int] | None:
    """Return tokens and width of the widest layer of an image tower; None if it is none of open_clip's transformers."""
    from open_clip.transformer import VisionTransformer

    if not isinstance(tower, VisionTransformer):
        return None
    rows, columns = tower.grid_size
    return rows * columns + 1, 4 * int(tower.transformer.width)


def _text_tower(model: Any) -> Any:
    return getattr(model, "text", model)


def _can_trim(model: Any) -> bool:
    tower = _text_tower(model)
    pool = getattr(tower, "text_pool_type", getattr(tower, "pool_type", None))
    return (
        pool in ("argmax", "eos")
        and getattr(tower, "attn_mask", None) is not None
        and getattr(tower, "cls_emb", None) is None
        and not getattr(tower, "use_pad_mask", False)
        and hasattr(tower, "ln_final")
        and hasattr(tower, "text_projection")
    )


def _encode_trimmed(model: Any, tokens: torch.Tensor) -> torch.Tensor:
    """Return what ``encode_text`` returns, computed up to the last end-of-text token of the batch only."""
    import torch

    tower = _text_tower(model)
    pool = getattr(tower, "text_pool_type", getattr(tower, "pool_type", "argmax"))
    if pool == "argmax":
        ends = tokens.argmax(dim=-1)
    else:
        end_id: int = getattr(tower, "text_eos_id", None) or tower.eos_id
        ends = tokens.eq(end_id).int().argmax(dim=-1)
    length = int(ends.max()) + 1
    tokens = tokens[:, :length]
    dtype = tower.transformer.get_cast_dtype()
    hidden = tower.token_embedding(tokens).to(dtype) + tower.positional_embedding[:length].to(dtype)
    hidden = tower.transformer(hidden, attn_mask=tower.attn_mask[:length, :length])
    pooled = tower.ln_final(hidden)[torch.arange(len(tokens), device=tokens.device), ends]
    projection = tower.text_projection
    if projection is None:
        return pooled  # type: ignore[no-any-return]
    projected: torch.Tensor = projection(pooled) if isinstance(projection, torch.nn.Linear) else pooled @ projection
    return projected
