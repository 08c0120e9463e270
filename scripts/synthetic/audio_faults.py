"""The audio half of the demo data: spoken sentences with their transcripts, and faults planted in a few.

All voices and sentences are held out from the training of the bundled tiny Whisper (see `speech.py` and
`sentences.py`), so what the demo finds was not learned by heart. Every fault is one that real speech corpora
have; `PLANTED_FAULTS` names them.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from .recording import AudioFormat, coloured_noise, encode_audio
from .sentences import (
    PLACES,
    SUBSTITUTES,
    VOCABULARY,
    draw_words,
    write_text,
)
from .speech import SAMPLING_RATE, Voice, draw_voice, speak_repeatably

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

FAULTY_SHARE: Final = 0.3
_SENTENCE_CASE_SHARE: Final = 0.65
_TWO_SENTENCES_SHARE: Final = 0.3
_FLAC_SHARE: Final = 0.1
_FEWEST_WORDS: Final = 5


@dataclass
class _Recording:
    """One row of the manifest while it is being made."""

    voice: Voice
    speaker: str
    sentences: list[list[str]]
    sentence_case: bool
    audio_format: AudioFormat
    bit_rate: int
    samples: NDArray[np.float32]
    text: str
    data: bytes | None = None
    has_duration: bool = True
    fault: str | None = None

    @property
    def words(self) -> list[str]:
        """The words of all sentences."""
        return [word for sentence in self.sentences for word in sentence]

    def write(self, sentences: list[list[str]]) -> str:
        """Returns the sentences in the style of this recording."""
        return " ".join(write_text(words, sentence_case=self.sentence_case) for words in sentences if words)


def _record(sentences: list[list[str]], voice: Voice, rng: random.Random) -> NDArray[np.float32]:
    """Returns the sentences spoken in a fairly quiet room, shape (n,)."""
    noise = np.random.default_rng(rng.getrandbits(64))
    parts = [np.zeros(int(SAMPLING_RATE * rng.uniform(0.08, 0.25)), np.float32)]
    for words in sentences:
        parts.append(speak_repeatably(write_text(words, sentence_case=True), voice).samples)
        parts.append(np.zeros(int(SAMPLING_RATE * rng.uniform(0.08, 0.25)), np.float32))
    samples = np.concatenate(parts)
    level = float(np.sqrt(np.mean(samples**2))) + 1e-6
    background = coloured_noise(noise, len(samples), rng.uniform(0.2, 1.0))
    samples = samples + background * level * 10 ** (-rng.uniform(24, 45) / 20)
    peak = float(np.abs(samples).max()) + 1e-6
    return (samples * (10 ** (-rng.uniform(2, 9) / 20) / peak)).astype(np.float32)


def _draw_sentence(rng: random.Random) -> list[str]:
    while True:
        words = draw_words(rng, held_out=True, random_share=0.0)
        if len(words) >= _FEWEST_WORDS:
            return words


def _draw_recording(rng: random.Random, *, is_long: bool) -> _Recording:
    voice = draw_voice(rng, held_out=True)
    sentences = [_draw_sentence(rng) for _ in range(2 if is_long else 1)]
    recording = _Recording(
        voice=voice,
        speaker=f"{voice.accent.rpartition('/')[2]}-{voice.variant}".lower(),
        sentences=sentences,
        sentence_case=rng.random() < _SENTENCE_CASE_SHARE,
        audio_format="flac" if rng.random() < _FLAC_SHARE else "opus",
        bit_rate=rng.choice((16_000, 20_000, 24_000)),
        samples=_record(sentences, voice, rng),
        text="",
    )
    recording.text = recording.write(sentences)
    return recording


def _truncate_transcript(recording: _Recording, rng: random.Random) -> None:
    words = recording.text.split()
    recording.text = " ".join(words[: len(words) - max(2, round(len(words) / 3))])


def _extend_transcript(recording: _Recording, rng: random.Random) -> None:
    if rng.random() < 0.5:
        added = [rng.choice(("behind", "near", "beside", "inside", "across")), "the", rng.choice(PLACES)]
    else:
        added = rng.sample(VOCABULARY, 3)
    recording.text = recording.write([*recording.sentences[:-1], recording.sentences[-1] + added])


def _substitute_word(recording: _Recording, rng: random.Random) -> None:
    places = [
        (row, at, group)
        for row, words in enumerate(recording.sentences)
        for at, word in enumerate(words)
        for group in SUBSTITUTES
        if word in group
    ]
    row, at, group = rng.choice(places)
    sentences = [list(words) for words in recording.sentences]
    sentences[row][at] = rng.choice([word for word in group if word != sentences[row][at]])
    recording.text = recording.write(sentences)


def _truncate_audio(recording: _Recording, rng: random.Random) -> None:
    recording.samples = recording.samples[: int(len(recording.samples) * rng.uniform(0.5, 0.62))]


def _silence_audio(recording: _Recording, rng: random.Random) -> None:
    noise = np.random.default_rng(rng.getrandbits(64)).standard_normal(len(recording.samples))
    recording.samples = (noise * (0.0 if rng.random() < 0.5 else 2e-5)).astype(np.float32)


def _replace_by_noise(recording: _Recording, rng: random.Random) -> None:
    noise = np.random.default_rng(rng.getrandbits(64))
    recording.samples = coloured_noise(noise, len(recording.samples), rng.uniform(0.0, 1.0)) * np.float32(0.08)


def _make_rate_implausible(recording: _Recording, rng: random.Random) -> None:
    if len(recording.sentences) > 1:
        recording.text = recording.write([recording.sentences[0][:1]])
        return
    sentences = list(recording.sentences)
    while sum(map(len, sentences)) < 40:
        sentences.append(_draw_sentence(rng))
    recording.text = recording.write(sentences)


def _empty_transcript(recording: _Recording, rng: random.Random) -> None:
    recording.text = rng.choice(("", "", "   "))


def _corrupt_audio(recording: _Recording, rng: random.Random) -> None:
    whole = encode_audio(recording.samples, recording.audio_format, recording.bit_rate)
    recording.data = rng.choice((rng.randbytes(3000), b"", whole[:40]))
    recording.has_duration = False


def _lose_audio(recording: _Recording, rng: random.Random) -> None:
    recording.audio_format = "opus"
    recording.has_duration = False


_SHUFFLED: Final = "transcript_shuffled"
_MISSING: Final = "audio_missing"
_PLANTERS: Final[dict[str, Callable[[_Recording, random.Random], None]]] = {
    "transcript_truncated": _truncate_transcript,
    "transcript_extended": _extend_transcript,
    "word_substituted": _substitute_word,
    "audio_truncated": _truncate_audio,
    "audio_silent": _silence_audio,
    "audio_noise": _replace_by_noise,
    "rate_implausible": _make_rate_implausible,
    "transcript_empty": _empty_transcript,
    "audio_corrupt": _corrupt_audio,
    _MISSING: _lose_audio,
}
PLANTED_FAULTS: Final[tuple[str, ...]] = (_SHUFFLED, *_PLANTERS)
"""Every fault that `write_audio_transcript` plants."""


def _draw_faults(count: int, rng: random.Random) -> list[str | None]:
    """Returns a fault or None for each of `count` recordings, the faults in like numbers."""
    order = list(PLANTED_FAULTS)
    rng.shuffle(order)
    num_faulty = round(count * FAULTY_SHARE)
    faults: list[str | None] = [order[index % len(order)] for index in range(num_faulty)]
    faults += [None] * (count - num_faulty)
    rng.shuffle(faults)
    return faults


def _shuffle_transcripts(recordings: list[_Recording]) -> None:
    """Gives each shuffled recording the text of the next one, or of any other when it is alone."""
    shuffled = [recording for recording in recordings if recording.fault == _SHUFFLED]
    texts = [recording.text for recording in shuffled]
    if len(shuffled) == 1:
        others = [other.text for other in recordings if other.fault is None and other.text != texts[0]]
        texts = others[:1]
    for recording, text in zip(shuffled, texts[1:] + texts[:1], strict=False):
        recording.text = text


def write_audio_transcript(out_dir: Path, count: int, rng: random.Random) -> list[tuple[str, str | None]]:
    """Writes recordings with a NeMo manifest, about 70 % clean, and returns what was planted where.

    Args:
        out_dir: Folder that gets `manifest.jsonl` and `audio/`; made if missing.
        count: Number of recordings, 0 or more.
        rng: Source of all chance; the same state gives the same bytes.

    Returns:
        (id, fault) for every row in manifest order; the fault is None or one of `PLANTED_FAULTS`.

    Raises:
        SpeechUnavailableError: espeak-ng is not installed.
    """
    (out_dir / "audio").mkdir(parents=True, exist_ok=True)
    recordings: list[_Recording] = []
    num_implausible = 0
    for fault in _draw_faults(count, rng):
        is_long = rng.random() < _TWO_SENTENCES_SHARE
        if fault == "rate_implausible":
            is_long = num_implausible % 2 == 1
            num_implausible += 1
        recording = _draw_recording(rng, is_long=is_long)
        recording.fault = fault
        recordings.append(recording)
    _shuffle_transcripts(recordings)
    planted: list[tuple[str, str | None]] = []
    lines: list[str] = []
    for number, recording in enumerate(recordings, start=1):
        sample_id = f"aud-{number:05d}"
        if recording.fault in _PLANTERS:
            _PLANTERS[recording.fault](recording, rng)
        name = f"audio/{sample_id}.{recording.audio_format}"
        row: dict[str, Any] = {"id": sample_id, "audio_filepath": name}
        if recording.has_duration:
            row["duration"] = round(len(recording.samples) / SAMPLING_RATE, 3)
        row |= {"text": recording.text, "lang": "en", "speaker": recording.speaker}
        if recording.fault != _MISSING:
            data = recording.data
            if data is None:
                data = encode_audio(recording.samples, recording.audio_format, recording.bit_rate)
            (out_dir / name).write_bytes(data)
        lines.append(json.dumps(row) + "\n")
        planted.append((sample_id, recording.fault))
    (out_dir / "manifest.jsonl").write_text("".join(lines), encoding="utf-8")
    return planted
