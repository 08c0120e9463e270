"""What a caption's words and its tokens tell, read from the stored tables: the side that needs no embedding.

The caption probe's figures are used where it ran; where it did not, the words are counted here, so that vagueness
exists without any probe.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mmcheck.core.arrays import Floats
from mmcheck.core.json_types import LoadedJson
from mmcheck.core.languages import primary_code
from mmcheck.corpus.base import ShardTables, read_metric
from mmcheck.corpus.constants import SURE_LANGUAGE
from mmcheck.metrics.caption_residue import filename_likeness
from mmcheck.metrics.caption_specificity import measure_specificity
from mmcheck.metrics.caption_vagueness import fragmentation
from mmcheck.store.schema import load_json

_LOOKED_AT = 20_000  # characters of a caption that are read; our own choice: bounds time; no caption is longer
_MEASURED = ("specificity", "filename_likeness", "content_words", "language_probability")


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptionSigns:
    """One shard's captions without their images; arrays of shape (n,), NaN where unknown."""

    has_caption: NDArray[np.bool_]
    """Whether the row is sound and has a caption with anything in it."""
    captions: list[str | None]
    """The texts."""
    specificity: Floats
    """0 fits any image, near 1 names several particulars."""
    filename_likeness: Floats
    """0 to 1."""
    content_words: Floats
    """Words that are neither function words nor generic ones."""
    generic_words: list[list[str]]
    """Generic words that were met."""
    languages: list[str | None]
    """Code of the manifest, else a sure guess."""
    counts: Floats
    """Different images with this caption."""
    unknown_ratio: Floats
    """Share of tokens that stand for no known word."""
    fragmentation: Floats
    """Sureness that the tokenizer broke the caption into bytes."""


def read_signs(shard: ShardTables) -> CaptionSigns:
    """Return what is stored of a shard's captions, counted anew where it is not."""
    samples = shard.samples(["id", "caption", "language", "problem"])
    num_rows = samples.num_rows
    captions = samples["caption"].to_pylist()
    sound = pc.is_null(samples["problem"]).to_numpy()
    has_caption = np.array([bool(text and text.strip()) for text in captions], dtype=bool) & sound
    words = shard.measurements("caption_text", [*_MEASURED, "evidence"])
    found = {name: read_metric(words, name, num_rows) for name in _MEASURED}
    evidence: list[LoadedJson] = [{}] * num_rows if words is None else _evidence(words)
    generic = [list(entry.get("generic_words", ())) for entry in evidence]
    given = samples["language"].to_pylist()
    for row in np.flatnonzero(has_caption & np.isnan(found["specificity"])).tolist():
        text = captions[row][:_LOOKED_AT]
        measured = measure_specificity(text, language=given[row])
        found["specificity"][row] = measured.score
        found["content_words"][row] = measured.num_content_words
        found["filename_likeness"][row] = filename_likeness(text)
        generic[row] = list(measured.generic_words)
    sure = np.nan_to_num(found["language_probability"]) >= SURE_LANGUAGE
    guesses = [entry.get("language") if known else None for entry, known in zip(evidence, sure.tolist(), strict=True)]
    tokens = shard.measurements("image_text", ["num_tokens", "unknown_token_ratio"])
    lengths = np.array([len(text or "") for text in captions], dtype=np.float64)
    return CaptionSigns(
        has_caption=has_caption,
        captions=captions,
        specificity=found["specificity"],
        filename_likeness=np.nan_to_num(found["filename_likeness"]),
        content_words=found["content_words"],
        generic_words=generic,
        languages=[primary_code(own) or guess for own, guess in zip(given, guesses, strict=True)],
        counts=read_metric(shard.measurements("repetition", ["caption_count"]), "caption_count", num_rows),
        unknown_ratio=read_metric(tokens, "unknown_token_ratio", num_rows),
        fragmentation=fragmentation(read_metric(tokens, "num_tokens", num_rows), lengths),
    )


def _evidence(table: pa.Table) -> list[LoadedJson]:
    if "evidence" not in table.column_names:
        return [{}] * table.num_rows
    return [load_json(text) if text else {} for text in table["evidence"].to_pylist()]
