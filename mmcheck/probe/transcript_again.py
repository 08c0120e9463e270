"""A second look at transcripts that are in doubt in a cut window: once more in a full one, as Whisper was trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from mmcheck.metrics.verification import find_doubts, summarise_scores
from mmcheck.probe.transcript_clip import Clip, make_tasks
from mmcheck.probe.transcript_values import to_scores

if TYPE_CHECKING:
    from mmcheck.backends.whisper_verifier import Verification, WhisperVerifier


def verify_again(
    verifier: WhisperVerifier,
    clips: Sequence[Clip],
    verified: Sequence[Sequence[Verification]],
    limits: Mapping[str, float],
    *,
    keep_encoded: bool,
) -> dict[int, list[Verification]]:
    """Return the verification in full windows of the clips that are in doubt in cut ones, by their place.

    Cut windows were found to be as good for the set as a whole; single short clips turn into babble in them all the
    same (real whisper-base: 14 of 165 recordings, below -2 nat a token there and above -1.5 in full ones), and what
    is no fault in a full window is none.

    Args:
        verifier: What verified them; window and precision are as they were afterwards.
        clips: Prepared recordings.
        verified: What was found in cut windows, by clip and by window.
        limits: Below any of these a clip is in doubt, by the value's name.
        keep_encoded: Whether the recording as the model sees it is kept for a transcription.

    Raises:
        MediaError: If the model gives no finite numbers.
    """
    rows = [
        row
        for row, parts in enumerate(verified)
        if len(parts) == 1 and find_doubts(summarise_scores(to_scores(parts[0])), dict(limits))
    ]
    if not rows:
        return {}
    before = verifier.window, verifier.precision
    try:
        verifier.window, verifier.precision = "full", verifier.precisions[-1]
        found = verifier.verify([make_tasks(clips[row], None)[0] for row in rows], keep_encoded=keep_encoded)
    finally:
        verifier.window, verifier.precision = before
    return {row: [verification] for row, verification in zip(rows, found, strict=True)}
