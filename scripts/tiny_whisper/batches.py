"""Training batches: clips of like length, with targets written, cut, time-stamped and corrupted by chance."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import torch

from scripts.synthetic.sentences import VOCABULARY

from .corpus import PHONEMES, Clip, Corpus, write_sentences
from .features import FRAMES_PER_SECOND
from .network import (
    END_OF_TEXT,
    FIRST_TIMESTAMP,
    IGNORED,
    NO_SPEECH,
    NO_TIMESTAMPS,
    NUM_TEXT_TOKENS,
    START,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray
    from tokenizers import Tokenizer
    from torch import Tensor

SENTENCE_CASE_SHARE: Final = 0.65
_FRAMES_PER_BATCH: Final = 4000
_POOL: Final = 1200
_MARGIN: Final = 3
_PROBES_PER_WORD: Final = 3
_WORD_NUMBERS: Final = {word.lower(): number for number, word in enumerate(VOCABULARY)}


@dataclass(frozen=True, kw_only=True)
class Batch:
    """One step's clips, all in windows of one length."""

    mel: Tensor
    """Shape (batch, 80, frames)."""
    pad: Tensor
    """Log-mel value of each clip's padding, shape (batch,)."""
    tokens: Tensor
    """Decoder input, shape (batch, length)."""
    targets: Tensor
    """Wanted next tokens, shape (batch, length); -100 where none is wanted."""
    spans: Tensor
    """Encoder positions of the word being predicted, shape (batch, length, 2)."""
    phonemes: Tensor
    """Phoneme number of each position, shape (batch, positions); -100 in the padding."""
    word_places: Tensor
    """Clip and position of encoder states inside a word, shape (probes, 2)."""
    word_numbers: Tensor
    """Number in the vocabulary of the word sounding there, shape (probes,)."""


@dataclass
class _Example:
    mel: NDArray[np.float32]
    phonemes: NDArray[np.int64]
    tokens: list[int]
    targets: list[int]
    spans: list[tuple[int, int]]
    probes: list[tuple[int, int]]


