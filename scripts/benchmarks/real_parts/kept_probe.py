"""The product's transcript probe on real weights, with everything that the model says kept on disk.

`verify(model, backend, window, clip, text)` is the shortest way to what Whisper says about a text under a recording.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from mmcheck.config import TranscriptConfig, load_config
from mmcheck.core.types import Sample
from mmcheck.probe.transcript import TranscriptProbe
from mmcheck.probe.transcript_hearing import Hearing
from mmcheck.probe.transcript_own import TextOfClip
from mmcheck.probe.transcript_weights import TranscriptWeights
from scripts.benchmarks.real_parts.kept_models import (
    KeptTranscriber,
    KeptVerifier,
    Remembered,
    RememberingModel,
)
from scripts.benchmarks.real_parts.recordings import NoRealDataError, RealClip, Samples
from scripts.benchmarks.real_parts.result_store import ResultStore

if TYPE_CHECKING:
    from mmcheck.backends.whisper_transcriber import WhisperTranscriber
    from mmcheck.backends.whisper_verifier import Verification

Backend = Literal["ctranslate2", "transformers"]
Window = Literal["full", "padded", "fitted"]
MODELS = ("base", "tiny.en")
BACKENDS: tuple[Backend, ...] = ("ctranslate2", "transformers")


def find_weights(model: str, backend: Backend) -> Path:
    """Return the folder with a real Whisper's weights for a library.

    Args:
        model: One of ``MODELS``.
        backend: Library.

    Raises:
        NoRealDataError: If they were not fetched.
    """
    from scripts.real_whisper.pins import cache_folder

    folder = cache_folder() / f"whisper-{model}{'-hf' if backend == 'transformers' else ''}"
    if not (folder / "tokenizer.json").is_file():
        raise NoRealDataError(f"real weights are not at {folder}; scripts/real_weights fetches them")
    return folder


class Recording:
    """Stands for a decoded file (``mmcheck.media.sample_media.SampleMedia``).

    Args:
        clip: The clip.
        text: Another text than its own.
        language: Another language than the manifest's.
    """

    def __init__(self, clip: RealClip, *, text: str | None = None, language: str | None = None) -> None:
        self.clip = clip
        self.sample: Sample = clip.sample(text=text, language=language)

    def audio(self) -> Recording:
        """Return the holder of the samples."""
        return self

    @property
    def samples(self) -> Samples:
        """The sound."""
        return self.clip.samples()


class KeptProbe(TranscriptProbe):
    """The transcript probe, reading a store before it runs its model.

    Args:
        options: Section ``probes.transcript``; ``model`` is a folder.
        store: Where results are kept.
        label: Name of the weights.
    """

    def __init__(self, options: TranscriptConfig, store: ResultStore, label: str) -> None:
        super().__init__(options, "cpu", 0)
        self._store, self._label = store, label
        self._hearing = _KeptHearing(options, self._weights, store, label)

    @property
    def kept(self) -> KeptVerifier:
        """The verifier behind the store; the probe must be open."""
        if not isinstance(self._verifier, KeptVerifier):
            raise RuntimeError("the probe is not open, or does not verify")
        return self._verifier

    @property
    def transcriber(self) -> WhisperTranscriber:
        """The transcriber behind the store; the probe must be open."""
        return self._hearing.transcriber or self._hearing.load()

    @property
    def faster_whisper(self) -> Any:
        """The loaded ``faster_whisper.WhisperModel``."""
        return self._hearing.model

    def open(self) -> None:
        """Load the model and put the store in front of it."""
        with _behind(self._store, self._label):
            super().open()
        if self._log_mel is not None:
            log_mel: Any = _KeptFeatures(self._log_mel)
            self._log_mel = log_mel


class _KeptHearing(Hearing):
    """Transcribes, reading a store first."""

    def __init__(self, options: TranscriptConfig, weights: TranscriptWeights, store: ResultStore, label: str) -> None:
        super().__init__(options, weights)
        self._store, self._label = store, label

    def load(self) -> WhisperTranscriber:
        """Load the model and put the store in front of it."""
        super().load()
        self.transcriber = KeptTranscriber(self.model, self._store, self._label, beam_size=self._options.beam_size)
        return self.transcriber


@contextmanager
def _behind(store: ResultStore, label: str) -> Iterator[None]:
    """Put the store in front of each verifier that is made meanwhile, before the product gets hold of it."""
    from mmcheck.backends import whisper_ctranslate2, whisper_torch

    def make_ctranslate2(model: Any, *others: Any, **named: Any) -> KeptVerifier:
        return KeptVerifier(first(RememberingModel(model), *others, **named), store, label)

    def make_torch(*others: Any, **named: Any) -> KeptVerifier:
        real: Any = second(*others, **named)
        real.encode = Remembered(real.encode)
        return KeptVerifier(real, store, label)

    first, second = whisper_ctranslate2.Ctranslate2WhisperVerifier, whisper_torch.TorchWhisperVerifier
    for module, name, make in (
        (whisper_ctranslate2, "Ctranslate2WhisperVerifier", make_ctranslate2),
        (whisper_torch, "TorchWhisperVerifier", make_torch),
    ):
        setattr(module, name, make)
    try:
        yield
    finally:
        whisper_ctranslate2.Ctranslate2WhisperVerifier = first  # type: ignore[misc]
        whisper_torch.TorchWhisperVerifier = second  # type: ignore[misc]


class _KeptFeatures:
    """Log-mel features by the samples: equal samples get the very same array."""

    def __init__(self, log_mel: Any) -> None:
        self._log_mel = log_mel
        self._kept: dict[bytes, Any] = {}

    def __call__(self, samples: Samples) -> Any:
        key = samples.tobytes()
        digest = hash(key).to_bytes(8, "big", signed=True) + len(key).to_bytes(8, "big")
        if digest not in self._kept:
            self._kept[digest] = self._log_mel(samples)
        return self._kept[digest]


@cache
def open_probe(model: str, backend: Backend, window: Window, cache_dir: Path) -> KeptProbe:
    """Return the opened probe with the default preset's options; one a process and setting.

    Args:
        model: One of ``MODELS``.
        backend: Library that verifies.
        window: ``full``, ``padded`` (some silence behind the clip) or ``fitted`` (cut to the clip).
        cache_dir: Folder of the results.

    Raises:
        NoRealDataError: If the weights are absent.
    """
    folder = find_weights(model, backend)
    find_weights(model, "ctranslate2")
    options = load_config("default").probes.transcript
    options = options.model_copy(update={"model": str(folder), "backend": backend, "window": window})
    probe = KeptProbe(options, ResultStore(cache_dir / f"{model}-{backend}.sqlite"), model)
    probe.open()
    return probe


def verify(
    model: str,
    backend: Backend,
    window: Window,
    clip: RealClip,
    text: str | Sequence[str],
    *,
    cache_dir: Path,
    language: str | None = None,
) -> list[Verification]:
    """Return what Whisper says about texts under a recording, from the store or computed and stored.

    Args:
        model: One of ``MODELS``.
        backend: Library.
        window: ``full``, ``padded`` or ``fitted``.
        clip: A recording of one window (30 s), perhaps cut (``RealClip.cut``).
        text: One text or several; several at once cost one encoding.
        cache_dir: Folder of the results.
        language: Stated language; None: the clip's own.

    Returns:
        One verification a text: ``words``, ``log_probs`` (a tuple a word, natural logarithms), ``entropies``,
        ``end_log_prob`` and what the first position says.

    Raises:
        ValueError: If the recording is longer than one window.
        NoRealDataError: If the weights are absent.
    """
    probe = open_probe(model, backend, window, cache_dir)
    media: Any = Recording(clip, language=language)
    prepared = probe.prepare(media)
    if len(prepared.windows) != 1:
        raise ValueError(f"{clip.id} is longer than 30 s; only recordings of one window have texts of their own")
    texts = [text] if isinstance(text, str) else list(text)
    return probe.verify_texts([TextOfClip(clip=prepared, text=one, window=window) for one in texts])
