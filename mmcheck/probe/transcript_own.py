"""A recording verified with its own transcript, once for all that want it: the probe itself, and the null beside it.

In shorter windows a transcript in doubt is verified once more in a full one, as Whisper was trained: they were found to
be as good for the set as a whole, single short clips turn into babble in them all the same, and what is no fault in a
full window is none. What other texts are worth under a recording has to be seen in the window that its own was.

The encoder takes most of the time. So what it made of a recording that the null will ask for is kept until it does,
whichever of the two comes first. On a CPU each recording is encoded alone, so it makes no difference to the values who
does it; on a GPU the batch does, in the last digits, and nothing is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from mmcheck.metrics.verification import find_doubts, summarise_scores
from mmcheck.probe.transcript_clip import Clip, make_tasks
from mmcheck.probe.transcript_values import to_scores

if TYPE_CHECKING:
    from mmcheck.backends.whisper_transcriber import Transcription
    from mmcheck.backends.whisper_verifier import Verification, VerificationTask, WhisperVerifier

_MAX_KEPT_BYTES = 1 << 28
"""Bytes of what the encoder made that wait for the other probe. Our own choice: 256 MiB, 87 clips of whisper-base in
full windows; what is dropped is made again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnVerification:
    """What verification says of a recording with its own transcript."""

    parts: list[Verification]
    """One a window of the recording."""
    window: str
    """Kind of window that it was seen in."""

    @property
    def encoded(self) -> Any:
        """Return what the encoder made of the only window."""
        return self.parts[0].encoded


@dataclass(frozen=True, slots=True, kw_only=True)
class TextOfClip:
    """Any text under a recording of one window."""

    clip: Clip
    text: str
    window: str
    """Kind of window that it shall be seen in."""
    encoded: Any = None
    """What the encoder made of the recording in that window, if it is known."""
    language: str | None = None
    """Whisper's code of the language that was heard, which counts where the recording names none; None: detected."""

    def task(self) -> VerificationTask:
        """Return what the model is asked."""
        return replace(
            make_tasks(self.clip, None, self.text)[0],
            language=self.clip.language or self.language,
            encoded=self.encoded,
            wants_start=False,
        )


class OwnTexts:
    """Verifies recordings with their own transcripts.

    Args:
        verifier: The opened model; its kind of window is the one that all are verified in first.
        limits: Below any of these, by the value's name, a recording of one window is verified again in a full window;
            None: none is.
    """

    def __init__(self, verifier: WhisperVerifier, *, limits: Mapping[str, float] | None) -> None:
        self._verifier = verifier
        self._limits = {} if limits is None else dict(limits)
        self._is_shared: Callable[[str], bool] | None = None
        self._kept: dict[str, tuple[str, OwnVerification]] = {}
        """Id -> the probe that asked, and what it got."""

    def share(self, is_shared: Callable[[str], bool]) -> None:
        """Keep what is made of recordings until a second probe asks for it.

        Args:
            is_shared: Says of a sample's id whether two probes will ask for it.
        """
        self._is_shared = is_shared

    def verify(
        self,
        asking: str,
        ids: Sequence[str],
        clips: Sequence[Clip],
        heard: Sequence[list[Transcription] | None],
        *,
        keep_encoded: bool,
    ) -> list[OwnVerification]:
        """Return one verification a recording, in order.

        Args:
            asking: Name of the probe that asks.
            ids: Ids of the samples.
            clips: Their recordings.
            heard: What was heard in those of several windows.
            keep_encoded: Whether each shall hold what the encoder made.

        Raises:
            MediaError: If the model gives no finite numbers.
        """
        found: dict[int, OwnVerification] = {}
        for row, sample_id in enumerate(ids):
            if sample_id in self._kept and self._kept[sample_id][0] != asking:
                found[row] = self._kept.pop(sample_id)[1]
        missing = [row for row in range(len(ids)) if row not in found]
        shared = [self._is_shared is not None and self._is_shared(ids[row]) for row in missing]
        made = self._verify(
            [clips[row] for row in missing],
            [make_tasks(clips[row], heard[row]) for row in missing],
            keep_encoded=keep_encoded or any(shared),
        )
        for row, own, is_shared in zip(missing, made, shared, strict=True):
            found[row] = own
            if is_shared and len(own.parts) == 1:
                self._keep(asking, ids[row], own)
        return [found[row] for row in range(len(ids))]

    def _verify(
        self, clips: Sequence[Clip], tasks: Sequence[Sequence[VerificationTask]], *, keep_encoded: bool
    ) -> list[OwnVerification]:
        window = self._verifier.window
        results = iter(self._verifier.verify([task for group in tasks for task in group], keep_encoded=keep_encoded))
        verified = [[next(results) for _ in group] for group in tasks]
        # Those of several windows have been transcribed, and each part of their text may be wrong by a word at the cut.
        doubtful = [
            row
            for row, parts in enumerate(verified)
            if window != "full" and len(parts) == 1 and find_doubts(summarise_scores(to_scores(parts[0])), self._limits)
        ]
        again: dict[int, Verification] = {}
        if doubtful:
            with set_window(self._verifier, "full"):
                whole = self._verifier.verify(
                    [make_tasks(clips[row], None)[0] for row in doubtful], keep_encoded=keep_encoded
                )
            again = dict(zip(doubtful, whole, strict=True))
        return [
            OwnVerification(parts=[again[row]], window="full")
            if row in again
            else OwnVerification(parts=parts, window=window)
            for row, parts in enumerate(verified)
        ]

    def _keep(self, asking: str, sample_id: str, own: OwnVerification) -> None:
        self._kept[sample_id] = asking, own
        # The oldest go first; one that is never asked for (the other probe had measured it before) goes so too.
        while len(self._kept) > 1 and sum(_num_bytes(kept) for _, kept in self._kept.values()) > _MAX_KEPT_BYTES:
            del self._kept[next(iter(self._kept))]


@contextmanager
def set_window(verifier: WhisperVerifier, window: str) -> Iterator[None]:
    """Set the kind of window for a while; full windows are verified in the usual precision.

    Args:
        verifier: The opened model.
        window: The kind.
    """
    before = verifier.window, verifier.precision
    if window != verifier.window:
        verifier.window = window
        if window == "full":
            verifier.precision = verifier.precisions[-1]
    try:
        yield
    finally:
        verifier.window, verifier.precision = before


def _num_bytes(own: OwnVerification) -> int:
    return int(getattr(own.encoded, "nbytes", 0))