class BatchSource:
    """Endless batches from a corpus that may still be growing."""

    def __init__(self, corpus: Corpus, tokenizer: Tokenizer, *, seed: int) -> None:
        """Starts at the corpus's first epoch.

        Args:
            corpus: Where the clips are.
            tokenizer: The vocabulary.
            seed: Seed of order and augmentation.
        """
        self._corpus = corpus
        self._tokenizer = tokenizer
        self._rng = random.Random(seed)
        self._encoded: dict[str, list[int]] = {}
        self.augment = 0.0
        """Strength of masking, 0 to 1."""

    def __iter__(self) -> Iterator[Batch]:
        """Yields batches for ever, looking for new shards before each epoch."""
        while True:
            order = list(range(self._corpus.refresh()))
            self._rng.shuffle(order)
            for start in range(0, len(order), _POOL):
                pool = [self._corpus.clips[index] for index in order[start : start + _POOL]]
                pool.sort(key=lambda pair: pair[1].frames)
                groups: list[list[tuple[str, Clip]]] = [[]]
                for pair in pool:
                    if (len(groups[-1]) + 1) * pair[1].frames > _FRAMES_PER_BATCH:
                        groups.append([])
                    groups[-1].append(pair)
                self._rng.shuffle(groups)
                for group in groups:
                    # Without a word in the batch some losses would be means of nothing.
                    if any(clip.words for _, clip in group):
                        yield self._collate([self._example(shard, clip) for shard, clip in group])

    def _encode(self, word: str) -> list[int]:
        if word not in self._encoded:
            self._encoded[word] = self._tokenizer.encode(f" {word}", add_special_tokens=False).ids
        return self._encoded[word]

    def _example(self, shard: str, clip: Clip) -> _Example:
        rng = self._rng
        mel = self._corpus.mel(shard, clip).copy()
        phonemes = self._corpus.phonemes(shard, clip)
        if not clip.words:
            return _Example(mel, phonemes, [START, NO_TIMESTAMPS], [NO_SPEECH, END_OF_TEXT], [(0, 0)] * 2, [])
        written = write_sentences(clip.words, clip.breaks, sentence_case=rng.random() < SENTENCE_CASE_SHARE)
        starts = [start * FRAMES_PER_SECOND / 2 for start in clip.starts]
        end = clip.end * FRAMES_PER_SECOND / 2
        later = [next((other for other in starts[at + 1 :] if other > start), end) for at, start in enumerate(starts)]
        mel, phonemes, written, starts, later, end = self._cut(mel, phonemes, written, starts, later, end)
        tokens, spans = [START], [(0, 0)]
        stamped = rng.random() < 0.18
        tokens.append(FIRST_TIMESTAMP + self._stamp(starts[0]) if stamped else NO_TIMESTAMPS)
        for word, start, stop in zip(written, starts, later, strict=True):
            for token in self._encode(word):
                tokens.append(token)
                spans.append((int(start) - _MARGIN, int(stop) + _MARGIN))
        if stamped:
            tokens.append(FIRST_TIMESTAMP + self._stamp(end))
            spans.append((int(end) - _MARGIN, int(end) + 2 * _MARGIN))
        spans.append((int(end) - _MARGIN, max(int(end) + _MARGIN, len(mel) // 2)))
        targets = [*tokens[1:], END_OF_TEXT]
        if rng.random() < 0.6:
            for at in range(2, len(tokens)):
                if rng.random() < 0.1:
                    tokens[at] = rng.randrange(256, NUM_TEXT_TOKENS)
        return _Example(mel, phonemes, tokens, targets, spans, self._probe(written, starts, later))

    def _probe(self, written: list[str], starts: list[float], later: list[float]) -> list[tuple[int, int]]:
        """Returns a few (position, word number) pairs for every word that does not share its start."""
        probes: list[tuple[int, int]] = []
        for word, start, stop in zip(written, starts, later, strict=True):
            if starts.count(start) == 1 or len(set(starts)) == 1:
                number = _WORD_NUMBERS[word.strip(".?").lower()]
                for _ in range(_PROBES_PER_WORD):
                    probes.append((int(self._rng.uniform(start + 1, stop)), number))
        return probes

    def _stamp(self, position: float) -> int:
        return min(1500, max(0, round(position)))

    def _cut(
        self,
        mel: NDArray[np.float32],
        phonemes: NDArray[np.int64],
        written: list[str],
        starts: list[float],
        later: list[float],
        end: float,
    ) -> tuple[NDArray[np.float32], NDArray[np.int64], list[str], list[float], list[float], float]:
        """Returns the clip, by chance cut at the end or the start, with the words that are still whole."""
        roll = self._rng.random()
        if roll > 0.1 or len(written) < 4 or len(set(starts)) < len(starts):
            return mel, phonemes, written, starts, later, end
        at = self._rng.randrange(2, len(written))
        if roll < 0.075:
            stop = max(20, int(starts[at] + self._rng.uniform(-1, 0.35) * (later[at] - starts[at])))
            keep = [index for index in range(len(written)) if later[index] <= stop + 2]
            keep = keep or [0]
            last = later[keep[-1]]
            return (
                mel[: 2 * stop],
                phonemes[:stop],
                written[: len(keep)],
                starts[: len(keep)],
                later[: len(keep)],
                last,
            )
        first = max(0, int(starts[at]) - 1)
        moved = [start - first for start in starts[at:]]
        moved_later = [stop - first for stop in later[at:]]
        return mel[2 * first :], phonemes[first:], written[at:], moved, moved_later, end - first

    def _collate(self, examples: list[_Example]) -> Batch:
        rng = self._rng
        frames = max(len(example.mel) for example in examples) + 2 * rng.randrange(0, 20)
        length = max(len(example.tokens) for example in examples)
        count = len(examples)
        mel = np.zeros((count, frames, examples[0].mel.shape[1]), np.float32)
        pad = np.zeros(count, np.float32)
        tokens = np.full((count, length), END_OF_TEXT)
        targets = np.full((count, length), IGNORED)
        spans = np.zeros((count, length, 2), np.int64)
        phonemes = np.full((count, frames // 2), IGNORED)
        probes: list[tuple[int, int, int]] = []
        for row, example in enumerate(examples):
            size = len(example.mel)
            probes += [(row, place, number) for place, number in example.probes if place < frames // 2]
            shift = rng.uniform(-0.12, 0.12)
            # transformers pads the samples instead, so its padding has the value of the clip's silence.
            pad[row] = float(example.mel.min()) + shift if rng.random() < 0.3 else 0.0
            mel[row] = pad[row]
            mel[row, :size] = self._mask(example.mel + shift)
            tokens[row, : len(example.tokens)] = example.tokens
            targets[row, : len(example.targets)] = example.targets
            spans[row, : len(example.spans)] = example.spans
            phonemes[row, : len(example.phonemes)] = np.minimum(example.phonemes, len(PHONEMES) - 1)
        probed = torch.tensor(probes, dtype=torch.int64).view(-1, 3)
        return Batch(
            mel=torch.from_numpy(mel.transpose(0, 2, 1).copy()),
            pad=torch.from_numpy(pad),
            tokens=torch.from_numpy(tokens),
            targets=torch.from_numpy(targets),
            spans=torch.from_numpy(spans),
            phonemes=torch.from_numpy(phonemes),
            word_places=probed[:, :2],
            word_numbers=probed[:, 2],
        )

    def _mask(self, mel: NDArray[np.float32]) -> NDArray[np.float32]:
        rng = self._rng
        if rng.random() < 0.5 * self.augment:
            first = rng.randrange(0, 72)
            mel[:, first : first + rng.randrange(2, 10)] = float(mel.mean())
        if rng.random() < 0.35 * self.augment and len(mel) > 60:
            first = rng.randrange(0, len(mel) - 10)
            mel[first : first + rng.randrange(2, 8)] = float(mel.mean())
        return mel
