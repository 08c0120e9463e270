"""Making and opening the probes of a run: which ones run, with which fingerprints, as what run.json knows of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from mmcheck.config import Config
from mmcheck.core.digests import digest_value
from mmcheck.core.errors import ConfigError, WeightsError
from mmcheck.core.pair_kinds import IMAGE_CAPTION, PAIR_KINDS
from mmcheck.core.progress import Progress
from mmcheck.probe.base import PROBES, ImageProbe, IndependentProbe, PrimedProbe, Probe, SettledProbe
from mmcheck.probe.context import ProbeContext
from mmcheck.store.run_record import ProbeRecord, RunRecord

Transcripts = Callable[[], tuple[tuple[str, str | None], ...]]
"""Gives transcripts of the run with their languages."""
Trial = Callable[[SettledProbe], None]
"""Hands a probe some of the run's media, by which it settles an option."""

_LIMITS = {kind.medium: kind.decoding_limit for kind in PAIR_KINDS}
_DECODING_VERSION = 2  # how a file becomes pixels or sound; another one gives other values


def make_probes(
    config: Config, record: RunRecord, transcripts: Transcripts, *, may_download: bool
) -> tuple[dict[str, Probe[Any]], dict[str, str], dict[str, str]]:
    """Return the probes that will run, their fingerprints, and why others of the config will not.

    A probe in whose place vectors are given is not made.

    What ``auto`` came to when the run was begun stays: a resumed run measures in the same precision.

    Args:
        config: The config.
        record: What the run folder knows: modalities, rows, and probes of an earlier attempt (or of an earlier run
            whose measurements are taken over).
        transcripts: Gives a sample of the run's transcripts; called only if a probe wants it.
        may_download: Whether missing weights may be fetched; if not, their fingerprint is empty.

    Raises:
        ConfigError: If no probe is enabled and no rule looks at the manifest's own columns, or a second model is the
            first one again.
        WeightsError: If weights cannot be found.
    """
    enabled = config.probes.enabled()
    if not enabled and not config.judged_columns:
        raise ConfigError("no probe is enabled, so nothing would be measured.", hint="see `mmcheck list`.")
    num_recordings = (record.modalities or {}).get("audio", 0)
    probes: dict[str, Probe[Any]] = {}
    fingerprints: dict[str, str] = {}
    skipped: dict[str, str] = {}
    for name in enabled:
        if config.input.embeddings.is_given and name == IMAGE_CAPTION.probe:
            continue
        # Half a pair is reason enough to run the pair's probe: it says what is missing, and the sample is not kept.
        traits = PROBES.get(name).traits
        halves = traits.halves
        if halves and record.rows and not any(map(record.holds, halves)):
            skipped[name] = f"no sample has {' or '.join(halves)}"
            continue
        if traits.serves is not None and traits.serves not in probes:
            skipped[name] = f"{traits.serves} does not run"
            continue
        options = getattr(config.probes, name)
        probe: Probe[Any] = PROBES.get(name)(options, config.run.device, config.run.seed)
        if isinstance(probe, PrimedProbe):
            probe.prime(_context(traits.serves, probes, fingerprints, num_recordings, transcripts()))
        fingerprint = _fingerprint(name, probe, config, may_download=may_download)
        if fingerprint and isinstance(probe, IndependentProbe):
            probe.check_independence({other: probes[other] for other, found in fingerprints.items() if found})
        known = record.probes.get(name)
        settled = _settled(options, known) if known is not None and known.fingerprint == fingerprint else {}
        if settled and isinstance(probe, SettledProbe):
            probe.take_up(settled)
        elif settled:
            probe = PROBES.get(name)(options.model_copy(update=settled), config.run.device, config.run.seed)
        probes[name], fingerprints[name] = probe, fingerprint
    return probes, fingerprints, skipped


def _context(
    served: str | None,
    probes: Mapping[str, Probe[Any]],
    fingerprints: Mapping[str, str],
    num_rows: int,
    texts: tuple[tuple[str, str | None], ...],
) -> ProbeContext:
    if served is None:
        return ProbeContext(num_rows=num_rows, texts=texts)
    return ProbeContext(num_rows=num_rows, texts=texts, served=probes[served], served_fingerprint=fingerprints[served])


def _fingerprint(name: str, probe: Probe[Any], config: Config, *, may_download: bool) -> str:
    offline: AbstractContextManager[None] = nullcontext()
    if not may_download:
        from mmcheck.backends.hub import no_network

        offline = no_network()
    try:
        with offline:
            own = probe.fingerprint()
    except WeightsError:
        if may_download:
            raise
        return ""
    if package := PROBES.entry(name).package:
        # Its author may forget to count up a version of the probe's own.
        own = digest_value([own, package])
    if not probe.traits.has_model:
        return own
    # What the media layer refuses and where the model runs decide what the model probes measure.
    limits = [getattr(config.probes.media, _LIMITS[half]) for half in probe.traits.halves if half in _LIMITS]
    if limits:
        limits += [config.probes.media.max_decode_seconds, _DECODING_VERSION]
    return digest_value([own, limits, _device(config.run.device)])


def _device(asked: str) -> str:
    if asked != "auto":
        return asked
    # Here and not above: a scan of files and texts alone needs no torch.
    from mmcheck.backends.devices import resolve_device

    return resolve_device(asked)


def _settled(options: object, known: ProbeRecord) -> dict[str, str]:
    """Return what options that say ``auto`` came to in an earlier attempt."""
    return {name: word for name, word in known.settled.items() if getattr(options, name, None) == "auto"}


def open_probes(
    probes: Mapping[str, Probe[Any]],
    fingerprints: Mapping[str, str],
    to_measure: Mapping[str, int],
    before: Mapping[str, ProbeRecord],
    progress: Progress,
    trial: Trial | None = None,
) -> dict[str, ProbeRecord]:
    """Open the probes that have work to do; return what run.json shall say of each.

    Args:
        probes: The probes by name.
        fingerprints: Their fingerprints.
        to_measure: Samples that each has yet to measure.
        before: What run.json said of the probes; kept for those that are not opened.
        progress: Receives progress reports.
        trial: Gives media for probes that settle an option by a trial on some of the run's samples.

    Raises:
        WeightsError: If weights cannot be loaded.
        MissingDependency: If a package is not installed.
    """
    described: dict[str, ProbeRecord] = {}
    for name, probe in probes.items():
        known = before.get(name)
        about = known.about if known is not None else {}
        if to_measure[name] or known is None or known.fingerprint != fingerprints[name]:
            progress.phase(f"loading {name}", None)
            probe.open()
            if trial is not None and isinstance(probe, SettledProbe) and probe.num_trial:
                progress.phase(f"trying {name} on a few samples", None)
                trial(probe)
            about = {**probe.describe(), "min_side": probe.min_side if isinstance(probe, ImageProbe) else None}
        described[name] = ProbeRecord(fingerprint=fingerprints[name], metrics=tuple(probe.metrics), about=about)
    return described
