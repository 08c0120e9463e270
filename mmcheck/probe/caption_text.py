"""What a caption shows by itself, without its image: too short, too vague, a file name, markup, repeated words.

Everything is counted on the caption as it stands in the manifest. Only its first 20,000 characters are looked at
closely; the two lengths count all of it.
"""

from __future__ import annotations

import functools
import importlib.metadata
import re
import unicodedata
from collections.abc import Sequence
from typing import Any

from mmcheck.config import CaptionTextConfig
from mmcheck.core.digests import digest_value
from mmcheck.core.json_types import JsonObject
from mmcheck.core.part_traits import ProbeTraits
from mmcheck.core.types import Measurement
from mmcheck.media.sample_media import SampleMedia
from mmcheck.metrics.caption_boilerplate import boilerplate_ratio
from mmcheck.metrics.caption_residue import count_urls, filename_likeness, has_entities, markup_ratio
from mmcheck.metrics.caption_specificity import measure_specificity
from mmcheck.metrics.caption_words import count_words, repetition_tokens
from mmcheck.metrics.hidden_characters import count_broken, find_invisible
from mmcheck.metrics.text_length import text_length
from mmcheck.metrics.text_normalization import is_continuous_char
from mmcheck.metrics.text_repetition import repeated_ngram_ratio, unique_token_ratio
from mmcheck.metrics.transcript_cleaning import is_missing_value
from mmcheck.metrics.transcript_marks import CONTROL_TOKEN
from mmcheck.probe.base import NotApplicable, Prepared
from mmcheck.probe.caption_text_metrics import METRICS
from mmcheck.probe.facts import Facts, measure_facts

_VERSION = 4
_LOOKED_AT = 20_000  # characters of a caption that are read; our own choice: bounds time; no caption is longer
_HASHTAG = re.compile(r"^[#\uff03](?:\w*[^\W\d]\w*[#\uff03]?)+[,.;]?$")
_MIN_LETTERS = 12  # letters below which no language is guessed; our own choice: fewer give no honest guess


class CaptionTextProbe:
    """Measures captions. Needs no model and no medium.

    Args:
        options: Section ``probes.caption_text`` of the config.
        device: Not used.
        seed: Not used.
    """

    name = "caption_text"
    metrics = METRICS
    batch_size = 1024
    options_model = CaptionTextConfig
    traits = ProbeTraits(halves=("image", "caption"), in_manifests=False)

    def __init__(self, options: CaptionTextConfig, device: str = "cpu", seed: int = 0) -> None:
        self._options = options

    def fingerprint(self) -> str:
        """Return the digest of version, options and the language tables."""
        return digest_value(
            {
                "probe": self.name,
                "version": _VERSION,
                "options": self._options.model_dump(mode="json", exclude={"enabled"}),
                "tables": self.describe(),
            }
        )

    def open(self) -> None:
        """Load the language tables, so that threads need not wait for each other later."""
        if self._options.detect_language:
            _identifier()

    def describe(self) -> JsonObject:
        """Return the version of the language tables."""
        return {"py3langid": importlib.metadata.version("py3langid")}

    def prepare(self, media: SampleMedia) -> Facts:
        """Return values and evidence of one caption.

        Raises:
            NotApplicable: If the sample has no caption (an empty one is measured).
        """
        caption = media.sample.caption
        if caption is None:
            raise NotApplicable("the row has no caption")
        text = caption[:_LOOKED_AT]
        values: dict[str, float] = {
            "num_words": float(count_words(caption)),
            "num_chars": float(len(caption)),
            "text_length": text_length(caption),
            "boilerplate_ratio": boilerplate_ratio(text),
            "num_symbols": float(sum(unicodedata.category(char) == "So" for char in text)),
            "control_tokens": float(len(CONTROL_TOKEN.findall(text))),
            "invisible_characters": float(len(find_invisible(text))),
            "broken_characters": float(count_broken(text)),
            "missing_value": float(is_missing_value(caption)),
            "filename_likeness": filename_likeness(text),
            "markup_ratio": markup_ratio(text),
            "num_urls": float(count_urls(text)),
        }
        evidence: JsonObject = {}
        visible = [char for char in text if not char.isspace()]
        if visible:
            letters = sum(map(str.isalpha, visible))
            values["letter_ratio"] = letters / len(visible)
            values["hashtag_ratio"] = _hashtag_ratio(text)
            tokens = repetition_tokens(text)
            values["repeated_bigram_ratio"] = repeated_ngram_ratio(tokens, 2)
            values["unique_word_ratio"] = unique_token_ratio(tokens)
            if self._options.detect_language:
                _guess_language(text, letters, values, evidence)
        specificity = measure_specificity(text, language=media.sample.language)
        values["specificity"] = specificity.score
        values["content_words"] = float(specificity.num_content_words)
        if specificity.generic_words:
            evidence["generic_words"] = list(specificity.generic_words)
        if has_entities(text):
            evidence["has_entities"] = True
        return Facts(values, evidence)

    def measure(self, batch: Sequence[Prepared[Facts]]) -> list[Measurement]:
        """Return one measurement a sample, in order."""
        return measure_facts(self.name, batch)


def _guess_language(text: str, letters: int, values: dict[str, float], evidence: JsonObject) -> None:
    """Add the likeliest language and its probability, unless the text is too short to tell."""
    # Two characters of Chinese say what a whole word of Latin letters does not.
    weight = letters + 5 * sum(map(is_continuous_char, text[:_MIN_LETTERS]))
    if weight < _MIN_LETTERS:
        return
    # Lone surrogates (from broken manifests) cannot be encoded; the identifier works on bytes.
    language, probability = _identifier().classify(text.encode("utf-8", "replace").decode("utf-8"))
    evidence["language"] = language
    values["language_probability"] = min(1.0, max(0.0, float(probability)))


def _hashtag_ratio(text: str) -> float:
    """Return the share of words that are hashtags."""
    words = [word for word in text.split() if any(char.isalnum() for char in word)]
    return sum(_HASHTAG.match(word) is not None for word in words) / len(words) if words else 0.0


@functools.lru_cache(maxsize=1)
def _identifier() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    load = getattr(LanguageIdentifier, "from_model_file", None) or LanguageIdentifier.from_pickled_model
    return load(MODEL_FILE, norm_probs=True)
