"""The training corpus: spoken sentences as cached samples, with what is said and the phonemes' times.

A shard is three files: `NAME.samples.npy` (int16 samples of all clips, end to end), `NAME.phonemes.npy` (one phoneme
number per frame of the network) and `NAME.jsonl` (one row a clip), written last.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from scripts.synthetic.sentences import draw_words
from scripts.synthetic.speech import SAMPLING_RATE, Synthesizer, draw_voice
from scripts.tiny_speech.shards import ShardedCorpus, save_shard
from scripts.tiny_whisper.corpus import (
    NO_SPEECH_SHARE,
    PHONEMES,
    TWO_SENTENCES_SHARE,
    degrade,
    draw_no_speech,
    speak_clip,
)

from .network import FRAME

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

_NUMBERS = {symbol: number for number, symbol in enumerate(PHONEMES[:-1])}


@dataclass(frozen=True, kw_only=True)
class Clip:
    """One clip of a shard."""

    text: str
    """The spoken words in lower case; empty for a clip without speech."""
    first: int
    """First frame in the shard."""
    frames: int
    """How many frames of the network it has."""


def write_shard(folder: Path, number: int, *, seed: int, clips: int) -> None:
    """Writes one shard of the corpus; equal arguments give the same sentences, voices and effects.

    Args:
        folder: Where the shards go; made if missing.
        number: Number of the shard.
        seed: Seed of the corpus.
        clips: How many clips the shard holds.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rng = random.Random(f"ctc/{seed}/{number}")
    effects = np.random.default_rng([seed, number, 7])
    synthesizer = Synthesizer()
    spoken: list[NDArray[np.int16]] = []
    labels: list[NDArray[np.uint8]] = []
    rows: list[Clip] = []
    first = 0
    while len(rows) < clips:
        sentences: list[list[str]] = []
        phonemes: list[tuple[float, str]] = []
        if rng.random() < NO_SPEECH_SHARE:
            samples, _ = draw_no_speech(effects)
        else:
            sentences = [draw_words(rng, held_out=False, random_share=0.4)]
            if rng.random() < TWO_SENTENCES_SHARE:
                sentences.append(draw_words(rng, held_out=False))
            samples, _, _, phonemes = speak_clip(synthesizer, draw_voice(rng, held_out=False), sentences, rng)
            samples = degrade(samples, effects)
        frames = len(samples) // FRAME
        spoken.append((samples[: frames * FRAME] * 32767.0).astype(np.int16))
        labels.append(_label_frames(phonemes, frames))
        text = " ".join(word for words in sentences for word in words).lower()
        rows.append(Clip(text=text, first=first, frames=frames))
        first += frames
    save_shard(folder, number, {"samples": np.concatenate(spoken), "phonemes": np.concatenate(labels)}, rows)


def _label_frames(phonemes: list[tuple[float, str]], frames: int) -> NDArray[np.uint8]:
    """Returns the number of the phoneme that sounds at each frame, shape (frames,)."""
    labels = np.zeros(frames, np.uint8)
    for start, symbol in phonemes:
        number = 0 if symbol.startswith("_") else _NUMBERS.get(symbol, len(PHONEMES) - 1)
        labels[max(0, round(start * SAMPLING_RATE / FRAME)) :] = number
    return labels


class Corpus(ShardedCorpus[Clip]):
    """Clips of every finished shard in a folder."""

    def __init__(self, folder: Path) -> None:
        """Opens the folder; `refresh` looks for shards that came later."""
        super().__init__(folder, "samples", Clip)

    def samples(self, shard: str, clip: Clip) -> NDArray[np.float32]:
        """Returns the samples of a clip with mean 0 and variance 1, shape (frames x FRAME,)."""
        part = self._heard[shard][clip.first * FRAME : (clip.first + clip.frames) * FRAME].astype(np.float32)
        # As `Wav2Vec2FeatureExtractor` does it.
        part = (part / 32767.0 - part.mean() / 32767.0) / np.sqrt((part / 32767.0).var() + 1e-7)
        return np.asarray(part, np.float32)

    def phonemes(self, shard: str, clip: Clip) -> NDArray[np.int64]:
        """Returns the phoneme number of each frame of a clip, shape (frames,)."""
        return np.asarray(self._labels[shard][clip.first : clip.first + clip.frames], np.int64)
