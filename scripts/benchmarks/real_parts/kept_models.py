"""Whisper behind a store: what it said once about a recording and a text is read, and only the rest is computed.

The product's own probes run on top and never notice, so a change of theirs is measured without running a model again,
as long as they ask for the same texts.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmcheck.backends.whisper_transcriber import IsLoop, Transcription, WhisperTranscriber, believe
from mmcheck.backends.whisper_verifier import Verification, VerificationTask
from mmcheck.core.digests import digest_bytes
from scripts.benchmarks.real_parts.result_store import ResultStore, key_of

_FORM = 2
"""Counted up when verification gives other values for equal recordings and texts; then nothing kept before is read."""
_FIELDS = tuple(name for name in Verification.__slots__ if name != "encoded")
_DIGITS = 6
_ENCODED = 3
"""Encoded recordings in memory: the whole one, the one cut for the null, and one more."""
_NO_REPEAT = 3
_UNSURE = -1.0

Array = NDArray[np.float32]


class Remembered:
    """A function of an array, with its last few results.

    Args:
        function: Called with the array and whatever else; only the array and ``others`` decide the result.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function
        self._kept: OrderedDict[str, Any] = OrderedDict()

    def __call__(self, array: Any, *others: Any, **named: Any) -> Any:
        """Return the function's result."""
        data = np.ascontiguousarray(np.asarray(array))
        key = key_of(digest_bytes(data.tobytes()), list(data.shape), repr(others), repr(sorted(named.items())))
        if key not in self._kept:
            self._kept[key] = self._function(array, *others, **named)
            if len(self._kept) > _ENCODED:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return self._kept[key]


class RememberingModel:
    """A ctranslate2 model whose encoder's last results are kept; everything else is the model's own.

    Args:
        model: ``ctranslate2.models.Whisper``.
    """

    def __init__(self, model: Any) -> None:
        self._model = model
        self.encode = Remembered(model.encode)

    def __getattr__(self, name: str) -> Any:
        """Return an attribute of the model."""
        return getattr(self._model, name)


class KeptVerifier:
    """A verifier (``mmcheck.backends.whisper_verifier.WhisperVerifier``) that asks the store first.

    Args:
        verifier: The real one.
        store: Where results are kept.
        label: Name of the weights.
    """

    _OWN = ("_verifier", "_store", "_label", "num_computed", "num_read")

    def __init__(self, verifier: Any, store: ResultStore, label: str) -> None:
        self._verifier, self._store, self._label = verifier, store, label
        self.num_computed = 0
        self.num_read = 0

    def __getattr__(self, name: str) -> Any:
        """Return an attribute of the real verifier."""
        return getattr(self._verifier, name)

    def __setattr__(self, name: str, value: Any) -> None:
        """Set window and precision, which the probe may change, where they work."""
        if name in self._OWN:
            object.__setattr__(self, name, value)
        else:
            setattr(self._verifier, name, value)

    def verify(self, tasks: Sequence[VerificationTask], *, keep_encoded: bool = False) -> list[Verification]:
        """Return one verification a task, in order. ``encoded`` is a ``StandIn`` where it is wanted."""
        setting = self.setting()
        keys = [
            key_of("verified", setting, _digest(task.features), task.text, task.language, task.is_scriptio_continua)
            for task in tasks
        ]
        known = self._store.read(keys)
        absent = {key: task for key, task in zip(keys, tasks, strict=True) if key not in known}
        if absent:
            # Equal features are one array, so that the recording is encoded once for all its texts.
            same: dict[str, Any] = {}
            asked = [
                # Whatever is asked first is kept whole, and encoded by the very features.
                replace(
                    task,
                    features=same.setdefault(_digest(task.features), task.features),
                    encoded=None,
                    wants_start=True,
                )
                for task in absent.values()
            ]
            made = self._verifier.verify(asked)
            plain = {key: _to_plain(one) for key, one in zip(absent, made, strict=True)}
            self._store.write(plain)
            known |= plain
            self.num_computed += len(plain)
        self.num_read += len(keys) - len(absent)
        return [
            _from_plain(known[key], StandIn(self, task) if keep_encoded else None)
            for key, task in zip(keys, tasks, strict=True)
        ]

    def setting(self) -> dict[str, Any]:
        """Return all but the recording and the text that a result depends on."""
        told = dict(self._verifier.describe())
        form = {"label": self._label, "form": [_FORM, *_FIELDS]}
        return form | {name: told[name] for name in told if name not in ("versions", "device")}

    def encode(self, task: VerificationTask) -> Any:
        """Return what the encoder makes of a recording, shape (positions, width)."""
        return self._verifier.verify([replace(task, encoded=None)], keep_encoded=True)[0].encoded


