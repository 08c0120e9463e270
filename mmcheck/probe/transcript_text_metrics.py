"""What the transcript_text probe measures."""

from __future__ import annotations

from mmcheck.core.types import Metric


def _count(name: str, description: str) -> Metric:
    return Metric(name=f"transcript_text.{name}", description=description, low=0, higher_is_better=False)


METRICS = (
    Metric(name="transcript_text.num_words", description="Words of the transcript.", unit="word", low=0),
    Metric(name="transcript_text.num_chars", description="Characters of the transcript.", unit="char", low=0),
    Metric(
        name="transcript_text.text_length",
        description="Length of the spoken text in Latin letters: a Han character counts as 3, a Hangul syllable "
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
    Metric(
        name="transcript_text.hallucination_ratio",
        description="Share of the transcript's letters in phrases that recognisers write where nobody speaks, such as "
        '"thank you for watching".',
        low=0,
        high=1,
        higher_is_better=False,
    ),
    _count("control_tokens", "Special tokens of a model, such as <|endoftext|>."),
    _count("timestamps", "Times of subtitles, such as 00:00:01,000 --> 00:00:03,500."),
    _count("markup", "HTML tags and the formatting of subtitles."),
    _count("entities", "HTML entities, such as &nbsp; and &amp;."),
    _count("invisible_characters", "Invisible characters that do not belong to the script."),
    _count("broken_characters", "Replacement characters (U+FFFD): bytes that an earlier conversion lost."),
    _count("event_marks", "Names of sounds that are not spoken, such as [noise] and (laughs)."),
    _count("speaker_marks", "Marks of who speaks, such as SPEAKER_01: and >>."),
    _count("underscores", "Places with underscores between words."),
    _count("missing_spaces", "Places where several words are written as one."),
    _count("phonetic_script", "1 if the transcript is in the phonetic alphabet or in ARPABET, else 0."),
    _count("repeated_text", "How many times the whole text is repeated."),
    _count("missing_value", "1 if the transcript is a word that table readers treat as missing (null, NA), else 0."),
    _count(
        "bare_value",
        "1 if the transcript is a number, true or false in a CSV manifest, where readers guess the type; else 0.",
    ),
)
