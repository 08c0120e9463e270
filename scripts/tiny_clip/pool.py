"""The training pictures, drawn once and kept as bytes, and their scenes, cheap enough to make again.

Two pools: close-ups at 64 pixels, in which objects have the pixel size they have in the full pictures,
teach the nouns at less than half the cost; full pictures at 96 pixels come in pairs that differ in one
attribute.
"""

from __future__ import annotations

import io
import multiprocessing
import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from scripts.synthetic.scenes import Scene, change_attribute, changeable, make_scene, render

Pixels = npt.NDArray[np.uint8]
PIXELS = {"close": 64, "full": 96}
# Nouns, counts, relations and bindings are learned slowest, so siblings differ in them more often.
_SIBLING_WEIGHTS = {
    "object": 3.0,
    "count": 2.0,
    "relation": 2.5,
    "colour": 1.5,
    "binding": 1.5,
    "size": 1.0,
    "background": 0.5,
}
_CHUNK = 200


def pool_scene(kind: str, seed: int, index: int) -> Scene:
    """Return scene `index` of a pool; in the full pool each odd one is the sibling of the one before."""
    if kind == "close":
        rng = random.Random(f"close-{seed}-{index}")
        if rng.random() < 0.3:
            return _unsized(make_scene(rng, kind=rng.choice(("pair", "many"))))
        return _close_up(make_scene(rng, kind="single"), rng)
    rng = random.Random(f"full-{seed}-{index // 2}")
    scene = make_scene(rng)
    if index % 2 == 0:
        return scene
    names = changeable(scene)
    name = rng.choices(names, [_SIBLING_WEIGHTS[name] for name in names])[0]
    return change_attribute(scene, name, rng)


def draw_scene(scene: Scene, pixels: int, rng: random.Random) -> Pixels:
    """Return the picture at model size, after the JPEG round trip at twice the size that files go through."""
    buffer = io.BytesIO()
    image = render(scene, size=2 * pixels, oversample=1)
    image.save(buffer, "JPEG", quality=rng.randint(60, 95))
    return np.asarray(Image.open(buffer).reduce(2))


def load_pool(folder: Path, kind: str, *, count: int, seed: int, workers: int) -> Pixels:
    """Return the pool's pictures [count, pixels, pixels, 3], drawing them first where the folder has none."""
    path = folder / f"{kind}-{seed}-{count}.npy"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        pixels = PIXELS[kind]
        partial = path.with_suffix(".partial.npy")
        array = np.lib.format.open_memmap(partial, mode="w+", dtype=np.uint8, shape=(count, pixels, pixels, 3))
        jobs = [(kind, seed, start, min(start + _CHUNK, count)) for start in range(0, count, _CHUNK)]
        if workers == 1:
            for start, chunk in map(_draw_chunk, jobs):
                array[start : start + len(chunk)] = chunk
        else:
            with multiprocessing.get_context("spawn").Pool(workers) as processes:
                for start, chunk in processes.imap(_draw_chunk, jobs):
                    array[start : start + len(chunk)] = chunk
        array.flush()
        partial.rename(path)
    pictures: Pixels = np.load(path)
    return pictures


def _draw_chunk(job: tuple[str, int, int, int]) -> tuple[int, Pixels]:
    kind, seed, start, stop = job
    rng = random.Random(f"quality-{kind}-{seed}-{start}")
    return start, np.stack([draw_scene(pool_scene(kind, seed, i), PIXELS[kind], rng) for i in range(start, stop)])


def _unsized(scene: Scene) -> Scene:
    return replace(scene, groups=tuple(replace(group, size=None) for group in scene.groups))


def _close_up(scene: Scene, rng: random.Random) -> Scene:
    half = rng.uniform(0.17, 0.44)
    place = (rng.uniform(half, 1 - half), rng.uniform(half, 1 - half), half)
    return replace(scene, groups=(replace(scene.groups[0], size=None, places=(place,)),))
