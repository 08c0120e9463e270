"""What is wrong with a transcript: cut short, a wrong word, words too many or too few, an end that was not recorded.

Each fault has a statistic that shows it: the end-of-text probability, the most surprising word, the last two words.
What it looks like under its fault is known, because the probe ``transcript_null`` planted the fault into sampled pairs
of this very set under this very model; that density stays fixed while the density of sound pairs and the share of
faulty ones are fitted (see ``mmcheck.metrics.null_mixture``). So each value is a probability, one limit serves any
Whisper, and a fifth of faulty pairs does not move it. Which kind of word fault it is (wrong, missing, inserted) only
the words themselves say: the alignment with what was heard, where the clip was transcribed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mmcheck.config import SpeechConfig
from mmcheck.core.digests import digest_value
from mmcheck.core.types import Metric, Status
from mmcheck.corpus.base import ShardTables, analysis_table
from mmcheck.corpus.word_faults import BREAKS_OFF, KINDS, WordFault, find_word_fault
from mmcheck.metrics.null_mixture import NullMixture, fit_null_mixture
from mmcheck.store.schema import dump_json, load_json

Floats = NDArray[np.float64]

VERSION = 3
PROBE = "transcript"
NULL_PROBE = "transcript_null"
MIN_PLANTED = 30
"""Fewer planted faults do not show what a fault looks like."""
LIMIT = 0.5
_MIN_HIT_RATE = 0.3
"""Share of the set's own pairs that must look better than nine of ten planted faults; else the model cannot tell."""
_COMPONENTS = 2
"""Normals for sound pairs: clearly and less clearly spoken ones; a third one settles on the faults of small sets."""
_OFFSET = 1.0
"""Added to surprise, which is a little below 0 where the model is sure (nat)."""
_OTHER = 0.5
"""Posterior of a random pairing above which a pair is another clip's text and nothing else is asked of it."""
_ABSENT = "the sample has no recording whose transcript was verified"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fault:
    name: str
    statistic: str
    planted: str
    plural: str
    is_surprise: bool = False
    """Whether a high value is the suspicious one."""

    def scale(self, values: Floats) -> Floats:
        """Return the scores that are fitted, at most 0, higher is sounder: the root draws the long tail in."""
        badness = values + _OFFSET if self.is_surprise else -values
        return -np.sqrt(np.maximum(badness, 0.0))


_FAULTS = (
    _Fault(
        name="cut_transcript",
        statistic="end_log_prob",
        planted="cut_end_log_prob",
        plural="transcripts stop before the speech does",
    ),
    _Fault(
        name="word_fault",
        statistic="max_surprise",
        planted="word_surprise",
        plural="transcripts have a word that is not said, or lack one",
        is_surprise=True,
    ),
    _Fault(
        name="cut_audio",
        statistic="tail_log_prob",
        planted="cut_audio_log_prob",
        plural="recordings stop before the transcript does",
    ),
)


def _metric(name: str, description: str) -> Metric:
    return Metric(name=f"speech.{name}", description=description, low=0.0, high=1.0, higher_is_better=False)


