"""Synthetic photographs and captions: JPEG files as heavy as real ones, so that decoding costs what it costs in life.

A picture is noise of all scales (coarse strong, fine weak, as in photographs), shapes with edges, and a little grain.
What it shows does not matter: speed depends on size and bytes, and every contestant gets the same files.
"""

from __future__ import annotations

import json
import os
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

QUALITY = 90
_GRAIN = 5.0
"""Deviation of the grain in levels of 255: makes some 0.3 bytes a pixel, as photographs of this quality have."""

_ADJECTIVES = "red small old wooden bright quiet young green heavy empty round striped wet tall dusty narrow".split()
_NOUNS = (
    "dog table bicycle river woman bridge window child mountain kitchen train street bird horse boat garden "
    "market tower fence bottle camera guitar flower truck beach lamp chair museum player umbrella"
).split()
_LINKS = "near behind under with beside above holding facing and below".split()


def draw_picture(seed: int, width: int, height: int) -> Image.Image:
    """Return one picture in RGB; equal seeds give equal pictures."""
    rng = np.random.default_rng([seed, width, height])
    total = np.zeros((height, width, 3), dtype=np.float32)
    cells = 3
    while cells < min(width, height) // 2:
        grid = rng.normal(size=(cells, cells * width // height, 3))
        scaled = np.clip(128 + 40 * grid, 0, 255).astype(np.uint8)
        layer = Image.fromarray(scaled).resize((width, height), Image.Resampling.BICUBIC)
        # Amplitude falls with frequency, as in the spectra of natural scenes (Field 1987).
        total += (np.asarray(layer, dtype=np.float32) - 128) * (3.0 / cells) ** 0.75
        cells *= 2
    image = Image.fromarray(np.clip(128 + total * 1.3, 0, 255).astype(np.uint8))
    _draw_shapes(image, rng)
    grain = rng.normal(0, _GRAIN, size=(height, width, 1)).astype(np.float32)
    return Image.fromarray(np.clip(np.asarray(image, dtype=np.float32) + grain, 0, 255).astype(np.uint8))


def _draw_shapes(image: Image.Image, rng: np.random.Generator) -> None:
    draw = ImageDraw.Draw(image)
    for _ in range(int(rng.integers(4, 10))):
        x, y = rng.uniform(0, 0.8, 2) * image.size
        w, h = rng.uniform(0.05, 0.35, 2) * image.size
        colour = tuple(int(value) for value in rng.integers(20, 236, 3))
        kind = rng.integers(3)
        if kind == 0:
            draw.ellipse((x, y, x + w, y + h), fill=colour)
        elif kind == 1:
            draw.rectangle((x, y, x + w, y + h), fill=colour)
        else:
            draw.polygon([(x, y), (x + w, y + h / 2), (x + w / 3, y + h)], fill=colour)


def make_caption(seed: int) -> str:
    """Return a caption of 8 to 20 words, such as ``a red dog near a wooden table``; equal seeds give equal ones."""
    rng = np.random.default_rng([seed, 1])
    wanted = int(rng.integers(8, 21))
    words: list[str] = []
    while len(words) < wanted:
        words += ["a", str(rng.choice(_ADJECTIVES)), str(rng.choice(_NOUNS)), str(rng.choice(_LINKS))]
    return " ".join(words[:wanted])


def make_set(folder: Path, num_pairs: int, width: int, height: int, *, drawn: int = 600) -> Path:
    """Return the manifest of ``num_pairs`` pairs below ``folder``, made on first use.

    Args:
        folder: Gets ``pairs.jsonl`` and ``images/``.
        num_pairs: Pairs wanted; what is there already is kept, and more than wanted is no harm.
        width: Of each picture, px.
        height: Of each picture, px.
        drawn: Pictures drawn at most; more files are the same pictures with another comment in the header, so that no
            two files are equal and nobody can save himself work.
    """
    manifest = folder / "pairs.jsonl"
    known = len(manifest.read_text("utf-8").splitlines()) if manifest.exists() else 0
    if known >= num_pairs:
        return manifest
    (folder / "images").mkdir(parents=True, exist_ok=True)
    with ProcessPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        draw = partial(_write_picture, folder, width=width, height=height)
        names = list(pool.map(draw, range(min(num_pairs, drawn)), chunksize=8))
    names += [_copy_picture(folder, names[number % drawn], number) for number in range(drawn, num_pairs)]
    rows = [
        {"id": f"p{number:05d}", "image": name, "caption": make_caption(number)} for number, name in enumerate(names)
    ]
    manifest.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return manifest


def _write_picture(folder: Path, number: int, *, width: int, height: int) -> str:
    name = f"images/{number:05d}.jpg"
    if not (folder / name).exists():
        beside = folder / f"{name}.part"
        draw_picture(number, width, height).save(beside, "JPEG", quality=QUALITY)
        beside.replace(folder / name)
    return name


def _copy_picture(folder: Path, source: str, number: int) -> str:
    name = f"images/{number:05d}.jpg"
    data, text = (folder / source).read_bytes(), f"copy {number}".encode()
    # ITU-T T.81: start of image, then a comment segment (FF FE, length with its own two bytes).
    comment = b"\xff\xfe" + (len(text) + 2).to_bytes(2, "big") + text
    (folder / name).write_bytes(data[:2] + comment + data[2:])
    return name
