"""The training corpus: spoken sentences as cached log-mel shards, with word and phoneme times.

A shard is three files: `NAME.mel.npy` (float16 frames of all clips, end to end), `NAME.phonemes.npy` (one
phoneme number per 20 ms position) and `NAME.jsonl` (one row a clip). The row file is written last, so a
reader that lists `*.jsonl` sees whole shards only and may train while the corpus still grows.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from scripts.synthetic.recording import coloured_noise, decode_audio, encode_audio
from scripts.synthetic.sentences import draw_words, write_text
from scripts.synthetic.speech import SAMPLING_RATE, Synthesizer, Voice, draw_voice
from scripts.tiny_speech.shards import ShardedCorpus, save_shard

from .features import FRAMES_PER_SECOND, log_mel

if TYPE_CHECKING:
    from numpy.typing import NDArray

PHONEMES: Final[tuple[str, ...]] = tuple(
    "_ 0 3 3: ; @ @- @2 @L A: A@ D E I I# I2 IR N O2 O: O@ OI S T U U@ V VR a a# aI aI2 aI@ aU aa b d dZ e@ "
    "eI f g h i i: i@ i@3 j k l m n o@ oU p r r- s t t# t2 tS t[ u: v w w# z Z ? other".split()
)
"""espeak-ng's English phoneme mnemonics; anything else counts as `other`, pauses as `_`."""

_PHONEME_NUMBERS: Final = {symbol: number for number, symbol in enumerate(PHONEMES[:-1])}
_OTHER_PHONEME: Final = len(PHONEMES) - 1
NO_SPEECH_SHARE: Final = 0.05
TWO_SENTENCES_SHARE: Final = 0.08


@dataclass(frozen=True, kw_only=True)
class Clip:
    """One clip of a shard."""

    words: list[str]
    """Spoken words, names capitalised; empty for a clip without speech."""
    breaks: list[int]
    """Index of the first word of each sentence."""
    starts: list[float]
    """Start of each word in seconds."""
    end: float
    """End of the last word in seconds."""
    first: int
    """First frame in the shard's mel array."""
    frames: int
    """Number of 10 ms frames, even."""
    voice: str
    """espeak-ng voice name; the kind of noise for a clip without speech."""


def write_sentences(words: list[str], breaks: list[int], *, sentence_case: bool) -> list[str]:
    """Returns the written words, one string a word, of one or two sentences in one style."""
    ends = [*breaks[1:], len(words)]
    written: list[str] = []
    for start, end in zip(breaks, ends, strict=True):
        written += write_text(words[start:end], sentence_case=sentence_case).split()
    return written


def _through_opus(samples: NDArray[np.float32], bit_rate: int) -> NDArray[np.float32]:
    decoded = decode_audio(encode_audio(samples, "opus", bit_rate))[: len(samples)]
    return np.pad(decoded, (0, len(samples) - len(decoded)))


