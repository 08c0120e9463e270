"""Copies of pictures, recordings and texts as they come about, and other ones that resemble them.

Pictures and sounds go through real files, so that codecs do to them what codecs do. A copy shows the same drawing or
holds the same take; what merely shares caption, words, ground or texture with another is none.
"""

from __future__ import annotations

import io
import random
import re
import wave
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageEnhance

from scripts.synthetic.recording import encode_audio
from scripts.synthetic.scenes import Group, Scene, change_attribute, changeable, make_scene, render
from scripts.synthetic.sentences import draw_words, write_text
from scripts.synthetic.speech import SAMPLING_RATE, Voice, draw_voice, resample, speak_repeatably

Sound = NDArray[np.float32]

_PIXELS = 192
_QUALITY = (82, 92)
_LOUDNESS = 0.5
_WORDS = ("quite", "nearby", "really", "today", "again")


def to_jpeg(picture: Image.Image, quality: int) -> bytes:
    """Return the picture as a JPEG file."""
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def draw_scene(scene: Scene, rng: random.Random) -> bytes:
    """Return the drawn scene as a file of good quality."""
    return to_jpeg(render(scene, size=_PIXELS), rng.randint(*_QUALITY))


def _saved(picture: Image.Image, rng: random.Random) -> Image.Image:
    return picture


def _resized(picture: Image.Image, rng: random.Random) -> Image.Image:
    side = round(_PIXELS * rng.choice((0.5, 0.75, 1.5, 2.0)))
    return picture.resize((side, side), Image.Resampling.LANCZOS)


def _crop(share: float) -> Callable[[Image.Image, random.Random], Image.Image]:
    def cropped(picture: Image.Image, rng: random.Random) -> Image.Image:
        left, top, right, bottom = (round(rng.uniform(0.0, 2.0 * share) * _PIXELS) for _ in range(4))
        return picture.crop((left, top, picture.width - right, picture.height - bottom))

    return cropped


def _relit(picture: Image.Image, rng: random.Random) -> Image.Image:
    return ImageEnhance.Brightness(picture).enhance(rng.choice((0.8, 0.88, 1.12, 1.2)))


def _everything(picture: Image.Image, rng: random.Random) -> Image.Image:
    return _relit(_crop(0.01)(_resized(picture, rng), rng), rng)


_EDITS: dict[str, tuple[Callable[[Image.Image, random.Random], Image.Image], tuple[int, int]]] = {
    "saved again (JPEG quality 60 to 72)": (_saved, (60, 72)),
    "saved again (JPEG quality 25 to 35)": (_saved, (25, 35)),
    "resized (0.5 to 2)": (_resized, (70, 90)),
    "cropped (up to 2 % a side)": (_crop(0.01), (70, 90)),
    "brighter or darker (12 to 20 %)": (_relit, (70, 90)),
    "resized, cropped and re-lit": (_everything, (60, 80)),
    "cropped (up to 10 % a side)": (_crop(0.05), (70, 90)),
}
PICTURE_COPIES = tuple(_EDITS)
"""Names of the ways to copy a picture."""


def copy_picture(data: bytes, how: str, rng: random.Random) -> bytes:
    """Return a copy of the file; `how` is one of PICTURE_COPIES."""
    edit, quality = _EDITS[how]
    picture = Image.open(io.BytesIO(data)).convert("RGB")
    return to_jpeg(edit(picture, rng), rng.randint(*quality))


def redrawn(scene: Scene, rng: random.Random) -> Scene:
    """Return another scene that the same full caption is true of: places, texture and shapes drawn anew."""
    counts = [group.count for group in scene.groups], [group.size for group in scene.groups]
    kind = "pair" if scene.relation else "many" if scene.groups[0].count > 1 else "single"
    while True:
        other = make_scene(rng, kind=kind)
        if other.relation == scene.relation and counts == (
            [group.count for group in other.groups],
            [group.size for group in other.groups],
        ):
            break
    groups = tuple(
        replace(group, noun=wanted.noun, colour=wanted.colour)
        for group, wanted in zip(other.groups, scene.groups, strict=True)
    )
    return replace(other, groups=groups, background=scene.background)


def with_look(scene: Scene, group: Group) -> Scene:
    """Return the scene of one object with that object replaced by one of the group's noun and colour."""
    (own,) = scene.groups
    return replace(scene, groups=(replace(own, noun=group.noun, colour=group.colour),))


def sibling(scene: Scene, rng: random.Random) -> Scene:
    """Return the scene with one attribute changed, on the same texture."""
    return change_attribute(scene, rng.choice(changeable(scene)), rng)


def plain_picture(rng: random.Random, *, has_mark: bool) -> bytes:
    """Return a nearly uniform picture: light falls off a little to some side; with or without a small mark.

    All have nearly the same colour and differ in grain, in the side the light comes from and in the mark.
    """
    colour = np.array([206, 204, 200]) + np.array([rng.uniform(-3, 3) for _ in range(3)])
    angle, strength = rng.uniform(0, 2 * np.pi), rng.uniform(0.5, 4.0)
    y, x = np.mgrid[0:_PIXELS, 0:_PIXELS] / _PIXELS - 0.5
    light = strength * (np.cos(angle) * x + np.sin(angle) * y)
    grain = np.random.default_rng(rng.getrandbits(32)).normal(0, 1.5, (_PIXELS, _PIXELS, 3))
    pixels = np.clip(colour + light[:, :, None] + grain, 0, 255).astype(np.uint8)
    picture = Image.fromarray(pixels)
    if has_mark:
        half = rng.uniform(0.02, 0.04) * _PIXELS
        left, top = (rng.uniform(0.1, 0.9) * _PIXELS for _ in range(2))
        draw = ImageDraw.Draw(picture)
        shape = rng.choice((draw.ellipse, draw.rectangle))
        shape((left - half, top - half, left + half, top + half), fill=tuple(rng.randrange(40, 160) for _ in range(3)))
    return to_jpeg(picture, rng.randint(*_QUALITY))


