"""What a transcript shows by itself, without its recording: what tools left in it that nobody says.

The recording may well say what the text says; a trainer would still learn to write "&nbsp;", "SPEAKER_01:" or hidden
characters. The models score the cleaned text (``mmcheck.metrics.transcript_cleaning``), so such a row gets one finding
that names the residue and is not called another recording's text.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mmcheck.config import TranscriptTextConfig
from mmcheck.core.digests import digest_value
from mmcheck.core.types import Measurement, Metric, Status
from mmcheck.media.sample_media import SampleMedia
from mmcheck.metrics.caption_words import count_words, repetition_tokens
from mmcheck.metrics.text_length import text_length
from mmcheck.metrics.text_repetition import repeated_ngram_ratio
from mmcheck.metrics.transcript_cleaning import KINDS, read_transcript
from mmcheck.metrics.word_tables import SOURCE
from mmcheck.probe.base import NotApplicable, Prepared, ProbeTraits

_VERSION = 1
_LOOKED_AT = 20_000
_SHOWN = 8
_UNTYPED = (".csv", ".tsv", ".txt", ".psv")


def _count(name: str, description: str) -> Metric:
    return Metric(name=f"transcript_text.{name}", description=description, low=0, higher_is_better=False)


_METRICS = (
    Metric(name="transcript_text.num_words", description="Words of the transcript.", unit="word", low=0),
    Metric(name="transcript_text.num_chars", description="Characters of the transcript.", unit="char", low=0),
    Metric(
        name="transcript_text.text_length",
        description="Length of what is to be spoken in Latin letters: a Han character counts as 3, a Hangul syllable "
        "as 2.5, Kana as 2.",
        unit="char",
        low=0,
    ),
    Metric(
        name="transcript_text.repeated_bigram_ratio",
        description="Share of word pairs that occurred before in the same transcript.",
        low=0,
        high=1,
        higher_is_better=False,
    ),
    _count("control_tokens", "Special tokens of a model, such as <|endoftext|>."),
    _count("timestamps", "Times of subtitles, such as 00:00:01,000 --> 00:00:03,500."),
    _count("markup", "HTML tags and the formatting of subtitles."),
    _count("entities", "HTML entities, such as &nbsp; and &amp;."),
    _count("invisible_characters", "Characters that nobody sees and that do not belong to the script."),
    _count("broken_characters", "Replacement characters (U+FFFD): bytes that an earlier conversion lost."),
    _count("event_marks", "Names of sounds that nobody says, such as [noise] and (laughs)."),
    _count("speaker_marks", "Marks of who speaks, such as SPEAKER_01: and >>."),
    _count("underscores", "Places where underscores stand between words."),
    _count("missing_spaces", "Places where several words stand as one."),
    _count("phonetic_script", "1 if the transcript is in the phonetic alphabet or in ARPABET, else 0."),
    _count("repeated_text", "How many times the whole text comes again."),
    _count(
        "missing_value", "1 if the transcript is a word that readers of tables take for nothing (null, NA), else 0."
    ),
    _count(
        "bare_value",
        "1 if the transcript is a number, true or false in a CSV manifest, where readers guess the type; else 0.",
    ),
)


class TranscriptTextProbe:
    """Measures transcripts. Needs no model and no medium.

    Args:
        options: Section ``probes.transcript_text`` of the config.
        device: Not used.
        seed: Not used.
    """

    name = "transcript_text"
    metrics = _METRICS
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

    def describe(self) -> dict[str, Any]:
        """Return where the word tables come from."""
        return dict(SOURCE)

    def prepare(self, media: SampleMedia) -> tuple[dict[str, float], dict[str, Any]]:
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
        }
        values |= {kind: float(len(residue.get(kind, ()))) for kind in KINDS}
        evidence: dict[str, Any] = {}
        if residue:
            evidence["residue"] = {kind: list(pieces[:_SHOWN]) for kind, pieces in residue.items()}
        if found.text != text:
            evidence["cleaned"] = found.text
        return values, evidence

    def measure(self, batch: Sequence[Prepared]) -> list[Measurement]:
        """Return one measurement a sample, in order."""
        return [
            Measurement(
                sample_id=item.sample.id,
                probe=self.name,
                status=Status.MEASURED,
                values=item.payload[0],
                evidence=item.payload[1],
            )
            for item in batch
        ]
