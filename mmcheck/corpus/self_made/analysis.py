"""Whether the transcripts were written by the very model that judges them.

Most new speech sets are labelled by a recogniser. Verified by the same one, its errors look right: such rows would pass
unseen. What gives them away stands in ``mmcheck.metrics.own_words``. Short texts are left out of the estimate, since
people and models write them alike; they get a probability all the same.

What a recogniser writes where nobody speaks is learned from the set: a text that stands over silence more than once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa

from mmcheck.config import SelfMadeConfig
from mmcheck.core.arrays import Floats, Mask
from mmcheck.core.json_types import JsonObject
from mmcheck.core.pair_kinds import AUDIO_TRANSCRIPT
from mmcheck.core.part_traits import AnalysisTraits
from mmcheck.corpus.base import ShardTables, analysis_table, digest_analysis, read_metric
from mmcheck.corpus.self_made.metrics import METRICS
from mmcheck.corpus.self_made.silence import MEDIA, find_texts_over_silence
from mmcheck.corpus.self_made.summary import SelfMadeSummary
from mmcheck.metrics.own_words import OwnWords, estimate_self_made, self_made_posteriors

VERSION = 1
PROBE = AUDIO_TRANSCRIPT.probe
_NAMES = ("own_choice", "mean_log_prob", "end_log_prob", "num_tokens", "num_words")
_OWN_FROM = 1.0 - 1e-6
"""Share of its tokens from which a text is the model's own words. Our own choice: all of them, but for rounding."""
_ABSENT = "the sample has no recording whose transcript was verified"


class SelfMade:
    """Measures how probably the judging model wrote each transcript.

    Args:
        options: Section ``analyses.self_made`` of the config.
        seed: Not used: counting involves no chance.
    """

    name = "self_made"
    options_model = SelfMadeConfig
    traits = AnalysisTraits(reads=(PROBE, MEDIA), in_manifests=False)
    metrics = METRICS

    def __init__(self, options: SelfMadeConfig, seed: int) -> None:
        self._options = options
        self._summary: SelfMadeSummary | None = None

    def fingerprint(self) -> str:
        """Return a digest of code version and options."""
        return digest_analysis(self.name, VERSION, self._options)

    def analyse(self, shards: Sequence[ShardTables]) -> Iterator[pa.Table]:
        """Yield one measurements table a shard, in order."""
        parts = [_read(shard) for shard in shards]
        values = {name: np.concatenate([np.zeros(0), *(part[name] for part in parts)]) for name in _NAMES}
        is_own, confidences = _own_words(values)
        known = np.isfinite(values["own_choice"])
        counted = known & (values["num_words"] >= self._options.min_words)
        found = estimate_self_made(is_own[counted], confidences[counted])
        share = self._settle(found)
        posteriors = np.where(known, self_made_posteriors(is_own, confidences, share), np.nan)
        if self._summary is not None and self._summary.state == "too_few_clips":
            posteriors[:] = np.nan
        over_silence = find_texts_over_silence(shards)
        start = 0
        for shard, part in zip(shards, parts, strict=True):
            ids = shard.samples(["id"])["id"].combine_chunks().cast(pa.string())
            stop = start + len(part["own_choice"])
            yield analysis_table(
                ids,
                {"posterior": posteriors[start:stop], "over_silence": over_silence[start:stop]},
                reasons=_ABSENT,
                causes="nothing_to_compare",
            )
            start = stop

    def summary(self) -> JsonObject:
        """Return state, numbers and sentences; empty where nothing was verified."""
        return {} if self._summary is None else self._summary.to_json()

    def _settle(self, found: OwnWords) -> float:
        """Keep the summary; return the share of the model's texts that rows are judged by."""
        if not found.num_texts:
            return 0.0
        if found.num_texts < self._options.min_clips:
            self._summary = SelfMadeSummary(state="too_few_clips", found=found)
            return 0.0
        is_told = found.share_low > 0 and found.share >= self._options.min_share
        self._summary = SelfMadeSummary(state="self_made" if is_told else "written_by_people", found=found)
        return found.share if is_told else 0.0


def _read(shard: ShardTables) -> dict[str, Floats]:
    count = int(shard.samples(["id"]).num_rows)
    table = shard.measurements(PROBE, ["status", *_NAMES])
    return {name: read_metric(table, name, count) for name in _NAMES}


def _own_words(values: dict[str, Floats]) -> tuple[Mask, Floats]:
    """Return whether each text is the model's own words, and its probability of the text, its end included."""
    total = values["mean_log_prob"] * values["num_tokens"] + values["end_log_prob"]
    with np.errstate(invalid="ignore"):
        return values["own_choice"] >= _OWN_FROM, np.nan_to_num(np.exp(np.minimum(total, 0.0)))
