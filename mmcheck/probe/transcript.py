"""Does the recording say what the transcript says? Whisper reads the given text along with the recording.

Verification (one pass of the decoder over the given text) is cheap and sees what a transcription cannot: how likely
each given word is, and whether the text may end where it ends. Transcription is dear; it is made for pairs that look
doubtful, as evidence for people and for error rates. Recordings beyond 30 s are always transcribed: it takes the heard
words to tell which part of the text belongs to which window.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from mmcheck.backends.long_audio import plan_windows
from mmcheck.backends.whisper_languages import find_language
from mmcheck.backends.whisper_streams import map_streams
from mmcheck.config import TranscriptConfig
from mmcheck.core.digests import digest_value
from mmcheck.core.errors import ConfigError, MediaError
from mmcheck.core.json_types import JsonObject
from mmcheck.core.part_traits import ProbeTraits
from mmcheck.core.types import Measurement, Status
from mmcheck.media.sample_media import SampleMedia
from mmcheck.metrics.text_normalization import is_scriptio_continua, normalize
from mmcheck.metrics.transcript_cleaning import clean_transcript
from mmcheck.metrics.verification import find_doubts, find_early_end, join_scores, most_surprising, summarise_scores
from mmcheck.probe.base import NotApplicable, Prepared
from mmcheck.probe.transcript_clip import MAX_EVIDENCE, Clip, compare_heard, find_doubted, find_speech
from mmcheck.probe.transcript_encoder import find_int8_encoder, refuse_int8
from mmcheck.probe.transcript_metrics import METRICS
from mmcheck.probe.transcript_own import OwnTexts, OwnVerification, TextOfClip, set_window
from mmcheck.probe.transcript_spellings import Spelled, SpellingTrials
from mmcheck.probe.transcript_values import find_end_level, own_values, start_values, to_scores
from mmcheck.probe.window_check import MIN_RUN, NUM_CLIPS, SHARE_TRIED, check_windows

if TYPE_CHECKING:
    from mmcheck.backends.whisper_features import Features, LogMel
    from mmcheck.backends.whisper_tokenizer import WhisperTokenizer
    from mmcheck.backends.whisper_transcriber import Transcription, WhisperTranscriber
    from mmcheck.backends.whisper_verifier import Verification, WhisperVerifier
    from mmcheck.backends.whisper_weights import WhisperFolder

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
        self._found: WhisperFolder | None = None
        self._read_tokenizer: WhisperTokenizer | None = None
        self._verifier: WhisperVerifier | None = None
        self._own: OwnTexts | None = None
        self._trials: SpellingTrials | None = None
        self._is_shared: Callable[[str], bool] | None = None
        self._model: Any = None
        self._transcriber: WhisperTranscriber | None = None
        self._log_mel: LogMel | None = None
        self._device = device
        self._is_multilingual = False
        self._weights = ""

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
        folder = self._folder()
        options = self._options.model_dump(mode="json", exclude={"enabled", "model", "batch_size"})
        backend = folder.backend(self._options.backend) if self._options.verify else "ctranslate2"
        return digest_value(
            {
                "version": _VERSION,
                "weights": folder.digest(),
                "tokenizer": self._tokenizer().sha256,
                "options": {**options, "backend": backend},
            }
        )

    def open(self) -> None:
        """Load what the options call for.

        Raises:
            WeightsError: If the weights cannot be found or loaded.
            UserError: If the device is absent.
        """
        from mmcheck.backends.devices import resolve_device, set_threads
        from mmcheck.backends.whisper_features import LogMel
        from mmcheck.backends.whisper_weights import num_mels

        options = self._options
        folder = self._folder()
        self._device = resolve_device(self._asked_device)
        set_threads()
        backend = folder.backend(options.backend) if options.verify else "ctranslate2"
        refuse_int8(options, self._device, backend)
        if backend == "ctranslate2" or options.transcribe != "never":
            self._load_transcriber()
        if backend == "transformers" and folder.transformers is not None:
            from mmcheck.backends.whisper_torch import TorchWhisperVerifier

            self._verifier = TorchWhisperVerifier(
                folder.transformers,
                device=self._device,
                precision=options.precision,
                window=self._window,
                batch_size=options.batch_size,
                int8_encoder=find_int8_encoder(options, self._device, folder, self._model),
            )
            self._log_mel = LogMel(num_mels(folder.transformers))
        elif options.verify:
            from mmcheck.backends.whisper_ctranslate2 import Ctranslate2WhisperVerifier
            from mmcheck.backends.whisper_weights import ensure_ctranslate2

            self._verifier = Ctranslate2WhisperVerifier(
                self._model.model, ensure_ctranslate2(folder), window=self._window, batch_size=options.batch_size
            )
            self._log_mel = LogMel(int(self._model.model.n_mels))
        self._weights = folder.weights_digest(backend) if options.verify else ""
        if self._verifier is not None:
            self._is_multilingual = self._verifier.tokens.is_multilingual
            self._use(self._verifier)
        else:
            self._is_multilingual = bool(self._model.model.is_multilingual)

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
            "weights": {"sha256": self._folder().digest()},
            "tokenizer": self._tokenizer().describe(),
            "is_multilingual": self._is_multilingual,
        }
        if (verification := self.verification) is not None:
            described["verification"] = verification
        if self._model is not None:
            import ctranslate2
            import faster_whisper

            described["transcription"] = {
                "compute_type": str(self._model.model.compute_type),
                "device": str(self._model.model.device),
                "beam_size": self._options.beam_size,
                "versions": {"ctranslate2": ctranslate2.__version__, "faster-whisper": faster_whisper.__version__},
            }
        return described

    def all_weights(self) -> frozenset[str]:
        """Return the SHA-256 of each file of weights.

        Raises:
            WeightsError: If they cannot be found or read.
        """
        return self._folder().all_weights()

    def prepare(self, media: SampleMedia) -> Clip:
        """Return waveform and features of the recording, in windows. Thread-safe.

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
        if not self._is_multilingual and sample.language and sample.language.strip() and language != "en":
            raise NotApplicable(f"the model knows English only, the sample's language is {sample.language!r}")
        samples = media.audio().samples
        windows, has_speech = plan_windows(samples, find_speech)
        parts = tuple(samples[window.start : window.stop] for window in windows)
        return Clip(
            text=text,
            language=language if self._is_multilingual else "en",
            is_scriptio_continua=is_scriptio_continua(sample.language, text),
            windows=tuple(windows),
            samples=parts,
            features=tuple(self._log_mel(part) for part in parts) if self._log_mel is not None else (),
            has_speech=has_speech,
            end_level=find_end_level(samples),
        )

    def measure(self, batch: Sequence[Prepared[Clip]]) -> list[Measurement]:
        """Return one measurement a sample, in order.

        Raises:
            MediaError: If the model gives no finite numbers for a sample.
            WeightsError: If the transcription of a long recording needs weights that cannot be converted.
        """
        clips = [prepared.payload for prepared in batch]
        heard_long = self._hear_long(clips)
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
            (clip, one, self._why_transcribe(one, is_long=spoken is not None), spoken)
            for clip, one, spoken in zip(clips, spelled, heard_long, strict=True)
        ]
        heard = map_streams(lambda row: self._hear_doubtful(*row), rows, self._num_streams())
        if self._trials is not None:
            spelled = self._trials.respell_as_heard(clips, spelled, heard)
        return [
            self._finish(prepared.sample.id, clip, one, reason, spoken)
            for prepared, (clip, _, reason, _), one, spoken in zip(batch, rows, spelled, heard, strict=True)
        ]

    @property
    def verification(self) -> JsonObject | None:
        """Return backend, precision, window and versions of what verifies; None if nothing does or is loaded."""
        return None if self._verifier is None else {**self._verifier.describe(), **self._window_check}

    @property
    def is_open(self) -> bool:
        """Return whether the model is loaded."""
        return self._verifier is not None or self._model is not None

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

    def _finish(
        self, sample_id: str, clip: Clip, spelled: Spelled, reason: str | None, heard: Sequence[Transcription] | None
    ) -> Measurement:
        verified = spelled.parts
        values: dict[str, float] = {}
        evidence: JsonObject = {"transcribed": False, "decision": reason or "verified: nothing uncertain"}
        if self._weights:
            evidence["weights"] = self._weights
        evidence["window"] = spelled.window
        if verified:
            scores = join_scores([to_scores(part) for part in verified])
            values |= summarise_scores(scores) | own_values(verified, is_respelled=spelled.text is not None)
            values |= start_values(verified, with_language=self._options.detect_language)
            values["num_spellings"] = float(spelled.num_tried)
            if spelled.text is not None:
                evidence["spelling"] = spelled.text
            evidence["words"] = [[word.word, round(word.mean, 3)] for word in scores.words[:MAX_EVIDENCE]]
            evidence["surprises"] = [[place, word, round(nat, 3)] for place, word, nat in most_surprising(scores, 5)]
            if (early := find_early_end(scores)) is not None:
                evidence["early_end"] = [early.place, round(early.log_prob, 3), round(early.surprise, 3)]
            num_tokens = sum(part.num_tokens for part in verified)
            num_scored = sum(part.num_scored for part in verified)
            if num_scored < num_tokens:
                evidence["scored_tokens"] = [num_scored, num_tokens]
        if len(clip.windows) > 1:
            evidence["windows"] = [[round(second, 2) for second in window.seconds] for window in clip.windows]
        if not clip.has_speech:
            evidence["speech_found"] = False
        if clip.end_level is not None:
            values["end_level"] = clip.end_level
        language = clip.language or (verified[0].language if verified else None)
        if heard is not None:
            language = language or heard[0].language
            values |= compare_heard(clip, heard, language, evidence)
        if verified:
            doubted = find_doubted(scores.words, language, evidence, is_scriptio_continua=clip.is_scriptio_continua)
            values |= {} if doubted is None else {"doubted_word_log_prob": doubted}
        evidence["language"] = verified[0].language if verified and verified[0].language else language
        reference = normalize(clip.text, language)
        count = len("".join(reference.split())) if clip.is_scriptio_continua else len(reference.split())
        values["num_words"] = float(count)
        return Measurement(
            sample_id=sample_id, probe=self.name, status=Status.MEASURED, values=values, evidence=evidence
        )

    def _why_transcribe(self, spelled: Spelled, *, is_long: bool) -> str | None:
        if is_long:
            return "long: more than 30 s are always transcribed"
        if self._verifier is None:
            return "always: verification is off"
        if self._options.transcribe == "uncertain":
            values = summarise_scores(join_scores([to_scores(part) for part in spelled.parts]))
            doubts = find_doubts(values, self._options.uncertain.model_dump())
            return f"uncertain: {', '.join(doubts)}" if doubts else None
        return "always: by the config" if self._options.transcribe == "always" else None

    def _hear_doubtful(
        self, clip: Clip, spelled: Spelled, reason: str | None, heard: Sequence[Transcription] | None
    ) -> Sequence[Transcription] | None:
        """Return what is heard in a recording that shall be transcribed; None where it shall not be."""
        if reason is None or heard is not None:
            return heard
        language = clip.language or (spelled.parts[0].language if spelled.parts else None)
        return self._hear(clip, language, spelled.parts)

    def _num_streams(self) -> int:
        """Return how many recordings may be transcribed at once."""
        return 1 if self._model is None else int(self._model.model.num_workers)

    def _hear_long(self, clips: Sequence[Clip]) -> list[list[Transcription] | None]:
        """Return what is heard in each recording of several windows, None for the others."""
        windows = [(clip, samples) for clip in clips if len(clip.windows) > 1 for samples in clip.samples]
        if not windows:
            return [None] * len(clips)
        transcriber = self._transcriber or self._load_transcriber()

        def hear(part: tuple[Clip, Features]) -> Transcription:
            clip, samples = part
            return transcriber.transcribe(samples, clip.language, is_loop=clip.is_loop)

        texts = iter(map_streams(hear, windows, self._num_streams()))
        return [[next(texts) for _ in clip.windows] if len(clip.windows) > 1 else None for clip in clips]

    def _hear(self, clip: Clip, language: str | None, verified: Sequence[Verification] = ()) -> list[Transcription]:
        transcriber = self._transcriber or self._load_transcriber()
        if verified and (language or not self._is_multilingual):
            return [
                transcriber.transcribe_encoded(part.encoded, len(samples), language, is_loop=clip.is_loop)
                for part, samples in zip(verified, clip.samples, strict=True)
            ]
        return [transcriber.transcribe(samples, language, is_loop=clip.is_loop) for samples in clip.samples]

    def _load_transcriber(self) -> WhisperTranscriber:
        from mmcheck.backends.whisper_transcriber import WhisperTranscriber, load_faster_whisper
        from mmcheck.backends.whisper_weights import ensure_ctranslate2

        self._model = load_faster_whisper(
            ensure_ctranslate2(self._folder()), device=self._device, compute_type=self._options.compute_type
        )
        self._transcriber = WhisperTranscriber(self._model, beam_size=self._options.beam_size)
        return self._transcriber

    def _tokenizer(self) -> WhisperTokenizer:
        from mmcheck.backends.whisper_tokenizer import load_tokenizer

        if self._read_tokenizer is None:
            folder = self._folder()
            backend = folder.backend(self._options.backend) if self._options.verify else "ctranslate2"
            self._read_tokenizer = load_tokenizer(folder.tokens_folder(backend))
        return self._read_tokenizer

    def _folder(self) -> WhisperFolder:
        from mmcheck.backends.whisper_weights import find_whisper

        if self._found is None:
            self._found = find_whisper(self._options.model, backend=self._options.backend)
        return self._found
