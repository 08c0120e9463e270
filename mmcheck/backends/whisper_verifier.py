"""What verification is, whatever library runs it: a text goes in with features, its log-probabilities come out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from mmcheck.backends.whisper_features import Features
from mmcheck.backends.whisper_tokens import WhisperTokens
from mmcheck.core.json_types import JsonObject


@dataclass(frozen=True, slots=True, kw_only=True)
class VerificationTask:
    """One window with the text that is said to be spoken in it."""

    features: Features
    """Log-mel features of shape (bands, frames), unpadded."""
    text: str
    """The given text; may be empty for a window into which no text fell."""
    language: str | None = None
    """Whisper's code; None: detected where the model is multilingual."""
    is_scriptio_continua: bool = False
    """Whether the text has no spaces between words."""
    encoded: Any = field(default=None, repr=False, compare=False)
    """What the encoder made of the features before, in the very window that is set: ``Verification.encoded``. None:
    they are encoded now. Tasks of the same features have all the same."""
    wants_start: bool = True
    """Whether the result shall say what the start tells of the recording: no speech, and the language. It costs
    ctranslate2 a decoder pass of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """What the model says about one task."""

    words: tuple[str, ...]
    """Scored words."""
    log_probs: tuple[tuple[float, ...], ...]
    """For each word the natural log-probabilities of its tokens."""
    entropies: tuple[tuple[float, ...], ...]
    """For each word and token the entropy (nat) of what the model expected in its place. Of a punctuation mark it is at
    least the mark's own -log p: nobody speaks marks, so an unexpected one shall surprise nobody."""
    end_log_prob: float
    """Natural log-probability that the text ends where it ends."""
    no_speech_prob: float | None
    """Probability of ``<|nospeech|>`` at the start, 0 to 1; None if the model has no such token."""
    language: str | None
    """Most probable language; None for English-only models."""
    language_probability: float | None
    """Its probability among the languages, 0 to 1."""
    stated_probability: float | None
    """Probability of the task's language; None if it named none."""
    num_tokens: int
    """Tokens of the text."""
    num_scored: int
    """Those that were scored; fewer only for texts beyond ``MAX_PASSES``."""
    early_ends: tuple[float, ...] = ()
    """For each word the natural log-probability that the text ends right before it, at once or with a mark; empty if
    unknown."""
    num_own: int | None = None
    """Those of them that the model itself would have written in their place (its most likely token there); None if
    unknown. Where all are, the text is what greedy decoding of this model gives."""
    encoded: Any = field(default=None, repr=False, compare=False)
    """What the encoder made of the recording, shape (positions, width), torch tensor or numpy array: a transcription
    of the same clip can start from it. None unless it was asked for."""


class WhisperVerifier(Protocol):
    """Verifies texts. Results do not depend on what else is in the batch, beyond floating-point noise."""

    tokens: WhisperTokens
    window: str
    """``full`` (each clip filled up to 30 s), ``padded`` (some seconds of silence behind each) or ``fitted`` (each as
    long as it is); may be changed at any time."""
    precision: str
    """Number format of the encoder; may be changed to any of ``precisions`` at any time."""
    precisions: tuple[str, ...]
    """What it can be: first what is fastest in fitted windows, last what full windows are best verified in."""

    def verify(self, tasks: Sequence[VerificationTask], *, keep_encoded: bool = False) -> list[Verification]:
        """Return one verification a task, in order.

        Args:
            tasks: The tasks.
            keep_encoded: Whether each result holds the encoder's output; it takes memory as long as the results live.
        """
        ...

    def describe(self) -> JsonObject:
        """Return what run.json shall say: backend, precision, device, versions."""
        ...
