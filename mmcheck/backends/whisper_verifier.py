"""What verification is, whatever library runs it: a text goes in with features, its log-probabilities come out.

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
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import ArrayLike

from mmcheck.backends.whisper_features import Features
from mmcheck.backends.whisper_tokens import EncodedText, WhisperTokens
from mmcheck.core.arrays import Floats
from mmcheck.core.errors import MediaError
from mmcheck.core.json_types import JsonObject

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
class VerificationTask:
    """One window with the text that is said to be spoken in it."""

    features: Features
    """Log-mel features of shape (bands, frames), unpadded."""
    text: str
    """The given text; may be empty for a window into which no text fell."""
    language: str | None = None
    """Whisper's code; None: detected where the model is multilingual."""
    is_scriptio_continua: bool = False
    """Whether the text has no spaces between words."""
    encoded: Any = field(default=None, repr=False, compare=False)
    """What the encoder made of the features before, in the very window that is set: ``Verification.encoded``. None:
    they are encoded now. Tasks of the same features have all the same."""
    wants_start: bool = True
    """Whether the result shall say what the start tells of the recording: no speech, and the language. It costs
    ctranslate2 a decoder pass of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """What the model says about one task."""

    words: tuple[str, ...]
    """Scored words."""
    log_probs: tuple[tuple[float, ...], ...]
    """For each word the natural log-probabilities of its tokens."""
    entropies: tuple[tuple[float, ...], ...]
    """For each word and token the entropy (nat) of what the model expected in its place. Of a punctuation mark it is at
    least the mark's own -log p: nobody speaks marks, so an unexpected one shall surprise nobody."""
    end_log_prob: float
    """Natural log-probability that the text ends where it ends."""
    no_speech_prob: float | None
    """Probability of ``<|nospeech|>`` at the start, 0 to 1; None if the model has no such token."""
    language: str | None
    """Most probable language; None for English-only models."""
    language_probability: float | None
    """Its probability among the languages, 0 to 1."""
    stated_probability: float | None
    """Probability of the task's language; None if it named none."""
    num_tokens: int
    """Tokens of the text."""
    num_scored: int
    """Those that were scored; fewer only for texts beyond ``MAX_PASSES``."""
    early_ends: tuple[float, ...] = ()
    """For each word the natural log-probability that the text ends right before it, at once or with a mark; empty if
    unknown."""
    num_own: int | None = None
    """Those of them that the model itself would have written in their place (its most likely token there); None if
    unknown. Where all are, the text is what greedy decoding of this model gives."""
    encoded: Any = field(default=None, repr=False, compare=False)
    """What the encoder made of the recording, shape (positions, width), torch tensor or numpy array: a transcription
    of the same clip can start from it. None unless it was asked for."""


class WhisperVerifier(Protocol):
    """Verifies texts. Results do not depend on what else is in the batch, beyond floating-point noise."""

    tokens: WhisperTokens
    window: str
    """``full`` (each clip filled up to 30 s), ``padded`` (some seconds of silence behind each) or ``fitted`` (each as
    long as it is); may be changed at any time."""
    precision: str
    """Number format of the encoder; may be changed to any of ``precisions`` at any time."""
    precisions: tuple[str, ...]
    """What it can be: first what is fastest in fitted windows, last what full windows are best verified in."""

    def verify(self, tasks: Sequence[VerificationTask], *, keep_encoded: bool = False) -> list[Verification]:
        """Return one verification a task, in order.

        Args:
            tasks: The tasks.
            keep_encoded: Whether each result holds the encoder's output; it takes memory as long as the results live.
        """
        ...

    def describe(self) -> JsonObject:
        """Return what run.json shall say: backend, precision, device, versions."""
        ...


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
    _check_numbers(table)
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


@dataclass(frozen=True, slots=True, kw_only=True)
class StartReading:
    """What the very first position says about the recording."""

    no_speech_prob: float | None
    """As in ``Verification``."""
    language: str | None
    """As in ``Verification``."""
    language_probability: float | None
    """As in ``Verification``."""
    stated_probability: float | None
    """As in ``Verification``."""


NO_START = StartReading(no_speech_prob=None, language=None, language_probability=None, stated_probability=None)
"""Of a task that does not want it."""


def start_ids(tokens: WhisperTokens) -> list[int]:
    """Return the token ids whose log-probabilities ``read_start`` wants, in its order."""
    no_speech = [] if tokens.no_speech is None else [tokens.no_speech]
    return [*no_speech, *tokens.languages.values()]


def read_start(log_probs: ArrayLike, tokens: WhisperTokens, stated: str | None) -> StartReading:
    """Return what the position after ``<|startoftranscript|>`` says.

    Args:
        log_probs: Vector of shape (len(start_ids),): log-softmax over the whole vocabulary, at these columns.
        tokens: The model's tokens.
        stated: Language that the manifest names.

    Raises:
        MediaError: If the model gave something else than numbers.
    """
    row = np.asarray(log_probs, np.float64)
    _check_numbers(row)
    no_speech = None
    if tokens.no_speech is not None:
        no_speech, row = min(1.0, float(np.exp(row[0]))), row[1:]
    if not tokens.is_multilingual:
        return StartReading(no_speech_prob=no_speech, language=None, language_probability=None, stated_probability=None)
    codes = list(tokens.languages)
    shares = np.exp(row - np.logaddexp.reduce(row))
    best = int(shares.argmax())
    return StartReading(
        no_speech_prob=no_speech,
        language=codes[best],
        language_probability=min(1.0, float(shares[best])),
        stated_probability=min(1.0, float(shares[codes.index(stated)])) if stated in tokens.languages else None,
    )


def _check_numbers(log_probs: Floats) -> None:
    if np.isnan(log_probs).any():
        raise MediaError(
            "the Whisper model gave no finite scores for this recording",
            cause="not_finite",
            hint="set probes.transcript.precision (or compute_type) to float32.",
        )


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


def first_uses(tasks: Sequence[VerificationTask]) -> list[int]:
    """Return for each task the first one with the very same features array: what needs encoding only once."""
    seen: dict[int, int] = {}
    return [seen.setdefault(id(task.features), index) for index, task in enumerate(tasks)]


def order_tasks(tasks: Sequence[VerificationTask], lengths: Sequence[int], num_tokens: Sequence[int]) -> list[int]:
    """Return the tasks' order in batches: by length, then by tokens, texts of one recording side by side.

    Args:
        tasks: The tasks.
        lengths: Frames of each.
        num_tokens: Tokens of each text.
    """
    uses = first_uses(tasks)
    longest: dict[int, int] = {}
    for use, count in zip(uses, num_tokens, strict=True):
        longest[use] = max(longest.get(use, 0), count)
    return sorted(range(len(tasks)), key=lambda i: (lengths[i], longest[uses[i]], uses[i], num_tokens[i]))


def group_jobs(jobs: Sequence[tuple[int, DecoderPass]], budget: int) -> list[list[tuple[int, DecoderPass]]]:
    """Return passes (with the row of their clip) in groups of at most ``budget`` padded tokens, in order."""
    groups: list[list[tuple[int, DecoderPass]]] = []
    longest = 0
    for row, step in jobs:
        longest = max(longest, len(step.tokens) + 1)
        if not groups or (len(groups[-1]) + 1) * longest > budget:
            groups.append([])
            longest = len(step.tokens) + 1
        groups[-1].append((row, step))
    return groups
