"""Measures a tiny Whisper on sentences and voices it never heard: word error rate and transcript verification.

Two kinds of window are measured, because both are used: fitted windows (the clip plus a little padding)
through torch, and full 30-second windows through faster-whisper.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import jiwer
import numpy as np
import torch

from scripts.synthetic.recording import coloured_noise
from scripts.synthetic.sentences import SUBSTITUTES, VOCABULARY, draw_words, write_text
from scripts.synthetic.speech import SAMPLING_RATE, Synthesizer, draw_voice

from .corpus import degrade, draw_no_speech, speak_clip
from .features import FULL_FRAMES, log_mel
from .network import END_OF_TEXT, NO_SPEECH, NO_TIMESTAMPS, START, Encoded, decode, encode

if TYPE_CHECKING:
    from faster_whisper import WhisperModel
    from numpy.typing import NDArray
    from tokenizers import Tokenizer
    from transformers import WhisperForConditionalGeneration

STATISTICS: Final[tuple[str, ...]] = (
    "mean_logprob",
    "min_token_logprob",
    "worst_word_logprob",
    "last_words_logprob",
    "end_of_text_logprob",
)
"""What teacher forcing says about a given text: higher is better."""
_FITTED_MARGIN: Final = 30
_MOST_TOKENS: Final = 48


@dataclass(frozen=True, kw_only=True)
class HeldOutClip:
    """One or two unseen sentences in an unseen voice."""

    samples: NDArray[np.float32]
    """Mono samples at 16 kHz, shape (n,)."""
    sentences: list[list[str]]
    """The words of each sentence, names capitalised."""
    sentence_case: bool
    """Style of the transcript."""
    voice: str
    """espeak-ng voice name."""

    @property
    def text(self) -> str:
        """The true transcript."""
        return self.write(self.sentences)

    def write(self, sentences: list[list[str]]) -> str:
        """Returns sentences in the style of this clip's transcript."""
        return " ".join(write_text(words, sentence_case=self.sentence_case) for words in sentences)


def draw_clips(count: int, seed: int, *, random_share: float, is_degraded: bool) -> list[HeldOutClip]:
    """Returns fresh clips of held-out sentences in held-out voices, a quarter of them two sentences.

    Args:
        count: How many.
        seed: Seed of sentences, voices and effects.
        random_share: Share of random word strings.
        is_degraded: Whether to apply the noise, room, equaliser and codec effects of the training corpus;
            without, most clips get a faint background noise.
    """
    rng = random.Random(f"held-out/{seed}")
    effects = np.random.default_rng(seed)
    synthesizer = Synthesizer()
    clips: list[HeldOutClip] = []
    for _ in range(count):
        voice = draw_voice(rng, held_out=True)
        num_sentences = 2 if rng.random() < 0.25 else 1
        sentences = [draw_words(rng, held_out=True, random_share=random_share) for _ in range(num_sentences)]
        samples = speak_clip(synthesizer, voice, sentences, rng)[0]
        if is_degraded:
            samples = degrade(samples, effects)
        elif rng.random() < 0.75:
            noise = coloured_noise(effects, len(samples), rng.uniform(0.2, 1.0))
            samples = samples + noise * np.float32(samples.std() * 10 ** (-rng.uniform(24, 45) / 20))
        clips.append(
            HeldOutClip(samples=samples, sentences=sentences, sentence_case=rng.random() < 0.65, voice=voice.name)
        )
    return clips


def normalize(text: str) -> str:
    """Returns the text in lower case without punctuation, for error rates."""
    kept = "".join(character if character.isalnum() or character == "'" else " " for character in text.lower())
    return " ".join(kept.split())


def word_error_rate(references: list[str], hypotheses: list[str]) -> float:
    """Returns the word error rate after normalisation, 0 or more."""
    pairs = [normalize(text) for text in references], [normalize(text) for text in hypotheses]
    return float(jiwer.wer(*pairs))


