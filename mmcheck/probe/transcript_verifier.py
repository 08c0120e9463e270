"""Which model verifies transcripts, and the features that it reads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mmcheck.config import TranscriptConfig
from mmcheck.probe.transcript_encoder import find_int8_encoder
from mmcheck.probe.transcript_weights import TranscriptWeights

if TYPE_CHECKING:
    from mmcheck.backends.whisper_features import LogMel
    from mmcheck.backends.whisper_verifier import WhisperVerifier


def load_verifier(
    options: TranscriptConfig, weights: TranscriptWeights, *, device: str, window: str, transcribing: Any
) -> tuple[WhisperVerifier, LogMel]:
    """Return what verifies by the options, and what makes the features that it reads.

    Args:
        options: Section ``probes.transcript`` of the config.
        weights: Its weights.
        device: ``cpu`` or ``cuda``.
        window: ``full``, ``padded`` or ``fitted``.
        transcribing: The ``faster_whisper.WhisperModel`` that transcribes; None if none is loaded. ctranslate2 verifies
            with it.

    Raises:
        WeightsError: If the weights cannot be loaded.
    """
    from mmcheck.backends.whisper_features import LogMel

    folder = weights.folder
    if weights.backend == "transformers" and folder.transformers is not None:
        from mmcheck.backends.whisper_torch import TorchWhisperVerifier
        from mmcheck.backends.whisper_weights import num_mels

        torch_verifier = TorchWhisperVerifier(
            folder.transformers,
            device=device,
            precision=options.precision,
            window=window,
            batch_size=options.batch_size,
            int8_encoder=find_int8_encoder(options, device, folder, transcribing),
        )
        return torch_verifier, LogMel(num_mels(folder.transformers))
    from mmcheck.backends.whisper_ctranslate2 import Ctranslate2WhisperVerifier
    from mmcheck.backends.whisper_weights import ensure_ctranslate2

    verifier = Ctranslate2WhisperVerifier(
        transcribing.model, ensure_ctranslate2(folder), window=window, batch_size=options.batch_size
    )
    return verifier, LogMel(int(transcribing.model.n_mels))
