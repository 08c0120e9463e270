"""Does the recording say what the transcript says? Whisper reads the given text along with the recording.

Verification (one pass of the decoder over the given text) is cheap and sees what a transcription cannot: how likely
each given word is, and whether the text may end where it ends. Transcription is dear; it is made for pairs that look
doubtful, as evidence for people and for error rates. Recordings beyond 30 s are always transcribed: it takes the heard
words to tell which part of the text belongs to which window.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from mmcheck.config import TranscriptConfig
from mmcheck.core.digests import digest_value
from mmcheck.core.errors import ConfigError, MediaError
from mmcheck.core.json_types import JsonObject
from mmcheck.core.part_traits import ProbeTraits
from mmcheck.core.types import Measurement
from mmcheck.media.sample_media import SampleMedia
from mmcheck.probe.base import NotApplicable, Prepared
from mmcheck.probe.transcript_clip import Clip
from mmcheck.probe.transcript_encoder import refuse_int8
from mmcheck.probe.transcript_evidence import build_measurement
from mmcheck.probe.transcript_hearing import Hearing, why_transcribe
from mmcheck.probe.transcript_media import prepare_clip
from mmcheck.probe.transcript_metrics import METRICS
from mmcheck.probe.transcript_own import OwnTexts, OwnVerification, TextOfClip, set_window
from mmcheck.probe.transcript_spellings import Spelled, SpellingTrials
from mmcheck.probe.transcript_verifier import load_verifier
from mmcheck.probe.transcript_weights import TranscriptWeights
from mmcheck.probe.window_check import MIN_RUN, NUM_CLIPS, SHARE_TRIED, check_windows

if TYPE_CHECKING:
    from mmcheck.backends.whisper_features import LogMel
    from mmcheck.backends.whisper_verifier import Verification, WhisperVerifier

_VERSION = 12
"""Counted up when equal options and weights give other values."""
_TIMES = {"full": 1, "padded": 2, "fitted": 4}
"""Kind of window -> how many times as many clips make a batch. Our own choice: about as much memory."""


class TranscriptProbe:
    """Measures how well a transcript fits its recording.

    Args:
        options: Section ``probes.transcript`` of the config.
        device: ``auto``, ``cpu`` or ``cuda``.
        seed: Unused; nothing here is random.

    Raises:
        ConfigError: If the options leave nothing to measure.
    """

    name = "transcript"
    options_model = TranscriptConfig
    traits = ProbeTraits(halves=("audio", "transcript"), has_model=True)
    metrics = METRICS

    def __init__(self, options: TranscriptConfig, device: str = "auto", seed: int = 0) -> None:
        if not options.verify and options.transcribe == "never":
            raise ConfigError(
                "probes.transcript measures nothing with `verify: false` and `transcribe: never`.",
                hint="set one of them otherwise, or `enabled: false`.",
            )
        self._options = options
        self._asked_device = device
        self._window: str = "full" if options.window == "auto" else options.window
        self._is_settled = False
        self._window_check: JsonObject = {}
        self._weights = TranscriptWeights(options)
        self._hearing = Hearing(options, self._weights)
        self._verifier: WhisperVerifier | None = None
        self._own: OwnTexts | None = None
        self._trials: SpellingTrials | None = None
        self._is_shared: Callable[[str], bool] | None = None
        self._log_mel: LogMel | None = None
        self._device = device
        self._is_multilingual = False
        self._digest = ""

    @property
    def batch_size(self) -> int:
        """Return how many clips are measured at once; shorter windows are smaller."""
        return self._options.batch_size * _TIMES[self._window]

    @property
    def num_trial(self) -> int:
        """Return how many of the run's recordings ``settle`` wants to see; 0 if nothing has to be settled."""
        is_open = self._options.window == "auto" and not self._is_settled
        return NUM_CLIPS if is_open and self._verifier is not None else 0

    def take_up(self, settled: Mapping[str, str]) -> None:
        """Take over precision and window of an earlier attempt; call it before ``open``.

        The window stays one that ``auto`` came to: doubtful recordings are verified again in the full one.
        """
        if precision := settled.get("precision"):
            self._options = self._options.model_copy(update={"precision": precision})
        if window := settled.get("window"):
            self._window, self._is_settled = window, True

    def settle(self, trial: Iterable[SampleMedia], num_recordings: int) -> None:
        """Choose windows and the encoder's precision by a trial on a few recordings; call it after ``open``.

        Args:
            trial: Recordings of the run; those that cannot be used are passed over.
            num_recordings: Recordings of the whole run.
        """
        if self._verifier is None or not self.num_trial:
            return
        if num_recordings < MIN_RUN:
            reason = f"fewer than {MIN_RUN} recordings are not worth a trial"
            self._window_check = {"window_check": {"agree": False, "reason": reason}}
            return
        limit = min(NUM_CLIPS, num_recordings // SHARE_TRIED)
        found = check_windows(self._verifier, self._prepare_trial(trial), limit)
        self._window_check = {"window_check": found.describe()}
        self._window = found.window
        self._verifier.window, self._verifier.precision = found.window, found.precision

    def _prepare_trial(self, trial: Iterable[SampleMedia]) -> Iterator[Clip]:
        for media in trial:
            with suppress(NotApplicable, MediaError):
                yield self.prepare(media)

    def fingerprint(self) -> str:
        """Return the digest of version, weights, tokenizer and options; reads the weights' bytes, loads no model.

        Raises:
            WeightsError: If the weights cannot be found.
        """
        options = self._options.model_dump(mode="json", exclude={"enabled", "model", "batch_size"})
        return digest_value(
            {
                "version": _VERSION,
                "weights": self._weights.folder.digest(),
                "tokenizer": self._weights.tokenizer.sha256,
                "options": {**options, "backend": self._weights.backend},
            }
        )

    def open(self) -> None:
        """Load what the options call for.

        Raises:
            WeightsError: If the weights cannot be found or loaded.
            UserError: If the device is absent.
        """
        from mmcheck.backends.devices import resolve_device, set_threads

        options, hearing, backend = self._options, self._hearing, self._weights.backend
        self._device = hearing.device = resolve_device(self._asked_device)
        set_threads()
        refuse_int8(options, self._device, backend)
        if backend == "ctranslate2" or options.transcribe != "never":
            hearing.load()
        if options.verify:
            verifier, self._log_mel = load_verifier(
                options, self._weights, device=self._device, window=self._window, transcribing=hearing.model
            )
            self._digest = self._weights.folder.weights_digest(backend)
            self._is_multilingual = verifier.tokens.is_multilingual
            self._use(verifier)
        else:
            self._is_multilingual = bool(hearing.model.model.is_multilingual)
        hearing.is_multilingual = self._is_multilingual

    def _use(self, verifier: WhisperVerifier) -> None:
        """Verify with this one from now on."""
        limits = self._options.uncertain.model_dump()
        self._verifier = verifier
        # Where the config itself asks for shorter windows, they have the last word.
        self._own = OwnTexts(verifier, limits=limits if self._options.window == "auto" else None)
        self._trials = SpellingTrials(verifier, limits, self._options.spellings)
        # On a GPU the values would depend, in the last digits, on whose batch a recording was encoded in.
        if self._is_shared is not None and self._device == "cpu":
            self._own.share(self._is_shared)

    def describe(self) -> JsonObject:
        """Return model name, weights' digest, backend, precision and versions, as run.json keeps them."""
        described: JsonObject = {
            "model": self._options.model,
            "weights": {"sha256": self._weights.folder.digest()},
            "tokenizer": self._weights.tokenizer.describe(),
            "is_multilingual": self._is_multilingual,
        }
        if (verification := self.verification) is not None:
            described["verification"] = verification
        if (transcription := self._hearing.describe()) is not None:
            described["transcription"] = transcription
        return described

    def all_weights(self) -> frozenset[str]:
        """Return the SHA-256 of each file of weights.

        Raises:
            WeightsError: If they cannot be found or read.
        """
        return self._weights.folder.all_weights()

    def prepare(self, media: SampleMedia) -> Clip:
        """Return waveform and features of the recording, in windows. Thread-safe.

        Raises:
            NotApplicable: If there is no recording or no transcript, or the model does not know the language.
            MediaError: If the recording cannot be used.
        """
        return prepare_clip(media, is_multilingual=self._is_multilingual, log_mel=self._log_mel)

    def measure(self, batch: Sequence[Prepared[Clip]]) -> list[Measurement]:
        """Return one measurement a sample, in order.

        Raises:
            MediaError: If the model gives no finite numbers for a sample.
            WeightsError: If the transcription of a long recording needs weights that cannot be converted.
        """
        clips = [prepared.payload for prepared in batch]
        heard_long = self._hearing.hear_long(clips)
        if self._own is None or self._trials is None:
            spelled = [Spelled(parts=(), window=self._window) for _ in clips]
        else:
            ids = [prepared.sample.id for prepared in batch]
            # A clip that will be transcribed, or read in another spelling, is not encoded a second time.
            keep = self._options.transcribe != "never" or self._options.spellings > 0
            verified = self._own.verify(self.name, ids, clips, heard_long, keep_encoded=keep)
            spelled = [Spelled(parts=tuple(own.parts), window=own.window) for own in verified]
            spelled = self._trials.respell(clips, spelled)
        rows = [
            (clip, one, why_transcribe(self._options, one, is_long=spoken is not None), spoken)
            for clip, one, spoken in zip(clips, spelled, heard_long, strict=True)
        ]
        heard = self._hearing.hear_doubtful(rows)
        if self._trials is not None:
            spelled = self._trials.respell_as_heard(clips, spelled, heard)
        return [
            build_measurement(
                self.name,
                prepared.sample.id,
                clip,
                one,
                reason,
                spoken,
                weights=self._digest,
                detects_language=self._options.detect_language,
            )
            for prepared, (clip, _, reason, _), one, spoken in zip(batch, rows, spelled, heard, strict=True)
        ]

    @property
    def verification(self) -> JsonObject | None:
        """Return backend, precision, window and versions of what verifies; None if nothing does or is loaded."""
        return None if self._verifier is None else {**self._verifier.describe(), **self._window_check}

    @property
    def is_open(self) -> bool:
        """Return whether the model is loaded."""
        return self._verifier is not None or self._hearing.model is not None

    def share(self, is_shared: Callable[[str], bool]) -> None:
        """Keep what is made of some recordings until ``verify_own`` asks for it; call it before ``open``.

        Args:
            is_shared: Says of a sample's id whether it will.
        """
        self._is_shared = is_shared

    def verify_own(self, asking: str, rows: Sequence[tuple[str, Clip]]) -> list[OwnVerification]:
        """Return the verification of prepared clips of one window with their own transcripts, as ``measure`` has it.

        Args:
            asking: Name of the probe that asks.
            rows: Samples' ids, each with what ``prepare`` returned.

        Raises:
            MediaError: If the model gives no finite numbers.
        """
        if self._own is None:
            return []
        ids, clips = [sample_id for sample_id, _ in rows], [clip for _, clip in rows]
        return self._own.verify(asking, ids, clips, [None for _ in rows], keep_encoded=True)

    def verify_texts(self, rows: Sequence[TextOfClip]) -> list[Verification]:
        """Return the verification of any texts under prepared clips of one window, in the kinds of window asked for.

        Args:
            rows: The texts.

        Raises:
            MediaError: If the model gives no finite numbers.
        """
        found: dict[int, Verification] = {}
        if self._verifier is None:
            return []
        for window in sorted({row.window for row in rows}):
            places = [place for place, row in enumerate(rows) if row.window == window]
            with set_window(self._verifier, window):
                found |= zip(places, self._verifier.verify([rows[place].task() for place in places]), strict=True)
        return [found[place] for place in range(len(rows))]
