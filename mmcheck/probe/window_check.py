"""Full or cut windows? A few of the run's own clips are verified in both, with their own and with wrong texts.

The same trial settles the number format of the encoder. In cut windows the fastest is compared with full windows in the
one they are verified in, so that what is accepted is window and format together; where it fails, the next is tried.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from mmcheck.core.json_types import JsonObject
from mmcheck.metrics.verification import join_scores, summarise_scores
from mmcheck.metrics.window_agreement import WindowAgreement, WindowScores, compare_windows
from mmcheck.probe.transcript_clip import Clip, make_tasks
from mmcheck.probe.transcript_values import to_scores

if TYPE_CHECKING:
    from mmcheck.backends.whisper_verifier import WhisperVerifier

NUM_CLIPS = 12
"""Clips that are tried. Our own choice: some seconds of work."""
MIN_CLIPS = 6
"""Fewer usable ones say too little. Our own choice: half of those tried."""
MIN_RUN = 50
"""Recordings from which on the trial is worth its time. Our own choice: four times those tried."""
_MIN_WORDS = 4  # words of a usable text; our own choice: fewer cannot be cut at the end
_KEPT_WORDS = 0.67  # share of a text that is left where its end is cut off; our own choice: two thirds


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowTrial:
    """What a trial came to."""

    agreement: WindowAgreement
    """Whether cut windows may be used: as seen with the first precision that does, or else with the last."""
    precision: str
    """Number format of the encoder for the windows that were chosen."""
    refused: dict[str, str] = field(default_factory=dict)
    """Faster formats that cut windows are not verified in, and why."""

    def describe(self) -> JsonObject:
        """Return it fit for JSON."""
        return {**self.agreement.describe(), **({"refused": self.refused} if self.refused else {})}


def check_windows(verifier: WhisperVerifier, clips: Sequence[Clip]) -> WindowTrial:
    """Return whether cut windows may be used, and in which precision; the verifier is left as it was.

    Args:
        verifier: The opened model.
        clips: Prepared recordings; those of several windows and those with hardly a word are passed over.
    """
    usable = [clip for clip in clips if len(clip.features) == 1 and len(_words(clip)) >= _MIN_WORDS]
    texts = [clip.text for clip in usable]
    if len(usable) < MIN_CLIPS or len(set(texts)) < MIN_CLIPS:
        too_few = WindowAgreement(
            agree=False,
            reason=f"only {len(set(texts))} clips of the run are fit for a trial",
            numbers={"clips": float(len(usable))},
        )
        return WindowTrial(agreement=too_few, precision=verifier.precisions[-1])
    before = verifier.window, verifier.precision
    refused: dict[str, str] = {}
    try:
        verifier.window, verifier.precision = "full", verifier.precisions[-1]
        full = _score(verifier, usable)
        verifier.window = "fitted"
        for precision in verifier.precisions:
            verifier.precision = precision
            found = compare_windows(full, _score(verifier, usable))
            if found.agree:
                return WindowTrial(agreement=found, precision=precision, refused=refused)
            refused[precision] = found.reason
    finally:
        verifier.window, verifier.precision = before
    last = verifier.precisions[-1]
    del refused[last]  # said by the agreement
    return WindowTrial(agreement=found, precision=last, refused=refused)


def _score(verifier: WhisperVerifier, clips: Sequence[Clip]) -> WindowScores:
    others = [*clips[1:], clips[0]]
    tasks = []
    for clip, other in zip(clips, others, strict=True):
        words = _words(clip)
        joint = "" if clip.is_scriptio_continua else " "
        cut = joint.join(words[: max(1, int(_KEPT_WORDS * len(words)))])
        tasks += [make_tasks(clip, None, text)[0] for text in (clip.text, other.text, cut)]
    found = [summarise_scores(join_scores([to_scores(part)])) for part in verifier.verify(tasks)]
    own, other_text, cut_text = found[0::3], found[1::3], found[2::3]

    def column(part: Sequence[dict[str, float]], name: str) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        return np.array([values[name] for values in part], dtype=np.float64)

    return WindowScores(
        own=column(own, "mean_log_prob"),
        other=column(other_text, "mean_log_prob"),
        whole_end=column(own, "end_log_prob"),
        cut_end=column(cut_text, "end_log_prob"),
    )


def _words(clip: Clip) -> list[str]:
    return list(clip.text.strip()) if clip.is_scriptio_continua else clip.text.split()
