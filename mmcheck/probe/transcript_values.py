"""The figures of the transcript probe: what each means, and how it is read off verification and alignment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from mmcheck.backends.long_audio import Window, split_reference
from mmcheck.backends.whisper_features import SAMPLING_RATE, Features
from mmcheck.metrics.verification import TranscriptScores, WordScore
from mmcheck.metrics.word_alignment import WordAlignment, align_units

if TYPE_CHECKING:
    from mmcheck.backends.whisper_verifier import Verification


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
    early: Sequence[float | None] = verification.early_ends
    if len(early) != len(verification.words):
        early = [None] * len(verification.words)
    words = zip(verification.words, verification.log_probs, verification.entropies, early, strict=True)
    return TranscriptScores(
        words=tuple(
            WordScore(word=word, log_probs=scores, entropies=spread, early_end=end)
            for word, scores, spread, end in words
        ),
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


def own_values(verified: Sequence[Verification], *, is_respelled: bool) -> dict[str, float]:
    """Return how many tokens were scored, and the share that is the model's own choice, where that is known.

    Args:
        verified: The text's windows.
        is_respelled: Whether another spelling was scored: the given one is then not the model's own throughout.
    """
    own = [part.num_own for part in verified if part.num_own is not None]
    scored = sum(part.num_scored for part in verified)
    if not scored or len(own) < len(verified):
        return {"num_tokens": float(scored)}
    return {"num_tokens": float(scored), "own_choice": max(0, sum(own) - is_respelled) / scored}


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
