"""The training loop: one cosine schedule over processor time, so a run of any length ends annealed."""

from __future__ import annotations

import math
import random
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from scripts.tiny_speech.trained_network import PEAK_RATE, TrainedNetwork
from scripts.tiny_whisper.corpus import PHONEMES

from .network import BLANK, FRAME, VOCABULARY, make_model

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from transformers import Wav2Vec2ForCTC

    from .corpus import Clip, Corpus

_WARM_UP_STEPS: Final = 150
_SAVE_SECONDS: Final = 90.0
_AVERAGE_DECAY: Final = 0.98
_FRAMES_PER_BATCH: Final = 1000
_POOL: Final = 1200
_IGNORED: Final = -100
_NUMBERS: Final = {token: number for number, token in enumerate(VOCABULARY)}


@dataclass(frozen=True, kw_only=True)
class TrainingOptions:
    """How long, on what and from where to train."""

    minutes: float
    """Minutes of processor time of training, over all resumed runs together."""
    seed: int
    """Seed of weights, order and augmentation."""
    device: torch.device
    """Where the network lives."""
    is_resumed: bool
    """Whether to go on from the checkpoint in the folder."""
    width: int
    """Width of the transformer."""


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Clips of like length."""

    samples: Tensor
    """Shape (batch, samples)."""
    mask: Tensor
    """1 inside the clips, shape (batch, samples)."""
    phonemes: Tensor
    """Shape (batch, frames); -100 in the padding."""
    letters: Tensor
    """The letters of all clips, end to end."""
    lengths: Tensor
    """How many letters each clip has, shape (batch,)."""
    frames: Tensor
    """How many frames of the network each clip has, shape (batch,)."""


def encode_text(text: str) -> list[int]:
    """Returns the token numbers of lower-case words."""
    return [_NUMBERS["|" if character == " " else character] for character in text]


class Trainer:
    """The network, its optimiser and its running average."""

    def __init__(self, folder: Path, options: TrainingOptions) -> None:
        """Makes the network, or reads it back.

        Args:
            folder: Where `checkpoint.pt` is kept.
            options: How to train.
        """
        self._options = options
        self.model = make_model(options.seed, width=options.width).to(options.device).train()
        # What sounds at each frame is told to a middle and to the last layer; both heads are dropped at export.
        self._heads = nn.ModuleList(nn.Linear(options.width, len(PHONEMES)) for _ in range(2)).to(options.device)
        parameters = [*self.model.parameters(), *self._heads.parameters()]
        groups = [
            {"params": [p for p in parameters if p.ndim > 1], "weight_decay": 0.02},
            {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
        ]
        self._state = TrainedNetwork(
            folder,
            self.model,
            {"heads": self._heads},
            parameters=parameters,
            groups=groups,
            decay=_AVERAGE_DECAY,
            width=options.width,
        )
        if options.is_resumed and self._state.path.exists():
            self._state.load(options.device)

    def run(self, corpus: Corpus) -> None:
        """Trains until the minutes are used up, printing a line every 50 steps.

        Args:
            corpus: The training clips; it may grow meanwhile.
        """
        total = self._options.minutes * 60.0
        began = time.process_time() - self._state.seconds
        saved = self._state.seconds
        sums = torch.zeros(2)
        heard = 0
        for batch in _batches(corpus, random.Random(self._options.seed + self._state.step), self):
            self._state.seconds = time.process_time() - began
            if self.done >= 1.0:
                break
            rate = PEAK_RATE * (0.005 + 0.995 * 0.5 * (1.0 + math.cos(math.pi * self.done)))
            sums += self._update(batch, rate * min(1.0, (self._state.step + 1) / _WARM_UP_STEPS))
            heard += len(batch.samples)
            if self._state.step % 50 == 0:
                letters, phonemes = (sums / 50).tolist()
                print(
                    f"step {self._state.step} {self._state.seconds / 60:.1f} of {total / 60:.0f} min "
                    f"letters {letters:.3f} phonemes {phonemes:.3f} clips {heard} of {len(corpus.clips)}",
                    flush=True,
                )
                sums.zero_()
            if self._state.seconds - saved > _SAVE_SECONDS:
                self._state.save()
                saved = self._state.seconds
        self._state.save()

    @property
    def done(self) -> float:
        """The share of the minutes that is used up, 0 to 1."""
        return min(1.0, self._state.seconds / (self._options.minutes * 60.0))

    def _update(self, batch: Batch, rate: float) -> Tensor:
        """Takes one step and returns the losses of letters and phonemes, shape (2,)."""
        device = self._options.device
        out = self.model(
            batch.samples.to(device), attention_mask=batch.mask.to(device), output_hidden_states=True, return_dict=True
        )
        logits: Tensor = out.logits
        letters = functional.ctc_loss(
            logits.log_softmax(-1).transpose(0, 1),
            batch.letters.to(device),
            batch.frames.clamp(max=logits.shape[1]).to(device),
            batch.lengths.to(device),
            blank=BLANK,
            zero_infinity=True,
        )
        wanted = batch.phonemes[:, : logits.shape[1]].to(device).flatten()
        heard = [
            functional.cross_entropy(head(out.hidden_states[layer]).flatten(0, 1), wanted, ignore_index=_IGNORED)
            for head, layer in zip(self._heads, (2, 4), strict=True)
        ]
        loss = letters + (0.5 - 0.4 * self.done) * (heard[0] + heard[1])
        if not bool(torch.isfinite(loss)):
            return torch.zeros(2)
        self._state.descend(loss, rate)
        return torch.stack([letters, heard[1]]).detach().cpu()


def _batches(corpus: Corpus, rng: random.Random, trainer: Trainer) -> Iterator[Batch]:
    """Yields batches for ever, looking for new shards before each epoch."""
    while True:
        order = list(range(corpus.refresh()))
        rng.shuffle(order)
        for start in range(0, len(order), _POOL):
            pool = sorted((corpus.clips[index] for index in order[start : start + _POOL]), key=lambda it: it[1].frames)
            groups: list[list[tuple[str, Clip]]] = [[]]
            for pair in pool:
                if (len(groups[-1]) + 1) * pair[1].frames > _FRAMES_PER_BATCH:
                    groups.append([])
                groups[-1].append(pair)
            rng.shuffle(groups)
            for group in groups:
                if any(clip.text for _, clip in group):
                    yield _collate(corpus, group, rng, trainer.done)


def _collate(corpus: Corpus, group: list[tuple[str, Clip]], rng: random.Random, done: float) -> Batch:
    frames = max(clip.frames for _, clip in group)
    samples = np.zeros((len(group), frames * FRAME), np.float32)
    mask = np.zeros((len(group), frames * FRAME), np.int64)
    phonemes = np.full((len(group), frames), _IGNORED)
    letters: list[int] = []
    lengths = []
    for row, (shard, clip) in enumerate(group):
        heard = corpus.samples(shard, clip)
        # A few stretches of silence teach it to go by the letters around; only while it still learns fast.
        if 0.2 < done < 0.9 and rng.random() < 0.3:
            first = rng.randrange(max(1, len(heard) - 3200))
            heard[first : first + rng.randrange(400, 1600)] = 0.0
        samples[row, : len(heard)] = heard
        mask[row, : len(heard)] = 1
        phonemes[row, : clip.frames] = corpus.phonemes(shard, clip)
        letters += encode_text(clip.text)
        lengths.append(len(clip.text))
    return Batch(
        samples=torch.from_numpy(samples),
        mask=torch.from_numpy(mask),
        phonemes=torch.from_numpy(phonemes),
        letters=torch.tensor(letters, dtype=torch.int64),
        lengths=torch.tensor(lengths, dtype=torch.int64),
        frames=torch.tensor([clip.frames - 1 for _, clip in group], dtype=torch.int64),
    )


def load_average(path: Path) -> tuple[Wav2Vec2ForCTC, int, float]:
    """Returns the averaged network of a checkpoint, its step and its minutes of training.

    Args:
        path: The checkpoint file that `Trainer` wrote.
    """
    state = torch.load(path, map_location="cpu", weights_only=True)
    model = make_model(0, width=int(state["width"]))
    model.load_state_dict(state["average"])
    return model.eval(), int(state["step"]), float(state["seconds"]) / 60.0
