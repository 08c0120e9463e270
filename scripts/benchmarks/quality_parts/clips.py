"""Fresh spoken clips with every planted fault, verified and transcribed by the bundled recogniser, kept on disk.

Sentences and voices are held out from the recogniser's training. Each clip is measured with its own transcript and
once with each fault; a recording is transcribed once, since its transcription does not depend on the given text.
"""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mmcheck.core.atomic import atomic_path
from mmcheck.core.digests import digest_bytes
from mmcheck.core.types import MediaRef, Sample

if TYPE_CHECKING:
    from mmcheck.config import TranscriptConfig, TranscriptNullConfig
    from mmcheck.core.types import Measurement
    from mmcheck.probe.transcript import TranscriptProbe

VERSION = 3
ALIGNED = "aligned"
_FEWEST_WORDS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A recording with a transcript, and what was measured."""

    clip: int
    """Which clip of the seed."""
    fault: str
    """What was planted, or ALIGNED."""
    text: str
    """The given transcript."""
    true_text: str
    """What is said (of the uncut recording)."""
    hypothesis: str
    """What faster-whisper heard, beam 5."""
    seconds: float
    """Length of the recording."""
    values: dict[str, float]
    """Short metric names of the transcript probe -> value; error rates by jiwer under `wer` and `cer`."""
    words: list[tuple[str, float]]
    """Each given word's mean log-probability."""
    null: dict[str, float]
    """Short metric names of the transcript_null probe -> value; empty where it does not apply."""
    null_evidence: dict[str, Any]
    """What that probe says besides: the other transcripts and what they reached."""


def can_speak() -> bool:
    """Return whether espeak-ng is there to make clips."""
    return shutil.which("espeak-ng") is not None


def load_clips(cache_dir: Path, *, seed: int, size: int) -> list[Pair]:
    """Return the measured pairs of a seed: `size` clips, each aligned and with every fault.

    Raises:
        SpeechUnavailableError: espeak-ng is not installed, and the cache lacks the seed.
    """
    options = _options()
    folder = cache_dir / f"clips-{VERSION}-{_digest(options)[:12]}"
    path = folder / f"{seed}-{size}.json"
    if path.exists():
        rows = json.loads(path.read_text("utf-8"))
        return [Pair(**{**row, "words": [(word, score) for word, score in row["words"]]}) for row in rows]
    pairs = _make(seed, size, options)
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps([_plain(pair) for pair in pairs]), "utf-8")
    return pairs


def _plain(pair: Pair) -> dict[str, Any]:
    return {name: getattr(pair, name) for name in Pair.__slots__}


def _options() -> TranscriptConfig:
    from mmcheck.config import load_config

    options = load_config("demo").probes.transcript
    return options.model_copy(update={"transcribe": "never"})


def _digest(options: TranscriptConfig) -> str:
    """Return what names a cache: code versions, weights and options of both probes, as the product counts them."""
    from mmcheck.probe.context import ProbeContext
    from mmcheck.probe.transcript import TranscriptProbe as Probe
    from mmcheck.probe.transcript_null import TranscriptNullProbe

    null = TranscriptNullProbe(_null_options(0), "cpu", 0)
    null.prime(ProbeContext(served=Probe(options, "cpu", 0), served_fingerprint="", num_rows=0, texts=()))
    return null.fingerprint()


def _null_options(num_clips: int) -> TranscriptNullConfig:
    from mmcheck.config import load_config

    return load_config("default").probes.transcript_null.model_copy(update={"num_clips": num_clips})


_Planted = tuple[int, str, NDArray[np.float32], str, str]
"""Clip, fault, waveform, given text, true text."""


class _Recording:
    """Stands for a decoded file (`mmcheck.media.sample_media.SampleMedia`)."""

    def __init__(self, sample: Sample, samples: NDArray[np.float32]) -> None:
        self.sample = sample
        self.samples = samples

    def audio(self) -> _Recording:
        """Return the waveform's holder."""
        return self


def _recording(at: int, row: _Planted) -> Any:
    _, _, samples, text, _ = row
    name = f"clip-{at:05d}"
    ref = MediaRef(uri=f"/data/audio/{name}.wav")
    sample = Sample(id=name, manifest="", row_number=at, audio=ref, transcript=text, language="en", row={})
    return _Recording(sample, samples)


