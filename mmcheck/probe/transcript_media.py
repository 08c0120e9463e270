"""From a decoded recording and its transcript to what Whisper gets: windows of sound, their features, and a text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mmcheck.backends.long_audio import plan_windows
from mmcheck.backends.whisper_languages import find_language
from mmcheck.media.sample_media import SampleMedia
from mmcheck.metrics.text_normalization import is_scriptio_continua
from mmcheck.metrics.transcript_cleaning import clean_transcript
from mmcheck.probe.base import NotApplicable
from mmcheck.probe.transcript_clip import Clip, find_speech
from mmcheck.probe.transcript_values import find_end_level

if TYPE_CHECKING:
    from mmcheck.backends.whisper_features import LogMel


def prepare_clip(media: SampleMedia, *, is_multilingual: bool, log_mel: LogMel | None) -> Clip:
    """Return waveform and features of a recording, in windows. Thread-safe.

    Args:
        media: The sample.
        is_multilingual: Whether the model knows more than English.
        log_mel: Makes the features; None: there are none, since nothing verifies.

    Raises:
        NotApplicable: If there is no recording or no transcript, or the model does not know the language.
        MediaError: If the recording cannot be used.
    """
    sample = media.sample
    if sample.audio is None:
        raise NotApplicable("the sample has no recording")
    if sample.transcript is None:
        raise NotApplicable("the sample has no transcript")
    if not sample.transcript.strip():
        raise NotApplicable("the transcript is empty")
    # A text of nothing but marks is held against the sound as it is: words may be said where it says "[noise]".
    text = clean_transcript(sample.transcript, sample.language) or sample.transcript
    language = find_language(sample.language)
    if not is_multilingual and sample.language and sample.language.strip() and language != "en":
        raise NotApplicable(f"the model knows English only, the sample's language is {sample.language!r}")
    samples = media.audio().samples
    windows, has_speech = plan_windows(samples, find_speech)
    parts = tuple(samples[window.start : window.stop] for window in windows)
    return Clip(
        text=text,
        language=language if is_multilingual else "en",
        is_scriptio_continua=is_scriptio_continua(sample.language, text),
        windows=tuple(windows),
        samples=parts,
        features=tuple(log_mel(part) for part in parts) if log_mel is not None else (),
        has_speech=has_speech,
        end_level=find_end_level(samples),
    )
