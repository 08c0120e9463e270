"""What a wrong transcript looks like under these very recordings.

A log-probability means nothing by itself: a noisy recording gives a low one to any text. So sampled recordings are
given a few other transcripts of the run, of like length, and faults are planted in their own: what these reach is the
null that the run's own pairs are held against. It is dear (a decoder pass a text, and an encoder pass where the sound
itself is cut), hence sampled: the less of a run the larger it is, by its number of recordings and by a hash of the
sample's id and the seed, so that no shard has to know of another. The model is the ``transcript`` probe's, loaded once,
and so is what it made of the recording: the texts are read along in the very window that the sample's own was.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from mmcheck.config import TranscriptNullConfig
from mmcheck.core.digests import digest_value
from mmcheck.core.json_types import JsonObject
from mmcheck.core.part_traits import ProbeTraits
from mmcheck.core.types import Measurement, Sample, Status
from mmcheck.media.sample_media import SampleMedia
from mmcheck.metrics.verification import EDGE_WORDS, TranscriptScores, summarise_scores
from mmcheck.probe.base import NotApplicable, Prepared
from mmcheck.probe.context import ProbeContext
from mmcheck.probe.other_texts import OtherTexts, draw_digest, draw_name
from mmcheck.probe.planted_texts import (
    MIN_WORDS,
    cut_frames,
    plant_cut,
    plant_word_fault,
    split_words,
)
from mmcheck.probe.transcript import TranscriptProbe
from mmcheck.probe.transcript_null_metrics import METRICS
from mmcheck.probe.transcript_own import TextOfClip
from mmcheck.probe.transcript_values import to_scores

if TYPE_CHECKING:
    from mmcheck.probe.transcript_clip import Clip

_VERSION = 9
"""Counted up when equal options and weights give other values."""
_PLANTED = {
    "cut_end_log_prob": "end_log_prob",
    "word_surprise": "max_surprise",
    "cut_audio_surprise": "tail_surprise",
    "added_surprise": "after_end_surprise",
}
"""Metric -> the statistic of the planted fault that it holds."""
ALL_SAMPLED = 200
"""Recordings up to which all are sampled. Our own choice: what a recording gives to any text can then be taken off all
of them (see ``clip_noise``)."""
LEAST_SAMPLED = 60
"""Recordings that are sampled of a larger run at least. Our own choice: with three texts each, three times the values
below which there is no null, and twice the planted faults. Measured: of 165 real recordings under whisper-base 60 give
the verdicts that all give, at 0, 5 and 20 % of wrong pairs in three draws each; 40 do not in two of them."""
SAMPLED_SHARE = 0.1
"""Share of the recordings beyond which no more are sampled than those. Our own choice: bounds its time.
Measured: by the time of 8 real clips under whisper-base the null takes 9 to 14 % of 500 recordings, 6 to 10 % of 1,000
(padded windows on transformers the least, full ones on ctranslate2 the most)."""
CUT_AUDIO = 45
"""Sampled recordings whose sound is cut, which takes an encoder pass of its own. Our own choice: by chance there are
more than 30 in 99 of 100 runs, which is what it takes to show what the fault looks like."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NullPayload:
    """A sampled recording with the texts that it is held against."""

    clip: Clip
    """The recording, as the served probe prepared it."""
    texts: list[str]
    """Other transcripts of the run."""
    planted: dict[str, tuple[Clip, str]]
    """Metric -> the sample's own pair with the fault in it that it is measured for."""
    num_added: int = 0
    """Words behind the planted word fault that begin the text again."""


def count_sampled(num_rows: int, most: int) -> float:
    """Return how many recordings of a run are sampled, on average.

    Args:
        num_rows: Recordings of the run.
        most: As many as the config allows.
    """
    wanted = num_rows if num_rows <= ALL_SAMPLED else max(LEAST_SAMPLED, SAMPLED_SHARE * num_rows)
    return float(min(most, wanted))


