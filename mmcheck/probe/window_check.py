"""How short may windows be? Some of the run's own clips are verified in all kinds, with their own and with wrong texts.

The same trial settles the number format of the encoder. In shorter windows the fastest is compared with full windows in
the one they are verified in, so that what is accepted is window and format together; where it fails, the next is tried.

Clips come in a few at a time. A kind of window under which more of them broke down than a full trial would forgive is
given up at once; one that bears them all is accepted as soon as so many were tried that it can be believed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from mmcheck.core.arrays import Floats
from mmcheck.core.errors import MediaError
from mmcheck.core.json_types import JsonObject
from mmcheck.metrics.verification import join_scores, summarise_scores
from mmcheck.metrics.window_agreement import WindowAgreement, WindowScores, clips_needed, compare_windows, find_broken
from mmcheck.probe.transcript_clip import Clip, make_tasks
from mmcheck.probe.transcript_values import to_scores

if TYPE_CHECKING:
    from mmcheck.backends.whisper_verifier import WhisperVerifier

MAX_FORGIVEN = 2
"""Clips that may break down in a trial. Our own choice: each costs some thirty more that have to be sound."""
NUM_CLIPS = clips_needed(MAX_FORGIVEN)
"""Clips that are tried at most. Given by ``MAX_FORGIVEN``."""
SHARE_TRIED = 4
"""One clip in so many is tried at most. Our own choice: a trial may not cost what it saves, which is two thirds of the
time of the others."""
MIN_RUN = SHARE_TRIED * clips_needed(0)
"""Recordings from which on a trial can be had. Given by ``SHARE_TRIED``."""
SHORTER = ("fitted", "padded")
"""Kinds of shorter windows, the fastest first."""
_CHUNK = 12  # clips that come in at a time; our own choice: windows that fail do so on the first few
_MIN_WORDS = 4  # words of a usable text; our own choice: fewer cannot be cut at the end
_KEPT_WORDS = 0.67  # share of a text that is left where its end is cut off; our own choice: two thirds


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowTrial:
    """What a trial came to."""

    agreement: WindowAgreement
    """Whether shorter windows may be used: as seen with the first kind and precision that may, else with the last."""
    window: str
    """The kind of window that was chosen: ``fitted``, ``padded`` or ``full``."""
    precision: str
    """Number format of the encoder for it."""
    refused: dict[str, str] = field(default_factory=dict)
    """Faster kinds and formats, as ``fitted int8``, that are not used, and why."""

    def describe(self) -> JsonObject:
        """Return it fit for JSON."""
        return {**self.agreement.describe(), **({"refused": dict(self.refused)} if self.refused else {})}


def check_windows(verifier: WhisperVerifier, clips: Iterable[Clip], limit: int = NUM_CLIPS) -> WindowTrial:
    """Return which windows may be used, and in which precision; the verifier is left as it was.

    Args:
        verifier: The opened model.
        clips: Prepared recordings, taken as far as they are needed; those of several windows and those with hardly a
            word are passed over, and so is a text that stood before.
        limit: Clips that are tried at most.
    """
    before = verifier.window, verifier.precision
    usual = verifier.precisions[-1]
    tried = _Tried(verifier, _usable(clips, limit))
    refused: dict[str, str] = {}
    found = WindowAgreement(agree=False, reason="no clips of the run are fit for a trial", numbers={"clips": 0.0})
    name = ""
    try:
        for window in SHORTER:
            for precision in verifier.precisions:
                if name:
                    refused[name] = found.reason
                found, name = tried.compare(window, precision) or found, f"{window} {precision}"
                if found.agree:
                    return WindowTrial(agreement=found, window=window, precision=precision, refused=refused)
    except MediaError as error:
        # One recording never ends a run: when it is measured by itself, it fails with the same sentence.
        found = WindowAgreement(agree=False, reason=f"the trial failed: {error}", numbers={})
    finally:
        verifier.window, verifier.precision = before
    return WindowTrial(agreement=found, window="full", precision=usual, refused=refused)


class _Tried:
    """The clips so far with their scores in full windows, which all kinds of shorter ones are compared with."""

    def __init__(self, verifier: WhisperVerifier, clips: Iterable[Clip]) -> None:
        self._verifier = verifier
        self._clips = iter(clips)
        self._chunks: list[list[Clip]] = []
        self._full: list[WindowScores] = []

    def compare(self, window: str, precision: str) -> WindowAgreement | None:
        """Return what comes of one kind of window, as soon as that is known; None if there are no clips."""
        short: list[WindowScores] = []
        found = None
        while (chunk := self._chunk(len(short))) is not None:
            short.append(score_clips(self._verifier, window, precision, chunk))
            full, these = _join(self._full[: len(short)]), _join(short)
            found = compare_windows(full, these)
            broken = int(find_broken(full, these).sum())
            if found.agree or broken > MAX_FORGIVEN or len(full.own) >= clips_needed(broken):
                break
        return found

    def _chunk(self, number: int) -> list[Clip] | None:
        if number == len(self._chunks):
            chunk = list(islice(self._clips, _CHUNK))
            # A lone clip has no other's text.
            if len(chunk) < 2:
                return None
            self._chunks.append(chunk)
            self._full.append(score_clips(self._verifier, "full", self._verifier.precisions[-1], chunk))
        return self._chunks[number]


def _usable(clips: Iterable[Clip], limit: int) -> Iterator[Clip]:
    seen: set[str] = set()
    for clip in clips:
        if len(seen) == limit:
            return
        if len(clip.features) == 1 and len(_words(clip)) >= _MIN_WORDS and clip.text not in seen:
            seen.add(clip.text)
            yield clip


def score_clips(verifier: WhisperVerifier, window: str, precision: str, clips: Sequence[Clip]) -> WindowScores:
    """Return what clips get in one kind of window; the verifier is left in it.

    Args:
        verifier: The opened model.
        window: The kind.
        precision: Number format of the encoder.
        clips: Two or more of one window each, with different texts; each is given the next one's text as another.
    """
    verifier.window, verifier.precision = window, precision
    others = [*clips[1:], clips[0]]
    tasks = []
    for clip, other in zip(clips, others, strict=True):
        words = _words(clip)
        joint = "" if clip.is_scriptio_continua else " "
        cut = joint.join(words[: max(1, int(_KEPT_WORDS * len(words)))])
        tasks += [make_tasks(clip, None, text)[0] for text in (clip.text, other.text, cut)]
    found = [summarise_scores(join_scores([to_scores(part)])) for part in verifier.verify(tasks)]
    own, other_text, cut_text = found[0::3], found[1::3], found[2::3]

    def column(part: Sequence[dict[str, float]], name: str) -> Floats:
        return np.array([values[name] for values in part], dtype=np.float64)

    return WindowScores(
        own=column(own, "mean_log_prob"),
        other=column(other_text, "mean_log_prob"),
        whole_end=column(own, "end_log_prob"),
        cut_end=column(cut_text, "end_log_prob"),
    )


def _join(parts: Sequence[WindowScores]) -> WindowScores:
    return WindowScores(
        own=np.concatenate([part.own for part in parts]),
        other=np.concatenate([part.other for part in parts]),
        whole_end=np.concatenate([part.whole_end for part in parts]),
        cut_end=np.concatenate([part.cut_end for part in parts]),
    )


def _words(clip: Clip) -> list[str]:
    return list(clip.text.strip()) if clip.is_scriptio_continua else clip.text.split()
