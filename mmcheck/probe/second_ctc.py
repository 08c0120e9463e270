"""A CTC model as the second verifier: it has no language model inside, so it does not guess what Whisper guesses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mmcheck.backends.ctc_weights import digest_ctc
from mmcheck.backends.long_audio import plan_windows
from mmcheck.core.arrays import Floats
from mmcheck.core.digests import digest_value
from mmcheck.core.json_types import JsonObject
from mmcheck.media.sample_media import SampleMedia
from mmcheck.metrics.ctc_alignment import align_words, greedy_symbols, relative_scores
from mmcheck.metrics.spellings import spell_otherwise
from mmcheck.metrics.text_normalization import is_scriptio_continua
from mmcheck.probe.base import NotApplicable
from mmcheck.probe.second_fit import TextFit
from mmcheck.probe.transcript_clip import find_speech

if TYPE_CHECKING:
    from mmcheck.backends.ctc_model import CtcModel
    from mmcheck.backends.ctc_vocabulary import SpelledWord
    from mmcheck.backends.whisper_features import Features

_MOST_LETTERS_SECONDS = 1_200_000
"""Letters of a text times seconds of its recording; what is beyond is not aligned. Our own choice: five minutes of
speech; the alignment takes 100 MB and some seconds then, and both grow with the square."""
_MOST_UNKNOWN = 0.5
"""Share of a text's letters that the model may lack. Our own choice: with more, what is left is no transcript."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CtcClip:
    """A recording on its way to the model."""

    parts: tuple[Features, ...]
    """Waveform of each window."""
    is_scriptio_continua: bool
    language: str | None
    """Of the transcript."""


class CtcSecond:
    """Verifies with a Hugging Face CTC model.

    Args:
        folder: Its folder.
        device: ``auto``, ``cpu`` or ``cuda``.
        adapter: Language of an MMS adapter.
    """

    def __init__(self, folder: Path, *, device: str, adapter: str | None) -> None:
        self._folder = folder
        self._asked_device = device
        self._adapter = adapter
        self._model: CtcModel | None = None

    def digest(self) -> str:
        """Return the digest of weights and adapter.

        Raises:
            WeightsError: If they cannot be read.
        """
        return digest_value(["ctc", digest_ctc(self._folder, self._adapter), self._adapter])

    def all_weights(self) -> frozenset[str]:
        """Return the digest of the files that the model is read from; no Whisper has them.

        Raises:
            WeightsError: If they cannot be read.
        """
        return frozenset({digest_ctc(self._folder, self._adapter)})

    def open(self) -> None:
        """Load the model.

        Raises:
            WeightsError: If it cannot be loaded.
            MissingDependency: If a package is not installed.
        """
        from mmcheck.backends.ctc_model import CtcModel
        from mmcheck.backends.devices import resolve_device, set_threads

        device = resolve_device(self._asked_device)
        set_threads()
        self._model = CtcModel(self._folder, device=device, adapter=self._adapter)

    def describe(self) -> JsonObject:
        """Return kind, weights' digest, architecture and versions."""
        told = {} if self._model is None else self._model.describe()
        return {"kind": "ctc", "weights": {"sha256": digest_ctc(self._folder, self._adapter)}, **told}

    def prepare(self, media: SampleMedia, text: str) -> CtcClip:
        """Return the waveform in windows. Thread-safe.

        Raises:
            NotApplicable: If the model knows too few of the letters, or the recording is too long to be aligned.
            MediaError: If the recording cannot be used.
        """
        language = media.sample.language
        continuous = is_scriptio_continua(language, text)
        counts = [
            (sum(word.num_unknown for word in spelled), sum(word.num_letters for word in spelled))
            for spelled in self._spellings(text, language, is_scriptio_continua=continuous)
        ]
        unknown, letters = min(counts)
        if not letters:
            raise NotApplicable("the transcript has no letters")
        if unknown > _MOST_UNKNOWN * letters:
            raise NotApplicable("the second model does not know most of the transcript's letters")
        samples = media.audio().samples
        windows, _ = plan_windows(samples, find_speech)
        if letters * sum(window.seconds[1] - window.seconds[0] for window in windows) > _MOST_LETTERS_SECONDS:
            raise NotApplicable("the recording is too long to be aligned with its transcript letter by letter")
        return CtcClip(
            parts=tuple(samples[window.start : window.stop] for window in windows),
            is_scriptio_continua=continuous,
            language=language,
        )

    def fit(self, clips: Sequence[tuple[CtcClip, Sequence[str]]]) -> list[tuple[list[TextFit], str | None]]:
        """Return the fit of each text under its recording, and what the model hears.

        Raises:
            MediaError: If the model gives no finite numbers.
        """
        model = self._opened()
        found: list[tuple[list[TextFit], str | None]] = []
        for clip, texts in clips:
            relative = relative_scores(model.hear(clip.parts))
            heard = model.vocabulary.read(greedy_symbols(relative, blank=model.vocabulary.blank))
            fits = [self._fit(relative, text, clip) for text in texts]
            found.append((fits, heard))
        return found

    def _fit(self, relative: Floats, text: str, clip: CtcClip) -> TextFit:
        """Return the fit of a text in its likeliest spelling, of those with the fewest letters that are not known."""
        spellings = self._spellings(text, clip.language, is_scriptio_continua=clip.is_scriptio_continua)
        fits = [self._align(relative, spelled, clip) for spelled in spellings]
        least = min(fit.num_unknown for fit in fits)
        return max((fit for fit in fits if fit.num_unknown == least), key=lambda fit: fit.mean)

    def _spellings(self, text: str, language: str | None, *, is_scriptio_continua: bool) -> list[list[SpelledWord]]:
        """Return the text in the model's symbols, and where it has no symbol for some letters, in other spellings too.

        So a year in digits is read as the words that say it.
        """
        vocabulary = self._opened().vocabulary
        own = vocabulary.spell(text, is_scriptio_continua=is_scriptio_continua)
        if is_scriptio_continua or not any(word.num_unknown for word in own):
            return [own]
        others = (spelling.text for spelling in spell_otherwise(text, language))
        return [own, *(vocabulary.spell(other, is_scriptio_continua=False) for other in others)]

    def _align(self, relative: Floats, spelled: list[SpelledWord], clip: CtcClip) -> TextFit:
        vocabulary = self._opened().vocabulary
        aligned = align_words(
            relative,
            [word.symbols for word in spelled],
            blank=vocabulary.blank,
            separator=None if clip.is_scriptio_continua else vocabulary.separator,
        )
        return TextFit(
            mean=aligned.mean,
            words=tuple((word.word, value) for word, value in zip(spelled, aligned.words, strict=True)),
            gaps=aligned.gaps,
            num_letters=sum(word.num_letters for word in spelled),
            num_unknown=sum(word.num_unknown for word in spelled),
        )

    def _opened(self) -> CtcModel:
        if self._model is None:
            raise RuntimeError("the probe has not been opened")
        return self._model
