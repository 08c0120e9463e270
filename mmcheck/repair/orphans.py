"""Captions whose image is gone and images without a caption: halves that no pair was measured of.

Each may be the lost half of a suspect. Their embeddings are not stored, because a pair was never encoded; they are made
here with the run's own model, if it is still at hand.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from mmcheck.core.errors import MediaError, MmcheckError
from mmcheck.core.sentences import count_noun
from mmcheck.core.types import Sample
from mmcheck.store.run_folder import RunFolder, read_part
from mmcheck.store.schema import table_to_samples

MAX_ORPHANS = 5000
"""More captions or images without a partner than these are ignored. Our own choice: a run that lost so much has other
troubles."""
_BATCH = 64  # halves embedded in one go; our own choice: bounds memory


class Encoder(Protocol):
    """What is needed of an image-text backend."""

    image_size: tuple[int, int]
    """Height and width in pixels that the model looks at."""

    def preprocess(self, image: Any) -> Any:
        """Return what ``encode_images`` wants."""
        ...

    def encode_images(self, pixels: Sequence[Any]) -> NDArray[np.float32]:
        """Return embeddings of preprocessed images, shape (n, d)."""
        ...

    def encode_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return embeddings, shape (n, d)."""
        ...


@dataclass(slots=True)
class Orphans:
    """Whether halves of pairs are encoded, and what came of it."""

    wanted: bool = True
    """Whether the model may be loaded for them."""
    num_captions: int = 0
    """Captions encoded."""
    num_images: int = 0
    """Images encoded."""
    notes: list[str] = field(default_factory=list)
    """What went wrong, in plain sentences."""


def encode_orphans(
    run: RunFolder, present: NDArray[np.bool_], orphans: Orphans
) -> Iterator[tuple[int, str, NDArray[np.float32]]]:
    """Yield row, ``image`` or ``text``, and embedding of the halves that stand alone.

    Args:
        run: The run folder.
        present: Rows that have both embeddings, shape (n,).
        orphans: What is wanted; told what came of it.

    Raises:
        RunError: If a part is missing or damaged.
    """
    if not orphans.wanted or present.all():
        return
    captions, images = _halves(run, present)
    if not captions and not images:
        return
    if run.record.probes["image_text"].is_given:
        counted = ((len(captions), "caption"), (len(images), "image"))
        left = " and ".join(count_noun(count, noun) for count, noun in counted if count)
        orphans.notes.append(
            "the vectors of this run were given, and no model is loaded for those that are missing: "
            f"{left} without a pair of vectors could not be compared."
        )
        return
    if len(captions) + len(images) > MAX_ORPHANS:
        orphans.notes.append(
            f"{count_noun(len(captions), 'caption')} without a readable image and {count_noun(len(images), 'image')} "
            f"without a caption are more than the {MAX_ORPHANS:,} that are looked at; they were ignored."
        )
        return
    try:
        backend = _load(run)
    except (MmcheckError, ImportError) as error:
        first = str(error).splitlines()[0].rstrip(".")
        orphans.notes.append(f"captions without a readable image were ignored: {first}.")
        return
    for start in range(0, len(captions), _BATCH):
        part = captions[start : start + _BATCH]
        vectors = backend.encode_texts([text for _, text in part])
        orphans.num_captions += len(part)
        yield from ((row, "text", vector) for (row, _), vector in zip(part, vectors, strict=True))
    for row, vector in _encode_images(run, backend, images):
        orphans.num_images += 1
        yield row, "image", vector


def _halves(run: RunFolder, present: NDArray[np.bool_]) -> tuple[list[tuple[int, str]], list[tuple[int, Sample]]]:
    captions: list[tuple[int, str]] = []
    images: list[tuple[int, Sample]] = []
    for shard in run.shards():
        alone = np.flatnonzero(~present[shard.start : shard.stop])
        if not len(alone):
            continue
        table = read_part(run.samples_part(shard)).take(alone)
        for place, sample in zip(alone.tolist(), table_to_samples(table), strict=True):
            if sample.problem is not None or sample.image is None:
                continue
            if sample.caption is not None and sample.caption.strip():
                captions.append((shard.start + place, sample.caption))
            else:
                images.append((shard.start + place, sample))
    return captions, images


def _load(run: RunFolder) -> Encoder:
    # Here and not above: most repairs need no model library.
    from mmcheck.backends.devices import resolve_device, set_threads
    from mmcheck.backends.image_text_backend import load_image_text, resolve_image_text

    config = run.config()
    options = config.probes.image_text
    weights = resolve_image_text(options.model, options.pretrained, options.backend)
    stored = run.record.probes["image_text"].weights_sha256
    if stored and stored != weights.ref.sha256:
        raise MmcheckError(f"the weights of {options.model} are not those that the run was measured with.")
    set_threads()
    device = resolve_device(config.run.device)
    return load_image_text(weights, device=device, precision=options.precision)


def _encode_images(
    run: RunFolder, backend: Encoder, images: Sequence[tuple[int, Sample]]
) -> Iterator[tuple[int, NDArray[np.float32]]]:
    from mmcheck.media.sample_media import SampleMedia
    from mmcheck.media.source import MediaSource

    config = run.config()
    with closing(MediaSource(allow_remote=config.input.allow_remote)) as source:
        for start in range(0, len(images), _BATCH):
            rows: list[int] = []
            pixels: list[Any] = []
            for row, sample in images[start : start + _BATCH]:
                media = SampleMedia(
                    sample, source, min_side=2 * max(backend.image_size), max_pixels=config.probes.media.max_pixels
                )
                try:
                    pixels.append(backend.preprocess(media.image()))
                    rows.append(row)
                except MediaError:
                    continue  # the medium is gone as well: nothing to repair
            if rows:
                yield from zip(rows, backend.encode_images(pixels), strict=True)
