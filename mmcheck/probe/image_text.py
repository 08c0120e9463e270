"""How well image and caption belong together, by a CLIP or SigLIP model.

The value is the model's raw cosine, on purpose neither rescaled nor clipped: what counts as high differs
from model to model and from dataset to dataset, and is decided later, against the dataset itself. The
embeddings are kept, because every later question (null, duplicates, repair) is a matrix product on them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mmcheck.backends.devices import resolve_device, set_threads
from mmcheck.backends.image_text_backend import ImageTextBackend, load_image_text, resolve_image_text
from mmcheck.backends.image_text_weights import ImageTextWeights
from mmcheck.config import ImageTextConfig
from mmcheck.core.digests import digest_value
from mmcheck.core.errors import MediaError
from mmcheck.core.json_types import JsonObject
from mmcheck.core.part_traits import ProbeTraits
from mmcheck.core.types import Measurement, MediaRef, Status
from mmcheck.media.sample_media import SampleMedia
from mmcheck.probe.base import NotApplicable, Prepared
from mmcheck.probe.caption_windows import Window, split_caption, spread, thin
from mmcheck.probe.image_text_metrics import METRICS

if TYPE_CHECKING:
    import numpy as np

_VERSION = 4
"""Counted up when the same weights and options would give other values."""

_LEAST_BATCH = 16
"""Pairs at once on a CPU at least. Measured: matrix products of fewer rows than 12 to 16 come from other kernels, which
differ in the last bits; from 16 on an embedding is the same to the bit whatever stands beside it."""
_DIGITS = 6  # decimals of a stored similarity; our own choice: single precision computes no more
_SHOWN_CHARACTERS = 200  # characters of a window in the evidence; our own choice: bounds the size of the run


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageTextPayload:
    """A pair ready for the model."""

    pixels: object
    """What the backend's ``preprocess`` returned."""
    windows: tuple[Window, ...]
    """What of the caption is scored; one window unless the caption is long; none where there is no caption."""
    num_windows: int
    """Windows of the caption, those left out included."""
    num_tokens: int
    """Tokens of the caption."""
    unknown_ratio: float | None
    """Share of tokens that stand for no known word."""
    is_long: bool
    """Whether the caption is longer than the model's context."""
    characters_left_out: int
    """Characters of an enormous caption that nothing looked at."""
    alone: str | None = None
    """Why there is no caption to score; None if there is one."""


