"""A recording with its own transcript is verified once, in the window that it can bear, for all that want it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

import mmcheck.probe.transcript_own as module
from mmcheck.backends.whisper_verifier import Verification, VerificationTask
from mmcheck.probe.transcript_clip import Clip
from mmcheck.probe.transcript_own import OwnTexts, TextOfClip, set_window


@dataclass
class FakeVerifier:
    """Finds the texts in doubt that say so, in shorter windows."""

    window: str = "padded"
    precision: str = "int8"
    precisions: tuple[str, ...] = ("int8", "float32")
    asked: list[tuple[str, str, str]] = field(default_factory=list)

    def verify(self, tasks: Sequence[VerificationTask], *, keep_encoded: bool = False) -> list[Verification]:
        self.asked += [(task.text, self.window, self.precision) for task in tasks]
        return [self._verify(task, keep_encoded=keep_encoded) for task in tasks]

    def _verify(self, task: VerificationTask, *, keep_encoded: bool) -> Verification:
        is_low = "doubt" in task.text and self.window != "full"
        return Verification(
            words=(task.text,),
            log_probs=((-3.0 if is_low else -0.1,),),
            entropies=((0.5,),),
            end_log_prob=-0.1,
            no_speech_prob=None,
            language=None,
            language_probability=None,
            stated_probability=None,
            num_tokens=1,
            num_scored=1,
            encoded=np.zeros((100, 4), np.float32) if keep_encoded else None,
        )


LIMITS = {"mean_log_prob": -1.0}


def clip(text: str) -> Clip:
    features = (np.zeros((2, 4), np.float32),)
    return Clip(
        text=text,
        language="en",
        is_scriptio_continua=False,
        windows=(),
        samples=(),
        features=features,
        has_speech=True,
        end_level=None,
    )


def ask(own: OwnTexts, asking: str, *texts: str, keep: bool = True) -> list[Any]:
    return own.verify(asking, list(texts), [clip(text) for text in texts], [None] * len(texts), keep_encoded=keep)


def test_what_is_in_doubt_in_a_shorter_window_is_seen_in_a_full_one() -> None:
    verifier: Any = FakeVerifier()
    found = ask(OwnTexts(verifier, limits=LIMITS), "transcript", "sound", "in doubt")
    assert [one.window for one in found] == ["padded", "full"]
    assert [one.parts[0].log_probs for one in found] == [((-0.1,),), ((-0.1,),)]
    # Full windows are verified in the usual precision, and all is as it was afterwards.
    assert verifier.asked[-1] == ("in doubt", "full", "float32")
    assert (verifier.window, verifier.precision) == ("padded", "int8")


@pytest.mark.parametrize(("window", "limits"), [("full", LIMITS), ("padded", None)])
def test_nothing_is_looked_at_twice_in_full_windows_or_without_limits(window: str, limits: Any) -> None:
    verifier: Any = FakeVerifier(window=window)
    found = ask(OwnTexts(verifier, limits=limits), "transcript", "in doubt")
    assert found[0].window == window
    assert len(verifier.asked) == 1


@pytest.mark.parametrize("order", [("transcript", "transcript_null"), ("transcript_null", "transcript")])
def test_a_shared_recording_is_verified_once_whoever_comes_first(order: tuple[str, str]) -> None:
    verifier: Any = FakeVerifier()
    own = OwnTexts(verifier, limits=LIMITS)
    own.share(lambda sample_id: "shared" in sample_id)
    first = ask(own, order[0], "shared", "shared doubt", "alone", keep=False)
    count = len(verifier.asked)
    second = ask(own, order[1], "shared doubt", "shared")
    assert len(verifier.asked) == count
    assert second == [first[1], first[0]]
    assert all(one.encoded is not None for one in second)
    # Both have it now: nothing is kept.
    ask(own, order[1], "shared")
    assert len(verifier.asked) == count + 1


def test_one_that_asks_again_gets_a_fresh_answer() -> None:
    # A batch that failed is measured sample by sample.
    verifier: Any = FakeVerifier()
    own = OwnTexts(verifier, limits=LIMITS)
    own.share(lambda _: True)
    assert ask(own, "transcript", "shared") == ask(own, "transcript", "shared")
    assert len(verifier.asked) == 2


def test_what_is_kept_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MAX_KEPT_BYTES", 3 * 1600)
    verifier: Any = FakeVerifier()
    own = OwnTexts(verifier, limits=LIMITS)
    own.share(lambda _: True)
    texts = [f"text {number}" for number in range(5)]
    ask(own, "transcript", *texts)
    count = len(verifier.asked)
    ask(own, "transcript_null", *texts[::-1])
    # The oldest two were dropped and are made again.
    assert [text for text, _, _ in verifier.asked[count:]] == ["text 1", "text 0"]


def test_a_window_is_set_for_a_while() -> None:
    verifier: Any = FakeVerifier()
    with set_window(verifier, "padded"):
        assert verifier.precision == "int8"
    with set_window(verifier, "full"):
        assert (verifier.window, verifier.precision) == ("full", "float32")
    assert (verifier.window, verifier.precision) == ("padded", "int8")


def test_a_text_under_a_clip_is_asked_with_what_is_known_of_it() -> None:
    encoded = np.ones((3, 2))
    task = TextOfClip(clip=clip("own"), text="other", window="full", encoded=encoded, language="de").task()
    assert task.text == "other"
    assert task.encoded is encoded
    # What the manifest says of the language goes before what was heard.
    assert task.language == "en"
    assert not task.wants_start
