"""What the transcript_second probe measures."""

from __future__ import annotations

from mmcheck.core.types import Metric

METRICS = (
    Metric(
        name="transcript_second.mean_log_prob",
        description="log-probability of the transcript by the second model: of a letter against the model's own best "
        "path (CTC), or of a token (Whisper)",
        unit="nat",
        high=0.0,
        higher_is_better=True,
    ),
    Metric(
        name="transcript_second.worst_word_log_prob",
        description="the same for the transcript's worst word: a letter's mean over the word (CTC), or minus the "
        "word's surprise (Whisper)",
        unit="nat",
        high=0.0,
        higher_is_better=True,
    ),
    Metric(
        name="transcript_second.missed_speech",
        description="largest loss between two words, or before the first or after the last one: high where a CTC model "
        "hears words that the transcript lacks",
        unit="nat",
        low=0.0,
        higher_is_better=False,
    ),
    Metric(
        name="transcript_second.unknown_share",
        description="share of the transcript's letters and digits that the second model has no symbol for; words with "
        "such letters are judged by the others, or not at all",
        low=0.0,
        high=1.0,
    ),
    Metric(
        name="transcript_second.num_words",
        description="words of the transcript (characters in scripts without spaces) that the second model read",
        unit="word",
        low=0.0,
    ),
    Metric(
        name="transcript_second.null_mean_log_prob",
        description="mean over other transcripts of similar length of their mean log-probability for this recording; "
        "sampled recordings only",
        unit="nat",
        high=0.0,
    ),
    Metric(
        name="transcript_second.planted_word_log_prob",
        description="log-probability of the worst word of the recording's own transcript with one word replaced; "
        "sampled recordings only",
        unit="nat",
        high=0.0,
    ),
)
