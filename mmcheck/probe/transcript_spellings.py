"""Doubtful transcripts read once more as they might have been written: the likeliest spelling counts.

A recogniser that would write "25" finds "twenty-five" unlikely, though it hears it. So what is doubtful in the given
spelling is verified in a few others under the same encoding of the recording (no second pass of the encoder), and the
one that the model finds likeliest, as a whole and with its end, gives the scores. They are told by the words of the
given text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from mmcheck.metrics.heard_spelling import spell_as_heard
from mmcheck.metrics.spellings import Spelling, spell_otherwise
from mmcheck.metrics.verification import find_doubts, join_scores, summarise_scores
from mmcheck.probe.transcript_clip import Clip
from mmcheck.probe.transcript_own import set_window
from mmcheck.probe.transcript_values import to_scores

if TYPE_CHECKING:
    from mmcheck.backends.whisper_transcriber import Transcription
    from mmcheck.backends.whisper_verifier import Verification, VerificationTask, WhisperVerifier

_DOUBTED = -1.0
"""Mean log-probability (nat) below which a word is doubted, so that its spelling is varied first. Taken from Whisper,
which distrusts a decoding below it."""
_LIMITS = {"mean_log_prob": -1.0, "worst_word_log_prob": -2.0, "tail_log_prob": -1.0, "end_log_prob": -1.0}
"""Values below which other spellings are tried, whatever is transcribed. Measured: on 165 sound recordings with Whisper
base every one that was flagged for its spelling lies below, and 45 % of all, most of which have one other spelling."""
_FEW = 3
"""Spellings of a text that is doubtful, but not so much that it would be transcribed. Our own choice: without what is
not heard, and all doubted places in their likeliest other form; four clips in ten are such."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spelled:
    """A clip's verification in the likeliest spelling."""

    parts: tuple[Verification, ...]
    """By window, told by the words of the given text."""
    window: str
    """Kind of window that they were seen in."""
    num_tried: int = 0
    """Other spellings that were verified, over all windows."""
    texts: Mapping[int, str] = field(default_factory=dict)
    """Window -> the spelling that was scored, where it is not the given one."""

    @property
    def text(self) -> str | None:
        """The whole text as it was scored; None if that is how it was given."""
        if not self.texts:
            return None
        return " ".join(self.texts.get(window, " ".join(part.words)) for window, part in enumerate(self.parts))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Trial:
    """A spelling of one window's text."""

    row: int
    window: int
    spelling: Spelling


class SpellingTrials:
    """Finds the likeliest spelling of doubtful transcripts.

    Args:
        verifier: What verified them.
        limits: Below any of these a transcript is transcribed, by the value's name.
        most: Spellings tried for a window's text; 0: none.
    """

    def __init__(self, verifier: WhisperVerifier, limits: Mapping[str, float], most: int) -> None:
        self._verifier = verifier
        # What is transcribed is doubtful in any case.
        self._limits = {name: max(limit, limits.get(name, limit)) for name, limit in _LIMITS.items()}
        self._strict_limits = dict(limits)
        self._most = most

    def respell(self, clips: Sequence[Clip], spelled: Sequence[Spelled]) -> list[Spelled]:
        """Return the clips' verifications, doubtful ones in the likeliest spelling that is known by rule.

        Args:
            clips: Prepared recordings.
            spelled: Their verifications, which hold what the encoder made; those of the given texts alone are varied.

        Raises:
            MediaError: If the model gives no finite numbers.
        """
        trials = [
            _Trial(row=row, window=window, spelling=spelling)
            for row, (clip, one) in enumerate(zip(clips, spelled, strict=True))
            if self._is_doubtful(one.parts)
            for window, part in enumerate(one.parts)
            if self._can_vary(part) and self._is_doubtful([part])
            for spelling in spell_otherwise(
                _text_of(part, clip),
                _language_of(part, clip),
                doubted=_find_doubted(part),
                limit=self._count(one.parts),
            )
        ]
        return self._take_best(clips, spelled, trials)

    def respell_as_heard(
        self, clips: Sequence[Clip], spelled: Sequence[Spelled], heard: Sequence[Sequence[Transcription] | None]
    ) -> list[Spelled]:
        """Return the clips' verifications, in the recogniser's own spelling where that is likelier.

        Args:
            clips: Prepared recordings.
            spelled: Their verifications, which hold what the encoder made.
            heard: What was recognised in each window; None where nothing was asked for.

        Raises:
            MediaError: If the model gives no finite numbers.
        """
        trials = []
        for row, (clip, one, parts) in enumerate(zip(clips, spelled, heard, strict=True)):
            if parts is None:
                continue
            for window, (part, transcription) in enumerate(zip(one.parts, parts, strict=True)):
                if not self._can_vary(part) or transcription.is_repetitive:
                    continue
                spelling = spell_as_heard(_text_of(part, clip), transcription.text, _language_of(part, clip))
                if spelling is not None:
                    trials.append(_Trial(row=row, window=window, spelling=spelling))
        return self._take_best(clips, spelled, trials)

    def _can_vary(self, part: Verification) -> bool:
        # Texts that were scored in parts have no whole likelihood, and nothing was kept where nothing was encoded.
        return self._most > 0 and part.encoded is not None and 0 < part.num_tokens == part.num_scored

    def _is_doubtful(self, parts: Sequence[Verification]) -> bool:
        return bool(parts) and bool(find_doubts(_summarise(parts), self._limits))

    def _count(self, parts: Sequence[Verification]) -> int:
        """Return how many spellings are worth their time."""
        return self._most if find_doubts(_summarise(parts), self._strict_limits) else min(self._most, _FEW)

    def _take_best(self, clips: Sequence[Clip], spelled: Sequence[Spelled], trials: Sequence[_Trial]) -> list[Spelled]:
        if not trials:
            return list(spelled)
        found = list(spelled)
        for kind in sorted({spelled[trial.row].window for trial in trials}):
            some = [trial for trial in trials if spelled[trial.row].window == kind]
            tasks = [_make_task(clips[trial.row], spelled[trial.row].parts[trial.window], trial) for trial in some]
            with set_window(self._verifier, kind):
                verified = self._verifier.verify(tasks)
            for trial, verification in zip(some, verified, strict=True):
                found[trial.row] = _take_likelier(found[trial.row], trial, verification)
        return found


