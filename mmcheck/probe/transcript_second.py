"""A second, independent model verifies the transcripts, for sets whose texts a model wrote.

A Whisper does not doubt what a Whisper wrote: it hears the same wrong word again. Another model makes other mistakes, a
CTC model above all, which has no language model inside. It is held against a null of its own, as the first one is:
sampled recordings are given other transcripts of the run, and their own with one word replaced. A CTC model hears each
recording once, and every text costs an alignment alone; a second Whisper takes a pass of its decoder for each.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mmcheck.config import TranscriptSecondConfig
from mmcheck.core.digests import digest_value
from mmcheck.core.errors import ConfigError
from mmcheck.core.json_types import JsonObject
from mmcheck.core.languages import primary_code
from mmcheck.core.pair_kinds import AUDIO_TRANSCRIPT
from mmcheck.core.part_traits import ProbeTraits
from mmcheck.core.types import Measurement, Sample, Status
from mmcheck.media.sample_media import SampleMedia
from mmcheck.metrics.text_normalization import is_scriptio_continua
from mmcheck.metrics.transcript_cleaning import clean_transcript
from mmcheck.probe.base import NotApplicable, Prepared
from mmcheck.probe.context import ProbeContext
from mmcheck.probe.other_texts import OtherTexts, draw_digest, draw_name
from mmcheck.probe.planted_texts import plant_word_fault, split_words
from mmcheck.probe.second_fit import SecondVerifier, TextFit
from mmcheck.probe.transcript import TranscriptProbe
from mmcheck.probe.transcript_clip import MAX_EVIDENCE
from mmcheck.probe.transcript_second_metrics import METRICS

_VERSION = 2
"""Counted up when equal options and weights give other values."""
_MAX_HEARD = 2000
"""Characters of what the model hears that the evidence keeps. Our own choice: bounds the size of the run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SecondPayload:
    """A recording with the texts that it is read along with."""

    clip: Any
    """The recording, as the verifier prepared it."""
    text: str
    """Its own transcript."""
    strangers: tuple[str, ...]
    """Other transcripts of the run; none if the recording is not sampled."""
    planted: str | None
    """Its own transcript with one word replaced."""


