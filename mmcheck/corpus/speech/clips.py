"""What the analysis ``speech`` reads of a run's recordings: a few numbers a row, whatever the run's size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

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
    """The rows of a run, NaN where a row has no value."""

    values: dict[str, Floats]
    """Metric of the transcript or the transcript_null probe, without the probe's name -> shape (n,)."""
    posterior: Floats
    """Probability of a random pairing, shape (n,)."""
    languages: list[str]
    """Primary code of the stated language, "" where there is none."""
    is_first: NDArray[np.bool_]
    """Whether the row stands for all with the same values, since the same clip twice counts once: the first of those
    into which faults were planted, else the first."""
    hopeless: str
    """Why the alignment analysis judged no recording, if the reason holds for their words too; else ""."""

    @property
    def num_distinct(self) -> int:
        """Return how many different verified transcripts there are."""
        return int((self.is_verified & self.is_first).sum())

    @property
    def is_verified(self) -> NDArray[np.bool_]:
        """Return where there is a recording whose transcript was verified."""
        return np.isfinite(self.values["end_log_prob"])

    @property
    def is_agreed(self) -> NDArray[np.bool_]:
        """Return where the recording was transcribed, and the words heard are the transcript's."""
        return np.asarray(self.values["error_rate"] == 0)

    @property
    def is_other(self) -> NDArray[np.bool_]:
        """Return where the whole text is probably another clip's."""
        with np.errstate(invalid="ignore"):
            return np.asarray(self.posterior > PROBABLE)


def read_clips(shards: Sequence[ShardTables]) -> SpeechClips:
    """Return what is known of each row.

    Args:
        shards: The run's shards, in order.
    """
    values: dict[str, list[Floats]] = {name: [np.zeros(0)] for name in (*OWN, *PLANTED)}
    posterior = [np.zeros(0)]
    languages: list[str] = []
    reasons: dict[str, int] = {}
    judged = 0
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
        judged += int(np.isfinite(posterior[-1]).sum())
        if aligned is not None and "audio_cause" in aligned.column_names:
            _count_reasons(aligned, verified, reasons)
    joined = {name: np.concatenate(parts) for name, parts in values.items()}
    return SpeechClips(
        values=joined,
        posterior=np.concatenate(posterior),
        languages=languages,
        is_first=_find_first(joined),
        hopeless="" if judged or not reasons else max(sorted(reasons), key=lambda reason: reasons[reason]),
    )


def put_beside(clips: SpeechClips, measured: MeasuredClips) -> SpeechClips:
    """Return the rows of a run with measured clips behind them; these are sound, and each counts once.

    Args:
        clips: The run's rows.
        measured: The clips.
    """
    count = measured.num_recordings
    return SpeechClips(
        values={
            name: np.concatenate([own, measured.values.get(name, np.full(count, np.nan))])
            for name, own in clips.values.items()
        },
        posterior=np.concatenate([clips.posterior, np.zeros(count)]),
        languages=[*clips.languages, *[""] * count],
        is_first=np.concatenate([clips.is_first, np.ones(count, dtype=bool)]),
        hopeless="",
    )


def _find_first(values: dict[str, Floats]) -> NDArray[np.bool_]:
    keys = np.nan_to_num(np.stack([values[name] for name in OWN], axis=1), nan=1e9)
    was_planted = np.isfinite(np.stack([values[name] for name in PLANTED], axis=1)).any(axis=1)
    order = np.argsort(~was_planted, kind="stable")
    found = np.zeros(len(keys), dtype=bool)
    if len(keys):
        found[order[np.unique(keys[order], axis=0, return_index=True)[1]]] = True
    return found


def _count_reasons(aligned: pa.Table, verified: NDArray[np.bool_], reasons: dict[str, int]) -> None:
    causes = aligned["audio_cause"].to_pylist()
    texts = aligned["audio_reason"].to_pylist()
    for row in np.flatnonzero(verified).tolist():
        if causes[row] in _HOPELESS and texts[row]:
            reasons[texts[row]] = reasons.get(texts[row], 0) + 1
