"""Transcription with faster-whisper: evidence for pairs that look wrong, so it must give the same text every time.

Whisper is known to fall into loops and to hear "thank you" in silence. Its usual remedy is to sample at rising
temperatures; here decoding stays at temperature 0, the length is bounded by the clip's, and a loop is decoded once
more with repeated trigrams forbidden. What is a loop the caller may decide: people repeat themselves too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from mmcheck.backends.libraries import require
from mmcheck.backends.whisper_features import SAMPLING_RATE, Features
from mmcheck.backends.whisper_streams import allowed_threads, share_cores
from mmcheck.backends.whisper_tokenizer import load_tokenizer
from mmcheck.core.errors import WeightsError

IsLoop = Callable[[str], bool]
"""Says whether a recognised text is a loop."""
_TOKENS_A_SECOND = 15
"""Tokens that a second of sound may give. Our own choice: more than any speaker and any tokenizer make of one
second."""
_MIN_TOKENS, _MAX_TOKENS = 24, 400
"""Tokens that a transcription may have at least and at most. Our own choice: room for a short phrase; below the 448
positions of the decoder."""
_SILENT, _UNSURE = 0.6, -1.0
"""No speech is heard beyond this probability of ``<|nospeech|>`` with a mean log-probability below the second number.
Taken from the defaults of OpenAI's whisper and of faster-whisper."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Transcription:
    """What the recogniser heard."""

    text: str
    """The words; "" if there is no speech."""
    language: str
    """Whisper's code: the forced one, or the detected."""
    language_probability: float
    """Its probability; 1 if it was forced."""
    avg_logprob: float | None
    """Mean log-probability of a token of its own text; None if there is none."""
    no_speech_prob: float | None
    """Probability of ``<|nospeech|>``; None if nothing was decoded."""
    is_repetitive: bool
    """Whether the text is a loop, so that it says nothing about a transcript."""


def believe(_text: str) -> bool:
    """Take no text for a loop."""
    return False


def load_faster_whisper(folder: Path, *, device: str, compute_type: str) -> Any:
    """Return a ``faster_whisper.WhisperModel`` of a ctranslate2 folder; nothing is ever downloaded.

    On a CPU it has a worker for each core, so that several threads may use it at once; they share the weights.

    Args:
        folder: Folder with model.bin, config.json, vocabulary, and mostly tokenizer.json.
        device: ``cpu`` or ``cuda``.
        compute_type: ctranslate2's name, or ``auto``: int8 on a CPU, float16 on a GPU.

    Raises:
        MissingDependency: If faster-whisper or CTranslate2 cannot be loaded.
        WeightsError: If the model cannot be loaded.
    """
    require("ctranslate2", "faster_whisper")
    from faster_whisper import WhisperModel

    tokenizer = load_tokenizer(folder).tokenizer
    workers, threads = share_cores(allowed_threads()) if device == "cpu" else (1, 0)
    try:
        with _whole_folder(folder, tokenizer) as whole:
            model = WhisperModel(
                str(whole),
                device=device,
                compute_type=resolve_compute_type(compute_type, device),
                cpu_threads=threads,
                num_workers=workers,
                local_files_only=True,
            )
        model.hf_tokenizer = tokenizer
    except (ValueError, RuntimeError, OSError) as error:
        reason = " ".join(str(error).split())[:300]
        raise WeightsError(
            f"ctranslate2 cannot load {folder} on {device} with compute type {compute_type!r}: {reason}.",
            hint="set probes.transcript.compute_type to auto or float32.",
        ) from error
    if device == "cpu":
        import torch

        # ctranslate2 gives its workers' number of threads to the loading thread too, and so to torch.
        torch.set_num_threads(allowed_threads())
    return model


@contextmanager
def _whole_folder(folder: Path, tokenizer: Any) -> Iterator[Path]:
    """Give a folder in which nothing is missing: without a tokenizer.json faster-whisper would fetch one."""
    if (folder / "tokenizer.json").is_file():
        yield folder
        return
    with TemporaryDirectory(prefix="mmcheck-whisper-") as scratch:
        for file in folder.iterdir():
            (Path(scratch) / file.name).symlink_to(file.resolve())
        tokenizer.save(str(Path(scratch) / "tokenizer.json"))
        yield Path(scratch)


def resolve_compute_type(asked: str, device: str) -> str:
    """Return ctranslate2's compute type; ``auto`` is the fastest one that keeps Whisper's accuracy."""
    if asked != "auto":
        return asked
    return "float16" if device == "cuda" else "int8"


