"""What the transcript probe measures."""

from __future__ import annotations

from mmcheck.core.types import Metric


def _log_prob(name: str, description: str) -> Metric:
    return Metric(name=f"transcript.{name}", description=description, unit="nat", high=0.0, higher_is_better=True)


def _share(name: str, description: str, *, is_good: bool | None) -> Metric:
    return Metric(name=f"transcript.{name}", description=description, low=0.0, high=1.0, higher_is_better=is_good)


def _count(name: str, description: str, *, is_good: bool | None) -> Metric:
    return Metric(name=f"transcript.{name}", description=description, unit="word", low=0.0, higher_is_better=is_good)


def _rate(name: str, description: str) -> Metric:
    return Metric(name=f"transcript.{name}", description=description, low=0.0, higher_is_better=False)


METRICS = (
    _log_prob("mean_log_prob", "mean log-probability of a token of the transcript, given the recording"),
    _log_prob("worst_word_log_prob", "mean token log-probability of the transcript's least likely word"),
    _log_prob(
        "doubted_word_log_prob",
        "the same for the least likely word that was not recognised in its place either; absent where all were",
    ),
    _log_prob("head_log_prob", "mean token log-probability of the first two words"),
    _log_prob("tail_log_prob", "mean token log-probability of the last two words; low where the audio is cut short"),
    _log_prob(
        "end_log_prob", "log-probability that the speech ends where the transcript ends; low where text is missing"
    ),
    Metric(
        name="transcript.max_surprise",
        description="how much less likely the transcript's most surprising word is than what the model expected in its "
        "place (surprisal minus entropy of its worst token); high where a word is wrong, missing or added",
        unit="nat",
        higher_is_better=False,
    ),
    Metric(
        name="transcript.tail_surprise",
        description="the same as a mean over the tokens of the last two words; high where the recording lacks them",
        unit="nat",
        higher_is_better=False,
    ),
    Metric(
        name="transcript.after_end_surprise",
        description="surprise of the word before which the speech may well have ended, the largest of such words; high "
        "where the transcript goes on after the speech, 0 where there is no such word",
        unit="nat",
        low=0.0,
        higher_is_better=False,
    ),
    Metric(
        name="transcript.end_level",
        description="level of the recording's last 0.1 s against its loud parts; near 0 where the sound is cut off",
        unit="dB",
        high=0.0,
        higher_is_better=False,
    ),
    _share(
        "own_choice",
        "share of the transcript's tokens that the model itself would have written in their place; 1 where the "
        "transcript is what this model hears, word for word and mark for mark",
        is_good=None,
    ),
    _share("no_speech_prob", "probability that the recording holds no speech", is_good=False),
    _share("language_probability", "probability of the most likely language (multilingual models)", is_good=None),
    _share("stated_language_probability", "probability of the language that the manifest names", is_good=True),
    _rate("error_rate", "the rate that rules use: character errors in scripts without spaces, word errors in others"),
    _rate("wer", "word error rate of the transcription against the transcript, both normalised"),
    _rate("cer", "character error rate of the transcription against the transcript, both normalised"),
    _count("hits", "words of the transcript that were recognised", is_good=True),
    _count("substitutions", "words of the transcript that were recognised as others", is_good=False),
    _count("insertions", "recognised words that the transcript lacks", is_good=False),
    _count("deletions", "words of the transcript that were not recognised", is_good=False),
    _share("head_coverage", "share of the transcript's first 5 words (12 characters) recognised", is_good=True),
    _share("tail_coverage", "share of the transcript's last 5 words (12 characters) recognised", is_good=True),
    Metric(
        name="transcript.num_spellings",
        description="other spellings of the transcript that were verified because the given one was uncertain; the "
        "likeliest one is scored",
        low=0.0,
    ),
    Metric(
        name="transcript.num_tokens",
        description="tokens of the transcript, as the model counts them",
        unit="token",
        low=0.0,
    ),
    _count("num_words", "words of the normalised transcript (characters in scripts without spaces)", is_good=None),
)