def _measure_null(planted: Sequence[_Planted], served: TranscriptProbe) -> list[Measurement | None]:
    """Return what the product's transcript_null probe measures of each pair, were it sampled; None: not applicable."""
    from mmcheck.probe.base import NotApplicable, Prepared
    from mmcheck.probe.context import ProbeContext
    from mmcheck.probe.transcript_null import TranscriptNullProbe

    texts = tuple((text, "en") for _, fault, _, text, _ in planted if fault == ALIGNED)
    probe = TranscriptNullProbe(_null_options(1), "cpu", 0)
    # In a run of one recording every one is sampled, and its sound is cut.
    probe.prime(ProbeContext(served=served, served_fingerprint="", num_rows=1, texts=texts))
    probe.open()
    found: list[Measurement | None] = [None] * len(planted)
    for start in range(0, len(planted), probe.batch_size):
        batch, places = [], []
        for at in range(start, min(start + probe.batch_size, len(planted))):
            recording = _recording(at, planted[at])
            try:
                batch.append(Prepared(sample=recording.sample, payload=probe.prepare(recording)))
            except NotApplicable:
                continue
            places.append(at)
        for at, measured in zip(places, probe.measure(batch), strict=True):
            found[at] = measured
    return found


def _make(seed: int, size: int, options: TranscriptConfig) -> list[Pair]:
    from mmcheck.backends.whisper_transcriber import WhisperTranscriber, load_faster_whisper
    from mmcheck.backends.whisper_weights import ensure_ctranslate2, find_whisper
    from mmcheck.probe.base import Prepared
    from mmcheck.probe.transcript import TranscriptProbe as Probe
    from scripts.tiny_whisper.evaluation import FAULTS, draw_clips

    clips = draw_clips(size, seed, random_share=0.0, is_degraded=False)
    rng = random.Random(f"clip-faults-{seed}")
    planted: list[_Planted] = []
    for number, clip in enumerate(clips):
        other = clips[(number + 1) % size]
        planted.append((number, ALIGNED, clip.samples, clip.text, clip.text))
        if min(map(len, clip.sentences)) < _FEWEST_WORDS:
            continue
        for fault, plant in FAULTS.items():
            samples, text = plant(clip, other, rng)
            planted.append((number, fault, samples, text, clip.text))
    probe = Probe(options, "cpu", 0)
    probe.open()
    measured: list[Measurement] = []
    size_of_batch = probe.batch_size
    for start in range(0, len(planted), size_of_batch):
        batch = []
        for at, row in enumerate(planted[start : start + size_of_batch], start):
            recording = _recording(at, row)
            batch.append(Prepared(sample=recording.sample, payload=probe.prepare(recording)))
        measured += probe.measure(batch)
    nulls = _measure_null(planted, probe)
    model = find_whisper(options.model, backend=options.backend)
    faster = load_faster_whisper(ensure_ctranslate2(model), device="cpu", compute_type=options.compute_type)
    transcriber = WhisperTranscriber(faster, beam_size=options.beam_size)
    heard: dict[str, str] = {}
    pairs = []
    for (number, fault, samples, text, true_text), found, null in zip(planted, measured, nulls, strict=True):
        key = digest_bytes(samples.tobytes())
        if key not in heard:
            heard[key] = transcriber.transcribe(samples, "en").text
        values = {**found.values, **error_rates(text, heard[key])}
        pairs.append(
            Pair(
                clip=number,
                fault=fault,
                text=text,
                true_text=true_text,
                hypothesis=heard[key],
                seconds=len(samples) / 16_000,
                values=values,
                words=[(word, score) for word, score in found.evidence["words"]],
                null={} if null is None else dict(null.values),
                null_evidence={} if null is None else dict(null.evidence),
            )
        )
    return pairs


def error_rates(reference: str, hypothesis: str) -> dict[str, float]:
    """Return word and character error rate (jiwer) after the product's own normalisation; 1 where nothing is left."""
    import jiwer

    from mmcheck.metrics.text_normalization import normalize

    said, heard = normalize(reference, "en"), normalize(hypothesis, "en")
    if not said:
        return {"wer": float(bool(heard)), "cer": float(bool(heard))}
    return {"wer": float(jiwer.wer(said, heard)), "cer": float(jiwer.cer(said, heard))}


def of_fault(pairs: Sequence[Pair], fault: str) -> list[Pair]:
    """Return the pairs with this fault."""
    return [pair for pair in pairs if pair.fault == fault]
