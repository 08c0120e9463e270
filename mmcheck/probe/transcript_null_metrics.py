"""What the transcript_null probe measures."""

from __future__ import annotations

from mmcheck.core.types import Metric

METRICS = (
    Metric(
        name="transcript_null.null_mean_log_prob",
        description="mean over other transcripts of similar length of their mean token log-probability for this "
        "recording; sampled recordings only",
        unit="nat",
        high=0.0,
    ),
    Metric(
        name="transcript_null.null_best_log_prob",
        description="highest mean token log-probability that another transcript reaches for this recording",
        unit="nat",
        high=0.0,
    ),
    Metric(
        name="transcript_null.cut_end_log_prob",
        description="log-probability of the end after the recording's own transcript without its last words",
        unit="nat",
        high=0.0,
    ),
    Metric(
        name="transcript_null.word_surprise",
        description="surprise (surprisal minus entropy) of the most surprising word of the recording's own "
        "transcript with one word replaced or left out",
        unit="nat",
    ),
    Metric(
        name="transcript_null.added_surprise",
        description="surprise of the word behind the end of the speech where the recording's own transcript begins "
        "again at its end",
        unit="nat",
    ),
    Metric(
        name="transcript_null.cut_audio_surprise",
        description="surprise (surprisal minus entropy, mean over tokens) of the last two words where the end of "
        "the recording is cut off",
        unit="nat",
    ),
)
