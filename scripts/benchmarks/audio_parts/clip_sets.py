"""Sets of spoken clips of 3 to 15 s, some with a planted fault, kept on disk.

Sentences and voices are held out from the training of the bundled recogniser, and the faults are those that its own
evaluation plants. Faults lie at even distances and take turns, so that every set has all of them; which clips have one
stands in a file beside the manifest, where no contestant looks.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from scripts.tiny_whisper.evaluation import HeldOutClip

VERSION = 1
SHORTEST, LONGEST = 3.0, 15.0
"""Seconds of a sound clip; one whose recording was cut or is silent may be shorter."""
_LAST_SENTENCE = 2.0
"""Seconds by which the last sentence may go beyond the wanted length, about."""
_FEWEST_WORDS = 4
_QUIET_SHARE = 0.25


def make_set(folder: Path, size: int, *, every: int, seed: int, most_sentences: int = 9) -> Path:
    """Return the manifest of a set, made on first use.

    Args:
        folder: Gets a folder named after what the set is like.
        size: Clips.
        every: One clip in so many has a fault.
        seed: Of sentences, voices, noise and faults.
        most_sentences: Of a clip. The bundled recogniser was trained on one or two and loses its way in more.

    Raises:
        SpeechUnavailableError: espeak-ng is not installed.
    """
    target = folder / f"v{VERSION}-{size}-every{every}-seed{seed}-most{most_sentences}"
    manifest = target / "manifest.jsonl"
    if manifest.exists():
        return manifest
    import numpy as np
    import soundfile

    from scripts.synthetic.speech import SAMPLING_RATE, Synthesizer
    from scripts.tiny_whisper.evaluation import FAULTS

    rng, noise = random.Random(f"audio-bench/{seed}"), np.random.default_rng(seed)
    synthesizer = Synthesizer()
    clips = [_draw_clip(synthesizer, rng, noise, most_sentences) for _ in range(size)]
    kinds = list(FAULTS)
    target.mkdir(parents=True, exist_ok=True)
    rows: list[dict[str, Any]] = []
    faults: list[str | None] = []
    for number, clip in enumerate(clips):
        # Odd clips are FLAC, even ones WAV; the first fault lies in the middle of the first stretch.
        place, is_faulty = number // every, number % every == every // 2
        fault = kinds[place % len(kinds)] if is_faulty else None
        samples, text = clip.samples, clip.text
        if fault is not None:
            samples, text = FAULTS[fault](clip, clips[(number + 1) % size], rng)
        name = f"{number:05d}.{'flac' if number % 2 else 'wav'}"
        soundfile.write(target / name, np.clip(samples, -1.0, 1.0), SAMPLING_RATE, subtype="PCM_16")
        rows.append({"id": f"clip-{number:05d}", "audio": name, "text": text, "language": "en"})
        faults.append(fault)
    (target / "faults.json").write_text(json.dumps(faults))
    manifest.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return manifest


def read_faults(manifest: Path) -> list[str | None]:
    """Return the planted fault of each clip of a set, None where there is none."""
    found: list[str | None] = json.loads((manifest.parent / "faults.json").read_text("utf-8"))
    return found


def about(manifest: Path) -> dict[str, Any]:
    """Return ``clips``, ``seconds`` (mean length), ``words`` (mean of a text) and ``faults`` (how many of each)."""
    import soundfile

    rows = [json.loads(line) for line in manifest.read_text("utf-8").splitlines()]
    seconds = [soundfile.info(manifest.parent / row["audio"]).duration for row in rows]
    return {
        "clips": len(rows),
        "seconds": sum(seconds) / len(rows),
        "words": sum(len(row["text"].split()) for row in rows) / len(rows),
        "faults": dict(Counter(fault for fault in read_faults(manifest) if fault is not None)),
    }


def _draw_clip(synthesizer: Any, rng: random.Random, noise: Any, most_sentences: int) -> HeldOutClip:
    """Return as many sentences of one voice as it takes to reach a length drawn evenly from the range."""
    import numpy as np

    from scripts.synthetic.recording import coloured_noise
    from scripts.synthetic.sentences import draw_words
    from scripts.synthetic.speech import SAMPLING_RATE, draw_voice
    from scripts.tiny_whisper.corpus import speak_clip
    from scripts.tiny_whisper.evaluation import HeldOutClip

    wanted = rng.uniform(SHORTEST, LONGEST - _LAST_SENTENCE)
    while True:
        voice = draw_voice(rng, held_out=True)
        sentences: list[list[str]] = []
        seconds = 0.0
        while seconds < wanted and len(sentences) < most_sentences:
            words = draw_words(rng, held_out=True, random_share=0.0)
            if len(words) >= _FEWEST_WORDS:
                sentences.append(words)
                samples = speak_clip(synthesizer, voice, sentences, rng)[0]
                seconds = len(samples) / SAMPLING_RATE
        if SHORTEST <= seconds <= LONGEST:
            break
    if rng.random() >= _QUIET_SHARE:
        background = coloured_noise(noise, len(samples), rng.uniform(0.2, 1.0))
        samples = samples + background * np.float32(samples.std() * 10 ** (-rng.uniform(24, 45) / 20))
    return HeldOutClip(samples=samples, sentences=sentences, sentence_case=rng.random() < 0.65, voice=voice.name)
