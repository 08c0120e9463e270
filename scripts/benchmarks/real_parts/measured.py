"""Planted pairs of real recordings as the product's probes measure them, and what transcribe-and-compare says."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any

from mmcheck.config import load_config
from mmcheck.core.parts import PROBES
from mmcheck.core.types import Measurement, Status
from mmcheck.media.audio import Audio
from mmcheck.media.sample_media import SampleMedia
from mmcheck.media.source import MediaSource
from mmcheck.probe.base import NotApplicable, Prepared
from mmcheck.probe.context import ProbeContext
from mmcheck.probe.transcript_null import TranscriptNullProbe
from scripts.benchmarks.quality_parts.clips import error_rates
from scripts.benchmarks.real_parts.kept_probe import Backend, KeptProbe, Recording, Window, open_probe
from scripts.benchmarks.real_parts.planting import CLEAN, Planted
from scripts.benchmarks.real_parts.recordings import RealClip

Log = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """Which Whisper, run by what, in which windows."""

    model: str
    backend: Backend
    window: Window

    @property
    def title(self) -> str:
        """Its short name."""
        window = {"full": "full windows", "padded": "padded windows", "fitted": "cut windows"}[self.window]
        return f"{self.model}, {self.backend}, {window}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A planted pair and what the probes measured of it."""

    planted: Planted
    transcript: Measurement
    null: Measurement | None
    """None: not sampled, or not fit for it."""
    media: Measurement
    text: Measurement
    """Of the probe transcript_text."""
    heard: str
    """What faster-whisper hears with beam 5, told the language that is spoken."""
    rates: dict[str, float]
    """``wer`` and ``cer`` of the given text against it, by jiwer after the product's normalisation."""


def measure_pairs(
    setting: Setting,
    pairs: Sequence[Planted],
    cache_dir: Path,
    log: Log,
    *,
    texts: Sequence[tuple[str, str]],
    with_null: Callable[[Planted], bool] = lambda pair: pair.fault == CLEAN,
) -> list[Measured]:
    """Return what is measured of each pair, in order; each recording is encoded once for all its texts.

    Args:
        setting: Which Whisper.
        pairs: Those of one recording are best given one after the other.
        cache_dir: Folder of the results.
        log: Called with a line of progress.
        texts: Texts of the set with their languages, of which the null takes its strangers.
        with_null: Which pairs the probe transcript_null samples. A run of more than ``num_clips`` recordings leaves
            most out, and each costs six texts.

    Raises:
        NoRealDataError: If the weights are absent.
    """
    probe = open_probe(setting.model, setting.backend, setting.window, cache_dir)
    null = _null_probe(probe, texts)
    found: list[Measured] = []
    groups = [list(group) for _, group in groupby(pairs, key=lambda pair: pair.clip.id)]
    before = probe.kept.num_computed
    for number, group in enumerate(groups, 1):
        found += _measure_group(setting, probe, null, group, cache_dir, with_null)
        if number % 20 == 0 or number == len(groups):
            made = probe.kept.num_computed - before
            log(f"{setting.title}: {number} of {len(groups)} recordings, {made} texts verified anew")
    return found


def hear(setting: Setting, clip: RealClip, cache_dir: Path) -> str:
    """Return what faster-whisper hears in a recording: beam 5, full window, told the right language."""
    probe = open_probe(setting.model, "ctranslate2", "full", cache_dir)
    media: Any = Recording(clip)
    prepared = probe.prepare(media)
    if len(prepared.windows) > 1:
        parts = [probe.transcriber.transcribe(part, prepared.language).text for part in prepared.samples]
        return " ".join(part for part in parts if part)
    verified = probe.kept.verify(_empty_task(prepared), keep_encoded=True)[0]
    return probe.transcriber.transcribe_encoded(verified.encoded, len(prepared.samples[0]), prepared.language).text


def _empty_task(prepared: Any) -> Any:
    from mmcheck.probe.transcript_clip import make_tasks

    return make_tasks(prepared, None)


def _measure_group(
    setting: Setting,
    probe: KeptProbe,
    null: TranscriptNullProbe,
    group: Sequence[Planted],
    cache_dir: Path,
    with_null: Callable[[Planted], bool],
) -> Iterator[Measured]:
    recordings: list[Any] = [Recording(pair.clip, text=pair.text, language=pair.language) for pair in group]
    batch = [Prepared(sample=one.sample, payload=probe.prepare(one)) for one in recordings]
    own = probe.measure(batch)
    sampled: dict[int, Any] = {}
    for at, pair in enumerate(group):
        if with_null(pair):
            try:
                sampled[at] = Prepared(sample=recordings[at].sample, payload=null.prepare(recordings[at]))
            except NotApplicable:
                continue
    nulls = dict(zip(sampled, null.measure(list(sampled.values())), strict=True)) if sampled else {}
    for at, pair in enumerate(group):
        heard = hear(setting, pair.clip, cache_dir)
        media, text = _plain_measurements(pair)
        yield Measured(
            planted=pair,
            transcript=own[at],
            null=nulls.get(at),
            media=media,
            text=text,
            heard=heard,
            rates=error_rates(pair.text, heard),
        )


def _null_probe(probe: KeptProbe, texts: Sequence[tuple[str, str]]) -> TranscriptNullProbe:
    """Return the null's probe, which samples every row that it is given."""
    null = TranscriptNullProbe(load_config("default").probes.transcript_null, "cpu", 0)
    # In a run of one recording every one is sampled, and its sound is cut.
    null.prime(ProbeContext(served=probe, served_fingerprint="", num_rows=1, texts=tuple(texts)))
    return null


class _Media(SampleMedia):
    """A row's recording, decoded once in the process."""

    def __init__(self, pair: Planted) -> None:
        super().__init__(pair.clip.sample(text=pair.text, language=pair.language), MediaSource(allow_remote=False))
        self._pair = pair

    def audio(self) -> Audio:
        """Return the sound, cut where the clip is."""
        whole = super().audio()
        if self._pair.clip.kept >= 1.0:
            return whole
        from dataclasses import replace

        samples = self._pair.clip.samples()
        return replace(whole, samples=samples, info=replace(whole.info, duration=len(samples) / 16_000))


@cache
def _plain_probes() -> tuple[Any, Any]:
    options = load_config("default").probes
    media = PROBES.get("media")(options.media, "cpu", 0)
    text = PROBES.get("transcript_text")(options.transcript_text, "cpu", 0)
    for probe in (media, text):
        probe.open()
    return media, text


@cache
def _plain_measurements(pair: Planted) -> tuple[Measurement, Measurement]:
    """Return what the probes measure that need no large model."""
    found = []
    for probe in _plain_probes():
        media = _Media(pair)
        sample = media.sample
        try:
            found += probe.measure([Prepared(sample=sample, payload=probe.prepare(media))])
        except NotApplicable as error:
            found.append(
                Measurement(sample_id=sample.id, probe=probe.name, status=Status.NOT_APPLICABLE, reason=str(error))
            )
    return found[0], found[1]
