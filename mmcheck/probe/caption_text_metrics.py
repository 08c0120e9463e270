"""What the caption_text probe measures."""

from __future__ import annotations

from mmcheck.core.types import Metric

METRICS = (
    Metric(name="caption_text.num_words", description="Words of the caption.", unit="word", low=0),
    Metric(name="caption_text.num_chars", description="Characters of the caption.", unit="char", low=0),
    Metric(
        name="caption_text.text_length",
        description="Length of the caption in Latin letters, so that one limit serves all scripts: a Han character "
        "counts as 3, a Hangul syllable as 2.5, Kana as 2, an invisible character not at all.",
        unit="char",
        low=0,
    ),
    Metric(
        name="caption_text.content_words",
        description="Words that are neither function words nor generic ones such as image, thing, person.",
        unit="word",
        low=0,
        higher_is_better=True,
    ),
    Metric(
        name="caption_text.specificity",
        description="How specific the caption is: 0 fits any image, near 1 names several particulars.",
        low=0,
        high=1,
        higher_is_better=True,
    ),
    Metric(
        name="caption_text.filename_likeness",
        description="How much the caption looks like a file name or an id instead of a description.",
        low=0,
        high=1,
        higher_is_better=False,
    ),
    Metric(
        name="caption_text.boilerplate_ratio",
        description="Share of letters and digits in phrases found under any image: 'image may contain: text', a "
        "copyright line.",
        low=0,
        high=1,
        higher_is_better=False,
    ),
    Metric(
        name="caption_text.num_symbols",
        description="Emoji and other pictographs in the caption.",
        unit="char",
        low=0,
    ),
    Metric(
        name="caption_text.hashtag_ratio",
        description="Share of the caption's words that are hashtags.",
        low=0,
        high=1,
        higher_is_better=False,
    ),
    Metric(
        name="caption_text.control_tokens",
        description="Special tokens of a model, such as <|endoftext|>.",
        low=0,
        higher_is_better=False,
    ),
    Metric(
        name="caption_text.invisible_characters",
        description="Invisible characters that do not belong to the script.",
        unit="char",
        low=0,
        higher_is_better=False,
    ),
    Metric(
        name="caption_text.broken_characters",
        description="Replacement characters (U+FFFD): bytes that an earlier conversion lost.",
        unit="char",
        low=0,
        higher_is_better=False,
    ),
    Metric(
        name="caption_text.missing_value",
        description="1 if the caption is a word that table readers treat as missing (null, NA), else 0.",
        low=0,
        high=1,
        higher_is_better=False,
    ),
    Metric(
        name="caption_text.markup_ratio",
        description="Share of the characters that are HTML, wiki markup, entities or addresses.",
        low=0,
        high=1,
        higher_is_better=False,
    ),
    Metric(name="caption_text.num_urls", description="Web addresses in the caption.", low=0, higher_is_better=False),
    Metric(
        name="caption_text.repeated_bigram_ratio",
        description="Share of word pairs that occurred before in the same caption.",
        low=0,
        high=1,
        higher_is_better=False,
    ),
    Metric(
        name="caption_text.unique_word_ratio",
        description="Different words divided by words.",
        low=0,
        high=1,
        higher_is_better=True,
    ),
    Metric(
        name="caption_text.letter_ratio",
        description="Share of letters among the characters that are not blanks; low for symbols and digits.",
        low=0,
        high=1,
        higher_is_better=True,
    ),
    Metric(
        name="caption_text.language_probability",
        description="Probability of the language that was guessed; absent for captions too short to guess.",
        low=0,
        high=1,
    ),
)
