"""How a text is scored: the passes of the decoder that read it, and what their log-probabilities say.

Whisper reads ``<|startoftranscript|> (language, task) <|notimestamps|>`` and then the given text, and at every
position names its probability for each token of the vocabulary. Two things here are choices of ours:

- *The end.* A transcript without a final full stop is no worse than one with it, so the text may end at once or after
  a mark: P(end) = P(eot | text) + P(mark | text) * P(eot | text + "."). With the bundled model, on clips whose full
  stop was taken away, this finds a missing last word with ROC-AUC .998 instead of .882, and loses nothing elsewhere.
  A text that has its final mark is asked twice: P(end) = P(eot or a mark | words) * P(eot | words and mark). Else a
  full stop after a text that was cut short would hide the cut, since after a full stop most speech ends.
- *Texts longer than the decoder* (448 positions) are read in several passes: each scores the tokens that follow the
  last half of the pass before. Nothing is cut silently: beyond ``MAX_PASSES`` the first and the last passes are
  scored, and the result says how many tokens were.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from mmcheck.backends.whisper_start import StartReading, check_numbers
from mmcheck.backends.whisper_tokens import EncodedText, WhisperTokens
from mmcheck.backends.whisper_verifier import Verification

MAX_PASSES = 8
"""Decoder passes for one text in one window. Our own choice: a text that needs more cannot be spoken in 30 s anyway."""
MAX_POSITIONS = 448
"""Positions of the decoder. Given by Whisper."""
OWN_CHOICE = 0.05
"""Nat by which a token may be less likely than the likeliest one and still count as the model's own choice. Our own
choice: more than number formats differ by, less than a real alternative."""
LOG_PROB_FLOOR = -100.0
"""Smallest log-probability passed on (nat). Our own choice: beyond it half precision underflows to minus infinity."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DecoderPass:
    """One pass of the decoder over a part of a text."""

    tokens: tuple[int, ...]
    """What it reads after the prompt: context, the tokens to score, and on the last pass perhaps a full stop."""
    first: int
    """Index (in the text) of the first token it scores."""
    context: int
    """How many of ``tokens`` stand before that one."""
    num_scored: int
    """How many it scores."""
    is_last: bool
    """Whether the end of the text is scored too."""