def _take_likelier(before: Spelled, trial: _Trial, verification: Verification) -> Spelled:
    part = before.parts[trial.window]
    now = replace(before, num_tried=before.num_tried + 1)
    better = take_scores(part, verification, trial.spelling)
    if better is None or log_likelihood(better) <= log_likelihood(part):
        return now
    parts = (*before.parts[: trial.window], better, *before.parts[trial.window + 1 :])
    return replace(now, parts=parts, texts={**before.texts, trial.window: trial.spelling.text})


def log_likelihood(part: Verification) -> float:
    """Return the natural log-probability of a whole text with its end."""
    return sum(sum(scores) for scores in part.log_probs) + part.end_log_prob


def take_scores(part: Verification, other: Verification, spelling: Spelling) -> Verification | None:
    """Return a verification with the scores of another spelling, told by its own words; None if they do not fit.

    Given words that another number of words stands for count as one.

    Args:
        part: The verification, whose words are the given ones.
        other: That of the spelling.
        spelling: It.
    """
    # A word that stands for several counts as one, so a part that was renamed before is cut into its words again.
    given = " ".join(part.words).split() if spelling.joint else part.words
    groups = spelling.group(given, other.words)
    if groups is None:
        return None
    return replace(
        part,
        words=tuple(spelling.joint.join(words) for words, _ in groups),
        log_probs=tuple(tuple(value for own in owns for value in other.log_probs[own]) for _, owns in groups),
        entropies=tuple(tuple(value for own in owns for value in other.entropies[own]) for _, owns in groups),
        early_ends=tuple(other.early_ends[owns.start] for _, owns in groups) if other.early_ends else (),
        end_log_prob=other.end_log_prob,
        num_tokens=other.num_tokens,
        num_scored=other.num_scored,
    )


def _summarise(parts: Sequence[Verification]) -> dict[str, float]:
    return summarise_scores(join_scores([to_scores(part) for part in parts]))


def _text_of(part: Verification, clip: Clip) -> str:
    return ("" if clip.is_scriptio_continua else " ").join(part.words)


def _language_of(part: Verification, clip: Clip) -> str | None:
    """Return the stated language, or else the one that is heard: numbers have words in it, and only in it."""
    return clip.language or part.language


def _find_doubted(part: Verification) -> list[int]:
    return [index for index, scores in enumerate(part.log_probs) if scores and sum(scores) / len(scores) < _DOUBTED]


def _make_task(clip: Clip, part: Verification, trial: _Trial) -> VerificationTask:
    from mmcheck.backends.whisper_verifier import VerificationTask

    return VerificationTask(
        features=clip.features[trial.window],
        text=trial.spelling.text,
        language=_language_of(part, clip),
        is_scriptio_continua=clip.is_scriptio_continua,
        encoded=part.encoded,
    )
