"""What the analysis ``speech`` reads of a run's recordings: a few numbers a row, whatever the run's size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mmcheck.core.arrays import Floats
from mmcheck.core.constants import PROBABLE
from mmcheck.core.languages import primary_code
from mmcheck.corpus.base import ShardTables, read_metric
from mmcheck.corpus.speech.measured_clips import MeasuredClips

PROBE = "transcript"
NULL_PROBE = "transcript_null"
OWN = (
    "end_log_prob",
    "max_surprise",
    "tail_surprise",
    "after_end_surprise",
    "num_words",
    "end_level",
    "stated_language_probability",
    "error_rate",
    "doubted_word_log_prob",
)
"""What is read of the transcript probe."""
PLANTED = ("cut_end_log_prob", "word_surprise", "cut_audio_surprise", "added_surprise")
"""What is read of its null."""
_HOPELESS = ("model_cannot_tell", "misaligned_throughout")


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeechClips:
    """The rows of a run, NaN where a row has no value; all of them, or those of a slice, are judged (``inside``)."""

    values: dict[str, Floats]
    """Metric of the transcript or the transcript_null probe, without the probe's name -> shape (n,)."""
    posterior: Floats
    """Probability of a random pairing, shape (n,)."""
    languages: list[str]
    """Primary code of the stated language, "" where there is none."""
    numbers: NDArray[np.int64]
    """Equal for rows with the same values, shape (n,)."""
    is_first: NDArray[np.bool_]
    """Whether the row stands for all with the same values, since the same clip twice counts once: the first of those
    into which faults were planted, else the first. Those outside have one where none inside has the values."""
    inside: NDArray[np.bool_]
    """Which rows are judged, shape (n,). The others only show what planted faults look like."""
    hopeless_codes: NDArray[np.int16]
    """Place in ``hopeless_reasons`` of each row, shape (n,); -1 where there is none."""
    hopeless_reasons: tuple[str, ...]
    """Why the alignment analysis did not judge a recording, where the reason holds for its words too."""
    num_measured: int = 0
    """How many of the last rows are sound recordings that were measured elsewhere."""

    @property
    def num_distinct(self) -> int:
        """Return how many different verified transcripts there are."""
        return int((self.is_verified & self.is_first).sum())

    @property
    def is_verified(self) -> NDArray[np.bool_]:
        """Return where there is a recording whose transcript was verified and is judged."""
        return np.isfinite(self.values["end_log_prob"]) & self.inside

    @property
    def is_agreed(self) -> NDArray[np.bool_]:
        """Return where the recording was transcribed, and the words heard are the transcript's."""
        return np.asarray(self.values["error_rate"] == 0)

    @property
    def is_other(self) -> NDArray[np.bool_]:
        """Return where the whole text is probably another clip's."""
        with np.errstate(invalid="ignore"):
            return np.asarray(self.posterior > PROBABLE)

    @property
    def hopeless(self) -> str:
        """Return why the alignment analysis judged no recording, if the reason holds for their words too; else ""."""
        verified = self.is_verified
        known = self.hopeless_codes[verified]
        known = known[known >= 0]
        if not len(known) or np.isfinite(self.posterior[verified]).any():
            return ""
        counts = np.bincount(known, minlength=len(self.hopeless_reasons)).tolist()
        return min(zip(counts, self.hopeless_reasons, strict=True), key=lambda part: (-part[0], part[1]))[1]

    def within(self, inside: NDArray[np.bool_]) -> SpeechClips:
        """Return the clips with a part of the rows to be judged.

        Args:
            inside: Which rows, shape (n,).
        """
        outside = ~inside & ~np.isin(self.numbers, self.numbers[inside])
        is_first = _find_first(self.numbers, self.values, inside) | _find_first(self.numbers, self.values, outside)
        return replace(self, inside=inside, is_first=is_first)