def to_wav(sound: Sound, rate: int = SAMPLING_RATE) -> bytes:
    """Return mono samples as a 16-bit WAV file."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((np.clip(sound, -1.0, 1.0) * 32767.0).astype("<i2").tobytes())
    return buffer.getvalue()


def speak(text: str, voice: Voice, rng: np.random.Generator) -> Sound:
    """Return the text spoken in a quiet room, with 0.15 to 0.4 s of silence at either end."""
    sound = speak_repeatably(text, voice).samples
    sound = np.pad(sound, rng.integers(2400, 6400, 2)) * np.float32(_LOUDNESS / np.abs(sound).max())
    return np.asarray(sound + rng.normal(0, 0.001, len(sound)), dtype=np.float32)


def draw_speech(rng: random.Random) -> tuple[str, Voice]:
    """Return a sentence and a voice, both held out from the recogniser's training."""
    words = draw_words(rng, held_out=True, random_share=0.0)
    while len(words) < 5:
        words = draw_words(rng, held_out=True, random_share=0.0)
    return write_text(words, sentence_case=True), draw_voice(rng, held_out=True)


def another_voice(voice: Voice, rng: random.Random) -> Voice:
    """Return another held-out speaker."""
    while True:
        other = draw_voice(rng, held_out=True)
        if other.variant != voice.variant:
            return other


def faster(voice: Voice) -> Voice:
    """Return the same speaker, 10 % faster."""
    return replace(voice, rate=round(1.1 * voice.rate))


def _trimmed(sound: Sound, rng: np.random.Generator) -> Sound:
    # Each end holds at least 0.15 s of silence, so no speech is lost.
    begin, end = rng.integers(800, 2400, 2)
    return sound[begin : len(sound) - end]


def _noisy(sound: Sound, rng: np.random.Generator) -> Sound:
    return np.asarray(sound + rng.normal(0, 0.03 * sound.std(), len(sound)), dtype=np.float32)


def _through_opus(sound: Sound, rng: np.random.Generator) -> bytes:
    return encode_audio(sound, "opus", 24_000)


_SOUND_EDITS: dict[str, Callable[[Sound, np.random.Generator], bytes]] = {
    "Opus, 24 kbit/s": _through_opus,
    "Opus, 12 kbit/s": lambda sound, rng: encode_audio(sound, "opus", 12_000),
    "quieter by 12 dB": lambda sound, rng: to_wav(0.25 * sound),
    "silence trimmed": lambda sound, rng: to_wav(_trimmed(sound, rng)),
    "resampled to 44.1 kHz": lambda sound, rng: to_wav(resample(sound, SAMPLING_RATE, 44_100), 44_100),
    "resampled to 8 kHz": lambda sound, rng: to_wav(resample(sound, SAMPLING_RATE, 8_000), 8_000),
    "noise, 30 dB below": lambda sound, rng: to_wav(_noisy(sound, rng)),
    "trimmed, quieter, noise, Opus": lambda sound, rng: _through_opus(0.5 * _noisy(_trimmed(sound, rng), rng), rng),
}
SOUND_COPIES = tuple(_SOUND_EDITS)
"""Names of the ways to copy a recording."""


def copy_sound(sound: Sound, how: str, rng: np.random.Generator) -> bytes:
    """Return a copy as a file; `how` is one of SOUND_COPIES."""
    return _SOUND_EDITS[how](sound, rng)


def plain_text(text: str) -> str:
    """Return the text in lower case without punctuation."""
    return " ".join(re.sub(r"[^\w\s]", " ", text.lower()).split())


def _other_case(text: str, rng: random.Random) -> str:
    plain = re.sub(r"[^\w\s]", "", text)
    return rng.choice((text.upper(), plain.lower(), plain.title(), f"  {plain.upper()} !"))


def _typo(text: str, rng: random.Random) -> str:
    places = [place for place, letter in enumerate(text) if letter.isalpha()]
    place = rng.choice(places)
    wrong = rng.choice([letter for letter in "abcdefghijklmnopqrstuvwxyz" if letter != text[place].lower()])
    return text[:place] + wrong + text[place + 1 :]


def _other_word(text: str, rng: random.Random) -> str:
    words = text.split()
    words[rng.randrange(len(words))] = rng.choice(_WORDS)
    return " ".join(words)


def _word_more(text: str, rng: random.Random) -> str:
    return f"{text} {rng.choice(_WORDS)}"


TEXT_COPIES: dict[str, Callable[[str, random.Random], str]] = {
    "case and punctuation": _other_case,
    "one letter wrong": _typo,
    "one word changed": _other_word,
    "one word appended": _word_more,
}
"""Ways to copy a text."""
