"""Texts that stand over recordings without speech: what a recogniser writes there, learned from the set itself."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mmcheck.core.arrays import Floats, Keys
from mmcheck.core.pair_kinds import AUDIO_TRANSCRIPT
from mmcheck.corpus.base import ShardTables, read_metric
from mmcheck.corpus.content_keys import text_keys

MEDIA = "media"
SILENT_BELOW = 0.2
"""Seconds of speech below which a recording is silent. Our own choice: as the rule silent_audio of the presets."""
MIN_SILENT = 2
"""Silent recordings from which a text is one that stands over silence. Our own choice: one may be a wrong row."""


def find_texts_over_silence(shards: Sequence[ShardTables]) -> Floats:
    """Return for each row the share of the recordings with its text that are silent, shape (n,), 0 to 1.

    NaN where the row has no text, or fewer than ``MIN_SILENT`` silent recordings have it.

    Args:
        shards: The run's shards, in order.
    """
    keys: list[Keys] = [np.zeros(0, dtype=np.uint64)]
    speech: list[Floats] = [np.zeros(0)]
    for shard in shards:
        texts = shard.samples(["id", AUDIO_TRANSCRIPT.text])[AUDIO_TRANSCRIPT.text]
        seconds = read_metric(shard.measurements(MEDIA, ["status", "speech_seconds"]), "speech_seconds", len(texts))
        keys.append(text_keys(texts, np.isfinite(seconds)))
        speech.append(seconds)
    key, seconds = np.concatenate(keys), np.concatenate(speech)
    _, group, total = np.unique(key, return_inverse=True, return_counts=True)
    with np.errstate(invalid="ignore"):
        silent = np.bincount(group, weights=seconds < SILENT_BELOW, minlength=len(total))
    known = (key != 0) & (silent[group] >= MIN_SILENT)
    return np.where(known, silent[group] / total[group], np.nan)
