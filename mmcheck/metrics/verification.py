"""What the log-probabilities of a given transcript's tokens say about it.

A recogniser that is made to read the given words (teacher forcing) gives each token a probability. Their mean says
whether this is the right text at all, the worst word finds a single wrong one, the end-of-text probability finds a
text that stops too early, and the last words find a recording that does.

A token may be unlikely because it is wrong, or because many would do. What the model expected in its place tells the
two apart: surprise is how much less likely a token is than the model's own tokens are on average there (surprisal
minus entropy, which Meister et al., TACL 2023, call the deviation from local typicality).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

EDGE_WORDS = 2
"""Words at either end that head and tail look at. Measured: two find a cut recording best."""

PROBABLE_END = -2.5
"""Log-probability from which a text may well end before a word. Measured: Whisper tiny.en on 96 real recordings ends
nearly all of them at their own end from -2 up, and sound ones before their last word from -3 down."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WordScore:
    """One word of the given text with the log-probabilities of its tokens."""

    word: str
    """The word as it was given."""
    log_probs: tuple[float, ...]
    """Natural log-probability of each of its tokens (at least one), each at most 0."""
    entropies: tuple[float, ...] = ()
    """Entropy (nat) of what the model expected in the place of each token; empty if unknown."""
    early_end: float | None = None
    """Natural log-probability that the text ends right before the word; None if unknown."""

    @property
    def mean(self) -> float:
        """Mean log-probability of a token of the word, in nat."""
        return float(np.mean(self.log_probs))

    @property
    def surprise(self) -> float | None:
        """Largest -log p - H of its tokens, in nat; below 0 where the model expected less. None if unknown."""
        if not self.entropies:
            return None
        return max(-score - spread for score, spread in zip(self.log_probs, self.entropies, strict=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class TranscriptScores:
    """The given text as the recogniser sees it."""

    words: tuple[WordScore, ...]
    """The words in order; empty if no text fell into the window."""
    end_log_prob: float
    """Natural log-probability that the text ends where it ends."""


def join_scores(parts: Sequence[TranscriptScores]) -> TranscriptScores:
    """Return the scores of a text that was verified in consecutive windows.

    All words count alike, whatever window they fell into; the end is that of the last window.

    Args:
        parts: At least one, in order of time.
    """
    words = tuple(word for part in parts for word in part.words)
    return TranscriptScores(words=words, end_log_prob=parts[-1].end_log_prob)


def summarise_scores(scores: TranscriptScores, *, edge_words: int = EDGE_WORDS) -> dict[str, float]:
    """Return the figures of the transcript probe, each in nat; log-probabilities are at most 0.

    ``mean_log_prob`` is the mean over all text tokens; ``worst_word_log_prob`` the smallest of the words' mean token
    log-probabilities (a mean, so that a long word is not worse than a short one); ``head_log_prob`` and
    ``tail_log_prob`` the means over the tokens of the first and the last words; ``end_log_prob`` as given.
    ``max_surprise`` is that of the most surprising word, ``tail_surprise`` the mean over the last words' tokens; both
    are absent where the entropies are unknown. ``after_end_surprise`` is that of the word that ``find_early_end``
    names, 0 if it names none. Without words only the end is there.

    Args:
        scores: The scores.
        edge_words: How many words head and tail take.
    """
    values = {"end_log_prob": scores.end_log_prob}
    if scores.words:
        values |= {
            "mean_log_prob": _token_mean(scores.words),
            "worst_word_log_prob": min(word.mean for word in scores.words),
            "head_log_prob": _token_mean(scores.words[:edge_words]),
            "tail_log_prob": _token_mean(scores.words[-edge_words:]),
        }
        surprises = [word.surprise for word in scores.words]
        known = [surprise for surprise in surprises if surprise is not None]
        if len(known) == len(scores.words):
            values["max_surprise"] = max(known)
            tail = scores.words[-edge_words:]
            pairs = [pair for word in tail for pair in zip(word.log_probs, word.entropies, strict=True)]
            values["tail_surprise"] = float(np.mean([-score - spread for score, spread in pairs]))
        if any(word.early_end is not None for word in scores.words):
            early = find_early_end(scores)
            values["after_end_surprise"] = max(0.0, early.surprise) if early is not None else 0.0
    return values


def most_surprising(scores: TranscriptScores, count: int) -> list[tuple[int, str, float]]:
    """Return place, word and surprise (nat) of the words with the largest one, the largest first."""
    known = [
        (place, word.word, surprise)
        for place, word in enumerate(scores.words)
        if (surprise := word.surprise) is not None
    ]
    return sorted(known, key=lambda entry: (-entry[2], entry[0]))[:count]


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlyEnd:
    """A place within a text where the speech may well have ended."""

    place: int
    """Index of the word before which it would end, 1 or more."""
    log_prob: float
    """Natural log-probability of that end."""
    surprise: float
    """Surprise of the word that stands there all the same, in nat."""


def find_early_end(scores: TranscriptScores) -> EarlyEnd | None:
    """Return where a text most probably goes on after the speech has ended; None if it does so nowhere.

    That is at its most surprising word among those before which it may well end. A text that is read a second time is
    little surprising but for its first word, as Whisper expects repetitions; and the end is likely before many a word
    of a text without punctuation, where the next word is no surprise. The first word does not count.
    """
    found = [
        EarlyEnd(place=place, log_prob=word.early_end, surprise=word.surprise)
        for place, word in enumerate(scores.words)
        if place and word.surprise is not None and word.early_end is not None and word.early_end > PROBABLE_END
    ]
    return max(found, key=lambda end: (end.surprise, -end.place), default=None)


def find_doubts(values: dict[str, float], limits: dict[str, float]) -> list[str]:
    """Return, in plain words, which of the ``values`` lie below their limit; empty if none does."""
    return [
        f"{name} {values[name]:.2f} < {limit:g}"
        for name, limit in limits.items()
        if name in values and values[name] < limit
    ]


def _token_mean(words: Sequence[WordScore]) -> float:
    return float(np.mean([log_prob for word in words for log_prob in word.log_probs]))
