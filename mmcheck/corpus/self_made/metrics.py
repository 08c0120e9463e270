"""What the analysis of self-made transcripts measures."""

from __future__ import annotations

from mmcheck.core.types import Metric

METRICS = (
    Metric(
        name="self_made.posterior",
        description="probability that the model that judges the transcript has also written it, so that it cannot "
        "find its own errors",
        low=0.0,
        high=1.0,
        higher_is_better=False,
    ),
    Metric(
        name="self_made.over_silence",
        description="share of the recordings under this very transcript that hold no speech; absent where fewer than "
        "two do",
        low=0.0,
        high=1.0,
        higher_is_better=False,
    ),
)
