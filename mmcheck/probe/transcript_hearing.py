"""What Whisper hears in a recording: transcription where it is called for, with the model loaded on first need."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mmcheck.backends.whisper_streams import map_streams
from mmcheck.config import TranscriptConfig
from mmcheck.core.json_types import JsonObject
from mmcheck.metrics.verification import find_doubts, join_scores, summarise_scores
from mmcheck.probe.transcript_clip import Clip
from mmcheck.probe.transcript_spellings import Spelled
from mmcheck.probe.transcript_values import to_scores
from mmcheck.probe.transcript_weights import TranscriptWeights

if TYPE_CHECKING:
    from mmcheck.backends.whisper_features import Features
    from mmcheck.backends.whisper_transcriber import Transcription, WhisperTranscriber
    from mmcheck.backends.whisper_verifier import Verification


def why_transcribe(options: TranscriptConfig, spelled: Spelled, *, is_long: bool) -> str | None:
    """Return why a recording is transcribed, as its evidence says it; None if it is not.

    Args:
        options: Section ``probes.transcript`` of the config.
        spelled: Its verification; without parts if nothing verifies.
        is_long: Whether it has several windows.
    """
    if is_long:
        return "long: more than 30 s are always transcribed"
    if not spelled.parts:
        return "always: verification is off"
    if options.transcribe == "uncertain":
        values = summarise_scores(join_scores([to_scores(part) for part in spelled.parts]))
        doubts = find_doubts(values, options.uncertain.model_dump())
        return f"uncertain: {', '.join(doubts)}" if doubts else None
    return "always: by the config" if options.transcribe == "always" else None


class Hearing:
    """Transcribes clips.

    Args:
        options: Section ``probes.transcript`` of the config.
        weights: Its weights.
    """

    def __init__(self, options: TranscriptConfig, weights: TranscriptWeights) -> None:
        self._options = options
        self._weights = weights
        self.device = "cpu"
        """``cpu`` or ``cuda``; set before anything is loaded."""
        self.is_multilingual = False
        """Whether a language must be named or detected; set once the model is known."""
        self.model: Any = None
        """The loaded ``faster_whisper.WhisperModel``; None so far."""
        self.transcriber: WhisperTranscriber | None = None
        """What transcribes; None so far."""

    @property
    def num_streams(self) -> int:
        """Return how many recordings may be transcribed at once."""
        return 1 if self.model is None else int(self.model.model.num_workers)

    def load(self) -> WhisperTranscriber:
        """Load the model and return what transcribes with it.

        Raises:
            WeightsError: If the weights cannot be found, converted or loaded.
        """
        from mmcheck.backends.whisper_transcriber import WhisperTranscriber, load_faster_whisper
        from mmcheck.backends.whisper_weights import ensure_ctranslate2

        self.model = load_faster_whisper(
            ensure_ctranslate2(self._weights.folder), device=self.device, compute_type=self._options.compute_type
        )
        self.transcriber = WhisperTranscriber(self.model, beam_size=self._options.beam_size)
        return self.transcriber

    def describe(self) -> JsonObject | None:
        """Return compute type, device, beam size and versions, as run.json keeps them; None if nothing is loaded."""
        if self.model is None:
            return None
        import ctranslate2
        import faster_whisper

        return {
            "compute_type": str(self.model.model.compute_type),
            "device": str(self.model.model.device),
            "beam_size": self._options.beam_size,
            "versions": {"ctranslate2": ctranslate2.__version__, "faster-whisper": faster_whisper.__version__},
        }

    def hear_long(self, clips: Sequence[Clip]) -> list[list[Transcription] | None]:
        """Return what is heard in each recording of several windows, None for the others.

        Raises:
            WeightsError: If it needs weights that cannot be converted.
        """
        windows = [(clip, samples) for clip in clips if len(clip.windows) > 1 for samples in clip.samples]
        if not windows:
            return [None] * len(clips)
        transcriber = self.transcriber or self.load()

        def hear(part: tuple[Clip, Features]) -> Transcription:
            clip, samples = part
            return transcriber.transcribe(samples, clip.language, is_loop=clip.is_loop)

        texts = iter(map_streams(hear, windows, self.num_streams))
        return [[next(texts) for _ in clip.windows] if len(clip.windows) > 1 else None for clip in clips]

    def hear_doubtful(
        self, rows: Sequence[tuple[Clip, Spelled, str | None, Sequence[Transcription] | None]]
    ) -> list[Sequence[Transcription] | None]:
        """Return what is heard in each recording that shall be transcribed; None where it shall not be.

        Args:
            rows: For each recording the clip, its verification, why it is transcribed, and what was heard already.
        """

        def hear(
            row: tuple[Clip, Spelled, str | None, Sequence[Transcription] | None],
        ) -> Sequence[Transcription] | None:
            clip, spelled, reason, heard = row
            if reason is None or heard is not None:
                return heard
            language = clip.language or (spelled.parts[0].language if spelled.parts else None)
            return self._hear(clip, language, spelled.parts)

        return map_streams(hear, rows, self.num_streams)

    def _hear(self, clip: Clip, language: str | None, verified: Sequence[Verification]) -> list[Transcription]:
        transcriber = self.transcriber or self.load()
        if verified and (language or not self.is_multilingual):
            return [
                transcriber.transcribe_encoded(part.encoded, len(samples), language, is_loop=clip.is_loop)
                for part, samples in zip(verified, clip.samples, strict=True)
            ]
        return [transcriber.transcribe(samples, language, is_loop=clip.is_loop) for samples in clip.samples]
