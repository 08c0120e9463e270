"""The training loop: one cosine schedule over wall-clock time, so a run of any length ends annealed."""

from __future__ import annotations

import math
import random
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from scripts.synthetic.sentences import VOCABULARY
from scripts.tiny_speech.trained_network import PEAK_RATE, TrainedNetwork

from .batches import Batch, BatchSource
from .corpus import PHONEMES, Corpus
from .network import IGNORED, decode, encode, guided_attention_loss, make_model, text_loss

if TYPE_CHECKING:
    from pathlib import Path

    from tokenizers import Tokenizer
    from transformers import WhisperForConditionalGeneration

_WARM_UP_STEPS: Final = 150
_SAVE_SECONDS: Final = 120.0
_AVERAGE_DECAY: Final = 0.99


@dataclass(frozen=True, kw_only=True)
class TrainingOptions:
    """How long, on what and from where to train."""

    minutes: float
    """Wall-clock minutes of training, over all resumed runs together."""
    seed: int
    """Seed of weights, order and augmentation."""
    device: torch.device
    """Where the network lives."""
    is_resumed: bool
    """Whether to go on from the checkpoint in the folder."""
    width: int = 192
    """Width of the network."""


class Trainer:
    """The network, its optimiser and its running average."""

    def __init__(self, folder: Path, options: TrainingOptions) -> None:
        """Makes the network, or reads it back.

        Args:
            folder: Where `checkpoint.pt` is kept.
            options: How to train.
        """
        self._options = options
        self.model = make_model(options.seed, width=options.width).to(options.device)
        self._phoneme_head = nn.Linear(options.width, len(PHONEMES)).to(options.device)
        self._word_head = nn.Linear(options.width, len(VOCABULARY)).to(options.device)
        network = [*self.model.parameters(), *self._phoneme_head.parameters()]
        trained = [parameter for parameter in network if parameter.requires_grad]
        heads = list(self._word_head.parameters())
        groups = [
            {"params": [p for p in trained if p.ndim > 1], "weight_decay": 0.02},
            {"params": [p for p in trained if p.ndim <= 1], "weight_decay": 0.0},
            {"params": heads, "weight_decay": 0.0},
        ]
        self._state = TrainedNetwork(
            folder,
            self.model,
            {"phoneme_head": self._phoneme_head, "word_head": self._word_head},
            parameters=trained + heads,
            groups=groups,
            decay=_AVERAGE_DECAY,
            width=options.width,
        )
        self._pads = random.Random(options.seed)
        if options.is_resumed and self._state.path.exists():
            self._state.load(options.device)

    def run(self, corpus: Corpus, tokenizer: Tokenizer) -> None:
        """Trains until the minutes are used up, printing a line every 50 steps.

        Args:
            corpus: The training clips; it may grow meanwhile.
            tokenizer: The vocabulary.
        """
        total = self._options.minutes * 60.0
        began = time.monotonic() - self._state.seconds
        saved = self._state.seconds
        source = BatchSource(corpus, tokenizer, seed=self._options.seed + self._state.step)
        sums = torch.zeros(4)
        clips = 0
        for batch in source:
            self._state.seconds = time.monotonic() - began
            done = min(1.0, self._state.seconds / total)
            if done >= 1.0:
                break
            source.augment = min(1.0, max(0.0, (done - 0.15) / 0.2)) * min(1.0, (1.0 - done) / 0.15)
            rate = PEAK_RATE * (0.005 + 0.995 * 0.5 * (1.0 + math.cos(math.pi * done)))
            rate *= min(1.0, (self._state.step + 1) / _WARM_UP_STEPS)
            sums += self._update(batch, rate, done)
            clips += len(batch.mel)
            if self._state.step % 50 == 0:
                text, guided, phoneme, word = (sums / 50).tolist()
                print(
                    f"step {self._state.step} {self._state.seconds / 60:.1f} min rate {rate:.2e} text {text:.3f} "
                    f"guided {guided:.3f} phoneme {phoneme:.3f} word {word:.3f} clips {clips} of {len(corpus.clips)}",
                    flush=True,
                )
                sums.zero_()
            if self._state.seconds - saved > _SAVE_SECONDS:
                self._state.save()
                saved = self._state.seconds
        self._state.save()

    def _update(self, batch: Batch, rate: float, done: float) -> Tensor:
        """Takes one step and returns the four losses, shape (4,)."""
        device = self._options.device
        is_full = self._pads.random() < (0.3 if done < 0.3 else 0.6)
        encoded = encode(self.model, batch.mel.to(device), batch.pad.to(device) if is_full else None)
        logits, looks = decode(self.model, batch.tokens.to(device), encoded)
        text = text_loss(logits, batch.targets.to(device))
        guided = guided_attention_loss(looks, batch.spans.to(device))
        heard = self._phoneme_head(encoded.states[:, : encoded.real])
        phoneme = functional.cross_entropy(
            heard.flatten(0, 1), batch.phonemes.to(device).flatten(), ignore_index=IGNORED
        )
        rows, places = batch.word_places.to(device).unbind(1)
        word = functional.cross_entropy(self._word_head(encoded.states[rows, places]), batch.word_numbers.to(device))
        loss = text + (0.3 - 0.25 * done) * guided + (0.6 - 0.5 * done) * phoneme + (0.6 - 0.5 * done) * word
        if not bool(torch.isfinite(loss)):
            return torch.zeros(4)
        self._state.descend(loss, rate)
        return torch.stack([text, guided, phoneme, word]).detach().cpu()


def load_average(path: Path) -> tuple[WhisperForConditionalGeneration, int, float]:
    """Returns the averaged network of a checkpoint, its step and its minutes of training.

    Args:
        path: The checkpoint file that `Trainer` wrote.
    """
    state = torch.load(path, map_location="cpu", weights_only=True)
    model = make_model(0, width=int(state["width"]))
    model.load_state_dict(state["average"])
    return model.eval(), int(state["step"]), float(state["seconds"]) / 60.0
