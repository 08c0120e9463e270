"""Which weights a transcript probe uses: where they lie, which library reads them, and what they are by SHA-256."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from mmcheck.config import TranscriptConfig

if TYPE_CHECKING:
    from mmcheck.backends.whisper_tokenizer import WhisperTokenizer
    from mmcheck.backends.whisper_weights import Backend, WhisperFolder


class TranscriptWeights:
    """The weights that the options name, found when asked for.

    Args:
        options: Section ``probes.transcript`` of the config.
    """

    def __init__(self, options: TranscriptConfig) -> None:
        self._options = options

    @cached_property
    def folder(self) -> WhisperFolder:
        """The folder with the weights.

        Raises:
            WeightsError: If they cannot be found.
        """
        from mmcheck.backends.whisper_weights import find_whisper

        return find_whisper(self._options.model, backend=self._options.backend)

    @property
    def backend(self) -> Backend:
        """The library that verifies, or that transcribes where nothing does."""
        return self.folder.backend(self._options.backend) if self._options.verify else "ctranslate2"

    @cached_property
    def tokenizer(self) -> WhisperTokenizer:
        """The tokenizer beside the weights.

        Raises:
            WeightsError: If it cannot be read.
        """
        from mmcheck.backends.whisper_tokenizer import load_tokenizer

        return load_tokenizer(self.folder.tokens_folder(self.backend))