def encode_samples(
    model: WhisperForConditionalGeneration, samples: NDArray[np.float32], *, is_full: bool = False
) -> Encoded:
    """Returns the encoder's states for one clip in a fitted or a full window."""
    mel = log_mel(samples)[:FULL_FRAMES]
    frames = FULL_FRAMES if is_full else min(FULL_FRAMES, (len(mel) + _FITTED_MARGIN) // 2 * 2)
    window = np.zeros((1, mel.shape[1], frames), np.float32)
    window[0, :, : len(mel)] = mel[:frames].T
    return encode(model, torch.from_numpy(window))


def transcribe_greedily(model: WhisperForConditionalGeneration, tokenizer: Tokenizer, encoded: Encoded) -> str:
    """Returns the greedy transcript without timestamps."""
    tokens = [START, NO_TIMESTAMPS]
    while len(tokens) < _MOST_TOKENS:
        logits = decode(model, torch.tensor([tokens]), encoded)[0][0, -1]
        token = int(logits[: END_OF_TEXT + 1].argmax())
        if token == END_OF_TEXT:
            break
        tokens.append(token)
    return tokenizer.decode(tokens[2:])


def score_text(
    model: WhisperForConditionalGeneration, tokenizer: Tokenizer, encoded: Encoded, text: str
) -> dict[str, float]:
    """Returns the `STATISTICS` of a given text, and `no_speech_prob`, from one decoder pass."""
    encoding = tokenizer.encode(f" {text}", add_special_tokens=False)
    tokens = [START, NO_TIMESTAMPS, *encoding.ids]
    log_probabilities = decode(model, torch.tensor([tokens]), encoded)[0][0].log_softmax(-1)
    scores = [float(log_probabilities[1 + at, token]) for at, token in enumerate(encoding.ids)]
    words: list[list[float]] = []
    for piece, score in zip(encoding.tokens, scores, strict=True):
        if piece.startswith("\u0120") or not words:
            words.append([])
        words[-1].append(score)
    means = [float(np.mean(word)) for word in words]
    return {
        "mean_logprob": float(np.mean(scores)),
        "min_token_logprob": min(scores),
        "worst_word_logprob": min(means),
        "last_words_logprob": float(np.mean(means[-2:])),
        "end_of_text_logprob": float(log_probabilities[len(tokens) - 1, END_OF_TEXT]),
        "no_speech_prob": float(log_probabilities[0, NO_SPEECH].exp()),
    }


Pair = tuple["NDArray[np.float32]", str]
Fault = Callable[[HeldOutClip, HeldOutClip, random.Random], Pair]


def _other_text(clip: HeldOutClip, other: HeldOutClip, rng: random.Random) -> Pair:
    return clip.samples, clip.write(other.sentences)


def _last_third_missing(clip: HeldOutClip, other: HeldOutClip, rng: random.Random) -> Pair:
    words = clip.text.split()
    return clip.samples, " ".join(words[: len(words) - max(1, round(len(words) / 3))])


def _last_word_missing(clip: HeldOutClip, other: HeldOutClip, rng: random.Random) -> Pair:
    return clip.samples, " ".join(clip.text.split()[:-1])


def _last_word_missing_punctuated(clip: HeldOutClip, other: HeldOutClip, rng: random.Random) -> Pair:
    return clip.samples, clip.write([*clip.sentences[:-1], clip.sentences[-1][:-1]])


def _three_words_appended(clip: HeldOutClip, other: HeldOutClip, rng: random.Random) -> Pair:
    return clip.samples, clip.write([*clip.sentences[:-1], clip.sentences[-1] + rng.sample(VOCABULARY, 3)])


def _word_substituted(clip: HeldOutClip, other: HeldOutClip, rng: random.Random) -> Pair:
    sentences = [list(words) for words in clip.sentences]
    words = rng.choice(sentences)
    places = [(at, group) for at, word in enumerate(words) for group in SUBSTITUTES if word in group]
    at, group = rng.choice(places or [(rng.randrange(len(words)), list(VOCABULARY))])
    words[at] = rng.choice([word for word in group if word != words[at]])
    return clip.samples, clip.write(sentences)


def _inner_word_deleted(clip: HeldOutClip, other: HeldOutClip, rng: random.Random) -> Pair:
    sentences = [list(words) for words in clip.sentences]
    words = max(sentences, key=len)
    del words[rng.randrange(1, len(words) - 1)]
    return clip.samples, clip.write(sentences)


def _audio_cut(clip: HeldOutClip, other: HeldOutClip, rng: random.Random) -> Pair:
    return clip.samples[: int(len(clip.samples) * rng.uniform(0.5, 0.62))], clip.text


def _no_speech(clip: HeldOutClip, other: HeldOutClip, rng: random.Random) -> Pair:
    return draw_no_speech(np.random.default_rng(rng.getrandbits(32)))[0], clip.text


FAULTS: Final[dict[str, Fault]] = {
    "other clip's text": _other_text,
    "last third of the text missing": _last_third_missing,
    "last word missing": _last_word_missing,
    "last word missing, period kept": _last_word_missing_punctuated,
    "three words appended": _three_words_appended,
    "one word substituted": _word_substituted,
    "one inner word deleted": _inner_word_deleted,
    "audio cut": _audio_cut,
    "silence or noise": _no_speech,
}


def roc_auc(clean: list[float], faulty: list[float]) -> float:
    """Returns the chance that a clean pair scores above a faulty one, ties counted half."""
    ordered = np.sort(np.asarray(clean))
    values = np.asarray(faulty)
    below = np.searchsorted(ordered, values, side="left")
    tied = np.searchsorted(ordered, values, side="right") - below
    return float(np.mean((len(ordered) - below - 0.5 * tied) / len(ordered)))


@dataclass(frozen=True, kw_only=True)
class Verification:
    """How well the statistics tell true transcripts from faulty ones."""

    clean: dict[str, list[float]]
    """Every statistic of the true pairs."""
    areas: dict[str, dict[str, float]]
    """ROC-AUC by fault and statistic."""
    taken: dict[str, dict[str, float]]
    """Share of each fault below each statistic's threshold, 0 to 1."""
    thresholds: dict[str, float]
    """Value of each statistic that 0.5 % of the true pairs fall below."""


@torch.inference_mode()
def verify(
    model: WhisperForConditionalGeneration,
    tokenizer: Tokenizer,
    clips: list[HeldOutClip],
    seed: int,
    *,
    num_faulty: int,
    is_full: bool = False,
) -> Verification:
    """Returns ROC-AUC and thresholds of the statistics on the clips and on faults planted in some of them.

    Args:
        model: The network.
        tokenizer: Its vocabulary.
        clips: True pairs.
        seed: Seed of the faults.
        num_faulty: How many clips get each fault.
        is_full: Whether to score in full 30-second windows.
    """
    rng = random.Random(seed)
    names = (*STATISTICS, "no_speech_prob")
    clean: dict[str, list[float]] = {name: [] for name in names}
    for clip in clips:
        scores = score_text(model, tokenizer, encode_samples(model, clip.samples, is_full=is_full), clip.text)
        for name in names:
            clean[name].append(scores[name])
    thresholds = {name: float(np.quantile(clean[name], 0.005)) for name in STATISTICS}
    areas: dict[str, dict[str, float]] = {}
    taken: dict[str, dict[str, float]] = {}
    usable = [clip for clip in clips if min(map(len, clip.sentences)) >= 4][: num_faulty + 1]
    for fault, plant in FAULTS.items():
        rows: list[dict[str, float]] = []
        for clip, other in pairwise(usable):
            samples, text = plant(clip, other, rng)
            rows.append(score_text(model, tokenizer, encode_samples(model, samples, is_full=is_full), text))
        areas[fault] = {name: roc_auc(clean[name], [row[name] for row in rows]) for name in STATISTICS}
        areas[fault]["no_speech_prob"] = 1.0 - roc_auc(clean["no_speech_prob"], [row["no_speech_prob"] for row in rows])
        taken[fault] = {name: float(np.mean([row[name] < thresholds[name] for row in rows])) for name in STATISTICS}
        taken[fault]["any"] = float(np.mean([any(row[name] < thresholds[name] for name in STATISTICS) for row in rows]))
    return Verification(clean=clean, areas=areas, taken=taken, thresholds=thresholds)


@torch.inference_mode()
def greedy_word_error_rate(
    model: WhisperForConditionalGeneration,
    tokenizer: Tokenizer,
    clips: list[HeldOutClip],
    *,
    is_full: bool = False,
) -> float:
    """Returns the word error rate of greedy decoding in fitted or full windows."""
    hypotheses = [
        transcribe_greedily(model, tokenizer, encode_samples(model, clip.samples, is_full=is_full)) for clip in clips
    ]
    return word_error_rate([clip.text for clip in clips], hypotheses)


def faster_whisper_word_error_rate(
    model: WhisperModel, clips: list[HeldOutClip], *, without_timestamps: bool = True
) -> float:
    """Returns the word error rate of faster-whisper with beam 5 on full windows."""
    hypotheses: list[str] = []
    for clip in clips:
        segments, _ = model.transcribe(
            clip.samples,
            beam_size=5,
            language="en",
            temperature=0.0,
            without_timestamps=without_timestamps,
            condition_on_previous_text=False,
            max_new_tokens=_MOST_TOKENS,
        )
        hypotheses.append(" ".join(segment.text.strip() for segment in segments))
    return word_error_rate([clip.text for clip in clips], hypotheses)


def speech_seconds(clips: list[HeldOutClip]) -> float:
    """Returns the length of all clips together."""
    return sum(len(clip.samples) for clip in clips) / SAMPLING_RATE
