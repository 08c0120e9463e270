"""The floor: the model's forward pass alone, on tensors that lie ready, as fast as this machine's torch can do it.

Number format, batch size, and one batch on all cores against one on each are raced first, and the fastest is taken.
Texts are unique, sorted by length, and cut to the longest of their batch. Nothing is read, decoded, resized, tokenized
or stored while the time runs.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter
from typing import Any

import open_clip
import torch
from PIL import Image

from mmcheck.backends.devices import set_threads, usable_cores
from scripts.benchmarks.image_parts.work import Work, read_work

_FORMATS = {"cpu": ("float32", "bfloat16"), "cuda": ("float16", "bfloat16")}
_BATCHES = {"cpu": (8, 16, 32), "cuda": (128, 256, 512)}
_KINDS = ("images", "texts")
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
        self.streams = 1
        """Batches at a time: one on all cores, or one on each core."""

    def cast(self, dtype: torch.dtype) -> None:
        """Turn weights and pixels into a number format."""
        self._model = self._model.to(dtype)
        self._pixels = self._pixels.to(dtype)

    def images(self, batch: int, limit: int | None = None) -> float:
        """Return the seconds that the images take, all or the first ``limit``."""
        return self._timed(self._model.encode_image, self._pixels[:limit].split(batch))

    def texts(self, batch: int, limit: int | None = None) -> float:
        """Return the seconds that the texts take; ``limit`` of them are spread over all lengths."""
        chosen = torch.linspace(0, len(self._tokens) - 1, limit or len(self._tokens)).round().long()
        parts = [self._tokens[part.to(self._device), : int(self._lengths[part].max())] for part in chosen.split(batch)]
        return self._timed(self._encode_text, parts)

    def _encode_text(self, tokens: torch.Tensor) -> torch.Tensor:
        """Return what ``encode_text`` returns for texts that are cut behind the longest (the tower is causal)."""
        model, length = self._model, tokens.shape[1]
        dtype = model.transformer.get_cast_dtype()
        hidden = model.token_embedding(tokens).to(dtype) + model.positional_embedding[:length].to(dtype)
        hidden = model.transformer(hidden, attn_mask=model.attn_mask[:length, :length])
        rows = torch.arange(len(tokens), device=tokens.device)
        pooled: torch.Tensor = model.ln_final(hidden)[rows, tokens.argmax(dim=-1)] @ model.text_projection
        return pooled

    def _timed(self, encode: Callable[[torch.Tensor], torch.Tensor], parts: Sequence[torch.Tensor]) -> float:
        def run(part: torch.Tensor) -> None:
            with torch.inference_mode():
                encode(part)

        if self.streams == 1:
            # The streams' own setting reaches beyond their threads (MKL's is the whole process's).
            set_threads()
            began = perf_counter()
            for part in parts:
                run(part)
            if self._device == "cuda":
                torch.cuda.synchronize()
            return perf_counter() - began
        with ThreadPoolExecutor(self.streams, initializer=lambda: torch.set_num_threads(1)) as pool:
            began = perf_counter()
            list(pool.map(run, parts))
            return perf_counter() - began


def _race(floor: Floor, batch: int, items: int) -> tuple[float, float]:
    """Return what a number of images and of texts take, s; a first batch of each warms up."""
    floor.images(batch, batch)
    floor.texts(batch, batch)
    return floor.images(batch, items), floor.texts(batch, items)


def main() -> None:
    """Race the ways to run, then run all pairs in the fastest one and tell how long that took."""
    work = read_work("device")
    device = work.options.device
    floor = Floor(work, device)
    small, *larger = _BATCHES[device]
    set_threads()
    formats: dict[str, float] = {}
    for name in _FORMATS[device]:
        floor.cast(getattr(torch, name))
        formats[name] = sum(_race(floor, small, small))
    precision = min(formats, key=lambda name: formats[name])
    floor.cast(getattr(torch, precision))
    raced: dict[tuple[int, int], tuple[float, float]] = {}
    items = usable_cores() * max(larger) if device == "cpu" else max(larger)
    for streams in sorted({1, usable_cores() if device == "cpu" else 1}):
        floor.streams = streams
        for batch in (small, *larger):
            raced[streams, batch] = _race(floor, batch, items)
    ways = [min(raced, key=lambda way: raced[way][part]) for part in (0, 1)]
    seconds = []
    for (streams, batch), run in zip(ways, (floor.images, floor.texts), strict=True):
        floor.streams = streams
        seconds.append(run(batch))
    work.tell(
        sum(seconds),
        [],
        precision=precision,
        images_per_second=work.items / seconds[0],
        texts_per_second=work.items / seconds[1],
        ways={kind: f"{streams} at a time, in {batch}s" for kind, (streams, batch) in zip(_KINDS, ways, strict=True)},
        formats=formats,
        raced={f"{streams} at a time, in {batch}s": sum(found) for (streams, batch), found in raced.items()},
    )


if __name__ == "__main__":
    main()
