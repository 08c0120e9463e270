"""A Hugging Face CTC model (wav2vec2, MMS, HuBERT, WavLM and their like): log-probabilities of its symbols by frame.

Recordings go through one by one: models with a group norm (wav2vec2-base and its kind) take no mask, so padding would
change what they hear, and the same recording would get other values in another batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mmcheck.backends.clip_tensors import loading
from mmcheck.backends.ctc_vocabulary import load_vocabulary
from mmcheck.backends.libraries import require
from mmcheck.backends.quiet_transformers import quiet_transformers
from mmcheck.backends.weights import no_network
from mmcheck.backends.whisper_features import SAMPLING_RATE, Features
from mmcheck.core.arrays import Floats
from mmcheck.core.errors import MediaError, WeightsError
from mmcheck.core.json_types import JsonObject

if TYPE_CHECKING:
    import torch

_MIN_SAMPLES = 1600
"""Shorter sound is filled up with silence. Our own choice: 0.1 s holds no word, and the convolutions of every model
get a frame."""
_MASK_PARAMETER = "masked_spec_embed"
"""Stands in for what training masks; files that lack it are whole. Given by transformers."""


class CtcModel:
    """Hears recordings.

    Args:
        folder: Hugging Face folder.
        device: ``cpu`` or ``cuda``.
        adapter: Language of an MMS adapter; None: the model as it is.

    Raises:
        MissingDependency: If torch or transformers cannot be loaded.
        WeightsError: If the weights cannot be loaded, are incomplete, or are no CTC model of letters.
    """

    def __init__(self, folder: Path, *, device: str, adapter: str | None = None) -> None:
        require("torch", "transformers")
        import torch

        self._torch = torch
        self._device = device
        self.vocabulary = load_vocabulary(folder, adapter)
        self._model = _load(folder, adapter).to(device, torch.float32).eval()
        self._extract = _load_extractor(folder)

    def describe(self) -> JsonObject:
        """Return class, device and versions."""
        import transformers

        return {
            "architecture": type(self._model).__name__,
            "device": self._device,
            "precision": "float32",
            "versions": {"torch": self._torch.__version__, "transformers": transformers.__version__},
        }

    def hear(self, parts: Sequence[Features]) -> Floats:
        """Return the log-probabilities of the symbols in each frame of a recording, shape (frames, symbols).

        Args:
            parts: Its windows, mono samples at 16 kHz; their frames stand one after the other.

        Raises:
            MediaError: If the model gives no finite numbers.
        """
        return np.concatenate([self._hear(part) for part in parts])

    def _hear(self, samples: Features) -> Floats:
        filled = np.pad(samples, (0, max(0, _MIN_SAMPLES - len(samples))))
        inputs = self._extract(filled, sampling_rate=SAMPLING_RATE, return_tensors="pt")
        with self._torch.inference_mode():
            given = {name: tensor.to(self._device) for name, tensor in inputs.items()}
            logits: torch.Tensor = self._model(**given).logits[0]
            found = logits.double().log_softmax(-1).cpu().numpy()
        if np.isnan(found).any():
            raise MediaError("the CTC model gave no finite scores for this recording", cause="undecodable")
        return found


def _load(folder: Path, adapter: str | None) -> Any:
    from transformers import AutoModelForCTC

    quiet_transformers()
    loader: Any = AutoModelForCTC
    options: dict[str, Any] = {} if adapter is None else {"target_lang": adapter, "ignore_mismatched_sizes": True}
    with loading(str(folder), folder), no_network():
        model, report = loader.from_pretrained(
            str(folder), use_safetensors=True, output_loading_info=True, local_files_only=True, **options
        )
    missing = sorted(name for name in report["missing_keys"] if not name.endswith(_MASK_PARAMETER))
    if missing and adapter is None:
        raise WeightsError(
            f"the CTC weights in {folder} are incomplete: {len(missing)} missing, e.g. {missing[0]!r}.",
            hint="a model that was only pretrained has no CTC head; take one that was fine-tuned on transcripts.",
        )
    return model


def _load_extractor(folder: Path) -> Any:
    """Return the model's own feature extractor; wav2vec2's as published where the folder has none.

    Raises:
        WeightsError: If it wants another sampling rate.
    """
    from transformers import AutoFeatureExtractor, Wav2Vec2FeatureExtractor

    extractor: Any
    published: Any = Wav2Vec2FeatureExtractor
    if (folder / "preprocessor_config.json").is_file():
        with loading(str(folder), folder), no_network():
            loader: Any = AutoFeatureExtractor
            extractor = loader.from_pretrained(str(folder), local_files_only=True)
    else:
        extractor = published()
    if int(extractor.sampling_rate) != SAMPLING_RATE:
        raise WeightsError(
            f"the CTC model in {folder} wants sound at {extractor.sampling_rate} Hz; recordings are decoded at 16 kHz."
        )
    # A recording alone needs no mask, and models that were trained without one want none.
    extractor.return_attention_mask = False
    return extractor
