"""Synthetic speech with espeak-ng: many voices, exact word and phoneme times, 16 kHz.

espeak-ng is small, free and fast (a sentence in about 3 ms), so a recogniser can be trained and tested from
nothing but a grammar. Training uses the library in-process, because it reports when every word and phoneme
starts, which supervises the encoder frame by frame. The library keeps state between sentences, so the same
call twice gives slightly different samples; `speak_repeatably` starts the command-line program anew for each
sentence and gives equal bytes, which committed demo data needs.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import io
import shutil
import subprocess
import wave
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    import random

    from numpy.typing import NDArray

SAMPLING_RATE: Final = 16_000

ACCENTS: Final[tuple[str, ...]] = (
    "gmw/en-US",
    "gmw/en-US",
    "gmw/en",
    "gmw/en",
    "gmw/en-GB-x-rp",
    "gmw/en-GB-scotland",
    "gmw/en-US-nyc",
    "gmw/en-GB-x-gbclan",
    "gmw/en-GB-x-gbcwmd",
    "gmw/en-029",
)
"""espeak-ng English accents; American and British twice, because they are the likeliest in use."""

TRAINING_VARIANTS: Final[tuple[str, ...]] = tuple(
    " m1 m2 m3 m5 m6 m7 f1 f2 f3 f5 Alex Alicia Andrea Andy Denis Diogo Gene Henrique Jacky Lee Marco Mario "
    "Mike Nguyen anika antonio aunty boris ed grandma grandpa gustave iven iven3 marcelo max michel norbert "
    "pablo paul pedro quincy rob shelby steph steph3 victor zac".split(" ")
)
"""Variants heard in training; the empty one is the accent's own voice."""

HELD_OUT_VARIANTS: Final[tuple[str, ...]] = tuple(
    "m4 m8 f4 Annie Gene2 Hugo Michael belinda iven2 john linda miguel robert steph2 travis".split()
)
"""Variants never heard in training. Whispering, croaking, echoing and robot variants are in neither list."""

_EVENT_WORD: Final = 1
_EVENT_PHONEME: Final = 7
_OUTPUT_SYNCHRONOUS: Final = 2
_PARAMETER_RATE: Final = 1
_PARAMETER_PITCH: Final = 3
_PARAMETER_RANGE: Final = 4
_CHARS_UTF8: Final = 1


class SpeechUnavailableError(RuntimeError):
    """espeak-ng is missing or refused a voice."""


@dataclass(frozen=True, kw_only=True)
class Voice:
    """One speaker and manner of speaking."""

    accent: str
    """espeak-ng voice file, such as `gmw/en-US`."""
    variant: str
    """espeak-ng variant, such as `f3`; empty for the accent's own voice."""
    rate: int
    """Words a minute, 80 to 450."""
    pitch: int
    """espeak-ng pitch, 0 to 99."""
    pitch_range: int
    """espeak-ng pitch range, 0 to 99."""
    warp: float = 1.0
    """Playing speed, about 0.9 to 1.1; it moves pitch and formants together, like another vocal tract."""

    @property
    def name(self) -> str:
        """The name espeak-ng knows the voice by."""
        return f"{self.accent}+{self.variant}" if self.variant else self.accent


@dataclass(frozen=True, kw_only=True)
class Utterance:
    """One spoken sentence."""

    samples: NDArray[np.float32]
    """Mono samples at 16 kHz, shape (n,), within -1 to 1."""
    words: tuple[float, ...] = ()
    """Start in seconds of each word of the text, in order. Words that espeak-ng runs together ("in the")
    share a start. Empty where the synthesiser did not say."""
    phonemes: tuple[tuple[float, str], ...] = ()
    """Start in seconds and espeak-ng mnemonic of each phoneme; empty where the synthesiser did not say."""


def draw_voice(rng: random.Random, *, held_out: bool) -> Voice:
    """Returns a random voice from the training or the held-out variants."""
    return Voice(
        accent=rng.choice(ACCENTS),
        variant=rng.choice(HELD_OUT_VARIANTS if held_out else TRAINING_VARIANTS),
        rate=rng.randint(160, 235),
        pitch=rng.randint(30, 70),
        pitch_range=rng.randint(35, 65),
        warp=1.0 if held_out else rng.uniform(0.93, 1.07),
    )


def find_espeak() -> str | None:
    """Returns the path of the espeak-ng program, or None when it is not installed."""
    return shutil.which("espeak-ng")