class TranscriptSecondProbe:
    """Measures how well a second model finds the transcript in its recording.

    Args:
        options: Section ``probes.transcript_second`` of the config.
        device: ``auto``, ``cpu`` or ``cuda``.
        seed: Decides which recordings are sampled, and which texts they are given.
    """

    name = "transcript_second"
    options_model = TranscriptSecondConfig
    traits = ProbeTraits(halves=("audio", "transcript"), has_model=True)
    metrics = METRICS

    def __init__(self, options: TranscriptSecondConfig, device: str = "auto", seed: int = 0) -> None:
        self._options = options
        self._device = device
        self._seed = seed
        self.batch_size = options.batch_size
        self._share = 0.0
        self._others = OtherTexts((), seed)
        self._verifier: SecondVerifier | None = None

    def prime(self, context: ProbeContext) -> None:
        """Take in what the run holds; call it before anything else."""
        self._share = min(1.0, self._options.num_clips / context.num_rows) if context.num_rows else 0.0
        self._others = OtherTexts(context.texts, self._seed)

    def fingerprint(self) -> str:
        """Return the digest of version, weights, options, seed and the texts to choose from.

        Raises:
            ConfigError: If no model is named.
            WeightsError: If the weights cannot be found.
        """
        options = self._options.model_dump(mode="json", exclude={"enabled", "model", "batch_size"})
        return digest_value(
            {
                "version": _VERSION,
                "options": options,
                "weights": self._find().digest(),
                "seed": self._seed,
                "share": self._share,
                "texts": self._others.entries,
            }
        )

    def check_independence(self, beside: Mapping[str, Any]) -> None:
        """Refuse the weights of the first verifier: what they doubt twice, they have doubted once.

        Args:
            beside: Probes of the run whose weights are there, by name.

        Raises:
            ConfigError: If the model is the first verifier's.
            WeightsError: If weights cannot be read.
        """
        first = beside.get(AUDIO_TRANSCRIPT.probe)
        if isinstance(first, TranscriptProbe) and first.all_weights() & self._find().all_weights():
            raise ConfigError(
                f"probes.transcript_second.model ({self._options.model}) holds the same weights as "
                "probes.transcript.model, so it would be no second opinion.",
                hint="name another model, best a CTC model, which makes other mistakes; or leave it at null.",
            )

    def open(self) -> None:
        """Load the model.

        Raises:
            WeightsError: If it cannot be found or loaded.
            MissingDependency: If a package is not installed.
        """
        self._find().open()

    def describe(self) -> JsonObject:
        """Return the model's name, kind, digest and versions, and how many recordings are sampled."""
        return {"model": self._options.model, "sampled_share": round(self._share, 6), **self._find().describe()}

    def prepare(self, media: SampleMedia) -> SecondPayload:
        """Return the recording and the texts to read along with it. Thread-safe.

        Raises:
            NotApplicable: If there is no recording or no transcript, or the model has nothing to say about it.
            MediaError: If the recording cannot be used.
        """
        sample = media.sample
        if sample.audio is None:
            raise NotApplicable("the sample has no recording")
        if sample.transcript is None or not sample.transcript.strip():
            raise NotApplicable("the sample has no transcript")
        languages = [primary_code(language) for language in self._options.languages]
        if languages and primary_code(sample.language) not in languages:
            raise NotApplicable("the second model is not meant for the sample's language")
        text = clean_transcript(sample.transcript, sample.language) or sample.transcript
        clip = self._find().prepare(media, text)
        strangers = tuple(self._others.choose(sample, self._options.num_texts)) if self._is_sampled(sample) else ()
        planted = self._plant(sample, text, strangers) if strangers else None
        return SecondPayload(clip=clip, text=text, strangers=strangers, planted=planted)

    def measure(self, batch: Sequence[Prepared[SecondPayload]]) -> list[Measurement]:
        """Return one measurement a sample, in order.

        Raises:
            MediaError: If the model gives no finite numbers for a sample.
        """
        payloads = [prepared.payload for prepared in batch]
        results = self._find().fit(
            [
                (payload.clip, [payload.text, *payload.strangers, *filter(None, [payload.planted])])
                for payload in payloads
            ]
        )
        return [
            self._finish(prepared.sample.id, prepared.payload, fits, heard)
            for prepared, (fits, heard) in zip(batch, results, strict=True)
        ]

    def _finish(self, sample_id: str, payload: SecondPayload, fits: list[TextFit], heard: str | None) -> Measurement:
        own, others = fits[0], fits[1 : 1 + len(payload.strangers)]
        values = {"mean_log_prob": own.mean, "num_words": float(len(own.words))}
        if own.num_letters:
            values["unknown_share"] = own.num_unknown / own.num_letters
        if (worst := own.worst_word) is not None:
            values["worst_word_log_prob"] = worst
        if own.gaps:
            values["missed_speech"] = max(0.0, -min(own.gaps))
        evidence: JsonObject = {
            "words": [[word, None if fit is None else round(fit, 3)] for word, fit in own.words[:MAX_EVIDENCE]]
        }
        if heard is not None:
            evidence["hypothesis"] = heard[:_MAX_HEARD]
        if others:
            values["null_mean_log_prob"] = float(np.mean([fit.mean for fit in others]))
            evidence["null"] = [
                {"text": text, "mean_log_prob": round(fit.mean, 4)}
                for text, fit in zip(payload.strangers, others, strict=True)
            ]
        if payload.planted is not None and (planted := fits[-1].worst_word) is not None:
            values["planted_word_log_prob"] = planted
            evidence["planted"] = payload.planted
        return Measurement(
            sample_id=sample_id, probe=self.name, status=Status.MEASURED, values=values, evidence=evidence
        )

    def _plant(self, sample: Sample, text: str, others: Sequence[str]) -> str | None:
        """Return the text with one word replaced by one that follows its neighbour elsewhere in the set."""
        continuous = is_scriptio_continua(sample.language, text)
        donors = [word for other in others for word in split_words(other, is_scriptio_continua=continuous)]

        def chance(what: str, count: int) -> int:
            # A word left out shows in no word, and it is words that are judged here.
            if what == "fault":
                return 0
            return int.from_bytes(self._chance(f"{what}\n{draw_name(sample.id)}")[:8], "big") % count

        words = split_words(text, is_scriptio_continua=continuous)
        planted = plant_word_fault(words, self._others.followers(sample.language), donors, sample.language, chance)
        return None if planted is None else ("" if continuous else " ").join(planted)

    def _is_sampled(self, sample: Sample) -> bool:
        return int.from_bytes(self._chance(draw_name(sample.id))[:8], "big") < self._share * 2**64

    def _chance(self, text: str) -> bytes:
        return draw_digest(self._seed, f"second\n{text}")

    def _find(self) -> SecondVerifier:
        if self._verifier is None:
            if self._options.model is None:
                raise ConfigError(
                    "probes.transcript_second is on, but names no model.",
                    hint="set probes.transcript_second.model to a CTC model or a second Whisper.",
                )
            self._verifier = find_verifier(self._options, self._device)
        return self._verifier


def find_verifier(options: TranscriptSecondConfig, device: str) -> SecondVerifier:
    """Return the verifier behind a name: a CTC model where the weights' config says so, else a Whisper.

    Args:
        options: Section ``probes.transcript_second``, with a model.
        device: ``auto``, ``cpu`` or ``cuda``.

    Raises:
        WeightsError: If there is nothing of that name, or it cannot be downloaded.
    """
    from mmcheck.backends.ctc_weights import find_second
    from mmcheck.probe.second_ctc import CtcSecond
    from mmcheck.probe.second_whisper import WhisperSecond

    name = options.model or ""
    folder, is_ctc = find_second(name, adapter=options.adapter)
    if folder is not None and is_ctc:
        return CtcSecond(folder, device=device, adapter=options.adapter)
    return WhisperSecond(name, device=device, batch_size=options.batch_size)
