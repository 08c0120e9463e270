"""Full or cut windows? A few of the run's own clips are verified in both, with their own and with wrong texts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from mmcheck.metrics.verification import join_scores, summarise_scores
from mmcheck.metrics.window_agreement import WindowAgreement, WindowScores, compare_windows
from mmcheck.probe.transcript_clip import Clip, make_tasks
from mmcheck.probe.transcript_values import to_scores

if TYPE_CHECKING:
    from mmcheck.backends.whisper_verifier import WhisperVerifier

NUM_CLIPS = 12
"""Clips that are tried."""
MIN_CLIPS = 6
"""Fewer usable ones say too little."""
MIN_RUN = 50
"""Recordings from which on the trial is worth its time."""
_MIN_WORDS = 4
_KEPT_WORDS = 0.67
"""Share of a text that is left where its end is cut off."""


def check_windows(verifier: WhisperVerifier, clips: Sequence[Clip]) -> WindowAgreement:
    """Return whether cut windows may be used; the verifier's window is left as it was.

    Args:
        verifier: The opened model.
        clips: Prepared recordings; those of several windows and those with hardly a word are passed over.
    """
    usable = [clip for clip in clips if len(clip.features) == 1 and len(_words(clip)) >= _MIN_WORDS]
    texts = [clip.text for clip in usable]
    if len(usable) < MIN_CLIPS or len(set(texts)) < MIN_CLIPS:
        return WindowAgreement(
            agree=False,
            reason=f"only {len(set(texts))} clips of the run are fit for a trial",
            numbers={"clips": float(len(usable))},
        )
    before = verifier.window
    try:
        scores = {}
        for window in ("full", "fitted"):
            verifier.window = window
            scores[window] = _score(verifier, usable)
    finally:
        verifier.window = before
    return compare_windows(scores["full"], scores["fitted"])


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