def resample(samples: NDArray[np.float32], rate_in: float, rate_out: int) -> NDArray[np.float32]:
    """Returns the samples at another rate, by cutting or padding the spectrum of the whole clip.

    Args:
        samples: Mono samples, shape (n,).
        rate_in: Sampling rate of `samples` in Hz.
        rate_out: Wanted sampling rate in Hz.
    """
    step = 640
    ratio = rate_out / rate_in
    padded = (len(samples) // step + 1) * step
    num_out = round(padded * ratio / 2) * 2
    spectrum = np.fft.rfft(samples, padded)
    wanted = np.zeros(num_out // 2 + 1, spectrum.dtype)
    shared = min(len(wanted), len(spectrum))
    wanted[:shared] = spectrum[:shared]
    scaled = np.fft.irfft(wanted, num_out) * (num_out / padded)
    return scaled[: round(len(samples) * ratio)].astype(np.float32)


def speak_repeatably(text: str, voice: Voice) -> Utterance:
    """Returns the spoken text without word times; equal arguments give equal samples.

    The program has no option for the pitch range, so that field of the voice is not used.

    Args:
        text: What to say.
        voice: Who says it and how.

    Raises:
        SpeechUnavailableError: espeak-ng is not installed or failed.
    """
    program = find_espeak()
    if program is None:
        raise SpeechUnavailableError("espeak-ng is not installed\n\nhint: apt-get install espeak-ng")
    command = [program, "-v", voice.name, "-s", str(voice.rate), "-p", str(voice.pitch)]
    command += ["--stdout", "--", text]
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode != 0 or len(done.stdout) < 100:
        raise SpeechUnavailableError(f"espeak-ng failed for voice {voice.name}: {done.stderr.decode().strip()}")
    with wave.open(io.BytesIO(done.stdout)) as file:
        rate = file.getframerate()
    # The header of piped output holds no true length, so the rest of the stream is taken as it is.
    pcm = np.frombuffer(done.stdout[44 : 44 + (len(done.stdout) - 44) // 2 * 2], np.int16)
    return Utterance(samples=resample(pcm.astype(np.float32) / 32768.0, rate * voice.warp, SAMPLING_RATE))


class _EventId(ctypes.Union):
    _fields_ = (("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8))


class _Event(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _EventId),
    )


_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event))


def _match_words(text: str, events: list[tuple[int, int]]) -> list[int]:
    """Returns the first sample of each whitespace word, from events of (character, sample)."""
    starts: list[int] = []
    position = 0
    for word in text.split():
        position = text.index(word, position)
        end = position + len(word)
        heard = [sample for character, sample in events if position <= character < end]
        starts.append(max(heard[0] if heard else 0, starts[-1] if starts else 0))
        position = end
    return starts


class Synthesizer:
    """espeak-ng in-process, with word and phoneme times. One at a time in a process."""

    def __init__(self) -> None:
        """Loads libespeak-ng.

        Raises:
            SpeechUnavailableError: The library is not installed.
        """
        name = ctypes.util.find_library("espeak-ng") or "libespeak-ng.so.1"
        try:
            self._library: Any = ctypes.CDLL(name)
        except OSError as error:
            raise SpeechUnavailableError(
                f"{name} cannot be loaded: {error}\n\nhint: apt-get install espeak-ng"
            ) from error
        self._rate = int(self._library.espeak_Initialize(_OUTPUT_SYNCHRONOUS, 0, None, 1))
        if self._rate <= 0:
            raise SpeechUnavailableError("espeak-ng did not start\n\nhint: apt-get install espeak-ng-data")
        self._chunks: list[NDArray[np.int16]] = []
        self._words: list[tuple[int, int]] = []
        self._phonemes: list[tuple[int, str]] = []
        self._callback = _Callback(self._take)
        self._library.espeak_SetSynthCallback(self._callback)

    def _take(self, samples: Any, count: int, events: Any) -> int:
        if samples and count > 0:
            self._chunks.append(np.ctypeslib.as_array(samples, (count,)).copy())
        index = 0
        while events[index].type != 0:
            event = events[index]
            if event.type == _EVENT_WORD:
                self._words.append((event.text_position - 1, event.sample))
            elif event.type == _EVENT_PHONEME:
                self._phonemes.append((event.sample, event.id.string.decode(errors="replace")))
            index += 1
        return 0

    def speak(self, text: str, voice: Voice) -> Utterance:
        """Returns the spoken text with the start of every word and phoneme.

        Args:
            text: What to say.
            voice: Who says it and how.

        Raises:
            SpeechUnavailableError: espeak-ng does not know the voice or said nothing.
        """
        library = self._library
        self._chunks.clear()
        self._words.clear()
        self._phonemes.clear()
        if library.espeak_SetVoiceByName(voice.name.encode()) != 0:
            raise SpeechUnavailableError(f"espeak-ng has no voice {voice.name!r}")
        library.espeak_SetParameter(_PARAMETER_RATE, voice.rate, 0)
        library.espeak_SetParameter(_PARAMETER_PITCH, voice.pitch, 0)
        library.espeak_SetParameter(_PARAMETER_RANGE, voice.pitch_range, 0)
        data = text.encode()
        library.espeak_Synth(data, len(data) + 1, 0, 1, 0, _CHARS_UTF8, None, None)
        library.espeak_Synchronize()
        if not self._chunks:
            raise SpeechUnavailableError(f"espeak-ng said nothing for {text!r} with voice {voice.name}")
        pcm = np.concatenate(self._chunks).astype(np.float32) / 32768.0
        rate = self._rate * voice.warp
        return Utterance(
            samples=resample(pcm, rate, SAMPLING_RATE),
            words=tuple(start / rate for start in _match_words(text, self._words)),
            phonemes=tuple((position / rate, symbol) for position, symbol in self._phonemes),
        )