def degrade(samples: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Returns the clip with a random level and, by chance, reverberation, equaliser, noise and Opus."""
    count = len(samples)
    if rng.random() < 0.15:
        tail = int(SAMPLING_RATE * rng.uniform(0.08, 0.25))
        response = rng.standard_normal(tail) * np.exp(-6.9 * np.arange(tail) / tail)
        response *= rng.uniform(0.1, 0.5) / np.sqrt(np.sum(response**2))
        response[0] += 1.0
        size = 1 << (count + tail).bit_length()
        mixed = np.fft.irfft(np.fft.rfft(samples, size) * np.fft.rfft(response, size), size)[:count]
        samples = mixed.astype(np.float32)
    if rng.random() < 0.35:
        spectrum = np.fft.rfft(samples)
        knots = rng.uniform(-6, 6, 8)
        if rng.random() < 0.3:
            knots[-int(rng.integers(1, 4)) :] = -50
        gains = np.interp(np.linspace(0, 7, len(spectrum)), np.arange(8), knots)
        samples = np.fft.irfft(spectrum * 10 ** (gains / 20), count).astype(np.float32)
    level = float(np.sqrt(np.mean(samples**2))) + 1e-6
    if rng.random() < 0.6:
        noise = coloured_noise(rng, count, float(rng.uniform(0, 1.2)))
        samples = samples + noise * level * 10 ** (-rng.uniform(12, 50) / 20)
    samples = samples * (0.09 / level) * 10 ** (rng.uniform(-14, 3) / 20)
    if rng.random() < 0.2:
        samples = _through_opus(samples.astype(np.float32), int(rng.choice([12_000, 16_000, 20_000, 24_000])))
    return np.clip(samples, -1, 1).astype(np.float32)


def draw_no_speech(rng: np.random.Generator) -> tuple[NDArray[np.float32], str]:
    """Returns a clip without speech, 0.6 to 4.5 s at 16 kHz, and the kind: silence, noise, hum or bursts."""
    count = int(SAMPLING_RATE * rng.uniform(0.6, 4.5))
    kind = str(rng.choice(["silence", "noise", "noise", "hum", "bursts"]))
    level = 10 ** (rng.uniform(-60, -6) / 20)
    if kind == "silence":
        level = 10 ** (rng.uniform(-120, -66) / 20) * float(rng.random() < 0.7)
    noise = coloured_noise(rng, count, float(rng.uniform(0, 1.3)))
    if kind == "hum":
        times = np.arange(count) / SAMPLING_RATE
        for _ in range(int(rng.integers(1, 5))):
            noise = 0.5 * noise + np.sin(2 * np.pi * rng.uniform(50, 2500) * times) * rng.uniform(0.3, 1)
    elif kind == "bursts":
        gate = np.repeat(rng.random(count // 800 + 1) < 0.3, 800)[:count]
        noise = noise * np.where(gate, 1.0, 0.02)
    return np.clip(noise * level * 0.3, -1, 1).astype(np.float32), kind


def _label_positions(phonemes: list[tuple[float, str]], positions: int) -> NDArray[np.uint8]:
    """Returns the phoneme number sounding at each 20 ms position, shape (positions,)."""
    labels = np.zeros(positions, np.uint8)
    for start, symbol in phonemes:
        number = 0 if symbol.startswith("_") else _PHONEME_NUMBERS.get(symbol, _OTHER_PHONEME)
        labels[max(0, round(start * FRAMES_PER_SECOND / 2)) :] = number
    return labels


def speak_clip(
    synthesizer: Synthesizer, voice: Voice, sentences: list[list[str]], rng: random.Random
) -> tuple[NDArray[np.float32], list[float], float, list[tuple[float, str]]]:
    """Returns samples, word starts, end of speech and phonemes of sentences spoken with short pauses."""
    parts = [np.zeros(int(SAMPLING_RATE * rng.uniform(0.02, 0.3)), np.float32)]
    starts: list[float] = []
    phonemes: list[tuple[float, str]] = []
    end = 0.0
    for words in sentences:
        offset = sum(map(len, parts)) / SAMPLING_RATE
        spoken = synthesizer.speak(write_text(words, sentence_case=True), voice)
        starts += [offset + start for start in spoken.words]
        phonemes += [(offset + start, symbol) for start, symbol in spoken.phonemes]
        pauses = [start for start, symbol in spoken.phonemes if symbol.startswith("_")]
        end = offset + (pauses[-2] if len(pauses) > 1 else len(spoken.samples) / SAMPLING_RATE)
        parts += [spoken.samples, np.zeros(int(SAMPLING_RATE * rng.uniform(0.02, 0.35)), np.float32)]
    return np.concatenate(parts), starts, end, phonemes


def write_shard(folder: Path, number: int, *, seed: int, clips: int) -> None:
    """Writes one shard of the corpus; equal arguments give the same sentences, voices and effects.

    Args:
        folder: Where the shards go; made if missing.
        number: Number of the shard.
        seed: Seed of the corpus.
        clips: How many clips the shard holds.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rng = random.Random(f"{seed}/{number}")
    effects = np.random.default_rng([seed, number])
    synthesizer = Synthesizer()
    mels: list[NDArray[np.float16]] = []
    labels: list[NDArray[np.uint8]] = []
    rows: list[Clip] = []
    first = 0
    while len(rows) < clips:
        if rng.random() < NO_SPEECH_SHARE:
            samples, name = draw_no_speech(effects)
            sentences: list[list[str]] = []
            starts, end, phonemes = [], 0.0, []
        else:
            voice = draw_voice(rng, held_out=False)
            sentences = [draw_words(rng, held_out=False)]
            if rng.random() < TWO_SENTENCES_SHARE:
                sentences.append(draw_words(rng, held_out=False))
            samples, starts, end, phonemes = speak_clip(synthesizer, voice, sentences, rng)
            samples, name = degrade(samples, effects), voice.name
        frames = len(samples) // 320 * 2
        mel = log_mel(samples)[:frames]
        mels.append(mel.astype(np.float16))
        labels.append(_label_positions(phonemes, frames // 2))
        breaks = [sum(map(len, sentences[:index])) for index in range(len(sentences))]
        rows.append(
            Clip(
                words=[word for words in sentences for word in words],
                breaks=breaks,
                starts=[round(start, 3) for start in starts],
                end=round(end, 3),
                first=first,
                frames=frames,
                voice=name,
            )
        )
        first += frames
    save_shard(folder, number, {"mel": np.concatenate(mels), "phonemes": np.concatenate(labels)}, rows)


class Corpus(ShardedCorpus[Clip]):
    """Clips of every finished shard in a folder."""

    def __init__(self, folder: Path) -> None:
        """Opens the folder; `refresh` looks for shards that came later."""
        super().__init__(folder, "mel", Clip)

    def mel(self, shard: str, clip: Clip) -> NDArray[np.float32]:
        """Returns the frames of a clip, shape (frames, 80)."""
        return np.asarray(self._heard[shard][clip.first : clip.first + clip.frames], np.float32)

    def phonemes(self, shard: str, clip: Clip) -> NDArray[np.int64]:
        """Returns the phoneme number of each 20 ms position of a clip, shape (frames / 2,)."""
        return np.asarray(self._labels[shard][clip.first // 2 : (clip.first + clip.frames) // 2], np.int64)
