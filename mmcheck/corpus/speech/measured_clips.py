"""Real recordings that known models were measured on, for sets too small to be their own measure.

A set of a dozen clips shows neither what sound transcripts look like to its model nor how often they are wrong. Where
the model is one that was measured on real speech, in the same windows, these measurements are put beside the set, and
what is learned from both together judges it. The files below ``measured`` hold numbers alone, no speech and no text;
``scripts/measured_clips.py`` writes them from a finished run.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from mmcheck.core.arrays import Floats
from mmcheck.core.sentences import count_noun
from mmcheck.corpus.base import ShardTables
from mmcheck.store.schema import load_json

_FOLDER = Path(__file__).parent / "measured"
WINDOW = "full"
"""Windows that they were measured in. Given by the probe: sets too small for a trial have no other ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredClips:
    """What one model says of real recordings with their own transcripts, and with faults in them."""

    model: str
    """Its name."""
    weights: tuple[str, ...]
    """SHA-256 of the files with its weights, by library."""
    num_recordings: int
    """Recordings, one a row."""
    values: dict[str, Floats]
    """Metric of the transcript or the transcript_null probe, without the probe's name -> shape (n,), NaN where there is
    no value."""
    null: Floats
    """Mean token log-probabilities of other transcripts under these recordings, shape (m,)."""

    def basis(self, least: int) -> str:
        """Return what a judgement by them rests on, as a sentence part.

        Args:
            least: As many clips a set must have to be judged by itself.
        """
        return (
            f"judged by limits measured on {count_noun(self.num_recordings, 'real recording', 'real recordings')} "
            f"(Whisper {self.model}), since the set has fewer than {least}"
        )


def find_measured(shards: Sequence[ShardTables]) -> MeasuredClips | None:
    """Return what was measured with the model that verified a run; None if that is none of them.

    Args:
        shards: The run's shards, in order.
    """
    for shard in shards:
        table = shard.measurements("transcript", ["evidence"])
        if table is None or "evidence" not in table.column_names:
            continue
        for text in table["evidence"].to_pylist():
            told = load_json(text) if text else None
            if isinstance(told, dict) and "window" in told:
                weights = told.get("weights")
                is_known = bool(weights) and told["window"] == WINDOW
                return next((clips for clips in load_measured() if is_known and weights in clips.weights), None)
    return None


@cache
def load_measured() -> tuple[MeasuredClips, ...]:
    """Return all that were measured, by model."""
    return tuple(_load(path) for path in sorted(_FOLDER.glob("*.json")))


def _load(path: Path) -> MeasuredClips:
    told = json.loads(path.read_text("utf-8"))
    return MeasuredClips(
        model=told["model"],
        weights=tuple(told["weights"]),
        num_recordings=len(next(iter(told["values"].values()))),
        values={
            name: np.array([np.nan if value is None else value for value in column], dtype=np.float64)
            for name, column in told["values"].items()
        },
        null=np.array(told["null"], dtype=np.float64),
    )
