"""Fresh picture-caption pairs whose truth is known, encoded by the bundled model and kept on disk.

Drawing and encoding cost a hundred times more than any detector, so they happen once: a pool is cut into blocks of
pictures, each block is one file, and a run that was stopped goes on at the first block that is missing. Pictures go
through the same sizes and JPEG files as the demo data and captions through the probe's own encoder, so that what is
measured on a pool holds for `mmcheck scan` as well. Scenes and claims are not stored: the seed gives them again.
"""

from __future__ import annotations

import io
import json
import random
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageEnhance

from mmcheck.core.atomic import atomic_path
from scripts.synthetic.captions import (
    VAGUE,
    Claim,
    GroupClaim,
    alter_claim,
    false_claims,
    full_claim,
    random_claim,
    word,
)
from scripts.synthetic.scenes import Scene, make_scene, render

Half = NDArray[np.float16]

VERSION = 1
BLOCK = 500
TEXTS = ("text", "text_mixed", "text_vague", "text_attribute", "text_other")
"""What each picture has an encoded caption of: all true but `text_attribute`."""
_MODEL = "tiny-clip"
_PIXELS = 192
_QUALITY = (82, 90)
_NEAR_QUALITY = (60, 72)
_EMPTY = (*VAGUE, "nice!", "just a picture", "one of my photos")
_BATCH = 125


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One scene and its captions."""

    scene: Scene
    """What the picture shows."""
    specific: Claim
    """Says all about it."""
    mixed: Claim
    """True, but perhaps leaving much unsaid; never empty."""
    wrong: Claim
    """`specific` with one attribute made false."""
    attribute: str
    """Which one."""
    captions: tuple[str, ...]
    """In words, in the order of TEXTS."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """Encoded pairs; row i belongs to one picture in every array."""

    told: list[Told]
    """Scene and captions, n of them."""
    image: Half
    """Pictures, [n, d], unit length."""
    near: Half
    """A near-duplicate of each picture, [n, d]."""
    texts: dict[str, Half]
    """Captions by the names of TEXTS, [n, d] each."""

    def __len__(self) -> int:
        """Return how many pictures there are."""
        return len(self.told)


@cache
def tell(seed: int, index: int) -> Told:
    """Return scene `index` of a pool with its captions; equal arguments give equal scenes."""
    rng = random.Random(f"quality-{seed}-{index}")
    scene = make_scene(rng)
    specific = full_claim(scene, rng)
    mixed = random_claim(scene, rng)
    while mixed == Claim():
        mixed = random_claim(scene, rng)
    attribute = rng.choice(false_claims(specific, scene))
    wrong = alter_claim(specific, scene, attribute, rng)
    vague = word(Claim(groups=(GroupClaim(),)), rng) if rng.random() < 0.15 else rng.choice(_EMPTY)
    captions = (word(specific, rng), word(mixed, rng), vague, word(wrong, rng), word(full_claim(scene, rng), rng))
    return Told(scene=scene, specific=specific, mixed=mixed, wrong=wrong, attribute=attribute, captions=captions)


def draw(told: Told, seed: int, index: int) -> tuple[Image.Image, Image.Image]:
    """Return the picture as read back from its JPEG file, and a near-duplicate: cropped, re-lit, saved again."""
    rng = random.Random(f"quality-file-{seed}-{index}")
    picture = _through_file(render(told.scene, size=_PIXELS), rng.randint(*_QUALITY))
    left, top, right, bottom = (rng.randint(0, 4) for _ in range(4))
    near = picture.crop((left, top, _PIXELS - right, _PIXELS - bottom))
    if rng.random() < 0.5:
        near = ImageEnhance.Brightness(near).enhance(rng.uniform(0.92, 1.08))
    near = near.resize((_PIXELS, _PIXELS), Image.Resampling.BICUBIC)
    return picture, _through_file(near, rng.randint(*_NEAR_QUALITY))


class Encoder:
    """The bundled model, as the image-text probe uses it."""

    def __init__(self) -> None:
        from mmcheck.backends.image_text_backend import load_image_text, resolve_image_text

        weights = resolve_image_text(_MODEL)
        self.digest = str(weights.ref.sha256)
        self._backend = load_image_text(weights, device="cpu")

    def images(self, pictures: Sequence[Image.Image]) -> Half:
        """Return unit embeddings [n, d]."""
        parts = [
            self._backend.encode_images([self._backend.preprocess(picture) for picture in pictures[at : at + _BATCH]])
            for at in range(0, len(pictures), _BATCH)
        ]
        return np.concatenate(parts).astype(np.float16)

    def texts(self, captions: Sequence[str]) -> Half:
        """Return unit embeddings [n, d]; each text is encoded once."""
        unique = sorted(set(captions), key=lambda caption: (len(caption), caption))
        rows = [self._backend.encode_texts(unique[at : at + _BATCH]) for at in range(0, len(unique), _BATCH)]
        place = {caption: row for row, caption in enumerate(unique)}
        return np.concatenate(rows).astype(np.float16)[[place[caption] for caption in captions]]


@cache
def encoder() -> Encoder:
    """Return the encoder, loaded on first use."""
    return Encoder()


def weights_digest() -> str:
    """Return the digest of the bundled model's files, without loading it."""
    from mmcheck.backends.image_text_backend import resolve_image_text

    return str(resolve_image_text(_MODEL).ref.sha256)