class Speech:
    """Measures how probably each kind of fault is in a transcript.

    Args:
        options: Section ``analyses.speech`` of the config.
        seed: Not used: counting and fitting involve no chance.
    """

    name = "speech"
    needs = ("alignment",)
    metrics = (
        _metric("cut_transcript", "probability that the speech goes on where the transcript ends"),
        _metric("cut_audio", "probability that the recording ends before the transcript does"),
        _metric("wrong_word", "probability that a word of the transcript is another than the one that is said"),
        _metric("missing_words", "probability that words are said that the transcript lacks"),
        _metric("inserted_words", "probability that the transcript has words that are not said"),
        _metric("other_text", "probability that the whole transcript is another clip's: the alignment's posterior"),
        _metric("anomaly", "probability that anything of this is wrong with the transcript"),
    )

    def __init__(self, options: SpeechConfig, seed: int) -> None:
        self._options = options
        self._summary: dict[str, Any] = {}

    def fingerprint(self) -> str:
        """Return a digest of code version and options."""
        options = self._options.model_dump(mode="json", exclude={"enabled"})
        return digest_value({"analysis": self.name, "version": VERSION, "options": options})

    def analyse(self, shards: Sequence[ShardTables]) -> Iterator[pa.Table]:
        """Yield one measurements table a shard, in order.

        Evidence of a probable word fault: ``kind``, and ``words``, the words concerned.
        """
        clips = _read(shards)
        fits = {fault.name: self._fit(fault, clips) for fault in _FAULTS}
        probabilities = {
            name: _posterior(fit, clips.own[fit.fault.statistic], clips.is_other) for name, fit in fits.items()
        }
        found = dict.fromkeys(KINDS, 0)
        start = 0
        for shard in shards:
            ids = shard.samples(["id"])["id"].combine_chunks().cast(pa.string())
            rows = slice(start, start + len(ids))
            part = {name: values[rows] for name, values in probabilities.items()}
            faults = _word_faults(shard, part)
            for fault in faults.values():
                found[fault.kind] += 1
            yield _table(ids, part, clips.posterior[rows], faults, [fit.reason for fit in fits.values()])
            start += len(ids)
        self._summary = _summarise(clips, fits, probabilities, found)

    def summary(self) -> dict[str, Any]:
        """Return, by fault, state, share and limit in the statistic's own unit, and sentences."""
        return self._summary

    def _fit(self, fault: _Fault, clips: _Clips) -> _Fit:
        own = clips.own[fault.statistic]
        own = own[np.isfinite(own) & ~clips.is_other & clips.is_first]
        planted = clips.planted[fault.planted]
        planted = planted[np.isfinite(planted)]
        if len(own) < self._options.min_clips:
            reason = f"there are only {len(own)} distinct verified transcripts, fewer than {self._options.min_clips}"
            return _Fit(fault=fault, state="too_few_clips", reason=reason)
        if len(planted) < MIN_PLANTED:
            reason = (
                f"only {len(planted)} faults could be planted, fewer than {MIN_PLANTED}; see probes.transcript_null"
            )
            return _Fit(fault=fault, state="too_few_clips", reason=reason)
        own, planted = fault.scale(own), fault.scale(planted)
        if float((own > np.quantile(planted, 0.9)).mean()) < _MIN_HIT_RATE:
            reason = "this model cannot tell this fault from sound transcripts here"
            return _Fit(fault=fault, state="model_cannot_tell", reason=reason)
        mixture = fit_null_mixture(planted, own, max_components=_COMPONENTS)
        return _Fit(fault=fault, state="judged", reason=_ABSENT, mixture=mixture)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fit:
    fault: _Fault
    state: str
    reason: str
    mixture: NullMixture | None = None

    @property
    def limit(self) -> float | None:
        """Return the statistic (nat) beyond which the fault is more probable than not; None if it never is."""
        if self.mixture is None:
            return None
        above = self.mixture.middles[self.mixture.posteriors > LIMIT]
        if not len(above):
            return None
        root = min(0.0, float(above.max()))
        return root**2 - _OFFSET if self.fault.is_surprise else -(root**2)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Clips:
    own: dict[str, Floats]
    planted: dict[str, Floats]
    posterior: Floats
    is_first: NDArray[np.bool_]
    """Whether no earlier row has the same values: the same clip twice counts once."""

    @property
    def is_other(self) -> NDArray[np.bool_]:
        """Return where the whole text is probably another clip's."""
        with np.errstate(invalid="ignore"):
            return np.asarray(self.posterior > _OTHER)


def _posterior(fit: _Fit, values: Floats, is_other: NDArray[np.bool_]) -> Floats:
    if fit.mixture is None:
        return np.full(len(values), np.nan)
    return np.where(is_other, np.nan, fit.mixture.posterior(fit.fault.scale(values)))


def _read(shards: Sequence[ShardTables]) -> _Clips:
    own: dict[str, list[Floats]] = {fault.statistic: [np.zeros(0)] for fault in _FAULTS}
    planted: dict[str, list[Floats]] = {fault.planted: [np.zeros(0)] for fault in _FAULTS}
    posterior = [np.zeros(0)]
    for shard in shards:
        count = int(shard.samples(["id"]).num_rows)
        for probe, columns in ((PROBE, own), (NULL_PROBE, planted)):
            table = shard.measurements(probe, ["status", *columns])
            for name, parts in columns.items():
                parts.append(_column(table, name, count))
        has_text = np.isfinite(own["end_log_prob"][-1])
        aligned = _column(shard.measurements("alignment", ["status", "posterior"]), "posterior", count)
        posterior.append(np.where(has_text, aligned, np.nan))
    joined = {name: np.concatenate(parts) for name, parts in own.items()}
    keys = np.nan_to_num(np.stack(list(joined.values()), axis=1), nan=1.0)
    is_first = np.zeros(len(keys), dtype=bool)
    if len(keys):
        is_first[np.unique(keys, axis=0, return_index=True)[1]] = True
    return _Clips(
        own=joined,
        planted={name: np.concatenate(parts) for name, parts in planted.items()},
        posterior=np.concatenate(posterior),
        is_first=is_first,
    )


