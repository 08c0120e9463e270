"""The floor: the encoder and one decoder pass over the given text, on tensors that lie ready, at this machine's best.

Engine and number format of the encoder (torch, ctranslate2), batch size, and one batch on all cores against one on each
are raced first, and the fastest way is taken. Clips are sorted by length; fitted windows are cut to the longest of
their batch. The decoder runs in torch, which gives the scores of a whole text in one pass. Nothing is read, decoded,
tokenized, normalised or stored while the time runs. On a GPU torch alone is raced, over batch sizes, and copying the
features to it is part of the time, as it is of ours.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import ctranslate2
import numpy as np
import soundfile
import torch

from mmcheck.backends.devices import set_threads, usable_cores
from mmcheck.backends.precision import resolve_precision, torch_dtype
from mmcheck.backends.whisper_features import FULL_FRAMES, Features, LogMel, stack_features
from mmcheck.backends.whisper_network import load_model
from mmcheck.backends.whisper_tokens import MULTILINGUAL_VOCABULARY, WhisperTokens
from scripts.benchmarks.audio_parts.work import Work, read_work

_BATCHES = (1, 4, 8)
_GPU_BATCHES = (8, 16, 32, 64)
_RACED = 4
"""Clips of the race, those of middling length."""


@dataclass(frozen=True, slots=True)
class Way:
    """How the floor runs."""

    engine: str
    """``torch float32``, ``ctranslate2 int8`` and so on."""
    batch: int
    streams: int
    """Batches at a time: one on all cores, or one on each core."""

    def __str__(self) -> str:
        """Return it in words."""
        return f"{self.engine}, {self.batch} clips a batch, {self.streams} batches at a time"


class Floor:
    """A model and its ready features and tokens.

    Args:
        work: The clips.
        window: ``full`` or ``fitted``.
        device: ``cpu`` or ``cuda``.
    """

    def __init__(self, work: Work, window: str, device: str) -> None:
        self._folder = work.model
        self._device = device
        self._precision = resolve_precision("auto", device)
        model: Any = load_model(work.model, torch_dtype(self._precision)).to(device)
        self._encoder, self._decoder, self._project = model.get_encoder(), model.get_decoder(), model.proj_out
        tokens = WhisperTokens.load(work.model, is_multilingual=int(model.config.vocab_size) >= MULTILINGUAL_VOCABULARY)
        self._eot = tokens.eot
        mel = LogMel(int(model.config.num_mel_bins))
        clips = work.clips()
        features = [mel(soundfile.read(clip.audio, dtype="float32")[0]) for clip in clips]
        ids = [[*tokens.prompt("en"), *tokens.encode(clip.text).tokens, tokens.eot] for clip in clips]
        order = sorted(range(len(clips)), key=lambda at: (features[at].shape[1], len(ids[at])))
        self._features: list[Features] = [features[at] for at in order]
        self._ids = [ids[at] for at in order]
        self._frames = None if window == "fitted" else FULL_FRAMES
        self._engines: dict[tuple[str, int], Callable[[Features], torch.Tensor]] = {}

    def engines(self) -> tuple[str, ...]:
        """Return the encoders that can be raced."""
        others = ("ctranslate2 int8", "ctranslate2 float32") if self._device == "cpu" else ()
        return f"torch {self._precision}", *others

    def seconds(self, way: Way, clips: Sequence[int]) -> float:
        """Return what encoder and decoder take for some clips; their batches are made ready before."""
        encode = self._choose(way)
        parts = [clips[first : first + way.batch] for first in range(0, len(clips), way.batch)]
        ready = [(self._stack(part), self._tokens(part)) for part in parts]

        def run(part: tuple[Features, torch.Tensor]) -> None:
            with torch.inference_mode():
                encoded = encode(part[0])
                ids = part[1].to(self._device)
                hidden = self._decoder(ids, encoder_hidden_states=encoded.to(torch_dtype(self._precision)))
                self._project(hidden.last_hidden_state)

        if way.streams == 1:
            # The streams' own setting reaches beyond their threads (MKL's is the whole process's).
            set_threads()
            began = perf_counter()
            for part in ready:
                run(part)
            if self._device == "cuda":
                torch.cuda.synchronize()
            return perf_counter() - began
        with ThreadPoolExecutor(way.streams, initializer=lambda: torch.set_num_threads(1)) as pool:
            began = perf_counter()
            list(pool.map(run, ready))
            return perf_counter() - began

    def middling(self, count: int) -> range:
        """Return so many clips of middling length."""
        count = min(count, len(self._features))
        first = (len(self._features) - count) // 2
        return range(first, first + count)

    def _stack(self, part: Sequence[int]) -> Features:
        return stack_features([self._features[at] for at in part], self._frames)

    def _tokens(self, part: Sequence[int]) -> torch.Tensor:
        rows = [torch.tensor(self._ids[at]) for at in part]
        return torch.nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=self._eot)

    def _encode(self, features: Features) -> torch.Tensor:
        """Return what transformers' encoder returns, which itself insists on 30 s."""
        encoder = self._encoder
        hidden = torch.from_numpy(features).to(self._device, torch_dtype(self._precision))
        hidden = torch.nn.functional.gelu(encoder.conv1(hidden))
        hidden = torch.nn.functional.gelu(encoder.conv2(hidden)).transpose(1, 2)
        hidden = hidden + encoder.embed_positions.weight[: hidden.shape[1]]
        for layer in encoder.layers:
            passed = layer(hidden, None)
            hidden = passed[0] if isinstance(passed, tuple) else passed
        encoded: torch.Tensor = encoder.layer_norm(hidden)
        return encoded

    def _choose(self, way: Way) -> Callable[[Features], torch.Tensor]:
        name, _, precision = way.engine.partition(" ")
        if name == "torch":
            return self._encode
        key = precision, way.streams
        if key not in self._engines:
            model: Any = ctranslate2.models.Whisper(
                str(self._folder / "ctranslate2"),
                device="cpu",
                compute_type=precision,
                inter_threads=way.streams,
                intra_threads=max(1, usable_cores() // way.streams),
            )

            def encode(features: Features) -> torch.Tensor:
                return torch.from_numpy(np.array(model.encode(ctranslate2.StorageView.from_array(features))))

            self._engines[key] = encode
        return self._engines[key]


def main() -> None:
    """Race the ways to run, then run all clips in the fastest one and tell how long that took."""
    work = read_work("window", "device")
    ctranslate2.set_log_level(logging.ERROR)
    device = work.options.device
    floor = Floor(work, work.options.window, device)
    raced: dict[Way, float] = {}
    batches = _BATCHES if device == "cpu" else _GPU_BATCHES
    sample = list(floor.middling(_RACED if device == "cpu" else max(batches)))

    def race(way: Way) -> None:
        floor.seconds(way, sample[:1] * way.streams)
        raced[way] = floor.seconds(way, sample) / len(sample)

    for engine in floor.engines():
        race(Way(engine, 1, 1))
    engine = min(raced, key=lambda way: raced[way]).engine
    for batch in batches:
        for streams in sorted({1, usable_cores()}) if device == "cpu" else [1]:
            if (way := Way(engine, batch, streams)) not in raced and batch * streams <= max(batches):
                race(way)
    best = min(raced, key=lambda way: raced[way])
    work.tell(
        floor.seconds(best, range(work.items)),
        [],
        way=str(best),
        raced_seconds_a_clip={str(way): round(found, 4) for way, found in raced.items()},
    )


if __name__ == "__main__":
    main()