@dataclass(frozen=True, slots=True, eq=False)
class StandIn:
    """Stands for the encoder's output until somebody needs it."""

    verifier: KeptVerifier
    task: VerificationTask

    def key(self) -> list[Any]:
        """Return what it depends on."""
        return [self.verifier.setting(), _digest(self.task.features)]

    def encode(self) -> Any:
        """Return the encoder's output."""
        return self.verifier.encode(self.task)


class KeptTranscriber(WhisperTranscriber):
    """A transcriber that asks the store first.

    Args:
        model: ``faster_whisper.WhisperModel``.
        store: Where results are kept.
        label: Name of the weights.
        beam_size: Beams.
    """

    def __init__(self, model: Any, store: ResultStore, label: str, *, beam_size: int) -> None:
        super().__init__(model, beam_size=beam_size)
        self._store, self._label, self._beams = store, label, beam_size

    def transcribe(self, samples: Array, language: str | None, *, is_loop: IsLoop = believe) -> Transcription:
        """Return what is said in the clip; see ``WhisperTranscriber``."""

        def decode(no_repeat: int) -> Transcription:
            key = key_of("heard", self._label, self._beams, _digest(samples), language, no_repeat)
            return self._kept(key, lambda: self._decode(samples, language, no_repeat=no_repeat))

        return _without_loop(decode, is_loop)

    def transcribe_encoded(
        self, encoded: Any, num_samples: int, language: str | None, *, is_loop: IsLoop = believe
    ) -> Transcription:
        """Return what is said in a clip that was encoded already; see ``WhisperTranscriber``."""
        if not isinstance(encoded, StandIn):
            return super().transcribe_encoded(encoded, num_samples, language, is_loop=is_loop)

        def decode(no_repeat: int) -> Transcription:
            key = key_of("heard encoded", self._label, self._beams, encoded.key(), num_samples, language, no_repeat)
            return self._kept(key, lambda: self._hear_once(encoded.encode(), num_samples, language, no_repeat))

        return _without_loop(decode, is_loop)

    def _hear_once(self, encoded: Any, num_samples: int, language: str | None, no_repeat: int) -> Transcription:
        """Return one decoding by the product's own way: the second one is what it takes where the first is a loop."""
        asked: list[str] = []

        def is_loop(text: str) -> bool:
            asked.append(text)
            return no_repeat > 0 and len(asked) == 1

        return super().transcribe_encoded(encoded, num_samples, language, is_loop=is_loop)

    def _kept(self, key: str, make: Callable[[], Transcription]) -> Transcription:
        known = self._store.read([key])
        if key not in known:
            known[key] = asdict(make())
            self._store.write(known)
        return Transcription(**known[key])


def _without_loop(decode: Callable[[int], Transcription], is_loop: IsLoop) -> Transcription:
    """Return what is decoded, a loop once more without repeated trigrams: the rule of ``whisper_transcriber``."""
    first = decode(0)
    if not is_loop(first.text):
        return first
    second = decode(_NO_REPEAT)
    is_sound = second.text and (second.avg_logprob or 0.0) >= _UNSURE and not is_loop(second.text)
    return second if is_sound else replace(first, is_repetitive=True)


def _digest(array: Any) -> str:
    data = np.ascontiguousarray(array, dtype=np.float32)
    return digest_bytes(data.tobytes())[:32]


def _to_plain(one: Verification) -> dict[str, Any]:
    return {name: _short(getattr(one, name)) for name in _FIELDS}


def _short(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_short(part) for part in value]
    return round(value, _DIGITS) if isinstance(value, float) else value


def _from_plain(plain: dict[str, Any], encoded: StandIn | None) -> Verification:
    return Verification(**{name: _tuples(value) for name, value in plain.items()}, encoded=encoded)


def _tuples(value: Any) -> Any:
    return tuple(_tuples(part) for part in value) if isinstance(value, list) else value