def load_pool(cache_dir: Path, *, seed: int, size: int) -> Pool:
    """Return a pool of pairs, drawing and encoding the blocks that the cache lacks.

    Args:
        cache_dir: Folder of the blocks; made where absent.
        seed: Of the scenes.
        size: Pictures wanted; any number, since blocks are shared between sizes.
    """
    folder = cache_dir / f"pairs-{VERSION}-{weights_digest()[:12]}"
    folder.mkdir(parents=True, exist_ok=True)
    blocks = [_block(folder, seed, start) for start in range(0, size, BLOCK)]
    arrays = {name: np.concatenate([block[name] for block in blocks])[:size] for name in ("image", "near", *TEXTS)}
    return Pool(
        told=[tell(seed, index) for index in range(size)],
        image=arrays["image"],
        near=arrays["near"],
        texts={name: arrays[name] for name in TEXTS},
    )


def _block(folder: Path, seed: int, start: int) -> dict[str, Half]:
    path = folder / f"{seed}-{start:06d}.npz"
    if not path.exists():
        _write_block(path, seed, start)
    with np.load(path) as stored:
        return {name: stored[name] for name in ("image", "near", *TEXTS)}


def _write_block(path: Path, seed: int, start: int) -> None:
    told = [tell(seed, index) for index in range(start, start + BLOCK)]
    pictures = [draw(one, seed, start + place) for place, one in enumerate(told)]
    captions = [caption for one in told for caption in one.captions]
    texts = encoder().texts(captions).reshape(BLOCK, len(TEXTS), -1)
    arrays = {
        "image": encoder().images([picture for picture, _ in pictures]),
        "near": encoder().images([near for _, near in pictures]),
    } | {name: texts[:, place] for place, name in enumerate(TEXTS)}
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        np.savez(file, allow_pickle=False, **arrays)


def describe(told: Told) -> dict[str, Any]:
    """Return captions and claims of one scene, fit for JSON."""
    names = ("caption", "mixed", "vague", "attribute", "other")
    claims = {"specific": told.specific, "mixed": told.mixed, "attribute": told.wrong}
    return {
        **dict(zip(names, told.captions, strict=True)),
        "wrong_attribute": told.attribute,
        "claims": {name: asdict(claim) for name, claim in claims.items()},
    }


def write_pool(pool: Pool, stem: Path) -> None:
    """Write a pool as `stem`.npz (the arrays) and `stem`.jsonl (captions and claims), for work outside the bench."""
    with atomic_path(stem.with_suffix(".jsonl")) as temporary:
        temporary.write_text("".join(json.dumps(describe(told)) + "\n" for told in pool.told), "utf-8")
    with atomic_path(stem.with_suffix(".npz")) as temporary, temporary.open("wb") as file:
        np.savez(file, allow_pickle=False, image=pool.image, near=pool.near, **pool.texts)


def _through_file(image: Image.Image, quality: int) -> Image.Image:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return Image.open(buffer).convert("RGB")