def plan_passes(text: EncodedText, tokens: WhisperTokens, prompt: int, limit: int = MAX_POSITIONS) -> list[DecoderPass]:
    """Return the passes that score a text; one for all but very long ones.

    Args:
        text: The encoded text.
        tokens: The model's tokens.
        prompt: Length of the prompt in tokens.
        limit: Positions of the decoder.
    """
    count = len(text.tokens)
    room = limit - prompt - 2
    half = room // 2
    starts = [0, *range(room, count, room - half)] if count > room else [0]
    passes = []
    for index, first in enumerate(starts):
        stop = min(count, starts[index + 1] if index + 1 < len(starts) else count)
        context = min(first, half)
        is_last = index + 1 == len(starts)
        mark = (tokens.period,) if is_last and not text.has_end and count and tokens.period is not None else ()
        passes.append(
            DecoderPass(
                tokens=text.tokens[first - context : stop] + mark,
                first=first,
                context=context,
                num_scored=stop - first,
                is_last=is_last,
            )
        )
    if len(passes) > MAX_PASSES:
        passes = passes[: MAX_PASSES // 2] + passes[-(MAX_PASSES // 2) :]
    return passes


def pass_ids(step: DecoderPass, tokens: WhisperTokens) -> list[int]:
    """Return the token ids whose log-probabilities ``read_pass`` wants, sorted."""
    return sorted({*step.tokens[step.context :], tokens.eot, *tokens.sentence_ends})


def read_pass(step: DecoderPass, log_probs: ArrayLike, tokens: WhisperTokens) -> tuple[list[float], float | None]:
    """Return the log-probabilities of a pass's tokens and, on the last one, of the end.

    Args:
        step: The pass.
        log_probs: Array of shape (len(step.tokens) - step.context + 1, len(pass_ids)): log-softmax over the whole
            vocabulary, at the columns of ``pass_ids``; row ``i`` was computed after ``step.context + i`` tokens.
        tokens: The model's tokens.

    Raises:
        MediaError: If the model gave something else than numbers.
    """
    table = np.asarray(log_probs, np.float64)
    check_numbers(table)
    column = {id_: index for index, id_ in enumerate(pass_ids(step, tokens))}
    wanted = step.tokens[step.context : step.context + step.num_scored]
    scores = [_clip(table[index, column[id_]]) for index, id_ in enumerate(wanted)]
    if not step.is_last:
        return scores, None
    after = table[step.num_scored]
    end = after[column[tokens.eot]]
    if wanted and wanted[-1] in tokens.sentence_ends:
        before = table[step.num_scored - 1]
        over = np.logaddexp.reduce(before[[column[id_] for id_ in (tokens.eot, *tokens.sentence_ends)]])
        return scores, _clip(min(0.0, over) + end)
    if len(step.tokens) > step.context + step.num_scored:
        mark = np.logaddexp.reduce(after[[column[id_] for id_ in tokens.sentence_ends]])
        end = np.logaddexp(end, mark + table[step.num_scored + 1, column[tokens.eot]])
    return scores, _clip(end)


def read_early_ends(step: DecoderPass, log_probs: ArrayLike, tokens: WhisperTokens) -> list[float]:
    """Return the log-probability that the text ends, at once or with a mark, before each token that a pass scores.

    Args:
        step: The pass.
        log_probs: As for ``read_pass``.
        tokens: The model's tokens.
    """
    ids = pass_ids(step, tokens)
    columns = [ids.index(id_) for id_ in (tokens.eot, *tokens.sentence_ends)]
    table = np.asarray(log_probs, np.float64)[: step.num_scored]
    before = (*step.tokens[step.context - 1 : step.context], *step.tokens[step.context :])
    start = len(before) - len(step.tokens[step.context :])
    ends = np.logaddexp.reduce(table[:, columns], axis=1)
    return [
        # After a mark another one would begin no end.
        _clip(row[columns[0]] if place + start > 0 and before[place + start - 1] in tokens.sentence_ends else end)
        for place, (row, end) in enumerate(zip(table, ends, strict=True))
    ]


def _clip(log_prob: float) -> float:
    return min(0.0, max(LOG_PROB_FLOOR, float(log_prob)))


class Expected(NamedTuple):
    """What the model expected where a pass's tokens stand."""

    entropies: list[float]
    """Entropy at each token that the pass scores, nat."""
    early_ends: list[float]
    """What ``read_early_ends`` returned."""
    num_own: int
    """How many of these tokens are the model's own choice."""

    @classmethod
    def of(cls, entropies: list[float], early_ends: list[float], scores: ArrayLike, best: ArrayLike) -> Expected:
        """Return it from the log-probabilities of a pass's tokens and of the likeliest ones, shape (tokens,) each."""
        behind = np.asarray(best, np.float64) - np.asarray(scores, np.float64)
        return cls(entropies, early_ends, int((behind <= OWN_CHOICE).sum()))


def build_verification(
    text: EncodedText,
    passes: Sequence[DecoderPass],
    read: Sequence[tuple[list[float], float | None]],
    expected: Sequence[Expected],
    start: StartReading,
    encoded: Any = None,
) -> Verification:
    """Return the verification of a text from its passes.

    Args:
        text: The encoded text.
        passes: Its passes.
        read: What ``read_pass`` returned for each.
        expected: For each pass what the model expected.
        start: What the first position says.
        encoded: The encoder's output, if it shall be kept.
    """
    by_word: dict[int, list[float]] = {}
    entropies: dict[int, list[float]] = {}
    ends: dict[int, float] = {}
    end = math.nan
    for step, (scores, last), there in zip(passes, read, expected, strict=True):
        for offset, (score, entropy, early) in enumerate(zip(scores, there.entropies, there.early_ends, strict=True)):
            word = text.word_of_token[step.first + offset]
            by_word.setdefault(word, []).append(score)
            is_mark = bool(text.marks) and text.marks[step.first + offset]
            entropies.setdefault(word, []).append(max(float(entropy), -score) if is_mark else float(entropy))
            ends.setdefault(word, early)
        end = end if last is None else last
    return Verification(
        words=tuple(text.words[number] for number in by_word),
        log_probs=tuple(tuple(scores) for scores in by_word.values()),
        entropies=tuple(tuple(values) for values in entropies.values()),
        early_ends=tuple(ends.values()),
        end_log_prob=end,
        no_speech_prob=start.no_speech_prob,
        language=start.language,
        language_probability=start.language_probability,
        stated_probability=start.stated_probability,
        num_tokens=len(text.tokens),
        num_scored=sum(len(scores) for scores, _ in read),
        num_own=sum(there.num_own for there in expected),
        encoded=encoded,
    )