class TranscriptNullProbe:
    """Measures how other transcripts fare under sampled recordings.

    Args:
        options: Section ``probes.transcript_null`` of the config.
        device: Not used: the served probe has the model.
        seed: Decides which recordings are sampled, and which texts they are given.
    """

    name = "transcript_null"
    options_model = TranscriptNullConfig
    traits = ProbeTraits(halves=("audio", "transcript"), has_model=True, serves="transcript")
    metrics = METRICS

    def __init__(self, options: TranscriptNullConfig, device: str = "auto", seed: int = 0) -> None:
        self._options = options
        self._seed = seed
        self.batch_size = 16
        self._share = self._cut_share = 0.0
        self._others = OtherTexts((), seed)
        self._served: TranscriptProbe | None = None
        self._served_fingerprint = ""

    def prime(self, context: ProbeContext) -> None:
        """Take in what the run holds; call it before anything else."""
        self._served = context.served
        self._served_fingerprint = context.served_fingerprint
        count = count_sampled(context.num_rows, self._options.num_clips)
        self._share = count / context.num_rows if context.num_rows else 0.0
        self._cut_share = min(1.0, CUT_AUDIO / count) if count else 0.0
        context.served.share(self._is_shared)
        self._others = OtherTexts(context.texts, self._seed)

    def fingerprint(self) -> str:
        """Return the digest of version, options, the served probe's fingerprint and the texts to choose from."""
        return digest_value(
            {
                "version": _VERSION,
                "options": self._options.model_dump(mode="json", exclude={"enabled"}),
                "seed": self._seed,
                "share": self._share,
                "cut_share": self._cut_share,
                "served": self._served_fingerprint,
                "texts": self._others.entries,
            }
        )

    def open(self) -> None:
        """Load the served probe's model, if it is not loaded yet."""
        if not self._primed().is_open:
            self._primed().open()

    def describe(self) -> JsonObject:
        """Return how many recordings are sampled, how many texts there are to choose from, and what verifies them."""
        described: JsonObject = {
            "sampled_share": round(self._share, 6),
            "cut_audio_share": round(self._cut_share, 6),
            "num_texts": len(self._others.entries),
        }
        # A later run compares windows and precision before it takes values over.
        verification = self._primed().verification
        return described if verification is None else {**described, "verification": verification}

    def prepare(self, media: SampleMedia) -> NullPayload:
        """Return the served probe's clip, the other transcripts and the planted faults. Thread-safe.

        Raises:
            NotApplicable: If the recording is not sampled, is longer than one window, or has no strangers.
            MediaError: If the recording cannot be used.
        """
        sample = media.sample
        if sample.audio is None or sample.transcript is None:
            raise NotApplicable("the sample is not a recording with a transcript")
        if not self._is_sampled(sample):
            raise NotApplicable("not sampled")
        texts = self.choose_texts(sample)
        if not texts:
            raise NotApplicable("the run holds no other transcript of this language")
        clip = self._primed().prepare(media)
        if not clip.features:
            raise NotApplicable("the transcript probe does not verify")
        if len(clip.windows) != 1:
            raise NotApplicable("only recordings of one window are verified with other transcripts")
        planted, num_added = self._plant(sample, clip, texts)
        return NullPayload(clip=clip, texts=texts, planted=planted, num_added=num_added)

    def measure(self, batch: Sequence[Prepared[NullPayload]]) -> list[Measurement]:
        """Return one measurement a sample, in order.

        Raises:
            MediaError: If the model gives no finite numbers for a sample.
        """
        served = self._primed()
        owns = served.verify_own(self.name, [(prepared.sample.id, prepared.payload.clip) for prepared in batch])
        rows = [
            TextOfClip(
                clip=clip,
                text=text,
                window=own.window,
                encoded=own.encoded if clip is payload.clip else None,
                language=own.parts[0].language,
            )
            for payload, own in zip((prepared.payload for prepared in batch), owns, strict=True)
            for clip, text in (*((payload.clip, text) for text in payload.texts), *payload.planted.values())
        ]
        scores = (to_scores(part) for part in served.verify_texts(rows))
        found = []
        for prepared in batch:
            texts, planted = prepared.payload.texts, prepared.payload.planted
            strangers = [summarise_scores(next(scores))["mean_log_prob"] for _ in texts]
            values = {"null_mean_log_prob": float(np.mean(strangers)), "null_best_log_prob": max(strangers)}
            for name in planted:
                values |= _read_planted(name, next(scores), prepared.payload.num_added)
            evidence: JsonObject = {
                "null": [
                    {"text": text, "mean_log_prob": round(value, 4)}
                    for text, value in zip(texts, strangers, strict=True)
                ],
                "planted": {name: [text, round(values[name], 4)] for name, (_, text) in planted.items()},
            }
            found.append(
                Measurement(
                    sample_id=prepared.sample.id,
                    probe=self.name,
                    status=Status.MEASURED,
                    values=values,
                    evidence=evidence,
                )
            )
        return found

    def _plant(self, sample: Sample, clip: Clip, others: Sequence[str]) -> tuple[dict[str, tuple[Clip, str]], int]:
        """Return the sample's own pair with a fault in it, by the metric that it is measured for.

        The text with the word fault begins again at its end, which is a fault of its own and changes nothing of what is
        read before; beside the texts is the number of words that do.
        """
        split = partial(split_words, is_scriptio_continua=clip.is_scriptio_continua)
        words = split(clip.text)
        donors = [word for text in others for word in split(text)]
        followers = self._others.followers(sample.language)

        def chance(what: str, count: int) -> int:
            return int.from_bytes(self._chance(f"{what}\n{draw_name(sample.id)}")[:8], "big") % count

        made = {
            "cut_end_log_prob": plant_cut(words, chance),
            "word_surprise": plant_word_fault(words, followers, donors, sample.language, chance),
        }
        num_added = 0 if clip.is_scriptio_continua or not made["word_surprise"] else EDGE_WORDS
        made["word_surprise"] = (made["word_surprise"] or []) + words[:num_added]
        joint = "" if clip.is_scriptio_continua else " "
        planted = {name: (clip, joint.join(text)) for name, text in made.items() if text}
        if len(words) >= MIN_WORDS and self._falls_within(f"cut audio\n{draw_name(sample.id)}", self._cut_share):
            features = clip.features[0]
            kept = cut_frames(features, chance)
            planted["cut_audio_surprise"] = (replace(clip, features=(features[:, :kept],)), clip.text)
        return planted, num_added

    def choose_texts(self, sample: Sample) -> list[str]:
        """Return other transcripts of like length and the same language, as many as wanted or as there are."""
        return self._others.choose(sample, self._options.num_texts)

    def _is_sampled(self, sample: Sample) -> bool:
        return self._is_shared(sample.id)

    def _is_shared(self, sample_id: str) -> bool:
        return self._falls_within(draw_name(sample_id), self._share)

    def _falls_within(self, text: str, share: float) -> bool:
        return int.from_bytes(self._chance(text)[:8], "big") < share * 2**64

    def _chance(self, text: str) -> bytes:
        return draw_digest(self._seed, text)

    def _primed(self) -> TranscriptProbe:
        if self._served is None:
            raise RuntimeError("the probe has not been primed")
        return self._served


def _read_planted(name: str, scores: TranscriptScores, num_added: int) -> dict[str, float]:
    """Return what a planted fault was planted for, by metric.

    Args:
        name: The metric.
        scores: Of the text with the fault.
        num_added: Words at its end that belong to a fault of their own, if it is the text with the word fault.
    """
    if name != "word_surprise" or not num_added:
        return {name: summarise_scores(scores)[_PLANTED[name]]}
    words = scores.words
    parts = {name: words[:-num_added], "added_surprise": words[-num_added - 1 :]}
    read = {metric: summarise_scores(replace(scores, words=part)) for metric, part in parts.items()}
    return {metric: values[_PLANTED[metric]] for metric, values in read.items() if _PLANTED[metric] in values}