class WhisperTranscriber:
    """Transcribes clips of at most 30 s, each by itself, so that no text depends on its neighbours. Thread-safe.

    Args:
        model: From ``load_faster_whisper``.
        beam_size: Beams; 1 is greedy.
    """

    def __init__(self, model: Any, *, beam_size: int) -> None:
        self._model = model
        self._beam_size = beam_size

    def transcribe(self, samples: Features, language: str | None, *, is_loop: IsLoop = believe) -> Transcription:
        """Return what is said in the clip.

        Args:
            samples: Mono at 16 kHz, shape (n,), at most 30 s.
            language: Whisper's code to force; None: detected by a multilingual model.
            is_loop: Says whether a text is a loop.
        """
        return _without_loop(lambda no_repeat: self._decode(samples, language, no_repeat=no_repeat), is_loop)

    def transcribe_encoded(
        self, encoded: Any, num_samples: int, language: str | None, *, is_loop: IsLoop = believe
    ) -> Transcription:
        """Return what is said in a clip that was encoded already: the decoder alone has to run.

        Args:
            encoded: The encoder's output, shape (positions, width), numpy or torch, on any device; as many positions as
                the clip is long, or a full window's.
            num_samples: Length of the clip at 16 kHz.
            language: Whisper's code; None only for models that know English alone.
            is_loop: Says whether a text is a loop.
        """
        import ctranslate2

        array = np.ascontiguousarray(_to_numpy(encoded)[None], dtype=np.float32)
        view = ctranslate2.StorageView.from_array(array)
        budget = min(_MAX_TOKENS, _budget(num_samples))
        return _without_loop(
            lambda no_repeat: self._generate(view, language or "en", budget, no_repeat=no_repeat), is_loop
        )

    def _generate(self, encoded: Any, language: str, budget: int, *, no_repeat: int) -> Transcription:
        # What faster-whisper's own `transcribe` does behind its encoder, with the same options as `_decode`.
        from faster_whisper.tokenizer import Tokenizer
        from faster_whisper.transcribe import get_suppressed_tokens

        model = self._model.model
        tokenizer = Tokenizer(self._model.hf_tokenizer, model.is_multilingual, task="transcribe", language=language)
        prompt = [*tokenizer.sot_sequence, tokenizer.no_timestamps]
        result = model.generate(
            encoded,
            [prompt],
            beam_size=self._beam_size,
            patience=1,
            length_penalty=1,
            no_repeat_ngram_size=no_repeat,
            max_length=min(len(prompt) + budget, self._model.max_length),
            return_scores=True,
            return_no_speech_prob=True,
            suppress_blank=True,
            suppress_tokens=list(get_suppressed_tokens(tokenizer, [-1]) or ()),
        )[0]
        tokens = result.sequences_ids[0]
        average = result.scores[0] * len(tokens) / (len(tokens) + 1)
        text = " ".join(tokenizer.decode(tokens).split())
        if not text or (result.no_speech_prob > _SILENT and average < _UNSURE):
            return Transcription(
                text="",
                language=language,
                language_probability=1.0,
                avg_logprob=None,
                no_speech_prob=None,
                is_repetitive=False,
            )
        return Transcription(
            text=text,
            language=language,
            language_probability=1.0,
            avg_logprob=float(average),
            no_speech_prob=float(result.no_speech_prob),
            is_repetitive=False,
        )

    def _decode(self, samples: Features, language: str | None, *, no_repeat: int) -> Transcription:
        budget = _budget(len(samples))
        segments, info = self._model.transcribe(
            samples,
            language=language if self._model.model.is_multilingual else "en",
            beam_size=self._beam_size,
            temperature=0.0,
            no_repeat_ngram_size=no_repeat,
            condition_on_previous_text=False,
            without_timestamps=True,
            word_timestamps=False,
            vad_filter=False,
            max_new_tokens=min(_MAX_TOKENS, budget),
        )
        heard = list(segments)
        return Transcription(
            text=" ".join(" ".join(segment.text for segment in heard).split()),
            language=info.language,
            language_probability=float(info.language_probability),
            avg_logprob=float(heard[0].avg_logprob) if heard else None,
            no_speech_prob=float(heard[0].no_speech_prob) if heard else None,
            is_repetitive=False,
        )


def _without_loop(decode: Callable[[int], Transcription], is_loop: IsLoop) -> Transcription:
    """Return what is decoded, a loop once more without repeated trigrams.

    The second text is believed on the terms on which Whisper accepts a decoding: no loop, and a mean log-probability
    of -1.0 or more (openai/whisper, transcribe.py: logprob_threshold).
    """
    first = decode(0)
    if not is_loop(first.text):
        return first
    second = decode(3)
    is_sound = second.text and (second.avg_logprob or 0.0) >= _UNSURE and not is_loop(second.text)
    return second if is_sound else replace(first, is_repetitive=True)


def _budget(num_samples: int) -> int:
    return _MIN_TOKENS + int(_TOKENS_A_SECOND * num_samples / SAMPLING_RATE)


def _to_numpy(encoded: Any) -> Any:
    return encoded if isinstance(encoded, np.ndarray) else encoded.detach().float().cpu().numpy()