def _column(table: pa.Table | None, name: str, count: int) -> Floats:
    if table is None or name not in table.column_names:
        return np.full(count, np.nan)
    values = np.array(table[name].cast(pa.float64()).to_numpy(zero_copy_only=False), dtype=np.float64)
    if "status" in table.column_names:
        values[table["status"].to_numpy(zero_copy_only=False) != Status.MEASURED.value] = np.nan
    return values


def _word_faults(shard: ShardTables, part: Mapping[str, Floats]) -> dict[int, WordFault]:
    """Return the kind of fault of each row that probably has one, from its words and its alignment."""
    with np.errstate(invalid="ignore"):
        rows = np.flatnonzero((part["word_fault"] > LIMIT) | (part["cut_audio"] > LIMIT))
    if not len(rows):
        return {}
    table = shard.measurements(PROBE, ["end_level", "evidence"])
    if table is None or "evidence" not in table.column_names:
        return {}
    levels = _column(table, "end_level", table.num_rows)
    texts = table["evidence"].take(pa.array(rows)).to_pylist()
    found = {}
    for row, text in zip(rows.tolist(), texts, strict=True):
        found[row] = find_word_fault(
            load_json(text) if text else {},
            ends_unheard=bool(part["cut_audio"][row] > LIMIT),
            breaks_off=None if np.isnan(levels[row]) else bool(levels[row] > BREAKS_OFF),
        )
    return found


def _table(
    ids: pa.Array,
    part: Mapping[str, Floats],
    posterior: Floats,
    faults: Mapping[int, WordFault],
    reasons: Sequence[str],
) -> pa.Table:
    verified = np.isfinite(part["word_fault"])
    values = {kind: np.where(verified, 0.0, np.nan) for kind in ("wrong_word", "missing_words", "inserted_words")}
    # Without a word that stands out nobody can say which kind it would be; the least special one has the doubt.
    values["wrong_word"] = np.where(verified, part["word_fault"], np.nan)
    cut_audio = part["cut_audio"].copy()
    for row, fault in faults.items():
        probability = np.nanmax([part["word_fault"][row], part["cut_audio"][row]])
        values["wrong_word"][row] = 0.0
        if fault.kind == "cut_audio":
            cut_audio[row] = probability
        else:
            values[fault.kind][row] = probability
            cut_audio[row] = min(cut_audio[row], 1.0 - probability) if np.isfinite(cut_audio[row]) else np.nan
    columns = {
        "cut_transcript": part["cut_transcript"],
        "cut_audio": cut_audio,
        **values,
        "other_text": posterior,
    }
    columns["anomaly"] = _any(columns)
    reason = next((text for text in reasons if text != _ABSENT), _ABSENT)
    evidence = [
        dump_json({"kind": faults[row].kind, "words": list(faults[row].words)}) if row in faults else None
        for row in range(len(ids))
    ]
    return analysis_table(ids, columns, reasons=reason, causes="not_judged", evidence=evidence)


def _any(columns: Mapping[str, Floats]) -> Floats:
    """Return the probability that at least one fault is there, were they independent; NaN where nothing is known."""
    stacked = np.stack(list(columns.values()))
    sound = np.prod(1.0 - np.nan_to_num(stacked, nan=0.0), axis=0)
    return np.where(np.isfinite(stacked).any(axis=0), 1.0 - sound, np.nan)


def _summarise(
    clips: _Clips, fits: Mapping[str, _Fit], probabilities: Mapping[str, Floats], kinds: Mapping[str, int]
) -> dict[str, Any]:
    if not any(np.isfinite(values).any() for values in clips.own.values()):
        return {"sentences": []}
    told: dict[str, Any] = {"word_faults": dict(kinds)}
    sentences: list[str] = []
    warnings: dict[str, None] = {}
    for name, fit in fits.items():
        part: dict[str, Any] = {"state": fit.state}
        if fit.mixture is None:
            part["reason"] = fit.reason
            warnings[f"Transcripts were not searched for faults by their set's own measure: {fit.reason}."] = None
        else:
            with np.errstate(invalid="ignore"):
                count = int((probabilities[name] > LIMIT).sum())
            part |= {"share": round(fit.mixture.share, 5), "num_found": count, "statistic": fit.fault.statistic}
            if fit.limit is not None:
                part["limit"] = round(fit.limit, 3)
                side = "above" if fit.fault.is_surprise else "below"
                if count:
                    sentences.append(
                        f"{count} {fit.fault.plural} (transcript.{fit.fault.statistic} {side} {fit.limit:.2f})."
                    )
        told[name] = part
    return {**told, "sentences": sentences, "warnings": list(warnings)}
