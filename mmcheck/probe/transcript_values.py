"""The figures of the transcript probe: what each means, and how it is read off verification and alignment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from mmcheck.backends.long_audio import Window, split_reference
from mmcheck.backends.whisper_features import SAMPLING_RATE, Features
from mmcheck.core.types import Metric
from mmcheck.metrics.verification import TranscriptScores, WordScore
from mmcheck.metrics.word_alignment import WordAlignment, align_units

if TYPE_CHECKING:
    from mmcheck.backends.whisper_verifier import Verification


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
        "the same of the least likely word that was not recognised in its place either; absent where all were",
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
        name="transcript.end_level",
        description="level of the recording's last 0.1 s against its loud parts; near 0 where the sound breaks off",
        unit="dB",
        high=0.0,
        higher_is_better=False,
    ),
    _share("no_speech_prob", "probability that the recording holds no speech", is_good=False),
    _share("language_probability", "probability of the most likely language (multilingual models)", is_good=None),
    _share("stated_language_probability", "probability of the language that the manifest names", is_good=True),
    _rate("error_rate", "the rate that decides: character errors in scripts without spaces, word errors in others"),
    _rate("wer", "word error rate of the transcription against the transcript, both normalised"),
    _rate("cer", "character error rate of the transcription against the transcript, both normalised"),
    _count("hits", "words of the transcript that were recognised", is_good=True),
    _count("substitutions", "words of the transcript that were recognised as others", is_good=False),
    _count("insertions", "recognised words that the transcript lacks", is_good=False),
    _count("deletions", "words of the transcript that were not recognised", is_good=False),
    _share("head_coverage", "share of the transcript's first 5 words (12 characters) recognised", is_good=True),
    _share("tail_coverage", "share of the transcript's last 5 words (12 characters) recognised", is_good=True),
    _count("num_words", "words of the normalised transcript (characters in scripts without spaces)", is_good=None),
)


def split_text(text: str, heard: Sequence[str], windows: Sequence[Window], *, is_scriptio_continua: bool) -> list[str]:
    """Return the part of the text that belongs to each window; together they are the whole text.

    Args:
        text: The given text.
        heard: What was recognised in each window.
        windows: The windows.
        is_scriptio_continua: Whether characters are placed instead of words.
    """
    units = list("".join(text.split())) if is_scriptio_continua else text.split()
    joint = "" if is_scriptio_continua else " "
    heard_units = [
        [_comparable(unit) for unit in (list("".join(part.split())) if not joint else part.split())] for part in heard
    ]
    ranges = split_reference([_comparable(unit) for unit in units], heard_units, windows, _pairs)
    return [joint.join(units[part.start : part.stop]) for part in ranges]


def _comparable(unit: str) -> str:
    return "".join(char for char in unit.casefold() if char.isalnum()) or unit


def _pairs(given: Sequence[str], heard: Sequence[str]) -> list[tuple[int, int]]:
    pairs: list[tuple[int, int]] = []
    row = column = 0
    for unit in align_units(given, heard):
        if unit.kind in ("equal", "substitute"):
            pairs.append((row, column))
        row += unit.kind != "insert"
        column += unit.kind != "delete"
    return pairs


def to_scores(verification: Verification) -> TranscriptScores:
    """Return the words with their log-probabilities, as the metrics take them."""
    words = zip(verification.words, verification.log_probs, verification.entropies, strict=True)
    return TranscriptScores(
        words=tuple(WordScore(word=word, log_probs=scores, entropies=spread) for word, scores, spread in words),
        end_log_prob=verification.end_log_prob,
    )


def start_values(verified: Sequence[Verification], *, with_language: bool) -> dict[str, float]:
    """Return what the start of decoding says: no speech as the windows' mean, the language as in the first one."""
    no_speech = [part.no_speech_prob for part in verified if part.no_speech_prob is not None]
    found = {
        "no_speech_prob": sum(no_speech) / len(no_speech) if no_speech else None,
        "language_probability": verified[0].language_probability if with_language else None,
        "stated_language_probability": verified[0].stated_probability if with_language else None,
    }
    return {name: value for name, value in found.items() if value is not None}


def alignment_values(alignment: WordAlignment, *, is_scriptio_continua: bool) -> dict[str, float]:
    """Return error rates, counts and coverages; those that do not apply are absent."""
    found = {
        "error_rate": alignment.cer if is_scriptio_continua else alignment.wer,
        "wer": None if is_scriptio_continua else alignment.wer,
        "cer": alignment.cer,
        "head_coverage": alignment.head_coverage,
        "tail_coverage": alignment.tail_coverage,
    }
    counts = alignment.characters if is_scriptio_continua else alignment.words
    found |= {
        "hits": float(counts.hits),
        "substitutions": float(counts.substitutions),
        "insertions": float(counts.insertions),
        "deletions": float(counts.deletions),
    }
    return {name: value for name, value in found.items() if value is not None}


def find_end_level(samples: Features) -> float | None:
    """Return the level of the last 0.1 s against the loud parts (95th percentile of 25 ms frames), dB, -60 to 0.

    Speech that was let run out ends in something quieter; speech that was cut does not. None if the recording is
    silent or shorter than 0.2 s.

    Args:
        samples: Mono samples at 16 kHz, shape (n,).
    """
    frame = SAMPLING_RATE // 40
    count = len(samples) // frame
    if count < 8:
        return None
    frames = np.asarray(samples[-count * frame :], dtype=np.float64).reshape(count, frame)
    power = (frames**2).mean(axis=1)
    loud = float(np.quantile(power, 0.95))
    if loud <= 0:
        return None
    return float(np.clip(10 * np.log10(max(float(power[-4:].mean()), 1e-12 * loud) / loud), -60.0, 0.0))
