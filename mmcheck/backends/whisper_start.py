"""What the decoder's very first position says about a recording: no speech, and which language is spoken."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from mmcheck.backends.whisper_tokens import WhisperTokens
from mmcheck.core.arrays import Floats
from mmcheck.core.errors import MediaError


@dataclass(frozen=True, slots=True, kw_only=True)
class StartReading:
    """What the very first position says about the recording."""

    no_speech_prob: float | None
    """As in ``Verification``."""
    language: str | None
    """As in ``Verification``."""
    language_probability: float | None
    """As in ``Verification``."""
    stated_probability: float | None
    """As in ``Verification``."""


NO_START = StartReading(no_speech_prob=None, language=None, language_probability=None, stated_probability=None)
"""Of a task that does not want it."""


def start_ids(tokens: WhisperTokens) -> list[int]:
    """Return the token ids whose log-probabilities ``read_start`` wants, in its order."""
    no_speech = [] if tokens.no_speech is None else [tokens.no_speech]
    return [*no_speech, *tokens.languages.values()]


def read_start(log_probs: ArrayLike, tokens: WhisperTokens, stated: str | None) -> StartReading:
    """Return what the position after ``<|startoftranscript|>`` says.

    Args:
        log_probs: Vector of shape (len(start_ids),): log-softmax over the whole vocabulary, at these columns.
        tokens: The model's tokens.
        stated: Language that the manifest names.

    Raises:
        MediaError: If the model gave something else than numbers.
    """
    row = np.asarray(log_probs, np.float64)
    check_numbers(row)
    no_speech = None
    if tokens.no_speech is not None:
        no_speech, row = min(1.0, float(np.exp(row[0]))), row[1:]
    if not tokens.is_multilingual:
        return StartReading(no_speech_prob=no_speech, language=None, language_probability=None, stated_probability=None)
    codes = list(tokens.languages)
    shares = np.exp(row - np.logaddexp.reduce(row))
    best = int(shares.argmax())
    return StartReading(
        no_speech_prob=no_speech,
        language=codes[best],
        language_probability=min(1.0, float(shares[best])),
        stated_probability=min(1.0, float(shares[codes.index(stated)])) if stated in tokens.languages else None,
    )


def check_numbers(log_probs: Floats) -> None:
    """Refuse what is no number.

    Raises:
        MediaError: If the model gave something else than numbers.
    """
    if np.isnan(log_probs).any():
        raise MediaError(
            "the Whisper model gave no finite scores for this recording",
            cause="not_finite",
            hint="set probes.transcript.precision (or compute_type) to float32.",
        )
