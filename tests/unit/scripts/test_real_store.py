"""What a model said is computed once: the store's values are those of the model, whoever asks again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mmcheck.backends.whisper_transcriber import Transcription
from mmcheck.backends.whisper_verifier import Verification, VerificationTask
from scripts.benchmarks.real_parts.kept_models import KeptTranscriber, KeptVerifier, Remembered, StandIn
from scripts.benchmarks.real_parts.result_store import ResultStore, key_of


class _Verifier:
    """Says something that depends on everything it is asked."""

    def __init__(self) -> None:
        self.window = "full"
        self.asked: list[str] = []
        self.arrays: list[int] = []

    def describe(self) -> dict[str, Any]:
        return {"backend": "none", "window": self.window, "versions": {"x": "1"}}

    def verify(self, tasks: Sequence[VerificationTask], *, keep_encoded: bool = False) -> list[Verification]:
        self.asked += [task.text for task in tasks]
        self.arrays += [id(task.features) for task in tasks]
        return [
            Verification(
                words=tuple(task.text.split()),
                log_probs=tuple((-len(word) / 3, -0.25) for word in task.text.split()),
                entropies=tuple((0.5, 0.125) for _ in task.text.split()),
                end_log_prob=-float(len(task.text)) - (self.window == "fitted"),
                no_speech_prob=0.25,
                language=task.language,
                language_probability=0.75,
                stated_probability=None,
                num_tokens=2 * len(task.text.split()),
                num_scored=2 * len(task.text.split()),
                encoded="encoded" if keep_encoded else None,
            )
            for task in tasks
        ]


@pytest.fixture
def store(tmp_path: Path) -> ResultStore:
    return ResultStore(tmp_path / "deep" / "results.sqlite")


def _task(text: str, value: float = 0.0) -> VerificationTask:
    return VerificationTask(features=np.full((2, 4), value, np.float32), text=text, language="en")


def test_values_come_back_and_a_known_key_gets_the_new_one(store: ResultStore, tmp_path: Path) -> None:
    many = {key_of(at): {"at": at, "text": "\u4e00"} for at in range(1200)}
    store.write(many)
    assert store.read([*many, "unknown"]) == many
    store.write({key_of(0): "new"})
    again = ResultStore(tmp_path / "deep" / "results.sqlite")
    assert again.read([key_of(0)]) == {key_of(0): "new"}
    assert len(again) == 1200


def test_a_verification_is_computed_once(store: ResultStore) -> None:
    first = KeptVerifier(_Verifier(), store, "model")
    wanted = first.verify([_task("one two"), _task("three"), _task("one two")])
    assert first.num_computed == 2
    later = _Verifier()
    second = KeptVerifier(later, store, "model")
    got = second.verify([_task("three"), _task("one two")])
    assert later.asked == []
    for left, right in zip(got, [wanted[1], wanted[0]], strict=True):
        assert replace(left, log_probs=()) == replace(right, log_probs=())
        assert left.log_probs == tuple(tuple(round(value, 6) for value in word) for word in right.log_probs)


def test_another_recording_window_model_or_language_is_another_result(store: ResultStore) -> None:
    kept = KeptVerifier(_Verifier(), store, "model")
    kept.verify([_task("text")])
    kept.verify([_task("text", 1.0)])
    kept.window = "fitted"
    assert kept.verify([_task("text")])[0].end_log_prob == -5.0
    KeptVerifier(_Verifier(), store, "another").verify([_task("text")])
    assert len(store) == 4


def test_equal_recordings_are_given_as_one_array(store: ResultStore) -> None:
    real = _Verifier()
    KeptVerifier(real, store, "model").verify([_task("one"), _task("two")])
    assert len(set(real.arrays)) == 1


def test_what_is_remembered_is_computed_once_for_equal_arrays() -> None:
    calls = []

    def double(array: Any, factor: int = 2) -> Any:
        calls.append(factor)
        return array * factor

    remembered = Remembered(double)
    assert remembered(np.ones(3)).tolist() == [2, 2, 2]
    assert remembered(np.ones(3)).tolist() == [2, 2, 2]
    assert remembered(np.ones(3), factor=3).tolist() == [3, 3, 3]
    assert calls == [2, 3]


class _Transcriber(KeptTranscriber):
    """Hears a loop first, and something else when trigrams may not be repeated."""

    def _hear_once(self, encoded: Any, num_samples: int, language: str | None, no_repeat: int) -> Transcription:
        self.heard = [*getattr(self, "heard", []), no_repeat]
        return Transcription(
            text="second" if no_repeat else "loop loop loop",
            language=language or "",
            language_probability=1.0,
            avg_logprob=-0.5,
            no_speech_prob=0.0,
            is_repetitive=False,
        )


def test_a_loop_is_decoded_once_more_and_both_are_kept(store: ResultStore) -> None:
    encoded = StandIn(KeptVerifier(_Verifier(), store, "model"), _task("text"))
    for number in range(2):
        transcriber = _Transcriber(None, store, "model", beam_size=5)
        assert transcriber.transcribe_encoded(encoded, 9, "en").text == "loop loop loop"
        assert transcriber.transcribe_encoded(encoded, 9, "en", is_loop=lambda text: "loop" in text).text == "second"
        stuck = transcriber.transcribe_encoded(encoded, 9, "en", is_loop=lambda text: True)
        assert stuck.is_repetitive
        assert stuck.text == "loop loop loop"
        assert getattr(transcriber, "heard", []) == ([0, 3] if number == 0 else [])
