"""A second Whisper as the second verifier: another size or a fine-tuned one, with the first one's code."""

from __future__ import annotations

from collections.abc import Sequence

from mmcheck.config import TranscriptConfig
from mmcheck.core.digests import digest_value
from mmcheck.core.json_types import JsonObject
from mmcheck.media.sample_media import SampleMedia
from mmcheck.metrics.verification import WordScore, summarise_scores
from mmcheck.probe.base import NotApplicable
from mmcheck.probe.second_fit import TextFit
from mmcheck.probe.transcript import TranscriptProbe
from mmcheck.probe.transcript_clip import Clip
from mmcheck.probe.transcript_own import TextOfClip
from mmcheck.probe.transcript_values import to_scores


class WhisperSecond:
    """Verifies with a Whisper other than that of the probe ``transcript``.

    Args:
        model: Size, bundled name, folder or hub name.
        device: ``auto``, ``cpu`` or ``cuda``.
        batch_size: Recordings at once on a GPU.
    """

    def __init__(self, model: str, *, device: str, batch_size: int) -> None:
        options = TranscriptConfig(
            model=model, transcribe="never", window="full", detect_language=False, batch_size=batch_size
        )
        self._probe = TranscriptProbe(options, device)

    def digest(self) -> str:
        """Return the digest of weights, tokenizer and options.

        Raises:
            WeightsError: If the weights cannot be found.
        """
        return digest_value(["whisper", self._probe.fingerprint()])

    def all_weights(self) -> frozenset[str]:
        """Return the SHA-256 of each file of weights.

        Raises:
            WeightsError: If they cannot be found or read.
        """
        return self._probe.all_weights()

    def open(self) -> None:
        """Load the model.

        Raises:
            WeightsError: If it cannot be loaded.
        """
        self._probe.open()

    def describe(self) -> JsonObject:
        """Return kind, weights' digest, backend and versions."""
        return {"kind": "whisper", **self._probe.describe()}

    def prepare(self, media: SampleMedia, text: str) -> Clip:
        """Return the features of the recording. Thread-safe.

        Raises:
            NotApplicable: If the recording is longer than one window, or the model does not know the language.
            MediaError: If the recording cannot be used.
        """
        clip = self._probe.prepare(media)
        if len(clip.windows) != 1:
            raise NotApplicable(
                "a second Whisper verifies recordings of up to 30 s only; a CTC model takes longer ones"
            )
        return clip

    def fit(self, clips: Sequence[tuple[Clip, Sequence[str]]]) -> list[tuple[list[TextFit], str | None]]:
        """Return the fit of each text under its recording; a Whisper is not made to say what it hears.

        Raises:
            MediaError: If the model gives no finite numbers.
        """
        verified = iter(
            self._probe.verify_texts(
                [TextOfClip(clip=clip, text=text, window="full") for clip, texts in clips for text in texts]
            )
        )
        found: list[tuple[list[TextFit], str | None]] = []
        for _, texts in clips:
            fits = []
            for text in texts:
                scores = to_scores(next(verified))
                words = tuple((word.word, _word_fit(word)) for word in scores.words)
                mean = summarise_scores(scores).get("mean_log_prob", scores.end_log_prob)
                fits.append(TextFit(mean=mean, words=words, num_letters=sum(map(str.isalnum, text))))
            found.append((fits, None))
        return found


def _word_fit(word: WordScore) -> float:
    """Return how well a word fits: minus its surprise, which allows for what else could have stood there."""
    return min(0.0, word.mean if word.surprise is None else -word.surprise)
