"""What the speech analysis measures."""

from __future__ import annotations

from mmcheck.core.types import Metric


def _metric(name: str, description: str) -> Metric:
    return Metric(name=f"speech.{name}", description=description, low=0.0, high=1.0, higher_is_better=False)


METRICS = (
    _metric("cut_transcript", "probability that the speech goes on where the transcript ends"),
    _metric("cut_audio", "probability that the recording is cut off before the transcript's last words"),
    _metric("wrong_word", "probability that a word of the transcript is not the one that is spoken"),
    _metric("missing_words", "probability that the transcript lacks words that are spoken"),
    _metric("inserted_words", "probability that the transcript has words that are not spoken"),
    _metric("other_text", "probability that the whole transcript belongs to another clip: the alignment's posterior"),
    _metric("wrong_language", "probability that the spoken language is not the one that the manifest states"),
    Metric(
        name="speech.doubted_word",
        description="share of the set's correct transcripts whose least likely word is as unlikely as this one's; low "
        "where a word is barely heard, compared with the set's own names and rare words",
        low=0.0,
        high=1.0,
        higher_is_better=True,
    ),
    _metric("anomaly", "probability that the transcript has any of these faults"),
)