class ImageTextProbe:
    """Similarity of image and caption.

    Args:
        options: Section ``probes.image_text`` of the config.
        device: ``auto``, ``cpu`` or ``cuda``.
        seed: Not used: nothing here is random.
    """

    name = "image_text"
    options_model = ImageTextConfig
    traits = ProbeTraits(halves=("image", "caption"), has_model=True)
    metrics = METRICS

    def __init__(self, options: ImageTextConfig, device: str, seed: int) -> None:
        self.batch_size = options.batch_size
        self.min_side: int | None = None
        """Images may be shrunk while decoding to no less than this; None until ``open``."""
        self._options = options
        self._device = device
        self._seed = seed
        self._weights: ImageTextWeights | None = None
        self._backend: ImageTextBackend | None = None

    def fingerprint(self) -> str:
        """Return a digest of code version, weights (by content) and options.

        The weights are found, and downloaded on first use, but not loaded.

        Raises:
            WeightsError: If the weights cannot be found.
        """
        weights = self._found()
        return digest_value(
            {
                "version": _VERSION,
                "weights": weights.ref.sha256,
                "backend": weights.backend,
                "architecture": weights.architecture,
                "tag": weights.tag,
                "precision": self._options.precision,
                "device": self._device,
                "long_captions": self._options.long_captions,
            }
        )

    def open(self) -> None:
        """Load the model.

        Raises:
            WeightsError: If the weights cannot be found or loaded.
            UserError: If the device is absent.
        """
        device = resolve_device(self._device)
        if device == "cpu":
            self.batch_size = max(self.batch_size, _LEAST_BATCH)
        set_threads()
        self._backend = load_image_text(self._found(), device=device, precision=self._options.precision)
        self.min_side = 2 * max(self._backend.image_size)

    def describe(self) -> JsonObject:
        """Return model, weights with sha256, library, precision and device."""
        weights = self._found()
        about: JsonObject = {
            "model": weights.ref.name,
            "kind": weights.ref.kind,
            "sha256": weights.ref.sha256,
            "backend": weights.backend,
        }
        if weights.ref.repo_id is not None:
            about["repo_id"] = weights.ref.repo_id
        if self._backend is not None:
            about |= self._backend.describe()
        return about

    def prepare_again(self, media: SampleMedia) -> ImageTextPayload:
        """Return caption windows without pixels: an earlier row has the same image.

        Raises:
            NotApplicable: If there is no image.
        """
        return self._prepare(media, lambda: None)

    def prepare(self, media: SampleMedia) -> ImageTextPayload:
        """Return pixels and caption windows. Thread-safe.

        An image without a caption is prepared alone: duplicates, overlap and coverage want its embedding.

        Raises:
            NotApplicable: If there is no image.
            MediaError: If the image cannot be used.
        """
        return self._prepare(media, lambda: self._opened().preprocess(media.image()))

    def _prepare(self, media: SampleMedia, pixels: Callable[[], object]) -> ImageTextPayload:
        backend = self._opened()
        sample = media.sample
        if sample.image is None:
            raise NotApplicable("the sample has no image")
        if sample.caption is None:
            return _alone(pixels, "the sample has no caption")
        caption = sample.caption.encode("utf-8", "replace").decode("utf-8").strip()
        if not caption:
            return _alone(pixels, "the caption is empty")
        num_characters = len(caption)
        caption = thin(caption)
        num_tokens = backend.count_tokens(caption)
        if num_tokens == 0:
            return _alone(pixels, "the caption holds nothing that the model can read")
        is_long = num_tokens > backend.capacity
        if is_long and self._options.long_captions == "split":
            windows = split_caption(caption, backend.count_tokens, backend.capacity)
        else:
            windows = [Window(caption, num_tokens)]
        return ImageTextPayload(
            pixels=pixels(),
            windows=tuple(spread(windows)),
            num_windows=len(windows),
            num_tokens=num_tokens,
            unknown_ratio=backend.unknown_ratio(caption),
            is_long=is_long,
            characters_left_out=max(0, num_characters - len(caption)),
        )

    def measure(self, batch: Sequence[Prepared[ImageTextPayload]]) -> list[Measurement]:
        """Return one measurement a sample, in order."""
        if not batch:
            return []
        payloads = [prepared.payload for prepared in batch]
        images = self._encode_images(batch)
        texts = self._encode_windows({window for payload in payloads for window in payload.windows})
        return [
            self._measurement(prepared.sample.id, payload, image, [texts[window] for window in payload.windows])
            for prepared, payload, image in zip(batch, payloads, images, strict=True)
        ]

    def _encode_images(self, batch: Sequence[Prepared[ImageTextPayload]]) -> list[np.ndarray]:
        """Return the embedding of each sample's image: a known one, else each image once."""
        import numpy as np

        firsts: dict[MediaRef | None, object] = {}
        for prepared in batch:
            if prepared.image is None and prepared.payload.pixels is not None:
                firsts.setdefault(prepared.sample.image, prepared.payload.pixels)
        encoded = self._opened().encode_images(list(firsts.values())) if firsts else ()
        own = dict(zip(firsts, encoded, strict=True))
        # In half precision, as it is stored: a row that takes its image over from an earlier one gets no other value.
        return [
            np.asarray(
                own[prepared.same_as or prepared.sample.image] if prepared.image is None else prepared.image,
                dtype=np.float16,
            ).astype(np.float32)
            for prepared in batch
        ]

    def _encode_windows(self, windows: set[Window]) -> dict[Window, np.ndarray]:
        """Return embeddings by window: each text once, sorted by length so that little is padded, in even parts."""
        ordered = sorted(windows, key=lambda window: (window.num_tokens, window.text))
        encoded: dict[Window, np.ndarray] = {}
        size = -(-len(ordered) // max(1, -(-len(ordered) // self.batch_size)))
        for start in range(0, len(ordered), max(1, size)):
            part = ordered[start : start + size]
            rows = self._opened().encode_texts([window.text for window in part])
            encoded.update(zip(part, rows, strict=True))
        return encoded

    def _measurement(
        self, sample_id: str, payload: ImageTextPayload, image: np.ndarray, texts: list[np.ndarray]
    ) -> Measurement:
        import numpy as np

        if payload.alone is not None:
            return Measurement(
                sample_id=sample_id,
                probe=self.name,
                status=Status.NOT_APPLICABLE,
                reason=payload.alone,
                embeddings={"image": image} if np.isfinite(image).all() else {},
            )
        stacked = np.stack(texts)
        scores = np.clip(stacked @ image, -1.0, 1.0).astype(np.float64)
        if not np.isfinite(scores).all():
            reason = "the model returned no finite number for this pair; try precision: float32"
            return Measurement.failed(sample_id, self.name, reason, "not_finite")
        text = stacked.mean(axis=0)
        text = text / max(float(np.linalg.norm(text)), 1e-12)
        values = {
            "similarity": round(float(scores.mean()), _DIGITS),
            "worst_similarity": round(float(scores.min()), _DIGITS),
            "num_windows": float(payload.num_windows),
            "num_tokens": float(payload.num_tokens),
        }
        if payload.unknown_ratio is not None:
            values["unknown_token_ratio"] = payload.unknown_ratio
        return Measurement(
            sample_id=sample_id,
            probe=self.name,
            status=Status.MEASURED,
            values=values,
            evidence=self._evidence(payload, scores.tolist()) if payload.is_long else {},
            embeddings={"image": image, "text": text},
        )

    def _evidence(self, payload: ImageTextPayload, scores: list[float]) -> JsonObject:
        evidence: JsonObject = {"long_caption": True}
        if payload.characters_left_out:
            evidence["characters_left_out"] = payload.characters_left_out
        if self._options.long_captions == "truncate":
            evidence["truncated"] = True
            return evidence
        evidence["windows"] = [
            {"text": window.text[:_SHOWN_CHARACTERS], "similarity": round(score, 4)}
            for window, score in zip(payload.windows, scores, strict=True)
        ]
        if payload.num_windows > len(payload.windows):
            evidence["windows_left_out"] = payload.num_windows - len(payload.windows)
        return evidence

    def _found(self) -> ImageTextWeights:
        if self._weights is None:
            options = self._options
            self._weights = resolve_image_text(options.model, options.pretrained, options.backend)
        return self._weights

    def _opened(self) -> ImageTextBackend:
        if self._backend is None:
            raise RuntimeError("the probe has not been opened")
        return self._backend


def _alone(pixels: Callable[[], object], reason: str) -> ImageTextPayload:
    """Return the payload of an image without a caption that could be scored."""
    try:
        found = pixels()
    except MediaError:
        # The probe media tells what is wrong with the image; no pair is lost by it.
        raise NotApplicable(reason) from None
    return ImageTextPayload(
        pixels=found,
        windows=(),
        num_windows=0,
        num_tokens=0,
        unknown_ratio=None,
        is_long=False,
        characters_left_out=0,
        alone=reason,
    )
