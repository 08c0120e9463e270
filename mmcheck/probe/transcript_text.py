"""What a transcript shows by itself, without its recording: what tools left in it that nobody says.

The recording may well say what the text says; a trainer would still learn to write "&nbsp;", "SPEAKER_01:" or hidden
characters. The models score the cleaned text (``mmcheck.metrics.transcript_cleaning``), so such a row gets one finding
that names the residue and is not called another recording's text.
"""

from __future__ import annotations

from collections.abc import Sequence

from mmcheck.config import TranscriptTextConfig
from mmcheck.core.digests import digest_value
from mmcheck.core.json_types import JsonObject
from mmcheck.core.part_traits import ProbeTraits
from mmcheck.core.types import Measurement
from mmcheck.media.sample_media import SampleMedia
from mmcheck.metrics.caption_words import count_words, repetition_tokens
from mmcheck.metrics.text_length import text_length
from mmcheck.metrics.text_repetition import repeated_ngram_ratio
from mmcheck.metrics.transcript_cleaning import KINDS, read_transcript
from mmcheck.metrics.transcript_hallucinations import hallucination_ratio
from mmcheck.metrics.word_tables import SOURCE
from mmcheck.probe.base import NotApplicable, Prepared
from mmcheck.probe.facts import Facts, measure_facts
from mmcheck.probe.transcript_text_metrics import METRICS

_VERSION = 2
_LOOKED_AT = 20_000  # characters of a transcript that are read; our own choice: bounds time; twenty minutes of speech
_SHOWN = 8  # pieces of residue of each kind in the evidence; our own choice: enough to see what is meant
_UNTYPED = (".csv", ".tsv", ".txt", ".psv")


class TranscriptTextProbe:
    """Measures transcripts. Needs no model and no medium.

    Args:
        options: Section ``probes.transcript_text`` of the config.
        device: Not used.
        seed: Not used.
    """

    name = "transcript_text"
    metrics = METRICS
    batch_size = 1024
    options_model = TranscriptTextConfig
    traits = ProbeTraits(halves=("audio", "transcript"), in_manifests=False)

    def __init__(self, options: TranscriptTextConfig, device: str = "cpu", seed: int = 0) -> None:
        self._options = options

    def fingerprint(self) -> str:
        """Return the digest of version, options and the word tables."""
        return digest_value(
            {
                "probe": self.name,
                "version": _VERSION,
                "options": self._options.model_dump(mode="json", exclude={"enabled"}),
                "tables": self.describe(),
            }
        )

    def open(self) -> None:
        """Do nothing: word tables are read where a text wants them."""

    def describe(self) -> JsonObject:
        """Return where the word tables come from."""
        return dict(SOURCE)

    def prepare(self, media: SampleMedia) -> Facts:
        """Return values and evidence of one transcript.

        The evidence has the pieces by kind under ``residue`` and the text that the models score under ``cleaned``.

        Raises:
            NotApplicable: If the sample has no transcript (an empty one is measured).
        """
        sample = media.sample
        transcript = sample.transcript
        if transcript is None:
            raise NotApplicable("the row has no transcript")
        text = transcript[:_LOOKED_AT]
        found = read_transcript(text, sample.language)
        residue = dict(found.residue)
        if not sample.manifest.lower().endswith(_UNTYPED):
            residue.pop("bare_value", None)  # there a text is known to be one
        values = {
            "num_words": float(count_words(transcript)),
            "num_chars": float(len(transcript)),
            "text_length": text_length(found.text),
            "repeated_bigram_ratio": repeated_ngram_ratio(repetition_tokens(text), 2),
            "hallucination_ratio": hallucination_ratio(found.text),
        }
        values |= {kind: float(len(residue.get(kind, ()))) for kind in KINDS}
        evidence: JsonObject = {}
        if residue:
            evidence["residue"] = {kind: list(pieces[:_SHOWN]) for kind, pieces in residue.items()}
        if found.text != text:
            evidence["cleaned"] = found.text
        return Facts(values, evidence)

    def measure(self, batch: Sequence[Prepared[Facts]]) -> list[Measurement]:
        """Return one measurement a sample, in order."""
        return measure_facts(self.name, batch)
