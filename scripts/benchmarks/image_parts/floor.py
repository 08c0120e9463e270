"""The floor: the model's forward pass alone, on tensors that lie ready, as fast as this machine's torch can do it.

Number format and batch size are raced first and the fastest pair is taken. Texts are unique, sorted by length, and cut
to the longest of their batch. Nothing is read, decoded, resized, tokenized or stored while the time runs.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from time import perf_counter
from typing import Any

import open_clip
import torch
from PIL import Image

from mmcheck.backends.devices import set_threads
from scripts.benchmarks.image_parts.work import Work, read_work

_FORMATS = {"cpu": ("float32", "bfloat16"), "cuda": ("float16", "bfloat16")}
_BATCHES = {"cpu": (8, 16, 32, 64), "cuda": (128, 256, 512)}
_DISTINCT = 64
"""Images that are decoded; more would only be copies to the arithmetic."""


class Floor:
    """A model and its ready tensors.

    Args:
        work: The pairs.
        device: ``cpu`` or ``cuda``.
    """

    def __init__(self, work: Work, device: str) -> None:
        name = f"local-dir:{work.model / 'open_clip'}"
        model, _, preprocess = open_clip.create_model_and_transforms(name)
        self._model: Any = model.eval().to(device)
        self._device = device
        pairs = work.pairs()
        pixels = [preprocess(Image.open(pair.image)) for pair in pairs[:_DISTINCT]]
        self._pixels = torch.stack(list(itertools.islice(itertools.cycle(pixels), len(pairs)))).to(device)
        tokens = open_clip.get_tokenizer(name)(sorted({pair.caption for pair in pairs}))
        self._lengths = tokens.argmax(dim=-1) + 1
        order = self._lengths.argsort()
        self._lengths, self._tokens = self._lengths[order], tokens[order].to(device)

    def cast(self, dtype: torch.dtype) -> None:
        """Turn weights and pixels into a number format."""
        self._model = self._model.to(dtype)
        self._pixels = self._pixels.to(dtype)

    def images(self, batch: int, limit: int | None = None) -> float:
        """Return the seconds that the images take, all or the first ``limit``."""
        return self._timed(lambda: [self._model.encode_image(part) for part in self._pixels[:limit].split(batch)])

    def texts(self, batch: int, limit: int | None = None) -> float:
        """Return the seconds that the texts take; ``limit`` of them are spread over all lengths."""
        chosen = torch.linspace(0, len(self._tokens) - 1, limit or len(self._tokens)).round().long()
        parts = [self._tokens[part.to(self._device), : int(self._lengths[part].max())] for part in chosen.split(batch)]
        return self._timed(lambda: [self._encode_text(part) for part in parts])

    def _encode_text(self, tokens: torch.Tensor) -> torch.Tensor:
        """Return what ``encode_text`` returns for texts that are cut behind the longest (the tower is causal)."""
        model, length = self._model, tokens.shape[1]
        dtype = model.transformer.get_cast_dtype()
        hidden = model.token_embedding(tokens).to(dtype) + model.positional_embedding[:length].to(dtype)
        hidden = model.transformer(hidden, attn_mask=model.attn_mask[:length, :length])
        rows = torch.arange(len(tokens), device=tokens.device)
        pooled: torch.Tensor = model.ln_final(hidden)[rows, tokens.argmax(dim=-1)] @ model.text_projection
        return pooled

    def _timed(self, run: Callable[[], Sequence[torch.Tensor]]) -> float:
        with torch.inference_mode():
            began = perf_counter()
            run()
            if self._device == "cuda":
                torch.cuda.synchronize()
            return perf_counter() - began


def _race(floor: Floor, batch: int, items: int) -> tuple[float, float]:
    """Return what a number of images and of texts take, s; a first batch of each warms up."""
    floor.images(batch, batch)
    floor.texts(batch, batch)
    return floor.images(batch, items), floor.texts(batch, items)


def main() -> None:
    """Race the formats, then run all pairs and tell how long that took."""
    work = read_work("device")
    device = work.options.device
    set_threads()
    floor = Floor(work, device)
    raced: dict[tuple[str, int], tuple[float, float]] = {}
    small, *larger = _BATCHES[device]
    for name in _FORMATS[device]:
        floor.cast(getattr(torch, name))
        raced[name, small] = _race(floor, small, small)
    best_format = min(raced, key=lambda key: sum(raced[key]))[0]
    floor.cast(getattr(torch, best_format))
    for batch in (small, *larger):
        raced[best_format, batch] = _race(floor, batch, max(larger))
    images_at, texts_at = (
        min((key for key in raced if key[0] == best_format), key=lambda key: raced[key][part])[1] for part in (0, 1)
    )
    images, texts = floor.images(images_at), floor.texts(texts_at)
    work.tell(
        images + texts,
        [],
        precision=best_format,
        images_per_second=work.items / images,
        texts_per_second=work.items / texts,
        batches=[images_at, texts_at],
        raced={f"{name} in {batch}s": sum(seconds) for (name, batch), seconds in raced.items()},
    )


if __name__ == "__main__":
    main()