def read_clips(shards: Sequence[ShardTables]) -> SpeechClips:
    """Return what is known of each row.

    Args:
        shards: The run's shards, in order.
    """
    values: dict[str, list[Floats]] = {name: [np.zeros(0)] for name in (*OWN, *PLANTED)}
    posterior = [np.zeros(0)]
    languages: list[str] = []
    reasons: dict[str, int] = {}
    codes = [np.zeros(0, dtype=np.int16)]
    for shard in shards:
        samples = shard.samples(["id", "language"])
        count = int(samples.num_rows)
        languages += [primary_code(language) for language in samples["language"].to_pylist()]
        for probe, names in ((PROBE, OWN), (NULL_PROBE, PLANTED)):
            table = shard.measurements(probe, ["status", *names])
            for name in names:
                values[name].append(read_metric(table, name, count))
        verified = np.isfinite(values["end_log_prob"][-1])
        aligned = shard.measurements("alignment", ["audio_reason", "audio_cause", "audio_posterior"])
        posterior.append(np.where(verified, read_metric(aligned, "audio_posterior", count), np.nan))
        codes.append(_code_reasons(aligned, count, reasons))
    joined = {name: np.concatenate(parts) for name, parts in values.items()}
    numbers = _number(joined)
    everywhere = np.ones(len(languages), dtype=bool)
    return SpeechClips(
        values=joined,
        posterior=np.concatenate(posterior),
        languages=languages,
        numbers=numbers,
        is_first=_find_first(numbers, joined, everywhere),
        inside=everywhere,
        hopeless_codes=np.concatenate(codes),
        hopeless_reasons=tuple(reasons),
    )


def put_beside(clips: SpeechClips, measured: MeasuredClips) -> SpeechClips:
    """Return the rows of a run with measured clips behind them; these are sound, and each counts once.

    Args:
        clips: The run's rows.
        measured: The clips.
    """
    count = measured.num_recordings
    others = np.ones(count, dtype=bool)
    return SpeechClips(
        values={
            name: np.concatenate([own, measured.values.get(name, np.full(count, np.nan))])
            for name, own in clips.values.items()
        },
        posterior=np.concatenate([clips.posterior, np.zeros(count)]),
        languages=[*clips.languages, *[""] * count],
        numbers=np.concatenate([clips.numbers, clips.numbers.max(initial=-1) + 1 + np.arange(count)]),
        is_first=np.concatenate([clips.is_first, others]),
        inside=np.concatenate([clips.inside, others]),
        hopeless_codes=np.concatenate([clips.hopeless_codes, np.full(count, -1, dtype=np.int16)]),
        hopeless_reasons=clips.hopeless_reasons,
        num_measured=count,
    )


def _number(values: dict[str, Floats]) -> NDArray[np.int64]:
    """Return equal numbers for rows with equal values of their own."""
    keys = np.nan_to_num(np.stack([values[name] for name in OWN], axis=1), nan=1e9)
    if not len(keys):
        return np.zeros(0, dtype=np.int64)
    return np.unique(keys, axis=0, return_inverse=True)[1].reshape(-1).astype(np.int64)


def _find_first(numbers: NDArray[np.int64], values: dict[str, Floats], inside: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return one row for each number that there is inside: the first with planted faults, else the first."""
    is_plain = np.isnan(np.stack([values[name] for name in PLANTED], axis=1)).all(axis=1)
    rows = np.flatnonzero(inside)
    rows = rows[np.argsort(np.asarray(is_plain)[rows], kind="stable")]
    found = np.zeros(len(numbers), dtype=bool)
    found[rows[np.unique(numbers[rows], return_index=True)[1]]] = True
    return found


def _code_reasons(aligned: pa.Table | None, count: int, reasons: dict[str, int]) -> NDArray[np.int16]:
    """Return the place of each row's reason, new ones added; -1 where it has none that holds for the words too."""
    codes = np.full(count, -1, dtype=np.int16)
    if aligned is None or "audio_cause" not in aligned.column_names:
        return codes
    told = zip(aligned["audio_cause"].to_pylist(), aligned["audio_reason"].to_pylist(), strict=True)
    for row, (cause, text) in enumerate(told):
        if cause in _HOPELESS and text:
            codes[row] = reasons.setdefault(text, len(reasons))
    return codes
